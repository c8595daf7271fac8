//! The subject of a mail.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::one_line::is_one_line;

/// A subject of one line, 1 to 998 characters, without space around them (variables without a value leave some).
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
    /// The longest subject, in characters.
    pub const MAX_CHARACTERS: usize = 998;

    /// Reads a subject without the space around it; its variables are filled in already.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSubject> {
        let text = text.into();
        let subject = text.trim();
        let fits = is_one_line(&text)
            && !subject.is_empty()
            && subject.chars().count() <= Self::MAX_CHARACTERS;
        if !fits {
            return Err(InvalidSubject);
        }
        Ok(Self(if subject.len() == text.len() { text } else { subject.to_owned() }))
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subject_is_one_line_of_at_most_998_characters() {
        assert!(Subject::parse("ä".repeat(998)).is_ok());
        assert_eq!(Subject::parse("  Your order ").unwrap().as_str(), "Your order");
        let long = "x".repeat(999);
        for bad in
            ["", " ", "Hi\r\nBcc: x@example.com", "Hi\n", "Hi\0", "a\tb", "a\u{2028}b", &long]
        {
            assert_eq!(Subject::parse(bad), Err(InvalidSubject), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_subject() {
        assert_eq!(format!("{:?}", Subject::parse("Hi").unwrap()), "Subject(***)");
    }

    proptest! {
        #[test]
        fn an_accepted_subject_reads_back_as_itself(text in "(?s).{0,40}") {
            if let Ok(subject) = Subject::parse(text) {
                prop_assert!(!subject.as_str().chars().any(char::is_control));
                prop_assert_eq!(&Subject::parse(subject.as_str()).unwrap(), &subject);
            }
        }
    }
}
