//! Sessions of people who are signed in: a random cookie, of which only the digest is stored.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::json;
use sqlx::PgPool;

use super::people::SESSION_LIFETIME;
use super::{commit, in_time, unavailable, without_values};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::{Caller, Person};
use crate::domain::id::{OneTimeLinkId, SessionId};
use crate::domain::token::Token;
use crate::domain::user::Session;
use crate::error::{Error, Result};
use crate::store;

/// A session that was not used for so long is over.
pub const IDLE: Duration = Duration::from_hours(7 * 24);

/// The use of a session is written down so often at most.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// No link is good for longer.
const LONGEST_LINK: Duration = Duration::from_hours(7 * 24);

/// No two clocks of one installation differ by more.
const CLOCKS_APART: Duration = Duration::from_hours(24);

/// Rows that are forgotten in one statement.
const AT_ONCE: i64 = 1000;

/// The sessions of everybody.
#[derive(Clone)]
pub struct Sessions {
    db: PgPool,
}

impl Sessions {
    /// The sessions kept in `db`.
    pub fn new(db: PgPool) -> Self {
        Self { db }
    }

    /// Whose cookie this is, with the role of this moment, if its session is not over.
    pub async fn find(&self, cookie: &str) -> Result<Option<Arc<Person>>> {
        let Ok(token) = cookie.parse::<Token>() else { return Ok(None) };
        let (idle, unseen) = (IDLE.as_secs_f64(), SEEN_EVERY.as_secs_f64());
        let digest = token.digest();
        let finding = store::sessions::find(&self.db, &digest, idle, unseen);
        let Some(row) = in_time(finding).await.map_err(unavailable)? else { return Ok(None) };
        if row.unseen
            && let Err(error) = in_time(store::sessions::touch(&self.db, row.id)).await
        {
            // Whoever is signed in need not care.
            let error = without_values(&error);
            tracing::warn!(session.id = %row.id, error, "Could not write down that a session was used");
        }
        let role = row
            .role
            .parse()
            .map_err(|_| Error::Internal(anyhow::anyhow!("users.role cannot be read")))?;
        Ok(Some(Arc::new(Person {
            id: row.user,
            account: row.account,
            email: row.email,
            name: row.name,
            role,
            session: row.id,
        })))
    }

    /// The sessions of a person, newest first.
    pub async fn list(
        &self,
        person: &Person,
        before: Option<SessionId>,
        limit: u16,
    ) -> Result<Vec<Session>> {
        store::sessions::list(&self.db, person.id, IDLE.as_secs_f64(), before, i64::from(limit))
            .await
            .map_err(unavailable)
    }

    /// Ends the session that asks for it.
    pub async fn sign_out(&self, person: &Person) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let ended = store::sessions::delete(&mut *transaction, person.id, person.session).await;
        ended.map_err(unavailable)?;
        commit(transaction).await
    }

    /// Ends one of a person's own sessions.
    pub async fn end(&self, caller: &Caller, person: &Person, id: SessionId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let ended = store::sessions::delete(&mut *transaction, person.id, id).await;
        if !ended.map_err(unavailable)? {
            return Err(Error::NotFound("session"));
        }
        let entry = ended_entry(caller, person, json!({"session": id}));
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await
    }

    /// Ends all sessions of a person but the one that asks for it; says how many.
    pub async fn end_others(&self, caller: &Caller, person: &Person) -> Result<u64> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let own = Some(person.session);
        let ended = store::sessions::delete_others(&mut *transaction, person.id, own).await;
        let ended = ended.map_err(unavailable)?;
        if ended > 0 {
            let entry = ended_entry(caller, person, json!({"sessionsEnded": ended}));
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        commit(transaction).await?;
        Ok(ended)
    }

    /// Forgets sessions and links that are over: those that are older than any can be, and a day more, since clocks
    /// differ. Ids sort by their time.
    pub async fn forget_what_is_over(&self) -> Result<()> {
        let now = Utc::now();
        let before = SessionId::first_at(now - SESSION_LIFETIME - CLOCKS_APART);
        let forgetting = || store::sessions::forget_before(&self.db, before, AT_ONCE);
        while forgetting().await.map_err(unavailable)? == AT_ONCE.cast_unsigned() {}
        let before = OneTimeLinkId::first_at(now - LONGEST_LINK - CLOCKS_APART);
        let forgetting = || store::one_time_links::forget_before(&self.db, before, AT_ONCE);
        while forgetting().await.map_err(unavailable)? == AT_ONCE.cast_unsigned() {}
        Ok(())
    }
}

fn ended_entry(caller: &Caller, person: &Person, details: serde_json::Value) -> NewAuditEntry {
    NewAuditEntry {
        account: person.account,
        project: None,
        doer: Doer::of(caller),
        action: "session.ended",
        subject: person.id.as_uuid(),
        subject_label: person.email.clone(),
        details,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::LinkPurpose;

    #[test]
    fn no_link_is_forgotten_that_may_be_good() {
        for purpose in [LinkPurpose::SetUp, LinkPurpose::Invitation, LinkPurpose::PasswordReset] {
            assert!(purpose.lifetime().to_std().unwrap() <= LONGEST_LINK);
        }
    }
}
