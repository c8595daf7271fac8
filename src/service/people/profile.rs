//! What people change of themselves.

use secrecy::SecretString;
use serde_json::json;

use super::{People, entry, session_is_over};
use crate::domain::audit::Doer;
use crate::domain::caller::{Caller, Person};
use crate::domain::password::Password;
use crate::domain::user::{PersonName, User};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

impl People {
    /// Renames the person who asks.
    pub async fn rename(&self, person: &Person, name: &PersonName) -> Result<User> {
        let (account, id) = (person.account, person.id);
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let set = store::users::set_name(&mut *transaction, account, id, name.as_str()).await;
        set.map_err(unavailable)?;
        let user = store::users::find(&mut *transaction, account, id).await.map_err(unavailable)?;
        commit(transaction).await?;
        user.ok_or_else(session_is_over)
    }

    /// Gives the person who asks another password, and ends all of his other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: SecretString,
        new: SecretString,
    ) -> Result<()> {
        let person = caller.person().ok_or_else(session_is_over)?;
        let (user, credentials) = self.prove_password(person, "currentPassword", current).await?;
        let new = Password::choose(new, user.email.as_str())
            .map_err(|problem| Error::Invalid(Violations::one("newPassword", problem)))?;
        let phc = self.hashing.hash(new.reveal().into()).await?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let before = Some(credentials.password_phc.as_str());
        let (account, id) = (user.account, user.id);
        let set =
            store::credentials::set_password(&mut *transaction, account, id, before, &phc).await;
        if !set.map_err(unavailable)? {
            return Err(Error::Conflict {
                code: "PASSWORD_CHANGED",
                message: "Your password was changed at the same time. Sign in again.".into(),
            });
        }
        let others = Some(person.session);
        let ended = store::sessions::delete_others(&mut *transaction, id, others).await;
        let ended = ended.map_err(unavailable)?;
        store::one_time_links::delete_resets(&mut *transaction, id).await.map_err(unavailable)?;
        let details = json!({"sessionsEnded": ended});
        let entry = entry(Doer::of(caller), "user.password_changed", &user, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %id, "Changed a password");
        Ok(())
    }
}
