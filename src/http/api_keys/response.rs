//! The answers about keys as they go over the wire.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::api_key::ApiKeyToken;
use crate::domain::key_record::{Attention, KeyRecord};
use crate::domain::permission::{self, Permission};
use crate::http::page::Found;
use crate::http::wire::timestamp;
use crate::service::keys::Keys;
use crate::service::rate_limit::{Decision, WindowState};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    id: String,
    name: String,
    /// `project` or `account`.
    #[serde(rename = "type")]
    key_type: &'static str,
    /// `live` or `test`.
    mode: &'static str,
    /// Null for account keys.
    project_id: Option<String>,
    /// Null for account keys.
    project_name: Option<String>,
    /// The first eight and the last four characters.
    display_key: String,
    /// `active`, `inactive`, `expired` or `revoked`.
    status: &'static str,
    permissions: Vec<&'static str>,
    /// Domains it may send from; null for every one.
    domains: Option<Vec<String>>,
    /// Addresses and domains it may send to; null for everyone.
    recipients: Option<Vec<String>>,
    /// Networks it may be used from; null for every one.
    ip_allowlist: Option<Vec<String>>,
    /// Whether the allowlist refuses nobody and only counts whom it would have.
    ip_allowlist_dry_run: bool,
    /// Null for never.
    expires_at: Option<String>,
    /// The limits that it is held to.
    rate_limit: RateLimitBody,
    /// The figures that it names itself.
    own_rate_limit: OwnRateLimitBody,
    created_at: String,
    /// Who made it, in words.
    created_by: String,
    /// Null for never.
    last_used_at: Option<String>,
    last_used_ip: Option<String>,
    /// The key that this one takes the place of, after a rotation.
    replaces: Option<String>,
    /// The key that takes the place of this one.
    replaced_by: Option<String>,
    /// Why its owner should look at it: `unused_90_days`, `older_than_90_days`.
    attention: Vec<&'static str>,
}

/// The limits that a key is held to, in requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RateLimitBody {
    per_second: u32,
    per_minute: u32,
}

/// The figures that a key names itself; null for the server's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnRateLimitBody {
    per_second: Option<u32>,
    per_minute: Option<u32>,
}

impl KeyBody {
    /// A key as it is now.
    pub fn new(record: &KeyRecord, keys: &Keys) -> Self {
        let (key, now) = (&record.key, Utc::now());
        let limit = keys.limit_of(key);
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            key_type: key.key_type.as_str(),
            mode: key.mode.as_str(),
            project_id: key.project.map(|project| project.to_string()),
            project_name: record.project_name.clone(),
            display_key: key.display_key.clone(),
            status: key.status(now).as_str(),
            permissions: key.permissions.iter().map(|one| one.as_str()).collect(),
            domains: written(key.restrictions.domains.as_deref()),
            recipients: written(key.restrictions.recipients.as_deref()),
            ip_allowlist: written(key.restrictions.ip_allowlist.as_deref()),
            ip_allowlist_dry_run: key.restrictions.ip_allowlist_dry_run,
            expires_at: key.expires_at.map(timestamp),
            rate_limit: RateLimitBody {
                per_second: limit.per_second().get(),
                per_minute: limit.per_minute().get(),
            },
            own_rate_limit: OwnRateLimitBody {
                per_second: key.per_second,
                per_minute: key.per_minute,
            },
            created_at: timestamp(key.created_at),
            created_by: key.created_by.clone(),
            last_used_at: record.last_used_at.map(timestamp),
            last_used_ip: record.last_used_ip.clone(),
            replaces: key.replaces.map(|id| id.to_string()),
            replaced_by: record.replaced_by.map(|id| id.to_string()),
            attention: record.attention(now).into_iter().map(Attention::as_str).collect(),
        }
    }
}

fn written<T: ToString>(entries: Option<&[T]>) -> Option<Vec<String>> {
    entries.map(|entries| entries.iter().map(ToString::to_string).collect())
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyListBody {
    /// Newest first.
    api_keys: Vec<KeyBody>,
    /// Whether another page follows.
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

impl KeyListBody {
    /// A page.
    pub fn new(found: Found<KeyRecord>, keys: &Keys) -> Self {
        Self {
            api_keys: found.items.iter().map(|record| KeyBody::new(record, keys)).collect(),
            has_more: found.has_more,
            next_cursor: found.next_cursor,
        }
    }
}

/// A key that was made, with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedKeyBody {
    #[serde(flatten)]
    body: KeyBody,
    /// The key itself. It is shown this once; keep it in a safe place.
    key: String,
}

impl CreatedKeyBody {
    /// The only answer that ever holds a key's text.
    pub fn new(body: KeyBody, token: &ApiKeyToken) -> Self {
        Self { body, key: token.reveal().to_owned() }
    }
}

/// The key that asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnKeyBody {
    #[serde(flatten)]
    body: KeyBody,
    /// The preset that its permissions are; null if they are none.
    preset: Option<&'static str>,
    /// What is left of its limits after this request.
    remaining: RemainingBody,
}

/// What is left of a key's limits.
#[derive(Debug, Serialize, ToSchema)]
struct RemainingBody {
    second: WindowBody,
    minute: WindowBody,
}

/// What is left of one limit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WindowBody {
    /// Requests that the window admits.
    limit: u32,
    /// Requests that it would still admit now.
    remaining: u32,
    /// When all of them are there again, if the key is not used before.
    reset_at: String,
}

impl OwnKeyBody {
    /// The key, and how this request has left it.
    pub fn new(record: &KeyRecord, keys: &Keys, decision: &Decision, now: DateTime<Utc>) -> Self {
        let window = |state: WindowState| WindowBody {
            limit: state.limit.get(),
            remaining: state.remaining,
            reset_at: timestamp(now + TimeDelta::from_std(state.resets_in).unwrap_or_default()),
        };
        Self {
            preset: preset(&record.key.permissions),
            body: KeyBody::new(record, keys),
            remaining: RemainingBody {
                second: window(decision.second),
                minute: window(decision.minute),
            },
        }
    }
}

fn preset(permissions: &[Permission]) -> Option<&'static str> {
    permission::PRESETS.into_iter().find(|name| {
        permission::preset(name).is_ok_and(|preset| {
            preset.len() == permissions.len()
                && preset.iter().all(|permission| permissions.contains(permission))
        })
    })
}

/// The answer to whoever reports a leaked key: it is the same whether there is such a key or not.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportBody {
    /// Always `true`.
    received: bool,
}

impl ReportBody {
    /// The one answer.
    pub const RECEIVED: Self = Self { received: true };
}
