//! The secret by which an endpoint knows that a request is ours.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};

const PREFIX: &str = "whsec_";

/// `whsec_` and 32 hexadecimal digits, as the upstream API has it: 128 bits from the operating system.
///
/// The text serves two schemes. The upstream's HMAC key is all of it; Standard Webhooks decode what follows the prefix
/// as base64, which 32 hexadecimal digits are: 24 bytes, the least that they ask for.
#[derive(Clone)]
pub struct WebhookSecret(SecretString);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(***)")
    }
}

/// The text is no secret of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the secret of a webhook")]
pub struct InvalidSecret;

impl WebhookSecret {
    /// Makes a secret.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn generate() -> Self {
        let mut bytes = [0; 16];
        SysRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
        Self(format!("{PREFIX}{:032x}", u128::from_be_bytes(bytes)).into())
    }

    /// Reads back what [`WebhookSecret::reveal`] told.
    pub fn parse(text: String) -> Result<Self, InvalidSecret> {
        let secret = Self(text.into());
        if secret.standard_key().is_some() { Ok(secret) } else { Err(InvalidSecret) }
    }

    /// The whole text.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// The key of the upstream's signature.
    pub fn upstream_key(&self) -> &[u8] {
        self.reveal().as_bytes()
    }

    /// The key of a Standard Webhooks signature.
    pub fn standard_key(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.reveal().strip_prefix(PREFIX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_serves_both_schemes_and_does_not_print_itself() {
        let secret = WebhookSecret::generate();
        assert_eq!(secret.reveal().len(), 38);
        assert!((24..=64).contains(&secret.standard_key().unwrap().len()));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(***)");
        assert_ne!(secret.reveal(), WebhookSecret::generate().reveal());
        assert!(WebhookSecret::parse(secret.reveal().to_owned()).is_ok());
        assert!(WebhookSecret::parse("whsec_???".into()).is_err());
    }
}
