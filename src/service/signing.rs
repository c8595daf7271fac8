//! Keys to sign mail with: decrypted and read once, and kept for the mails after.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::future::Cache;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seal::Seal;
use super::without_values;
use crate::domain::id::DomainId;
use crate::domain::mail::Content;
use crate::domain::sending_domain::{ed25519_selector, rsa_selector};
use crate::error::Error;
use crate::mail::dkim::{self, SigningKeys, Unsigned};
use crate::store;

/// Domains whose keys are kept in memory: about four kilobytes each.
const KEPT: u64 = 2000;

/// A domain that sends nothing for so long has to be looked up again.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// Why there are no keys to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// The database is away; they may be there in a moment.
    #[error("The keys of the sender's domain could not be read from the database.")]
    Away,
    /// They were destroyed some time after their domain was removed.
    #[error(
        "The sender's domain was removed from the project, and mail from it is not sent unsigned."
    )]
    Destroyed,
    /// They are there and of no use: another `SECRET_KEY` encrypted them.
    #[error(
        "The keys of the sender's domain cannot be read. Was SECRET_KEY changed? Restore it, or add the domain again."
    )]
    Unreadable,
}

/// The keys of every domain.
#[derive(Clone)]
pub struct Signing {
    db: PgPool,
    seal: Seal,
    keys: Cache<DomainId, Arc<SigningKeys>>,
    /// As wide as the machine has cores: a signature takes a millisecond of one.
    turns: Arc<Semaphore>,
}

/// Signs one message, on a thread that may be kept busy.
pub struct Signer {
    keys: Arc<SigningKeys>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Signer {
    /// Puts the signatures in front of the message; `at` is the mail's own time.
    pub fn sign(&self, message: Vec<u8>, at: DateTime<Utc>) -> Result<Vec<u8>, Unsigned> {
        dkim::sign(message, &self.keys, at)
    }
}

impl From<NoKeys> for Error {
    fn from(problem: NoKeys) -> Self {
        match problem {
            NoKeys::Away => Self::Unavailable(problem.into()),
            NoKeys::Destroyed | NoKeys::Unreadable => {
                Self::Impossible { code: "CANNOT_BE_SIGNED", message: problem.to_string() }
            }
        }
    }
}

impl Signing {
    /// The keys kept in `db`, encrypted under `seal`.
    pub fn new(db: PgPool, seal: Seal) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let keys = Cache::builder().max_capacity(KEPT).time_to_idle(KEPT_FOR).build();
        Self { db, seal, keys, turns: Arc::new(Semaphore::new(cores)) }
    }

    /// What signs a mail; nothing if its domain was not verified when it was accepted.
    pub async fn signer(&self, content: &Content) -> Result<Option<Signer>, NoKeys> {
        let Some(domain) = content.signed_by else { return Ok(None) };
        let read = self.keys.try_get_with(domain, self.read(domain)).await;
        let keys = read.map_err(|error| *error)?;
        // Never closed; and if it were, to sign without waiting for a turn would do no harm.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        Ok(Some(Signer { keys, _turn: turn }))
    }

    async fn read(&self, domain: DomainId) -> Result<Arc<SigningKeys>, NoKeys> {
        let row = store::domains::keys(&self.db, domain).await.map_err(|error| {
            tracing::warn!(domain.id = %domain, error = without_values(&error), "Could not read the keys of a domain");
            NoKeys::Away
        })?;
        let row = row.ok_or(NoKeys::Destroyed)?;
        let unreadable = || {
            tracing::error!(domain.id = %domain, "The keys of domain {domain} cannot be read; was SECRET_KEY changed?");
            NoKeys::Unreadable
        };
        let open = |label: &str, sealed: &[u8]| {
            self.seal.open(&owner(domain, label), sealed).map_err(|_| unreadable())
        };
        let (rsa, ed25519) = (open("rsa", &row.sealed.rsa)?, open("ed25519", &row.sealed.ed25519)?);
        let keys = SigningKeys::read(
            &row.name,
            (rsa_selector(&row.selector), &rsa),
            (ed25519_selector(&row.selector), &ed25519),
        );
        keys.map(Arc::new).map_err(|_| unreadable())
    }
}

/// What an encrypted key is bound to, so that it is of no use in another's row, or in another column.
pub(super) fn owner(domain: DomainId, label: &str) -> Vec<u8> {
    [domain.as_uuid().as_bytes(), label.as_bytes()].concat()
}
