//! Senders: addresses that a project writes from.

use serde_json::json;
use sqlx::PgPool;

use super::domains::Domains;
use super::{commit, unavailable};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{ProjectId, SenderId};
use crate::domain::sender::{NewSender, Sender};
use crate::error::{Error, Result};
use crate::store;

/// The most senders of one project.
const MOST_SENDERS: i64 = 1000;

/// The senders of every project.
#[derive(Clone)]
pub struct Senders {
    db: PgPool,
    domains: Domains,
}

impl Senders {
    /// Senders kept in `db`, from domains that `domains` lets through.
    pub fn new(db: PgPool, domains: Domains) -> Self {
        Self { db, domains }
    }

    /// Adds a sender. Where domains must be verified, its domain must be.
    pub async fn add(&self, caller: &Caller, project: ProjectId, new: NewSender) -> Result<Sender> {
        let permitted = self.domains.permit(project, new.email.domain()).await;
        permitted.map_err(|refusal| match refusal {
            // The published answer of this request, where sending says 403.
            Error::Forbidden { code, .. } => Error::Impossible {
                code,
                message: "A verified domain is required before adding an authenticated sender: add the address's domain with \
                          `POST /v1/domains`, and verify it."
                    .into(),
            },
            other => other,
        })?;
        let sender = Sender {
            id: SenderId::generate(),
            email: new.email.to_string(),
            name: new.name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            reply_to: new.reply_to.map(|address| address.to_string()).unwrap_or_default(),
        };

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        if store::senders::count(&mut *transaction, project).await.map_err(unavailable)?
            >= MOST_SENDERS
        {
            return Err(Error::Impossible {
                code: "TOO_MANY_SENDERS",
                message: format!("A project has at most {MOST_SENDERS} senders. Remove one first."),
            });
        }
        if !store::senders::insert(&mut *transaction, project, &sender)
            .await
            .map_err(unavailable)?
        {
            return Err(Error::Conflict {
                code: "AUTHENTICATED_SENDER_ALREADY_EXISTS",
                message: "An authenticated sender with this email already exists.".into(),
            });
        }
        let entry = entry(caller, project, "sender.added", sender.id, &sender.email);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(sender.id = %sender.id, "Added a sender");
        Ok(sender)
    }

    /// The senders of a project, by their addresses.
    pub async fn list(&self, project: ProjectId) -> Result<Vec<Sender>> {
        store::senders::list(&self.db, project, MOST_SENDERS).await.map_err(unavailable)
    }

    /// The first sender of a project by its address, if there is one.
    pub async fn first(&self, project: ProjectId) -> Result<Option<Sender>> {
        let first = store::senders::list(&self.db, project, 1).await.map_err(unavailable)?;
        Ok(first.into_iter().next())
    }

    /// One sender of a project.
    pub async fn find(&self, project: ProjectId, id: SenderId) -> Result<Sender> {
        let found = store::senders::find(&self.db, project, id).await.map_err(unavailable)?;
        found.ok_or(Error::NotFound("sender"))
    }

    /// Takes a sender out of a project.
    pub async fn delete(&self, caller: &Caller, project: ProjectId, id: SenderId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let email = store::senders::delete(&mut *transaction, project, id).await.map_err(in_use)?;
        let email = email.ok_or(Error::NotFound("sender"))?;
        let entry = entry(caller, project, "sender.deleted", id, &email);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(sender.id = %id, "Removed a sender");
        Ok(())
    }
}

/// A template that writes from a sender keeps it.
fn in_use(error: sqlx::Error) -> Error {
    let violated = error.as_database_error().and_then(|error| error.constraint());
    if violated != Some(store::templates::SENDER_CONSTRAINT) {
        return unavailable(error);
    }
    Error::Impossible {
        code: "AUTHENTICATED_SENDER_IN_USE",
        message: "Cannot delete authenticated sender as it is used in templates: give them another `senderId` first."
            .into(),
    }
}

fn entry(
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    id: SenderId,
    email: &str,
) -> NewAuditEntry {
    NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: id.as_uuid(),
        subject_label: email.to_owned(),
        details: json!({}),
    }
}
