//! `posthaste keys`: making, listing and revoking keys, beside a running server or without one.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::arguments::{CreateKey, KeyMode, KeyType, KeysCommand};
use super::{projects::chosen, say};
use crate::app::Database;
use crate::config::Config;
use crate::domain::api_key;
use crate::domain::audit::Doer;
use crate::domain::id::AccountId;
use crate::domain::restrictions::Restrictions;
use crate::error::Error;
use crate::secret_key;
use crate::service::keys::{Keys, NewKey};
use crate::service::pepper::Pepper;
use crate::service::projects;

/// Does what is asked with keys.
pub async fn run(config: &Config, command: KeysCommand) -> Result<()> {
    let database = Database::open_beside(config).await?;
    let keys =
        Arc::new(Keys::new(database.pool.clone(), Pepper::derive(&secret_key::load(config)?)));
    let (account, _) = projects::set_up(&database.pool).await?;
    let done = match command {
        KeysCommand::Create(asked) => create(&database, &keys, account, *asked).await,
        KeysCommand::List { json } => list(&keys, account, json).await,
        KeysCommand::Revoke { id } => revoke(&keys, account, &id).await,
    };
    database.close().await;
    done
}

async fn create(
    database: &Database,
    keys: &Keys,
    account: AccountId,
    asked: CreateKey,
) -> Result<()> {
    let project = match (asked.key_type, &asked.project) {
        (KeyType::Account, Some(_)) => {
            bail!("an account key works in every project: leave --project out")
        }
        (KeyType::Account, None) => None,
        (KeyType::Project, wanted) => {
            Some(chosen(&database.pool, account, wanted.as_deref()).await?)
        }
    };
    let expires_at = expiry(&asked)?;
    let new = NewKey {
        name: asked.name.into(),
        project,
        mode: match asked.mode {
            KeyMode::Live => api_key::KeyMode::Live,
            KeyMode::Test => api_key::KeyMode::Test,
        },
        spelling: asked.spelling,
        permissions: asked.permission.0,
        restrictions: Restrictions {
            domains: few("--domains", asked.domains)?,
            recipients: few("--recipients", asked.recipients)?,
            ip_allowlist: few("--ip-allowlist", asked.ip_allowlist)?,
            ip_allowlist_dry_run: asked.ip_allowlist_dry_run,
        },
        per_second: asked.per_second,
        per_minute: asked.per_minute,
        expires_at,
        created_by: Doer::command_line(),
    };
    let (key, token) = keys.create(account, new).await.map_err(in_words)?;
    if asked.quiet {
        say(token.reveal())?;
    } else {
        say(&format!(
            "{}\n\nThis is the only time that the key can be seen; keep it in a safe place.\nid: {}\nname: {}",
            token.reveal(),
            key.id,
            key.name,
        ))?;
    }
    Ok(())
}

/// When the key is over.
fn expiry(asked: &CreateKey) -> Result<Option<DateTime<Utc>>> {
    let now = Utc::now();
    let (flag, at) = match (asked.expires_in, asked.expires_at) {
        (Some(time), _) => {
            let at = now.checked_add_signed(chrono::TimeDelta::from_std(time)?);
            ("--expires-in", at.context("--expires-in is too long")?)
        }
        (None, Some(at)) => ("--expires-at", at),
        (None, None) => return Ok(None),
    };
    if at <= now {
        bail!("{flag} must lie in the future");
    }
    Ok(Some(at))
}

/// Each entry of a list once.
fn few<T: PartialEq>(flag: &str, given: Option<Vec<T>>) -> Result<Option<Vec<T>>> {
    let Some(given) = given else { return Ok(None) };
    if given.len() > Restrictions::MAX_ENTRIES {
        bail!("{flag} takes at most {} entries", Restrictions::MAX_ENTRIES);
    }
    let mut entries = Vec::with_capacity(given.len());
    for entry in given {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    Ok(Some(entries))
}

async fn list(keys: &Keys, account: AccountId, as_json: bool) -> Result<()> {
    let now = Utc::now();
    let keys = keys.list(account).await?;
    if as_json {
        let rows: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({
                    "id": key.id,
                    "name": key.name,
                    "type": key.key_type,
                    "mode": key.mode,
                    "project": key.project,
                    "displayKey": key.display_key,
                    "status": key.status(now).as_str(),
                    "permissions": key.permissions,
                    "domains": texts(key.restrictions.domains.as_deref()),
                    "recipients": texts(key.restrictions.recipients.as_deref()),
                    "ipAllowlist": texts(key.restrictions.ip_allowlist.as_deref()),
                    "ipAllowlistDryRun": key.restrictions.ip_allowlist_dry_run,
                    "expiresAt": key.expires_at.map(time),
                    "createdAt": time(key.created_at),
                })
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    for key in keys {
        say(&format!(
            "{}  {}  {:8}  {}",
            key.id,
            key.display_key,
            key.status(now).as_str(),
            key.name
        ))?;
    }
    Ok(())
}

fn texts<T: ToString>(entries: Option<&[T]>) -> Option<Vec<String>> {
    entries.map(|entries| entries.iter().map(ToString::to_string).collect())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn revoke(keys: &Keys, account: AccountId, id: &str) -> Result<()> {
    let id = id.parse().ok().with_context(|| {
        format!("{id:?} is not the id of a key; `posthaste keys list` shows them")
    })?;
    keys.revoke(account, id, Doer::command_line()).await.map_err(in_words)?;
    say(&format!("Revoked {id}. It sends nothing from now on."))?;
    Ok(())
}

/// An error with all that it knows of the fields.
pub fn in_words(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(violations) => {
            let sentences: Vec<_> = violations
                .iter()
                .map(|violation| format!("{} {}", violation.field, violation.message))
                .collect();
            anyhow::anyhow!("{}", sentences.join("; "))
        }
        error => error.into(),
    }
}
