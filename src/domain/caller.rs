//! Who is asking, and what they may do.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::api_key::{KeyMode, KeyType};
use super::id::{AccountId, ApiKeyId, ProjectId, SessionId, UserId};
use super::permission::Permission;
use super::rate_limit::RateLimit;
use super::restrictions::Restrictions;

/// Test keys get so many times the figures of live ones.
const TEST_MODE_FACTOR: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

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
    /// From which domains, to whom and from where it may be used.
    pub restrictions: Restrictions,
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
    /// The key that this one takes the place of, after a rotation.
    pub replaces: Option<ApiKeyId>,
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
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Expired, Self::Revoked];

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

    /// The key's limits, where `default` is the server's own figures: those of test keys are ten times as wide.
    pub fn limit(&self, default: RateLimit) -> RateLimit {
        match self.mode {
            KeyMode::Live => self.figures(default),
            KeyMode::Test => self.figures(default).times(TEST_MODE_FACTOR),
        }
    }

    /// In what, by the published names of the fields, `other` may do more than this key: empty if a holder of this key
    /// gains nothing by the other one.
    ///
    /// Figures are compared before those of test keys are widened, so that a live key can make a test key that names no
    /// limits either.
    pub fn exceeded_by(&self, other: &Self, default: RateLimit) -> Vec<&'static str> {
        let mut exceeded = Vec::new();
        if self.account != other.account
            || (self.key_type == KeyType::Project && other.key_type == KeyType::Account)
        {
            exceeded.push("type");
        } else if self.project.is_some() && self.project != other.project {
            exceeded.push("projectId");
        }
        if self.mode == KeyMode::Test && other.mode == KeyMode::Live {
            exceeded.push("mode");
        }
        if !other.permissions.iter().all(|permission| self.permissions.contains(permission)) {
            exceeded.push("permissions");
        }
        exceeded.extend(self.restrictions.exceeded_by(&other.restrictions));
        if self.expires_at.is_some_and(|own| other.expires_at.is_none_or(|other| other > own)) {
            exceeded.push("expiresAt");
        }
        let (own, others) = (self.figures(default), other.figures(default));
        if others.per_second() > own.per_second() {
            exceeded.push("rateLimit.perSecond");
        }
        if others.per_minute() > own.per_minute() {
            exceeded.push("rateLimit.perMinute");
        }
        if other.active && !self.active {
            exceeded.push("active");
        }
        exceeded
    }

    /// A stored figure that could not have been asked for is none.
    fn figures(&self, default: RateLimit) -> RateLimit {
        let per_second = self.per_second.unwrap_or(default.per_second().get());
        let per_minute = self.per_minute.unwrap_or(default.per_minute().get());
        RateLimit::new(per_second, per_minute).unwrap_or(default)
    }
}

/// What a person may do in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, and says who else is an owner.
    Owner,
    /// Everything but changing owners.
    Admin,
    /// Works with mails, contacts, templates, keys and webhooks; leaves projects and people alone.
    Member,
    /// Looks on.
    Viewer,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// Whether people of this role may do it.
    pub fn may(self, permission: Permission) -> bool {
        use Permission::{
            ContactsWrite, KeysWrite, MailsSend, SuppressionsWrite, TemplatesWrite, WebhooksWrite,
        };
        match self {
            Self::Owner | Self::Admin => true,
            Self::Member => {
                permission.is_read()
                    || matches!(
                        permission,
                        MailsSend
                            | ContactsWrite
                            | KeysWrite
                            | SuppressionsWrite
                            | TemplatesWrite
                            | WebhooksWrite
                    )
            }
            Self::Viewer => permission.is_read(),
        }
    }
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of owner, admin, member and viewer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Names the person.
    pub id: UserId,
    /// The account that the person belongs to.
    pub account: AccountId,
    /// Signs in with it.
    pub email: String,
    /// As colleagues know the person; may be empty.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The session that this request belongs to.
    pub session: SessionId,
}

/// Who is asking.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A program with a key that has proved good.
    Key(Arc<ApiKey>),
    /// A person with a session.
    Person(Arc<Person>),
}

/// Who is asking, for which project, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The account of the key or the person.
    pub account: AccountId,
    /// The project that this request is for; `None` if an account key or a person named none.
    pub project: Option<ProjectId>,
    /// The address that the request came from, as far as it can be known.
    pub from: IpAddr,
}

impl Caller {
    /// Whether the key carries the permission, or the person's role does.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.actor {
            Actor::Key(key) => key.permissions.contains(&permission),
            Actor::Person(person) => person.role.may(permission),
        }
    }

    /// The key, unless a person asks.
    pub fn key(&self) -> Option<&Arc<ApiKey>> {
        match &self.actor {
            Actor::Key(key) => Some(key),
            Actor::Person(_) => None,
        }
    }

    /// The person, unless a program asks.
    pub fn person(&self) -> Option<&Arc<Person>> {
        match &self.actor {
            Actor::Key(_) => None,
            Actor::Person(person) => Some(person),
        }
    }

    /// Whether the caller may work with the account itself: a person may, and a key of the account, but no key of one
    /// project.
    pub fn stands_for_account(&self) -> bool {
        self.key().is_none_or(|key| key.key_type == KeyType::Account)
    }
}

#[cfg(test)]
mod tests;
