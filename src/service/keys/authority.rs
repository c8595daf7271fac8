//! Who manages keys, and which of them.

use sqlx::PgConnection;

use crate::domain::caller::{Actor, ApiKey, Caller, KeyStatus, Role};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::key_record::KeyRecord;
use crate::domain::permission::Permission;
use crate::domain::rate_limit::RateLimit;
use crate::error::{Error, Result};
use crate::service::unavailable;
use crate::store;

/// The keys that a request is about. All others do not exist for it.
#[derive(Clone, Copy, Debug)]
pub struct KeyScope {
    /// Of this account.
    pub account: AccountId,
    /// Of this project, and no account keys; `None` for all of the account.
    pub project: Option<ProjectId>,
}

impl KeyScope {
    pub(super) fn holds(self, key: &ApiKey) -> bool {
        key.account == self.account && (self.project.is_none() || key.project == self.project)
    }
}

/// Who manages keys, as the rows say that a transaction holds, and not as a node may remember them.
pub(super) enum Authority {
    /// A key that works at this moment.
    Key(Box<ApiKey>),
    /// A person of this role.
    Person(Role),
}

impl Authority {
    /// Holds the caller's own key, if it is one, and another one, and reads both as they are now.
    ///
    /// A key that was revoked, switched off or robbed of its permission is let in by a node that has not heard of it,
    /// and must not leave another key behind.
    pub(super) async fn hold(
        transaction: &mut PgConnection,
        caller: &Caller,
        other: Option<ApiKeyId>,
    ) -> Result<(Self, Option<KeyRecord>)> {
        let own = caller.key().map(|key| key.id);
        let ids: Vec<ApiKeyId> = own.into_iter().chain(other).collect();
        let held = store::api_keys::lock(&mut *transaction, caller.account, &ids)
            .await
            .map_err(unavailable)?;
        let records = store::api_keys::listing::records(&mut *transaction, caller.account, &held)
            .await
            .map_err(unavailable)?;
        let find = |id| records.iter().find(|record| Some(record.key.id) == id).cloned();

        let now = store::now(&mut *transaction).await.map_err(unavailable)?;
        let authority = match &caller.actor {
            Actor::Person(person) => Self::Person(person.role),
            Actor::Key(_) => {
                let works = |record: &KeyRecord| record.key.status(now) == KeyStatus::Active;
                let own = find(own).filter(works).ok_or(Error::Unauthenticated(
                    "The API key was revoked or switched off. Use another key.",
                ))?;
                if !own.key.permissions.contains(&Permission::KeysWrite) {
                    return Err(Error::Forbidden {
                        code: "INSUFFICIENT_PERMISSIONS",
                        message: "This API key lacks the permission `keys:write`.".into(),
                    });
                }
                Self::Key(Box::new(own.key))
            }
        };
        Ok((authority, find(other)))
    }

    /// The most that may be given away.
    pub(super) fn permissions(&self) -> Vec<Permission> {
        match self {
            Self::Key(key) => key.permissions.clone(),
            Self::Person(role) => {
                Permission::ALL.iter().copied().filter(|one| role.may(*one)).collect()
            }
        }
    }

    /// Refuses a key that may do more than who asks for it.
    pub(super) fn check(&self, key: &ApiKey, default_limit: RateLimit) -> Result<()> {
        let (exceeded, rule) = match self {
            Self::Key(own) => (
                own.exceeded_by(key, default_limit),
                "A key can only make keys that may do no more than itself",
            ),
            Self::Person(role) => {
                let may = key.permissions.iter().all(|permission| role.may(*permission));
                let exceeded = if may { Vec::new() } else { vec!["permissions"] };
                (exceeded, "You can only give keys the permissions of your own role")
            }
        };
        if exceeded.is_empty() {
            return Ok(());
        }
        let message = format!("{rule}. Ask for less in: {}.", exceeded.join(", "));
        Err(Error::Forbidden { code: "KEY_WOULD_EXCEED_CALLER", message })
    }
}
