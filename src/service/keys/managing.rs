//! Keys made, changed, rotated and ended on somebody's behalf. Each is written down in the transaction that does it.

use std::net::IpAddr;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::authority::{Authority, KeyScope};
use super::minting::store_new;
use super::{Keys, described};
use crate::domain::api_key::{ApiKeyToken, KeyMode, KeyType, Spelling};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::{ApiKey, Caller, KeyStatus};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::key_change::KeyChange;
use crate::domain::key_record::KeyRecord;
use crate::domain::restrictions::Restrictions;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

/// A key that somebody asks for.
#[derive(Clone, Debug)]
pub struct KeyWish {
    /// The project of a project key; `None` asks for an account key.
    pub project: Option<ProjectId>,
    /// Live or test; `None` for that of the key that asks, and live for a person.
    pub mode: Option<KeyMode>,
    /// How it is written.
    pub spelling: Spelling,
    /// How it differs from a key that may do all that the caller may.
    pub change: KeyChange,
}

impl Keys {
    /// Makes a key that may do no more than its maker; what the wish leaves open is as wide as the maker's own.
    pub async fn create_for(
        &self,
        caller: &Caller,
        wish: KeyWish,
    ) -> Result<(KeyRecord, ApiKeyToken)> {
        let key_type = if wish.project.is_some() { KeyType::Project } else { KeyType::Account };
        let mode = wish.mode.or(caller.key().map(|key| key.mode)).unwrap_or(KeyMode::Live);
        let minted = self.mint(wish.spelling, key_type, mode).await?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (authority, _) = Authority::hold(&mut transaction, caller, None).await?;
        let doer = Doer::of(caller);
        let own = match &authority {
            Authority::Key(own) => Some(&**own),
            Authority::Person(_) => None,
        };
        let mut key = ApiKey {
            id: ApiKeyId::generate(),
            account: caller.account,
            project: wish.project,
            name: String::new(),
            key_type,
            mode,
            display_key: minted.token.display(),
            permissions: authority.permissions(),
            restrictions: own.map_or_else(Restrictions::default, |own| own.restrictions.clone()),
            per_second: own.and_then(|own| own.per_second),
            per_minute: own.and_then(|own| own.per_minute),
            active: true,
            expires_at: own.and_then(|own| own.expires_at),
            revoked_at: None,
            created_at: Utc::now(),
            created_by: doer.label.clone(),
            replaces: None,
        };
        wish.change.apply(&mut key);
        authority.check(&key, self.default_limit)?;
        store_new(&mut transaction, &key, &minted, doer).await?;
        let record = read(&mut transaction, key.account, key.id).await?;
        commit(transaction).await?;
        tracing::info!(key.id = %key.id, "Made API key {}", key.id);
        Ok((record, minted.token))
    }

    /// Changes a key. What makes it wider must stay within what the caller may.
    pub async fn update(
        &self,
        caller: &Caller,
        scope: KeyScope,
        id: ApiKeyId,
        change: KeyChange,
    ) -> Result<KeyRecord> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (authority, found) = Authority::hold(&mut transaction, caller, Some(id)).await?;
        let before = in_scope(found, scope)?.key;
        if before.revoked_at.is_some() {
            return Err(Error::Conflict {
                code: "API_KEY_REVOKED",
                message: "This API key was revoked, for ever. Make a new one.".into(),
            });
        }
        let mut after = before.clone();
        change.apply(&mut after);
        keep_a_way_in(caller, &before, &after)?;
        if !before.exceeded_by(&after, self.default_limit).is_empty() {
            authority.check(&after, self.default_limit)?;
        }

        store::api_keys::update(&mut *transaction, &after).await.map_err(unavailable)?;
        let entry = |action, details| entry(Doer::of(caller), &after, action, details);
        let difference = described::difference(&before, &after);
        if !difference.is_empty() {
            let entry = entry("api_key.updated", Value::Object(difference));
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        if before.active != after.active {
            let action = if after.active { "api_key.activated" } else { "api_key.deactivated" };
            let entry = entry(action, json!({}));
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        store::api_keys::notify_changed(&mut *transaction, id).await.map_err(unavailable)?;
        let record = read(&mut transaction, after.account, id).await?;
        commit(transaction).await?;
        self.forget(id).await;
        tracing::info!(key.id = %id, "Changed API key {id}");
        Ok(record)
    }

    /// Makes a second key that may do the same, and lets the old one live for `overlap`, or as long as it had if that
    /// is shorter. The new one ends when the old one would have.
    pub async fn rotate(
        &self,
        caller: &Caller,
        scope: KeyScope,
        id: ApiKeyId,
        overlap: TimeDelta,
    ) -> Result<(KeyRecord, ApiKeyToken)> {
        let known = self.find(scope, id).await?.key;
        let spelling = Spelling::of_displayed(&known.display_key);
        let minted = self.mint(spelling, known.key_type, known.mode).await?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (authority, found) = Authority::hold(&mut transaction, caller, Some(id)).await?;
        let mut old = in_scope(found, scope)?.key;
        let now = store::now(&mut *transaction).await.map_err(unavailable)?;
        let status = old.status(now);
        if status != KeyStatus::Active {
            let status = status.as_str();
            return Err(Error::Conflict {
                code: "API_KEY_NOT_ACTIVE",
                message: format!("This API key is {status}; only an active one can be rotated."),
            });
        }
        let doer = Doer::of(caller);
        let successor = ApiKey {
            id: ApiKeyId::generate(),
            display_key: minted.token.display(),
            created_at: Utc::now(),
            created_by: doer.label.clone(),
            replaces: Some(id),
            ..old.clone()
        };
        // Whoever rotates a key learns a secret that does what the key does.
        authority.check(&successor, self.default_limit)?;
        let end = now + overlap;
        old.expires_at = Some(old.expires_at.map_or(end, |own| own.min(end)));

        store::api_keys::update(&mut *transaction, &old).await.map_err(unavailable)?;
        store_new(&mut transaction, &successor, &minted, doer.clone()).await?;
        let details = json!({
            "replacedBy": successor.id,
            "overlapSeconds": overlap.num_seconds(),
            "expiresAt": old.expires_at,
        });
        let entry = entry(doer, &old, "api_key.rotated", details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        store::api_keys::notify_changed(&mut *transaction, id).await.map_err(unavailable)?;
        let record = read(&mut transaction, successor.account, successor.id).await?;
        commit(transaction).await?;
        self.forget(id).await;
        tracing::info!(key.id = %id, "Rotated API key {id}");
        Ok((record, minted.token))
    }

    /// Ends a key for ever on somebody's behalf. When this returns, no mail is stored with it any more, on any node.
    pub async fn revoke_for(
        &self,
        caller: &Caller,
        scope: KeyScope,
        id: ApiKeyId,
    ) -> Result<KeyRecord> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (_, found) = Authority::hold(&mut transaction, caller, Some(id)).await?;
        let key = in_scope(found, scope)?.key;
        end(&mut transaction, &key, Doer::of(caller), json!({})).await?;
        let record = read(&mut transaction, key.account, id).await?;
        commit(transaction).await?;
        self.forget(id).await;
        tracing::info!(key.id = %id, "Revoked API key {id}");
        Ok(record)
    }

    /// Ends a key for ever. When this returns, no mail is stored with it any more, on any node.
    pub async fn revoke(&self, account: AccountId, id: ApiKeyId, doer: Doer) -> Result<()> {
        self.end(account, id, doer, json!({})).await
    }

    /// Ends the key that this is the text of, if it is one: whoever holds it has shown that it is no secret any more.
    pub async fn revoke_leaked(&self, token: &ApiKeyToken, from: IpAddr) -> Result<bool> {
        let Some(known) = self.prove(token).await? else { return Ok(false) };
        let details = json!({"reason": "reported as leaked"});
        self.end(known.key.account, known.key.id, Doer::holder(from), details).await?;
        Ok(true)
    }

    async fn end(&self, account: AccountId, id: ApiKeyId, doer: Doer, why: Value) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        store::api_keys::lock(&mut *transaction, account, &[id]).await.map_err(unavailable)?;
        let key = read(&mut transaction, account, id).await?.key;
        end(&mut transaction, &key, doer, why).await?;
        commit(transaction).await?;
        self.forget(id).await;
        tracing::info!(key.id = %id, "Revoked API key {id}");
        Ok(())
    }
}

/// Ends a key whose row is held, and tells the other nodes at the commit. One that has ended before stays as it is.
async fn end(transaction: &mut PgConnection, key: &ApiKey, doer: Doer, why: Value) -> Result<()> {
    if key.revoked_at.is_some() {
        return Ok(());
    }
    store::api_keys::revoke(&mut *transaction, key.account, key.id).await.map_err(unavailable)?;
    let entry = entry(doer, key, "api_key.revoked", why);
    store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
    store::api_keys::notify_changed(&mut *transaction, key.id).await.map_err(unavailable)
}

/// Refuses an allowlist that would keep out whoever asks for it. A person can have one that was tried before.
fn keep_a_way_in(caller: &Caller, before: &ApiKey, after: &ApiKey) -> Result<()> {
    let (old, new) = (&before.restrictions, &after.restrictions);
    let is_new = old.enforced_networks() != new.enforced_networks();
    if !is_new || new.admit_address(caller.from) {
        return Ok(());
    }
    let was_tried = old.ip_allowlist_dry_run && old.ip_allowlist == new.ip_allowlist;
    let locked_out = match caller.key() {
        Some(key) => key.id == after.id,
        None => !was_tried,
    };
    if !locked_out {
        return Ok(());
    }
    let message = format!(
        "does not hold the address that you are asking from, {}. Add it, or try the list with `ipAllowlistDryRun` \
         set to true first: then nobody is refused, and `would-have-blocked` tells who would have been",
        caller.from,
    );
    Err(Error::Invalid(Violations::one("ipAllowlist", message)))
}

fn in_scope(found: Option<KeyRecord>, scope: KeyScope) -> Result<KeyRecord> {
    found.filter(|record| scope.holds(&record.key)).ok_or(Error::NotFound("API key"))
}

async fn read(
    transaction: &mut PgConnection,
    account: AccountId,
    id: ApiKeyId,
) -> Result<KeyRecord> {
    let found = store::api_keys::listing::records(transaction, account, &[id]).await;
    found.map_err(unavailable)?.pop().ok_or(Error::NotFound("API key"))
}

fn entry(doer: Doer, key: &ApiKey, action: &'static str, details: Value) -> NewAuditEntry {
    NewAuditEntry {
        account: key.account,
        project: key.project,
        doer,
        action,
        subject: key.id.as_uuid(),
        subject_label: described::label(key),
        details,
    }
}
