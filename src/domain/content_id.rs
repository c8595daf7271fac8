//! What the HTML of a mail calls a file by.

use serde::{Deserialize, Serialize};

/// A name for a file within its mail, so that HTML can show it by `cid:` (RFC 2392): 1 to 128 letters, digits and a few
/// signs that need no escape in a URL or in a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentId(String);

/// The text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 characters of A-Z, a-z, 0-9 and . _ - + = @")]
pub struct InvalidContentId;

impl ContentId {
    /// The longest name, in characters.
    pub const MAX_CHARACTERS: usize = 128;

    /// Reads a name; the angle brackets of the header may be around it.
    pub fn parse(text: &str) -> Result<Self, InvalidContentId> {
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let fits = (1..=Self::MAX_CHARACTERS).contains(&bare.len())
            && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+=@".contains(&byte));
        if fits { Ok(Self(bare.to_owned())) } else { Err(InvalidContentId) }
    }

    /// The name without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_header_and_in_a_url() {
        assert_eq!(ContentId::parse("<logo.1@shop>").unwrap().as_str(), "logo.1@shop");
        let longest = "x".repeat(128);
        assert_eq!(ContentId::parse(&longest).unwrap().as_str(), longest);
        for text in ["", "<>", "a b", "a>\r\nBcc: x", "a\0", "ü", "<a", "a%20", &"x".repeat(129)] {
            assert_eq!(ContentId::parse(text), Err(InvalidContentId), "{text:?}");
        }
    }
}
