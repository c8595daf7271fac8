//! Who is asking, and what they may do.

use chrono::{DateTime, Utc};

use super::api_key::{KeyMode, KeyType};
use super::id::{AccountId, ApiKeyId, ProjectId};
use super::permission::Permission;

/// An API key as it is stored, but for its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Names the key; no part of its text.
    pub id: ApiKeyId,
    /// The owner.
    pub account: AccountId,
    /// The one project of a project key; `None` for account keys.
    pub project: Option<ProjectId>,
    /// What its maker called it.
    pub name: String,
    /// Project or account.
    pub key_type: KeyType,
    /// Live or test.
    pub mode: KeyMode,
    /// First eight and last four characters.
    pub display_key: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Domains it may send from; `None` for every domain of the project, and an empty list for none at all.
    pub domains: Option<Vec<String>>,
    /// Addresses or domains it may send to; `None` for everyone.
    pub recipients: Option<Vec<String>>,
    /// Networks it may be used from; `None` for every one.
    pub ip_allowlist: Option<Vec<String>>,
    /// Whether the allowlist only counts what it would have blocked.
    pub ip_allowlist_dry_run: bool,
    /// Requests in one second; `None` for the server's own figure.
    pub per_second: Option<u32>,
    /// Requests in one minute; `None` for the server's own figure.
    pub per_minute: Option<u32>,
    /// Whether its owner has switched it on.
    pub active: bool,
    /// From then on it is good for nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since then it is good for nothing, for ever.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom it was made, in words.
    pub created_by: String,
}

/// Whether a key works, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It works.
    Active,
    /// Its owner switched it off, and can switch it on again.
    Inactive,
    /// Its time is over.
    Expired,
    /// It was revoked, for ever.
    Revoked,
}

impl KeyStatus {
    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// Whether the key works at this time.
    pub fn status(&self, now: DateTime<Utc>) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            KeyStatus::Expired
        } else if self.active {
            KeyStatus::Active
        } else {
            KeyStatus::Inactive
        }
    }
}

/// The holder of a key that has proved good, working for one project.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key.
    pub key: std::sync::Arc<ApiKey>,
    /// The project that this request is for; `None` for an account key that named none.
    pub project: Option<ProjectId>,
}

impl Caller {
    /// Whether the key carries the permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.key.permissions.contains(&permission)
    }
}
