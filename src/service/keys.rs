//! API keys: telling whether a presented one is good, and managing them.
//!
//! A request costs one look-up in memory (else one indexed query) and one HMAC. Argon2 runs when a key is made, and
//! when its digest was made under another `SECRET_KEY`: once for all who wait on that key.

mod authority;
mod described;
mod listing;
mod managing;
mod minting;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::future::Cache;
use sqlx::PgPool;

pub use self::authority::KeyScope;
pub use self::listing::{KeyQuery, StatusChoice};
pub use self::managing::KeyWish;
pub use self::minting::NewKey;
use super::hashing::Hashing;
use super::pepper::Pepper;
use super::put_back::PutBack;
use super::{away, in_time, unavailable};
use crate::domain::api_key::ApiKeyToken;
use crate::domain::caller::{ApiKey, KeyStatus};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::rate_limit::RateLimit;
use crate::error::Result;
use crate::store;
use crate::store::api_keys::Verifier;

/// How long a remembered key may be out of date if no notification came. Sends check the key's row anyway.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Keys remembered, known and unknown ones together: about a kilobyte each.
const REMEMBERED_KEYS: u64 = 100_000;

/// Why a presented key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No such key, or not its secret: the two are not told apart.
    Unknown,
    /// The secret is right, and the key works no more.
    Ended(KeyStatus, ApiKeyId),
}

/// The keys of every account.
pub struct Keys {
    db: PgPool,
    pepper: Pepper,
    /// By public id. Unknown ids are remembered too, so that a flood of one costs one query.
    rows: Cache<String, Option<Arc<Known>>>,
    projects: Cache<ProjectId, Option<AccountId>>,
    /// How often something was forgotten. Whoever puts in what was read before that takes it out again.
    forgotten: AtomicU64,
    hashing: Hashing,
    used: Mutex<HashMap<ApiKeyId, (DateTime<Utc>, IpAddr)>>,
    default_limit: RateLimit,
}

/// What is remembered of a key.
#[derive(Debug)]
struct Known {
    key: Arc<ApiKey>,
    verifier: Verifier,
    /// Held by the one request that hashes, while the others wait for what it finds.
    hashing: tokio::sync::Mutex<()>,
}

impl Known {
    fn new(key: Arc<ApiKey>, verifier: Verifier) -> Self {
        Self { key, verifier, hashing: tokio::sync::Mutex::new(()) }
    }
}

impl Keys {
    /// The keys kept in `db`, digested under `pepper`.
    pub fn new(db: PgPool, pepper: Pepper) -> Self {
        Self {
            db,
            pepper,
            rows: Cache::builder()
                .max_capacity(REMEMBERED_KEYS)
                .time_to_live(REMEMBERED_FOR)
                .build(),
            projects: Cache::builder()
                .max_capacity(REMEMBERED_KEYS)
                .time_to_live(REMEMBERED_FOR)
                .build(),
            forgotten: AtomicU64::new(0),
            hashing: Hashing::new(),
            used: Mutex::default(),
            default_limit: RateLimit::default(),
        }
    }

    /// Where keys are hashed: whoever else hashes shares it, so that all of them together stay within the machine.
    pub fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    /// Holds keys that name no figures of their own to these.
    #[must_use]
    pub fn with_default_limit(self, default_limit: RateLimit) -> Self {
        Self { default_limit, ..self }
    }

    /// How fast a key may go.
    pub fn limit_of(&self, key: &ApiKey) -> RateLimit {
        key.limit(self.default_limit)
    }

    /// Tells whether a presented key is good.
    pub async fn verify(&self, token: &ApiKeyToken) -> Result<Result<Arc<ApiKey>, Rejection>> {
        let Some(known) = self.prove(token).await? else { return Ok(Err(Rejection::Unknown)) };
        match known.key.status(Utc::now()) {
            KeyStatus::Active => Ok(Ok(Arc::clone(&known.key))),
            ended => Ok(Err(Rejection::Ended(ended, known.key.id))),
        }
    }

    /// What is known of a key, whether it works or not, if its text is the right one.
    async fn prove(&self, token: &ApiKeyToken) -> Result<Option<Arc<Known>>> {
        let read_since = self.forgotten.load(Ordering::SeqCst);
        let Some(known) = self.look_up(token.public_id()).await? else { return Ok(None) };
        if known.verifier.digest_version == self.pepper.version() {
            if !self.pepper.matches(token, &known.verifier.digest) {
                return Ok(None);
            }
        } else if !self.verify_by_hash(token, &known, read_since).await? {
            return Ok(None);
        }
        // The text's own claims are part of what is digested, but a row may never be used as another kind than it is.
        let is_its_kind = token.suits(known.key.key_type, known.key.mode);
        Ok(is_its_kind.then_some(known))
    }

    /// Whether [`Keys::verify`] would answer from memory by a comparison alone, with neither a query nor Argon2.
    pub async fn answers_at_once(&self, public_id: &str) -> bool {
        self.rows.get(public_id).await.is_some_and(|known| {
            known.is_none_or(|known| known.verifier.digest_version == self.pepper.version())
        })
    }

    /// The account of a project that is not deleted.
    pub async fn account_of(&self, project: ProjectId) -> Result<Option<AccountId>> {
        let read_since = self.forgotten.load(Ordering::SeqCst);
        let account = self
            .projects
            .try_get_with(project, in_time(store::projects::account_of(&self.db, project)))
            .await
            .map_err(|error: Arc<sqlx::Error>| away(&error))?;
        if self.forgotten.load(Ordering::SeqCst) != read_since {
            self.projects.invalidate(&project).await;
        }
        Ok(account)
    }

    /// Notes that a key was used; written down by [`Keys::flush_usage`].
    pub fn note_used(&self, id: ApiKeyId, from: IpAddr) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (Utc::now(), from));
    }

    /// Writes down which keys were used since the last time: one statement for all of them.
    pub async fn flush_usage(&self) -> Result<()> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return Ok(());
        }
        let mut usage: Vec<_> = used.into_iter().map(|(key, (at, from))| (key, at, from)).collect();
        // In order, so that two nodes never wait for each other.
        usage.sort_unstable_by_key(|(key, ..)| *key);
        let usage = PutBack::unless_written(usage, |usage: Vec<_>| {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, at, from) in usage {
                used.entry(key).or_insert((at, from));
            }
        });
        in_time(store::api_key_usage::record(&self.db, &usage)).await.map_err(unavailable)?;
        usage.written();
        Ok(())
    }

    /// Forgets what is remembered of one key.
    pub async fn forget(&self, id: ApiKeyId) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        let stale: Vec<Arc<String>> = self
            .rows
            .iter()
            .filter(|(_, known)| known.as_ref().is_some_and(|known| known.key.id == id))
            .map(|(public_id, _)| public_id)
            .collect();
        for public_id in stale {
            self.rows.invalidate(&*public_id).await;
        }
    }

    /// Forgets everything, as when notifications may have been missed.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.rows.invalidate_all();
        self.projects.invalidate_all();
    }

    /// Forgets keys as other nodes change them, until the connection breaks.
    pub async fn follow_changes(&self) -> Result<()> {
        let mut changes = store::api_keys::changes(&self.db).await.map_err(unavailable)?;
        loop {
            // `None` means that the connection broke and notifications may be lost.
            let Some(change) = changes.try_recv().await.map_err(unavailable)? else {
                return Ok(());
            };
            match change.payload().parse() {
                Ok(id) => self.forget(id).await,
                Err(_) => self.forget_all(),
            }
        }
    }

    async fn look_up(&self, public_id: &str) -> Result<Option<Arc<Known>>> {
        if let Some(remembered) = self.rows.get(public_id).await {
            return Ok(remembered);
        }
        let read_since = self.forgotten.load(Ordering::SeqCst);
        let query = async {
            let finding = store::api_keys::find_by_public_id(&self.db, public_id);
            let found = in_time(finding).await?;
            Ok(found.map(|(key, verifier)| Arc::new(Known::new(Arc::new(key), verifier))))
        };
        let known = self
            .rows
            .try_get_with(public_id.to_owned(), query)
            .await
            .map_err(|error: Arc<sqlx::Error>| away(&error))?;
        self.forget_if_read_before(public_id, read_since).await;
        Ok(known)
    }

    /// Takes out again what was read before something was forgotten, and put in afterwards.
    async fn forget_if_read_before(&self, public_id: &str, read_since: u64) {
        if self.forgotten.load(Ordering::SeqCst) != read_since {
            self.rows.invalidate(public_id).await;
        }
    }

    /// Verifies by the durable hash, and renews the digest if the secret is right.
    async fn verify_by_hash(
        &self,
        token: &ApiKeyToken,
        known: &Known,
        read_since: u64,
    ) -> Result<bool> {
        let _turn = known.hashing.lock().await;
        let place = self.hashing.place().await;
        // Whoever waited may find that another request has renewed it meanwhile.
        if let Some(Some(now)) = self.rows.get(token.public_id()).await
            && now.verifier.digest_version == self.pepper.version()
        {
            return Ok(self.pepper.matches(token, &now.verifier.digest));
        }
        let good = place.verify(token.secret().into(), known.verifier.secret_phc.clone()).await?;
        if good {
            let digest = self.pepper.digest(token).to_vec();
            let version = self.pepper.version();
            in_time(store::api_keys::renew_digest(&self.db, known.key.id, &digest, version))
                .await
                .map_err(unavailable)?;
            let verifier = Verifier {
                digest,
                digest_version: self.pepper.version().to_vec(),
                secret_phc: known.verifier.secret_phc.clone(),
            };
            let renewed = Known::new(Arc::clone(&known.key), verifier);
            self.rows.insert(token.public_id().to_owned(), Some(Arc::new(renewed))).await;
            self.forget_if_read_before(token.public_id(), read_since).await;
        }
        Ok(good)
    }
}
