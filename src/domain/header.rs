//! Headers that the author of a mail adds.

use serde::{Deserialize, Serialize};

use super::one_line::is_one_line;

/// The most headers of the author's own in one mail.
pub const MAX_HEADERS: usize = 20;

/// Names that belong to the message itself, to the relay, or to whoever judges it on arrival.
const RESERVED: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "return-path",
    "sender",
    "reply-to",
    "received",
    "mime-version",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "x-ses-configuration-set",
    "x-ses-message-tags",
    "authentication-results",
    "received-spf",
    "delivered-to",
    "envelope-to",
    "apparently-to",
    "errors-to",
    "domainkey-signature",
    "authentication-results-original",
    "x-authentication-results",
    "bimi-location",
    "bimi-indicator",
];

/// The same for families of names.
const RESERVED_PREFIXES: &[&str] = &["content-", "dkim-", "resent-", "arc-"];

/// A header of the author's own. The name is 1 to 76 characters of `A-Za-z0-9-` and not reserved; the value is at most
/// 1000 characters of one line, without space around them. `In-Reply-To` and `References` are the author's to set:
/// threads need them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomHeader {
    name: String,
    value: String,
}

/// Why a header cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// The name would break the message's structure.
    #[error("must have a name of 1 to 76 letters, digits and hyphens")]
    Name,
    /// The name is not the author's to set.
    #[error("is a reserved header and cannot be set")]
    Reserved,
    /// The value would break the message's structure.
    #[error(
        "must have a value of at most 1000 characters, without line breaks or other control characters"
    )]
    Value,
    /// Too many at once.
    #[error("at most 20 headers may be added")]
    TooMany,
    /// One name twice.
    #[error("must not name a header twice (upper and lower case are the same)")]
    Twice,
}

impl CustomHeader {
    /// The longest name, in characters.
    pub const MAX_NAME: usize = 76;

    /// The longest value, in characters.
    pub const MAX_VALUE: usize = 1000;

    /// Checks a header.
    pub fn new(name: String, value: String) -> Result<Self, InvalidHeader> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || !(1..=Self::MAX_NAME).contains(&name.len()) {
            return Err(InvalidHeader::Name);
        }
        let folded = name.to_ascii_lowercase();
        if RESERVED.contains(&&*folded)
            || RESERVED_PREFIXES.iter().any(|prefix| folded.starts_with(prefix))
        {
            return Err(InvalidHeader::Reserved);
        }
        let trimmed = value.trim();
        if trimmed.chars().count() > Self::MAX_VALUE || !is_one_line(&value) {
            return Err(InvalidHeader::Value);
        }
        let value = if trimmed.len() == value.len() { value } else { trimmed.to_owned() };
        Ok(Self { name, value })
    }

    /// The name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, as it was written but for the space around it.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for CustomHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CustomHeader({}: ***)", self.name)
    }
}

/// Checks what only all headers of a mail together can show.
pub fn check_together(headers: &[CustomHeader]) -> Result<(), InvalidHeader> {
    if headers.len() > MAX_HEADERS {
        return Err(InvalidHeader::TooMany);
    }
    let repeats = |(place, header): (usize, &CustomHeader)| {
        headers[..place].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&header.name))
    };
    if headers.iter().enumerate().any(repeats) { Err(InvalidHeader::Twice) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(name: &str, value: &str) -> Result<CustomHeader, InvalidHeader> {
        CustomHeader::new(name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_name_can_neither_break_out_nor_take_a_reserved_place() {
        for bad in ["", "X-A\r\nBcc", "X A", "X:A", "Ü", "X-A\0", &"x".repeat(77)] {
            assert_eq!(header(bad, "v"), Err(InvalidHeader::Name), "{bad:?}");
        }
        for reserved in [
            "bcc",
            "FROM",
            "Dkim-Signature",
            "Content-Type",
            "Resent-To",
            "ARC-Seal",
            "List-Unsubscribe",
        ] {
            assert_eq!(header(reserved, "v"), Err(InvalidHeader::Reserved), "{reserved}");
        }
        for reserved in RESERVED {
            assert_eq!(header(&reserved.to_uppercase(), "v"), Err(InvalidHeader::Reserved));
        }
        for good in ["X-Entity-Ref-ID", "In-Reply-To", "References", "List-Id", "X-To", "Contents"]
        {
            assert!(header(good, "v").is_ok(), "{good}");
        }
    }

    #[test]
    fn a_value_is_one_line_of_at_most_1000_characters() {
        assert_eq!(header("X-A", "v\r\nBcc: a@example.com"), Err(InvalidHeader::Value));
        assert_eq!(header("X-A", &"ä".repeat(1001)), Err(InvalidHeader::Value));
        assert_eq!(header("X-A", "a\u{2028}b"), Err(InvalidHeader::Value));
        assert!(header("X-A", &"ä".repeat(1000)).is_ok());
        assert_eq!(header("X-A", " v ").unwrap().value(), "v");
        assert_eq!(header("X-A", "").unwrap().value(), "");
    }

    #[test]
    fn headers_are_few_and_each_is_there_once() {
        let named = |name: &str| header(name, "v").unwrap();
        assert_eq!(check_together(&[named("X-A"), named("x-a")]), Err(InvalidHeader::Twice));
        let many: Vec<_> = (0..21).map(|n| named(&format!("X-{n}"))).collect();
        assert_eq!(check_together(&many), Err(InvalidHeader::TooMany));
        assert_eq!(check_together(&many[..20]), Ok(()));
    }

    proptest! {
        #[test]
        fn an_accepted_header_cannot_break_its_line(name in "[A-Za-z:\\-\r\n \0é]{0,8}", value in "(?s).{0,40}") {
            if let Ok(header) = header(&name, &value) {
                prop_assert!(header.name().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
                prop_assert!(!header.value().chars().any(char::is_control));
                prop_assert_eq!(header.value(), value.trim());
            }
        }
    }
}
