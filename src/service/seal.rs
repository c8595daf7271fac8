//! What must be read again but not by a thief of the database: encrypted under a key derived from `SECRET_KEY`.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::SecretString;

use crate::domain::hmac_sha256::{derived_key, hmac_sha256};
use crate::domain::randomness::random_bytes;

/// Encrypts with ChaCha20-Poly1305 (RFC 8439), each time under a nonce of its own, and signs what others keep for us.
#[derive(Clone)]
pub struct Seal {
    encryption: [u8; 32],
    signature: [u8; 32],
}

/// The bytes were not sealed here, or not for this owner: another `SECRET_KEY`, or a row that was tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is stored encrypted cannot be read; was SECRET_KEY changed?")]
pub struct Broken;

impl Seal {
    /// Derives the keys, each under a label of its own.
    pub fn derive(secret_key: &SecretString) -> Self {
        Self {
            encryption: derived_key(secret_key, b"posthaste encryption at rest v1"),
            signature: derived_key(secret_key, b"posthaste signature of known browsers v1"),
        }
    }

    /// Encrypts for one owner: what is moved to another row cannot be opened there.
    ///
    /// # Panics
    ///
    /// If the text is longer than the cipher can take, which are 256 GiB.
    pub fn seal(&self, owner: &[u8], plain: &[u8]) -> Vec<u8> {
        // 96 random bits repeat after some 2^48 times, and there is one for each second factor.
        let nonce: [u8; NONCE_LEN] = random_bytes();
        let mut sealed = plain.to_vec();
        self.key()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner),
                &mut sealed,
            )
            .expect("what we encrypt is far below 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what was sealed for this owner.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Broken)?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened =
            self.key().open_in_place(nonce, Aad::from(owner), &mut plain).map_err(|_| Broken)?;
        Ok(opened.to_vec())
    }

    /// Signs what a browser keeps for us.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.signature, &[message])
    }

    fn key(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.encryption);
        LessSafeKey::new(key.expect("the key is as long as the cipher wants it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_the_same_owner_open_it() {
        let seal = Seal::derive(&"one secret".into());
        let sealed = seal.seal(b"ada", b"a secret");
        assert_eq!(seal.open(b"ada", &sealed).unwrap(), b"a secret");
        assert_ne!(seal.seal(b"ada", b"a secret"), sealed);

        assert_eq!(seal.open(b"eve", &sealed), Err(Broken));
        assert_eq!(Seal::derive(&"another".into()).open(b"ada", &sealed), Err(Broken));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(seal.open(b"ada", &bent), Err(Broken));
            assert_eq!(seal.open(b"ada", &sealed[..at]), Err(Broken));
        }
    }
}
