//! The keys of a domain: made once, kept encrypted, and read for signing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::EncodePublicKey;
use secrecy::SecretSlice;

use super::{Unsigned, sha256};

/// What every receiver accepts, and what still fits into a DNS answer over UDP (RFC 8301, section 3.2).
const RSA_BITS: usize = 2048;

/// What is kept is no key, or another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored keys of the domain cannot be used")]
pub struct InvalidKey;

/// Two new pairs of keys.
pub struct NewKeys {
    /// PKCS#1 in DER. A secret.
    pub rsa_private: SecretSlice<u8>,
    /// The seed (RFC 8032, section 5.1.5). A secret.
    pub ed25519_private: SecretSlice<u8>,
    /// For `p=` of the RSA record: `SubjectPublicKeyInfo` in base64 (RFC 6376, section 3.6.1).
    pub rsa_public: String,
    /// For `p=` of the Ed25519 record: the bare key in base64 (RFC 8463, section 4.2).
    pub ed25519_public: String,
}

impl NewKeys {
    /// Makes keys, which takes a good part of a second: it belongs on a thread that may be kept busy.
    pub fn generate() -> Result<Self, InvalidKey> {
        let rsa =
            RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).map_err(|_| InvalidKey)?;
        let rsa_private = rsa.to_pkcs1_der().map_err(|_| InvalidKey)?;
        let rsa_public = rsa.to_public_key().to_public_key_der().map_err(|_| InvalidKey)?;
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| InvalidKey)?;
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| InvalidKey)?;
        Ok(Self {
            rsa_private: rsa_private.as_bytes().to_vec().into(),
            rsa_public: BASE64_STANDARD.encode(rsa_public.as_bytes()),
            ed25519_public: BASE64_STANDARD.encode(ed25519.public_key()),
            ed25519_private: seed.to_vec().into(),
        })
    }
}

/// The keys of a domain, ready to sign with.
pub struct SigningKeys {
    domain: String,
    selectors: [(Algorithm, String); 2],
    rsa: RsaKeyPair,
    ed25519: Ed25519KeyPair,
}

/// How a signature is made (RFC 6376, section 3.3; RFC 8463, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    RsaSha256,
    Ed25519Sha256,
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        })
    }
}

impl SigningKeys {
    /// Reads and checks both keys. `domain` is in its ASCII form; each key is found in DNS under its selector.
    pub fn read(
        domain: &str,
        (rsa_selector, rsa_private): (String, &[u8]),
        (ed25519_selector, ed25519_private): (String, &[u8]),
    ) -> Result<Self, InvalidKey> {
        Ok(Self {
            domain: domain.to_owned(),
            selectors: [
                (Algorithm::RsaSha256, rsa_selector),
                (Algorithm::Ed25519Sha256, ed25519_selector),
            ],
            rsa: RsaKeyPair::from_der(rsa_private).map_err(|_| InvalidKey)?,
            ed25519: Ed25519KeyPair::from_seed_unchecked(ed25519_private)
                .map_err(|_| InvalidKey)?,
        })
    }

    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    /// RSA first: some receivers look at the topmost signature only.
    pub(super) fn selectors(&self) -> impl Iterator<Item = (Algorithm, &str)> {
        self.selectors.iter().map(|(algorithm, selector)| (*algorithm, selector.as_str()))
    }

    pub(super) fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Result<Vec<u8>, Unsigned> {
        match algorithm {
            Algorithm::RsaSha256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                // Randomness blinds the computation; the signature does not depend on it.
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
                    .map_err(|_| Unsigned)?;
                Ok(signature)
            }
            // Ed25519 signs the digest and not the text (RFC 8463, section 3).
            Algorithm::Ed25519Sha256 => {
                Ok(self.ed25519.sign(sha256(input).as_ref()).as_ref().to_vec())
            }
        }
    }
}
