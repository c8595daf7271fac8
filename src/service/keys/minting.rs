//! Making keys, from their text to their row.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Keys, described};
use crate::domain::api_key::{ApiKeyToken, KeyMode, KeyType, Spelling};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::ApiKey;
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::name::Name;
use crate::domain::permission::Permission;
use crate::domain::rate_limit::RateLimit;
use crate::domain::restrictions::Restrictions;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::api_keys::Verifier;

/// What is asked for when a key is made by somebody who may make any.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// 1 to 100 characters.
    pub name: String,
    /// The project of a project key; `None` makes an account key.
    pub project: Option<ProjectId>,
    /// Live or test.
    pub mode: KeyMode,
    /// How it is written.
    pub spelling: Spelling,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// From which domains, to whom and from where it may be used.
    pub restrictions: Restrictions,
    /// Requests in one second; `None` for the server's own figure.
    pub per_second: Option<u32>,
    /// Requests in one minute; `None` for the server's own figure.
    pub per_minute: Option<u32>,
    /// From then on it is good for nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// Who makes it.
    pub created_by: Doer,
}

/// A text that nobody else has, with what will prove it.
pub(super) struct Minted {
    pub(super) token: ApiKeyToken,
    verifier: Verifier,
}

impl Keys {
    /// Makes a key. The token is the only copy of its secret that will ever be.
    pub async fn create(&self, account: AccountId, new: NewKey) -> Result<(ApiKey, ApiKeyToken)> {
        let name = check(&new)?;
        let key_type = if new.project.is_some() { KeyType::Project } else { KeyType::Account };
        let minted = self.mint(new.spelling, key_type, new.mode).await?;
        let key = ApiKey {
            id: ApiKeyId::generate(),
            account,
            project: new.project,
            name: name.into(),
            key_type,
            mode: new.mode,
            display_key: minted.token.display(),
            permissions: new.permissions,
            restrictions: new.restrictions,
            per_second: new.per_second,
            per_minute: new.per_minute,
            active: true,
            expires_at: new.expires_at,
            revoked_at: None,
            created_at: Utc::now(),
            created_by: new.created_by.label.clone(),
            replaces: None,
        };
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        store_new(&mut transaction, &key, &minted, new.created_by).await?;
        commit(transaction).await?;
        tracing::info!(key.id = %key.id, "Made API key {}", key.id);
        Ok((key, minted.token))
    }

    /// Makes the text of a key, and hashes it. It takes tens of milliseconds, so no transaction should wait for it.
    pub(super) async fn mint(
        &self,
        spelling: Spelling,
        key_type: KeyType,
        mode: KeyMode,
    ) -> Result<Minted> {
        let token = ApiKeyToken::generate_spelled(spelling, key_type, mode);
        let verifier = Verifier {
            secret_phc: self.hashing.hash(token.secret().into()).await?,
            digest: self.pepper.digest(&token).to_vec(),
            digest_version: self.pepper.version().to_vec(),
        };
        Ok(Minted { token, verifier })
    }
}

/// Stores a new key, and writes down who made it.
pub(super) async fn store_new(
    transaction: &mut PgConnection,
    key: &ApiKey,
    Minted { token, verifier }: &Minted,
    doer: Doer,
) -> Result<()> {
    let stored = store::api_keys::insert(&mut *transaction, key, token.public_id(), verifier)
        .await
        .map_err(unavailable)?;
    if !stored {
        return Err(Error::NotFound("project"));
    }
    let entry = NewAuditEntry {
        account: key.account,
        project: key.project,
        doer,
        action: "api_key.created",
        subject: key.id.as_uuid(),
        subject_label: described::label(key),
        details: described::made(key),
    };
    store::audit_log::insert(transaction, &entry).await.map_err(unavailable)
}

fn check(new: &NewKey) -> Result<Name> {
    let mut violations = Violations::default();
    let name = violations.check("name", new.name.parse());
    if new.expires_at.is_some_and(|at| at <= Utc::now()) {
        violations.add("expiresAt", "must lie in the future");
    }
    let figures =
        [("rateLimit.perSecond", new.per_second), ("rateLimit.perMinute", new.per_minute)];
    for (field, figure) in figures {
        if let Some(figure) = figure {
            violations.check(field, RateLimit::new(figure, figure));
        }
    }
    match name {
        Some(name) if violations.is_empty() => Ok(name),
        _ => Err(Error::Invalid(violations)),
    }
}
