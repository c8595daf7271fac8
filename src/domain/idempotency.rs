//! Requests that may be repeated without doing their work twice.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The `Idempotency-Key` of a request together with a digest of what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's own key.
    pub key: IdempotencyKey,
    /// SHA-256 of the canonical request: the same request again has the same.
    pub request_digest: [u8; 32],
}

/// A caller's name for a request: 1 to 256 visible ASCII characters.
///
/// Only its SHA-256 is kept, in hexadecimal digits: such names often hold an address (`welcome-ada@example.org`), and when
/// its owner is forgotten the request must go on to be known, or a repetition of it would send again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 256 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Reads a key as it came in the header.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=256).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !fits {
            return Err(InvalidIdempotencyKey);
        }
        let digest = Sha256::digest(text.as_bytes());
        Ok(Self(digest.iter().fold(String::with_capacity(64), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })))
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_again_and_says_nothing() {
        let key = IdempotencyKey::parse("welcome-ada@example.org").unwrap();
        assert_eq!(key, IdempotencyKey::parse("welcome-ada@example.org").unwrap());
        assert_ne!(key, IdempotencyKey::parse("welcome-bob@example.org").unwrap());
        assert!(key.as_str().len() == 64 && !key.as_str().contains("ada"));
        for bad in ["", "a\n", "\u{e9}", &"a".repeat(257)] {
            assert_eq!(IdempotencyKey::parse(bad), Err(InvalidIdempotencyKey), "{bad:?}");
        }
    }
}
