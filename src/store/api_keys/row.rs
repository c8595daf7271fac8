//! How a key looks as a row, and back.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::Verifier;
use crate::domain::caller::ApiKey;
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::key_record::KeyRecord;
use crate::domain::restrictions::Restrictions;

/// A column or row that was not written by this program's rules.
#[derive(Debug, thiserror::Error)]
#[error("api_keys.{column} of row {id} cannot be read")]
struct Inconsistent {
    column: &'static str,
    id: ApiKeyId,
}

/// A key with what stands around it. A statement leaves out what its caller has no use for.
pub(super) struct Row {
    pub(super) id: ApiKeyId,
    pub(super) account_id: AccountId,
    pub(super) project_id: Option<ProjectId>,
    pub(super) name: String,
    pub(super) r#type: String,
    pub(super) mode: String,
    pub(super) display_key: String,
    pub(super) permissions: Vec<String>,
    pub(super) domains: Option<Vec<String>>,
    pub(super) recipients: Option<Vec<String>>,
    pub(super) ip_allowlist: Option<Vec<String>>,
    pub(super) ip_allowlist_dry_run: bool,
    pub(super) per_second: Option<i32>,
    pub(super) per_minute: Option<i32>,
    pub(super) active: bool,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) created_by: String,
    pub(super) replaces: Option<ApiKeyId>,
    /// For those who compare it with a presented key.
    pub(super) secret_phc: Option<String>,
    pub(super) digest: Option<Vec<u8>>,
    pub(super) digest_version: Option<Vec<u8>>,
    /// For those who show it.
    pub(super) project_name: Option<String>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) last_used_ip: Option<String>,
    pub(super) replaced_by: Option<ApiKeyId>,
}

impl Row {
    pub(super) fn presented(self) -> sqlx::Result<(ApiKey, Verifier)> {
        let inconsistent = |column| sqlx::Error::decode(Inconsistent { column, id: self.id });
        let verifier = Verifier {
            secret_phc: self.secret_phc.clone().ok_or_else(|| inconsistent("secret_phc"))?,
            digest: self.digest.clone().ok_or_else(|| inconsistent("digest"))?,
            digest_version: self
                .digest_version
                .clone()
                .ok_or_else(|| inconsistent("digest_version"))?,
        };
        Ok((self.record()?.key, verifier))
    }

    pub(super) fn record(self) -> sqlx::Result<KeyRecord> {
        let inconsistent = |column| sqlx::Error::decode(Inconsistent { column, id: self.id });
        let key = ApiKey {
            id: self.id,
            account: self.account_id,
            project: self.project_id,
            name: self.name,
            key_type: self.r#type.parse().map_err(|_| inconsistent("type"))?,
            mode: self.mode.parse().map_err(|_| inconsistent("mode"))?,
            display_key: self.display_key,
            // A permission that this version does not know grants nothing.
            permissions: readable(&self.permissions),
            restrictions: Restrictions {
                domains: self.domains.as_deref().map(readable),
                recipients: self.recipients.as_deref().map(readable),
                ip_allowlist: self.ip_allowlist.as_deref().map(readable),
                ip_allowlist_dry_run: self.ip_allowlist_dry_run,
            },
            per_second: self.per_second.map(i32::cast_unsigned),
            per_minute: self.per_minute.map(i32::cast_unsigned),
            active: self.active,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            created_at: self.created_at,
            created_by: self.created_by,
            replaces: self.replaces,
        };
        Ok(KeyRecord {
            key,
            project_name: self.project_name,
            last_used_at: self.last_used_at,
            last_used_ip: self.last_used_ip,
            replaced_by: self.replaced_by,
        })
    }
}

/// The entries that can be read: one that cannot allows nothing.
fn readable<T: FromStr>(entries: &[String]) -> Vec<T> {
    entries.iter().filter_map(|entry| entry.parse().ok()).collect()
}

/// The lists of a key as their columns hold them.
pub(super) struct Lists {
    pub(super) permissions: Vec<String>,
    pub(super) domains: Option<Vec<String>>,
    pub(super) recipients: Option<Vec<String>>,
    pub(super) ip_allowlist: Option<Vec<String>>,
}

impl Lists {
    pub(super) fn of(key: &ApiKey) -> Self {
        let Restrictions { domains, recipients, ip_allowlist, .. } = &key.restrictions;
        Self {
            permissions: key.permissions.iter().map(|one| one.as_str().to_owned()).collect(),
            domains: domains.as_deref().map(written),
            recipients: recipients.as_deref().map(written),
            ip_allowlist: ip_allowlist.as_deref().map(written),
        }
    }
}

fn written<T: ToString>(entries: &[T]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}
