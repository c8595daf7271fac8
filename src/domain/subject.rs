//! The subject of a mail.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A subject of one line, 1 to 998 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

/// The text is no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to 998 characters after its variables are filled in, without line breaks or other control characters"
)]
pub struct InvalidSubject;

impl Subject {
    /// Reads a subject; its variables are filled in already.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSubject> {
        let text = text.into();
        let fits = !text.trim().is_empty()
            && text.chars().count() <= 998
            && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidSubject) }
    }

    /// The subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_at_most_998_characters() {
        assert!(Subject::parse("ä".repeat(998)).is_ok());
        for bad in ["", " ", "Hi\r\nBcc: x@example.com", "Hi\0", "a\tb", &"x".repeat(999)] {
            assert_eq!(Subject::parse(bad), Err(InvalidSubject), "{bad:?}");
        }
    }
}
