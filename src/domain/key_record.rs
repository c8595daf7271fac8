//! A key as its owner sees it.

use chrono::{DateTime, TimeDelta, Utc};

use super::caller::{ApiKey, KeyStatus};
use super::id::ApiKeyId;

/// After so long a key is old, and one that nobody used is better gone.
pub const ATTENTION_AFTER: TimeDelta = TimeDelta::days(90);

/// A key with what is known around it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// What its project is called; `None` for account keys.
    pub project_name: Option<String>,
    /// When it was last used, to a few seconds; `None` for never.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From which address.
    pub last_used_ip: Option<String>,
    /// The key that takes its place, after a rotation.
    pub replaced_by: Option<ApiKeyId>,
}

/// Why an owner should look at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Nobody has used it for 90 days.
    Unused,
    /// It was made more than 90 days ago.
    Old,
}

impl Attention {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::Unused, Self::Old];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused_90_days",
            Self::Old => "older_than_90_days",
        }
    }
}

impl KeyRecord {
    /// Why its owner should look at it now. A key that does not work asks for nothing.
    pub fn attention(&self, now: DateTime<Utc>) -> Vec<Attention> {
        if self.key.status(now) != KeyStatus::Active {
            return Vec::new();
        }
        let bound = now - ATTENTION_AFTER;
        let last_seen = self.last_used_at.unwrap_or(self.key.created_at);
        let applies = |reason: &Attention| match reason {
            Attention::Unused => last_seen.max(self.key.created_at) < bound,
            Attention::Old => self.key.created_at < bound,
        };
        Attention::ALL.into_iter().filter(applies).collect()
    }
}
