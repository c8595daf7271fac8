//! Argon2id, for secrets of keys and for passwords: 19 MiB, two passes, one lane (OWASP's first choice), off the threads
//! that serve requests and no more at once than the machine has cores.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Where secrets are hashed. Clones share their places.
#[derive(Clone, Debug)]
pub struct Hashing {
    /// Each hash takes 19 MiB and tens of milliseconds.
    places: Arc<Semaphore>,
}

/// The right to hash once. It goes along with the hashing itself, which a caller who hangs up does not end.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Hashing {
    /// A place for each core.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { places: Arc::new(Semaphore::new(cores)) }
    }

    /// Waits for a place.
    ///
    /// # Panics
    ///
    /// If the semaphore is closed, which nobody ever does.
    pub async fn place(&self) -> Place {
        let places = Arc::clone(&self.places);
        Place { _permit: places.acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// The PHC string of a secret, with a salt of its own.
    pub async fn hash(&self, secret: SecretString) -> Result<String> {
        let place = self.place().await;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            Argon2::default()
                .hash_password(secret.expose_secret().as_bytes())
                .map(|phc| phc.to_string())
        })
        .await
        .map_err(|error| Error::Internal(error.into()))?
        .map_err(|error| Error::Internal(anyhow::anyhow!(error)))
    }

    /// Whether a PHC string was made of this secret.
    pub async fn verify(&self, secret: SecretString, phc: String) -> Result<bool> {
        self.place().await.verify(secret, phc).await
    }
}

impl Default for Hashing {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Whether a PHC string was made of this secret.
    pub async fn verify(self, secret: SecretString, phc: String) -> Result<bool> {
        tokio::task::spawn_blocking(move || {
            let _place = self;
            let phc =
                PasswordHash::new(&phc).map_err(|error| Error::Internal(anyhow::anyhow!(error)))?;
            let verified =
                Argon2::default().verify_password(secret.expose_secret().as_bytes(), &phc);
            Ok(verified.is_ok())
        })
        .await
        .map_err(|error| Error::Internal(error.into()))?
    }
}
