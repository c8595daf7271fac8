//! Who belongs to the account, and as what.

use std::sync::Arc;

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::{People, entry, lock, session_is_over};
use crate::domain::audit::Doer;
use crate::domain::caller::{Actor, Caller, Person, Role};
use crate::domain::id::{AccountId, UserId};
use crate::domain::rank;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

impl People {
    /// The people of an account, newest first.
    pub async fn list(
        &self,
        account: AccountId,
        before: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<User>> {
        store::users::list(&self.db, account, before, i64::from(limit)).await.map_err(unavailable)
    }

    /// Gives somebody another role. It counts from the person's next request on.
    pub async fn change_role(&self, caller: &Caller, id: UserId, role: Role) -> Result<User> {
        let account = caller.account;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        lock(&mut transaction, account).await?;
        let caller = rank_again(&mut transaction, caller).await?;
        let mut user = self.find_to_change(&mut transaction, &caller, id).await?;
        may_give(&caller, role)?;
        if user.role == role {
            return Ok(user);
        }
        keep_an_owner(&mut transaction, &user).await?;
        store::users::set_role(&mut *transaction, account, id, role).await.map_err(unavailable)?;
        if !rank::may_give_as(role, user.role) {
            // Whoever may do less must not come back as more through an invitation of his own.
            store::one_time_links::delete_invitations_by(&mut *transaction, account, id)
                .await
                .map_err(unavailable)?;
        }
        let details = json!({"from": user.role, "to": role});
        let entry = entry(Doer::of(&caller), "user.role_changed", &user, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %id, "Changed a role to {}", role.as_str());
        user.role = role;
        Ok(user)
    }

    /// Removes somebody, whose sessions, links and invitations end with it.
    pub async fn remove(&self, caller: &Caller, id: UserId) -> Result<()> {
        let account = caller.account;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        lock(&mut transaction, account).await?;
        let caller = rank_again(&mut transaction, caller).await?;
        let user = self.find_to_change(&mut transaction, &caller, id).await?;
        keep_an_owner(&mut transaction, &user).await?;
        store::users::delete(&mut *transaction, account, id).await.map_err(unavailable)?;
        let entry = entry(Doer::of(&caller), "user.removed", &user, json!({"role": user.role}));
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %id, "Removed a person");
        Ok(())
    }

    async fn find_to_change(
        &self,
        db: &mut PgConnection,
        caller: &Caller,
        id: UserId,
    ) -> Result<User> {
        let user = store::users::find(db, caller.account, id).await.map_err(unavailable)?;
        let user = user.ok_or(Error::NotFound("person"))?;
        may_give(caller, user.role)?;
        Ok(user)
    }
}

/// Everybody of an account, newest first, for whoever runs the machine.
pub async fn everybody(db: &PgPool, account: AccountId) -> Result<Vec<User>> {
    store::users::list(db, account, None, i64::MAX).await.map_err(unavailable)
}

/// The caller with the role of this moment: the one that the request came in with may have been taken since.
pub(super) async fn rank_again(db: &mut PgConnection, caller: &Caller) -> Result<Caller> {
    let Some(person) = caller.person() else { return Ok(caller.clone()) };
    let found = store::users::find(db, person.account, person.id).await.map_err(unavailable)?;
    let role = found.ok_or_else(session_is_over)?.role;
    let actor = Actor::Person(Arc::new(Person { role, ..Person::clone(person) }));
    Ok(Caller { actor, ..caller.clone() })
}

/// Refuses to give or take a role that is above the caller's own.
pub(super) fn may_give(caller: &Caller, role: Role) -> Result<()> {
    if rank::may_give(caller, role) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "ROLE_NOT_ALLOWED",
        message: match role {
            Role::Owner => "Only an owner who is signed in says who else is an owner.".into(),
            _ => format!("You may not make or change anybody who is {}.", role.as_str()),
        },
    })
}

/// An account without an owner would be nobody's.
async fn keep_an_owner(db: &mut PgConnection, user: &User) -> Result<()> {
    if user.role != Role::Owner {
        return Ok(());
    }
    let owners = store::users::count(db, user.account, Role::Owner).await.map_err(unavailable)?;
    if owners > 1 {
        return Ok(());
    }
    Err(Error::Impossible {
        code: "LAST_OWNER",
        message: "This is the last owner. Make somebody else an owner first.".into(),
    })
}
