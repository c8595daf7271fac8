//! Secrets that we hand out once and keep only the digest of: session cookies and one-time links.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::randomness::random_bytes;

/// 256 random bits. A plain digest is enough to keep them by: there is nothing to guess.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// The text is none of our tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not complete")]
pub struct InvalidToken;

impl Token {
    /// Draws a token from the operating system's randomness.
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// The token as it travels: 43 characters of the URL-safe alphabet (RFC 4648, section 5).
    pub fn reveal(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// SHA-256 of the bits: what is stored, and what is looked up.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        // The length first, since a stranger chose it.
        if text.len() != 43 {
            return Err(InvalidToken);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken)?;
        bytes.try_into().map(Self).map_err(|_| InvalidToken)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_reads_back_as_itself_and_prints_nothing() {
        let token = Token::generate();
        let read: Token = token.reveal().parse().unwrap();
        assert_eq!(read.digest(), token.digest());
        assert_ne!(Token::generate().digest(), token.digest());
        assert_eq!(format!("{token:?}"), "Token(***)");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_each_token_has_one_text(text in "[0-9A-Za-z_=+/-]{43}|.{0,50}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.reveal(), text);
            }
        }
    }
}
