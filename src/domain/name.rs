//! What people call their keys and projects.

use std::fmt;
use std::str::FromStr;

use super::one_line::{changes_direction, is_one_line};

/// A name for people: 1 to 100 characters on one line, none of which makes it read as another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// The text cannot be a name; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 100 characters on one line, without control characters")]
pub struct InvalidName;

impl Name {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 100;

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    /// Reads a name; space around it is no part of it.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= Self::MAX_CHARS;
        if fits && is_one_line(text) && !text.chars().any(changes_direction) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_counted_in_characters() {
        assert_eq!("  Prod \u{fc}ber  ".parse::<Name>().unwrap().as_str(), "Prod über");
        assert!("ü".repeat(100).parse::<Name>().is_ok());
        assert!("ü".repeat(101).parse::<Name>().is_err());
    }

    #[test]
    fn what_could_not_be_told_from_another_name_is_none() {
        for text in ["", "   ", "a\nb", "a\u{0}b", "a\u{2028}b", "a\u{202e}b"] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName), "{text:?}");
        }
    }
}
