//! What is asked for when a key is made or changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use super::caller::ApiKey;
use super::domain_name::DomainName;
use super::name::Name;
use super::network::Network;
use super::permission::Permission;
use super::restrictions::RecipientRule;

/// A value that is to be set, or left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Left as it is.
    #[default]
    Keep,
    /// Set, perhaps to nothing.
    Set(T),
}

impl<T> Change<T> {
    fn apply(self, to: &mut T) {
        if let Self::Set(value) = self {
            *to = value;
        }
    }
}

/// A member that is there is to be set, `null` included; whoever derives `Deserialize` gives one that is not there its
/// default.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Set)
    }
}

/// What is to be different about a key.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    /// What it is called.
    pub name: Change<Name>,
    /// What it may do.
    pub permissions: Change<Vec<Permission>>,
    /// Domains it may send from; nothing for every one.
    pub domains: Change<Option<Vec<DomainName>>>,
    /// Whom it may send to; nothing for everyone.
    pub recipients: Change<Option<Vec<RecipientRule>>>,
    /// Networks it may be used from; nothing for every one.
    pub ip_allowlist: Change<Option<Vec<Network>>>,
    /// Whether the allowlist only counts what it would have blocked.
    pub ip_allowlist_dry_run: Change<bool>,
    /// From then on it is good for nothing; nothing for never.
    pub expires_at: Change<Option<DateTime<Utc>>>,
    /// Requests in one second; nothing for the server's own figure.
    pub per_second: Change<Option<u32>>,
    /// Requests in one minute; nothing for the server's own figure.
    pub per_minute: Change<Option<u32>>,
    /// Whether it is switched on.
    pub active: Change<bool>,
}

impl KeyChange {
    /// Makes the key different.
    pub fn apply(self, key: &mut ApiKey) {
        if let Change::Set(name) = self.name {
            key.name = name.into();
        }
        self.permissions.apply(&mut key.permissions);
        self.domains.apply(&mut key.restrictions.domains);
        self.recipients.apply(&mut key.restrictions.recipients);
        self.ip_allowlist.apply(&mut key.restrictions.ip_allowlist);
        self.ip_allowlist_dry_run.apply(&mut key.restrictions.ip_allowlist_dry_run);
        self.expires_at.apply(&mut key.expires_at);
        self.per_second.apply(&mut key.per_second);
        self.per_minute.apply(&mut key.per_minute);
        self.active.apply(&mut key.active);
    }
}
