//! An address with the name of its owner, as it stands in a header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::{EmailAddress, InvalidAddress};
use super::one_line::is_one_line;

/// An address with the name of its owner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mailbox {
    /// Where the mail goes.
    pub address: EmailAddress,
    /// Whom it is for, as shown to people.
    pub name: Option<DisplayName>,
}

/// Why a text is no mailbox; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailbox {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Its name cannot be shown.
    #[error("has a name that is not valid: it {0}")]
    Name(#[from] InvalidDisplayName),
}

impl Mailbox {
    /// An address, perhaps with a name.
    pub fn new(address: EmailAddress, name: Option<DisplayName>) -> Self {
        Self { address, name }
    }
}

/// Reads what people write into one field: `ada@example.com`, `<ada@example.com>`, `Ada Lovelace <ada@example.com>` or
/// `"Lovelace, Ada" <ada@example.com>`, with space around any of it. Always one mailbox: a comma is part of the name.
impl FromStr for Mailbox {
    type Err = InvalidMailbox;

    fn from_str(text: &str) -> Result<Self, InvalidMailbox> {
        let text = text.trim();
        let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'))
        else {
            return Ok(Self::new(text.parse()?, None));
        };
        let name = unquoted(name.trim());
        let name = if name.trim().is_empty() { None } else { Some(DisplayName::parse(name)?) };
        Ok(Self::new(address.trim().parse()?, name))
    }
}

/// A quoted string (RFC 5322, section 3.2.4) without its quotes; any other text as it is.
fn unquoted(text: &str) -> String {
    let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut name = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        name.push(if c == '\\' { rest.next().unwrap_or(c) } else { c });
    }
    name
}

/// The name shown beside an address: 1 to 256 characters of one line, without space around them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

/// The text is no display name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 256 characters, without line breaks or other control characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// The longest name, in characters.
    pub const MAX_CHARACTERS: usize = 256;

    /// Reads a name, without the space around it.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, InvalidDisplayName> {
        let text = text.as_ref();
        let name = text.trim();
        let fits =
            is_one_line(text) && !name.is_empty() && name.chars().count() <= Self::MAX_CHARACTERS;
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

    fn read(text: &str) -> Result<(Option<String>, String), InvalidMailbox> {
        let Mailbox { address, name } = text.parse()?;
        Ok((name.map(|name| name.0), address.to_string()))
    }

    #[test]
    fn names_have_no_line_breaks() {
        assert_eq!(DisplayName::parse(" Ada Lovelace ").unwrap().as_str(), "Ada Lovelace");
        for bad in
            ["", "  ", "Ada\r\nBcc: x", "Ada\0", "Ada\t", "a\u{2028}b", "\n", &"x".repeat(257)]
        {
            assert_eq!(DisplayName::parse(bad), Err(InvalidDisplayName), "{bad:?}");
        }
        assert!(DisplayName::parse("ü".repeat(256)).is_ok());
    }

    #[test]
    fn mailboxes_are_read_as_people_write_them() {
        for (text, name) in [
            ("ada@example.com", None),
            (" <ada@example.com> ", None),
            ("\"\" <ada@example.com>", None),
            ("Ada Lovelace <ada@example.com>", Some("Ada Lovelace")),
            ("\"Lovelace, Ada\" <ada@example.com>", Some("Lovelace, Ada")),
            (r#""Ada \"the\" \\ L" <ada@example.com>"#, Some(r#"Ada "the" \ L"#)),
            ("a <b> c <ada@example.com>", Some("a <b> c")),
        ] {
            assert_eq!(
                read(text),
                Ok((name.map(String::from), "ada@example.com".into())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_mailbox_is_one_mailbox() {
        for bad in [
            "",
            "<>",
            "Ada",
            "Ada ada@example.com",
            "Ada <ada@example.com",
            "Ada <ada@example.com>, bob@example.com",
            "a@example.com, b@example.com",
            "Ada\r\nBcc: x@example.com <ada@example.com>",
            "Ada <ada@example.com>\r\n<x",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,40}|[\"\\\\a <>@.]{0,20}") {
            if let Ok((Some(name), _)) = read(&text) {
                prop_assert!(!name.chars().any(char::is_control));
            }
        }

        #[test]
        fn an_accepted_name_reads_back_as_itself(text in "(?s).{0,40}") {
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert!(!name.as_str().chars().any(char::is_control));
                prop_assert_eq!(&DisplayName::parse(name.as_str()).unwrap(), &name);
            }
        }
    }
}
