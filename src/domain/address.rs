//! Addresses that mail can be sent to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A deliverable address such as `ada@example.com` (RFC 5321, section 4.1.2).
///
/// The local part is a dot-atom of at most 64 octets, which may be UTF-8 (RFC 6531), and is kept as it was written,
/// because only the receiving host may decide that `Ada` and `ada` are the same. Quoted local parts are refused: hardly
/// anyone has one, and `"a@b.example c"@d.example` has reached the wrong host in other servers. The domain is a host
/// name of two labels at least, kept in its ASCII form (A-labels, RFC 5890) and lower case; address literals are refused.
/// Together they are at most 254 octets (RFC 3696, erratum 1690).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Why a text is not an address that we would deliver to; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid email address: {0}")]
pub struct InvalidAddress(&'static str);

impl EmailAddress {
    /// The longest address, in octets.
    pub const MAX_BYTES: usize = 254;

    /// The part before the `@`, as it was written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`: ASCII, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether a relay needs SMTPUTF8 (RFC 6531) to take it.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress("it has no @"))?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        if local.len() + 1 + domain.len() > Self::MAX_BYTES {
            return Err(InvalidAddress("it is longer than 254 bytes"));
        }
        Ok(Self { local: local.to_owned(), domain })
    }
}

fn check_local(local: &str) -> Result<(), InvalidAddress> {
    if local.is_empty() {
        return Err(InvalidAddress("there is nothing before the @"));
    }
    if local.len() > 64 {
        return Err(InvalidAddress("the part before the @ is longer than 64 bytes"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(InvalidAddress("dots before the @ must stand between other characters"));
    }
    let is_atom = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
        } else {
            is_plain(c)
        }
    };
    if local.chars().all(is_atom) {
        Ok(())
    } else {
        Err(InvalidAddress("the part before the @ has a character that is not allowed there"))
    }
}

/// Letters, marks, digits and symbols, but nothing that cannot be seen or that changes the direction of text.
fn is_plain(c: char) -> bool {
    let is_invisible = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !c.is_whitespace() && !is_invisible
}

fn ascii_domain(domain: &str) -> Result<String, InvalidAddress> {
    const NOT_A_DOMAIN: InvalidAddress =
        InvalidAddress("the part after the @ is not a domain name");
    // Checked before the conversion, which maps some other characters to dots.
    if domain.starts_with('[') || domain.len() > 1000 {
        return Err(NOT_A_DOMAIN);
    }
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| NOT_A_DOMAIN)?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let mut labels = ascii.rsplit('.');
    let top = labels.next().unwrap_or_default();
    let is_name = ascii.len() <= 253 && ascii.contains('.') && ascii.split('.').all(is_label);
    if !is_name || top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_A_DOMAIN);
    }
    Ok(ascii)
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masks the local part, so that an address never reaches a log by accident.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(***@{})", self.domain)
    }
}

/// An address with the name of its owner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mailbox {
    /// Where the mail goes.
    pub address: EmailAddress,
    /// Whom it is for, as shown to people.
    pub name: Option<DisplayName>,
}

/// The name shown beside an address: 1 to 256 characters of one line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

/// The text is no display name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 256 characters, without line breaks or other control characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// Reads a name, without the space around it.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, InvalidDisplayName> {
        let text = text.as_ref();
        if text.chars().any(char::is_control) {
            return Err(InvalidDisplayName);
        }
        let name = text.trim();
        let fits = !name.is_empty() && name.chars().count() <= 256;
        if fits { Ok(Self(name.to_owned())) } else { Err(InvalidDisplayName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<EmailAddress, InvalidAddress> {
        text.parse()
    }

    #[test]
    fn addresses_as_people_have_them_are_read() {
        for good in [
            "ada@example.com",
            "a.b+c@sub.example.co.uk",
            "o'neil@example.com",
            "x@xn--bcher-kva.example",
        ] {
            assert_eq!(parse(good).unwrap().to_string(), good);
        }
        assert_eq!(parse("Ada@EXAMPLE.com").unwrap().to_string(), "Ada@example.com");
        assert_eq!(parse("ada@bücher.example").unwrap().domain(), "xn--bcher-kva.example");
        assert!(parse("用户@例子.中国").unwrap().needs_smtputf8());
    }

    #[test]
    fn what_is_no_deliverable_address_is_refused() {
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a@b",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "\"x@gmail.com y\"@internal.example",
            "\"a b\"@example.com",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@example.com.",
            "a@.example.com",
            "a@-x.example",
            "a@x_y.example",
            "a@example.com\r\nRCPT TO:<b@example.com>",
            "a\0@example.com",
            "a@exa\tmple.com",
            "<a@example.com>",
            "a@example.com>",
            "a,b@example.com",
            "a@example.123",
            "a\u{202e}b@example.com",
            "a\u{a0}b@example.com",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(parse(&format!("a@{}.example", "b".repeat(64))).is_err());
        let long = format!("{}@{}com", "a".repeat(60), "abcdefghij.".repeat(18));
        assert!(long.len() > EmailAddress::MAX_BYTES && parse(&long).is_err());
    }

    #[test]
    fn names_have_no_line_breaks() {
        assert_eq!(DisplayName::parse(" Ada Lovelace ").unwrap().as_str(), "Ada Lovelace");
        for bad in ["", "  ", "Ada\r\nBcc: x", "Ada\0", "Ada\t", &"x".repeat(257)] {
            assert_eq!(DisplayName::parse(bad), Err(InvalidDisplayName), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_as_itself_and_fits_on_the_wire(text in "(?s).{0,20}@.{0,20}|[a-zé.+'\" ]{1,8}@[a-zü.0-9-]{1,20}") {
            if let Ok(address) = parse(&text) {
                let written = address.to_string();
                prop_assert_eq!(parse(&written).unwrap(), address);
                prop_assert!(written.len() <= EmailAddress::MAX_BYTES);
                prop_assert!(!written.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\",;".contains(c)));
            }
        }
    }
}
