//! The digest that requests are compared with: HMAC-SHA-256 of a key under a pepper derived from `SECRET_KEY`.
//!
//! A stolen database alone does not help to test guesses; a stolen `SECRET_KEY` alone does not either.

use secrecy::SecretString;
use subtle::ConstantTimeEq;

use crate::domain::api_key::ApiKeyToken;
use crate::domain::hmac_sha256::{derived_key, hmac_sha256};

/// The pepper of one `SECRET_KEY`.
#[derive(Clone)]
pub struct Pepper {
    key: [u8; 32],
    version: Vec<u8>,
}

impl Pepper {
    /// Derives the pepper and the name of its version, each under a label of its own.
    pub fn derive(secret_key: &SecretString) -> Self {
        Self {
            key: derived_key(secret_key, b"posthaste api key pepper v1"),
            version: derived_key(secret_key, b"posthaste api key pepper version v1")[..8].to_vec(),
        }
    }

    /// Names the `SECRET_KEY` without telling anything about it.
    pub fn version(&self) -> &[u8] {
        &self.version
    }

    /// The digest of a key.
    pub fn digest(&self, token: &ApiKeyToken) -> [u8; 32] {
        hmac_sha256(&self.key, &[token.reveal().as_bytes()])
    }

    /// Whether a stored digest is that of the presented key, in a time that does not depend on where they differ.
    pub fn matches(&self, token: &ApiKeyToken, stored: &[u8]) -> bool {
        self.digest(token).as_slice().ct_eq(stored).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api_key::{KeyMode, KeyType};

    #[test]
    fn a_digest_fits_its_key_and_its_pepper_only() {
        let pepper = Pepper::derive(&"one secret".into());
        let key = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
        let digest = pepper.digest(&key);

        assert!(pepper.matches(&key, &digest));
        assert!(!pepper.matches(&ApiKeyToken::generate(KeyType::Project, KeyMode::Live), &digest));
        assert!(!pepper.matches(&key, &digest[..31]));

        let other = Pepper::derive(&"another secret".into());
        assert!(!other.matches(&key, &digest));
        assert_ne!(other.version(), pepper.version());
    }
}
