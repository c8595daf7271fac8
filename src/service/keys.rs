//! API keys: making them, ending them, and telling whether a presented one is good.
//!
//! A request costs one look-up in memory (else one indexed query) and one HMAC. Argon2 runs when a key is made, and
//! when its digest was made under another `SECRET_KEY`: once for all who wait on that key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::future::Cache;
use sqlx::PgPool;

use super::hashing::Hashing;
use super::pepper::Pepper;
use super::{unavailable, without_values};
use crate::domain::api_key::{ApiKeyToken, KeyMode, KeyType};
use crate::domain::caller::{ApiKey, KeyStatus};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::permission::Permission;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::store;
use crate::store::api_keys::Verifier;

/// How long a remembered key may be out of date if no notification came. Sends check the key's row anyway.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Keys remembered, known and unknown ones together: about a kilobyte each.
const REMEMBERED_KEYS: u64 = 100_000;

/// What is asked for when a key is made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// 1 to 100 characters.
    pub name: String,
    /// The project of a project key; `None` makes an account key.
    pub project: Option<ProjectId>,
    /// Live or test.
    pub mode: KeyMode,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Requests in one second; `None` for the server's own figure.
    pub per_second: Option<u32>,
    /// Requests in one minute; `None` for the server's own figure.
    pub per_minute: Option<u32>,
    /// From then on it is good for nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// Who makes it, in words.
    pub created_by: String,
}

/// Why a presented key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No such key, or not its secret: the two are not told apart.
    Unknown,
    /// The secret is right, and the key works no more.
    Ended(KeyStatus),
}

/// The keys of every account.
pub struct Keys {
    db: PgPool,
    pepper: Pepper,
    /// By public id. Unknown ids are remembered too, so that a flood of one costs one query.
    rows: Cache<String, Option<Arc<Known>>>,
    projects: Cache<ProjectId, Option<AccountId>>,
    hashing: Hashing,
    used: Mutex<HashMap<ApiKeyId, (DateTime<Utc>, IpAddr)>>,
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
            hashing: Hashing::new(),
            used: Mutex::default(),
        }
    }

    /// Where keys are hashed: whoever else hashes shares it, so that all of them together stay within the machine.
    pub fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    /// Makes a key. The token is the only copy of its secret that will ever be.
    pub async fn create(&self, account: AccountId, new: NewKey) -> Result<(ApiKey, ApiKeyToken)> {
        check(&new)?;
        let key_type = if new.project.is_some() { KeyType::Project } else { KeyType::Account };
        if let Some(project) = new.project
            && self.account_of(project).await? != Some(account)
        {
            return Err(Error::NotFound("project"));
        }

        let token = ApiKeyToken::generate(key_type, new.mode);
        let verifier = Verifier {
            secret_phc: self.hashing.hash(token.secret().into()).await?,
            digest: self.pepper.digest(&token).to_vec(),
            digest_version: self.pepper.version().to_vec(),
        };
        let key = ApiKey {
            id: ApiKeyId::generate(),
            account,
            project: new.project,
            name: new.name,
            key_type,
            mode: new.mode,
            display_key: token.display(),
            permissions: new.permissions,
            domains: None,
            recipients: None,
            ip_allowlist: None,
            ip_allowlist_dry_run: false,
            per_second: new.per_second,
            per_minute: new.per_minute,
            active: true,
            expires_at: new.expires_at,
            revoked_at: None,
            created_at: Utc::now(),
            created_by: new.created_by,
        };
        store::api_keys::insert(&self.db, &key, token.public_id(), &verifier)
            .await
            .map_err(unavailable)?;
        tracing::info!(key.id = %key.id, "Made API key {}", key.id);
        Ok((key, token))
    }

    /// The keys of an account, oldest first.
    pub async fn list(&self, account: AccountId) -> Result<Vec<ApiKey>> {
        store::api_keys::list(&self.db, account).await.map_err(unavailable)
    }

    /// Ends a key for ever. When this returns, no mail is stored with it any more, on any node.
    pub async fn revoke(&self, account: AccountId, id: ApiKeyId) -> Result<()> {
        if !store::api_keys::revoke(&self.db, account, id).await.map_err(unavailable)? {
            return Err(Error::NotFound("API key"));
        }
        self.forget(id).await;
        // Only makes other nodes refuse earlier than they would otherwise find out: a failure takes nothing back.
        if let Err(error) = store::api_keys::notify_changed(&self.db, id).await {
            tracing::warn!(key.id = %id, error = without_values(&error), "Could not tell other nodes of the revoked key {id}");
        }
        tracing::info!(key.id = %id, "Revoked API key {id}");
        Ok(())
    }

    /// Tells whether a presented key is good.
    pub async fn verify(&self, token: &ApiKeyToken) -> Result<Result<Arc<ApiKey>, Rejection>> {
        let Some(known) = self.look_up(token.public_id()).await? else {
            return Ok(Err(Rejection::Unknown));
        };
        if known.verifier.digest_version == self.pepper.version() {
            if !self.pepper.matches(token, &known.verifier.digest) {
                return Ok(Err(Rejection::Unknown));
            }
        } else if !self.verify_by_hash(token, &known).await? {
            return Ok(Err(Rejection::Unknown));
        }
        // The text's own claims are part of what is digested, but a row may never be used as another kind than it is.
        if (known.key.key_type, known.key.mode) != (token.key_type(), token.mode()) {
            return Ok(Err(Rejection::Unknown));
        }
        match known.key.status(Utc::now()) {
            KeyStatus::Active => Ok(Ok(Arc::clone(&known.key))),
            ended => Ok(Err(Rejection::Ended(ended))),
        }
    }

    /// Whether [`Keys::verify`] would answer from memory by a comparison alone, with neither a query nor Argon2.
    pub async fn answers_at_once(&self, public_id: &str) -> bool {
        self.rows.get(public_id).await.is_some_and(|known| {
            known.is_none_or(|known| known.verifier.digest_version == self.pepper.version())
        })
    }

    /// The account of a project that is not deleted.
    pub async fn account_of(&self, project: ProjectId) -> Result<Option<AccountId>> {
        self.projects
            .try_get_with(project, store::projects::account_of(&self.db, project))
            .await
            .map_err(|error| unavailable_shared(&error))
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
        store::api_keys::record_usage(&self.db, &usage).await.map_err(unavailable)
    }

    /// Forgets what is remembered of one key.
    pub async fn forget(&self, id: ApiKeyId) {
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
        let query = async {
            let found = store::api_keys::find_by_public_id(&self.db, public_id).await?;
            Ok(found.map(|(key, verifier)| Arc::new(Known::new(Arc::new(key), verifier))))
        };
        self.rows
            .try_get_with(public_id.to_owned(), query)
            .await
            .map_err(|error: Arc<sqlx::Error>| unavailable_shared(&error))
    }

    /// Verifies by the durable hash, and renews the digest if the secret is right.
    async fn verify_by_hash(&self, token: &ApiKeyToken, known: &Known) -> Result<bool> {
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
            store::api_keys::renew_digest(&self.db, known.key.id, &digest, self.pepper.version())
                .await
                .map_err(unavailable)?;
            let verifier = Verifier {
                digest,
                digest_version: self.pepper.version().to_vec(),
                secret_phc: known.verifier.secret_phc.clone(),
            };
            let renewed = Known::new(Arc::clone(&known.key), verifier);
            self.rows.insert(token.public_id().to_owned(), Some(Arc::new(renewed))).await;
        }
        Ok(good)
    }
}

fn check(new: &NewKey) -> Result<()> {
    let mut violations = Violations::default();
    if new.name.trim().is_empty()
        || new.name.chars().count() > 100
        || new.name.chars().any(char::is_control)
    {
        violations.add("name", "must be 1 to 100 characters, without control characters");
    }
    if new.expires_at.is_some_and(|at| at <= Utc::now()) {
        violations.add("expiresAt", "must lie in the future");
    }
    for (field, figure) in
        [("rateLimit.perSecond", new.per_second), ("rateLimit.perMinute", new.per_minute)]
    {
        if figure.is_some_and(|figure| !(1..=1_000_000).contains(&figure)) {
            violations.add(field, "must be a whole number from 1 to 1000000");
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

fn unavailable_shared(error: &Arc<sqlx::Error>) -> Error {
    Error::Unavailable(anyhow::anyhow!(without_values(error)))
}
