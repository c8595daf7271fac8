//! Contacts: whom a project knows. What happens to them is told to webhooks in the same transaction, and stands in no
//! audit log, which keeps names longer than they may be kept.

pub mod lists;
pub mod properties;
mod telling;
mod upserting;

use chrono::Utc;
use sqlx::PgPool;

use self::telling::{tell, tell_deleted, told};
pub use self::upserting::Upserted;
use self::upserting::upsert_in;
use super::{commit, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::contact::{Contact, ContactDraft};
use crate::domain::id::{ContactId, ProjectId};
use crate::domain::violations::Violations;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::store;

/// How often a request is tried whose contacts were deleted between two of its statements.
const TRIES: usize = 3;

/// The contacts of every project.
#[derive(Clone)]
pub struct Contacts {
    db: PgPool,
}

impl Contacts {
    /// Contacts kept in `db`.
    pub fn new(db: PgPool) -> Self {
        Self { db }
    }

    /// Makes a contact, or changes the one of this address.
    pub async fn upsert(&self, project: ProjectId, draft: ContactDraft) -> Result<Contact> {
        let done = self.upsert_all(project, vec![draft]).await?.pop();
        match done {
            Some(Ok(upserted)) => Ok(upserted.contact),
            Some(Err(violations)) => Err(Error::Invalid(violations)),
            None => {
                Err(Error::Internal(anyhow::anyhow!("a contact was neither taken nor refused")))
            }
        }
    }

    /// Makes or changes contacts, each of which is refused by itself if it is at fault; in the order of the drafts.
    pub async fn upsert_all(
        &self,
        project: ProjectId,
        drafts: Vec<ContactDraft>,
    ) -> Result<Vec<Result<Upserted, Violations>>> {
        for _ in 0..TRIES {
            let mut transaction = self.db.begin().await.map_err(unavailable)?;
            if let Some(done) = upsert_in(&mut transaction, project, &drafts).await? {
                commit(transaction).await?;
                return Ok(done);
            }
        }
        Err(Error::Unavailable(anyhow::anyhow!("contacts were deleted while they were changed")))
    }

    /// Changes a contact that there is.
    pub async fn update_existing(
        &self,
        project: ProjectId,
        draft: ContactDraft,
    ) -> Result<Contact> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let email = [draft.email.folded()];
        let held = store::contacts::lock(&mut *transaction, project, &email).await;
        if held.map_err(unavailable)?.is_empty() {
            return Err(Error::NotFound("contact"));
        }
        let mut done = upsert_in(&mut transaction, project, &[draft])
            .await?
            .ok_or(Error::NotFound("contact"))?;
        let upserted = done.pop().ok_or(Error::NotFound("contact"))?.map_err(Error::Invalid)?;
        commit(transaction).await?;
        Ok(upserted.contact)
    }

    /// Makes a contact of another address like one that there is, lists included.
    pub async fn duplicate(
        &self,
        project: ProjectId,
        of: &EmailAddress,
        to: &EmailAddress,
    ) -> Result<Contact> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let found = store::contacts::by_emails(&mut *transaction, project, &[of.folded()]).await;
        let source = found.map_err(unavailable)?.pop().ok_or(Error::NotFound("contact"))?;
        let email = [to.folded()];
        let made = store::contacts::insert_missing(&mut *transaction, project, &email).await;
        let id = made.map_err(unavailable)?.pop().ok_or_else(|| Error::Conflict {
            code: "CONTACT_ALREADY_EXISTS",
            message: "A contact with this email already exists.".into(),
        })?;
        let held = store::contact_lists::hold(&mut *transaction, project, &source.lists).await;
        let pairs: Vec<_> = held.map_err(unavailable)?.into_iter().map(|list| (list, id)).collect();
        let copy = Contact { id, email: to.folded(), updated_at: Utc::now(), ..source };
        store::contacts::update(&mut *transaction, project, &[&copy]).await.map_err(unavailable)?;
        store::contact_lists::add(&mut *transaction, &pairs).await.map_err(unavailable)?;
        tell(&mut transaction, project, vec![told(EventType::ContactCreated, &copy, &[])]).await?;
        let stored = store::contacts::by_ids(&mut *transaction, project, &[id]).await;
        let copy = stored.map_err(unavailable)?.pop().ok_or(Error::NotFound("contact"))?;
        commit(transaction).await?;
        Ok(copy)
    }

    /// One contact of a project.
    pub async fn find(&self, project: ProjectId, id: ContactId) -> Result<Contact> {
        let found = store::contacts::by_ids(&self.db, project, &[id]).await.map_err(unavailable)?;
        found.into_iter().next().ok_or(Error::NotFound("contact"))
    }

    /// The groups whose mail a contact does not want, by their names: short name and name.
    pub async fn unsubscribed_groups(
        &self,
        project: ProjectId,
        id: ContactId,
    ) -> Result<Vec<(String, String)>> {
        let contact = self.find(project, id).await?;
        let groups = store::contacts::unsubscribed_groups(&self.db, project, &contact.email).await;
        groups.map_err(unavailable)
    }

    /// The contacts of a project that have one of these addresses.
    pub async fn find_by_emails(
        &self,
        project: ProjectId,
        emails: &[EmailAddress],
    ) -> Result<Vec<Contact>> {
        store::contacts::by_emails(&self.db, project, &folded(emails)).await.map_err(unavailable)
    }

    /// Removes a contact.
    pub async fn delete(&self, project: ProjectId, id: ContactId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let gone = store::contacts::delete(&mut *transaction, project, id).await;
        let gone = gone.map_err(unavailable)?;
        if gone.is_empty() {
            return Err(Error::NotFound("contact"));
        }
        tell_deleted(&mut transaction, project, &gone).await?;
        commit(transaction).await
    }

    /// Removes the contacts that the project calls by this name of its own.
    pub async fn delete_by_user_id(&self, project: ProjectId, user_id: &str) -> Result<()> {
        // Postgres has no text with it, and so nobody is called so.
        if user_id.contains('\0') {
            return Err(Error::NotFound("contact"));
        }
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let gone = store::contacts::delete_by_user_id(&mut *transaction, project, user_id).await;
        let gone = gone.map_err(unavailable)?;
        if gone.is_empty() {
            return Err(Error::NotFound("contact"));
        }
        tell_deleted(&mut transaction, project, &gone).await?;
        commit(transaction).await
    }

    /// Removes the contacts that have one of these addresses; how many it were.
    pub async fn delete_by_emails(
        &self,
        project: ProjectId,
        emails: &[EmailAddress],
    ) -> Result<usize> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let emails = folded(emails);
        let gone = store::contacts::delete_by_emails(&mut *transaction, project, &emails).await;
        let gone = gone.map_err(unavailable)?;
        tell_deleted(&mut transaction, project, &gone).await?;
        commit(transaction).await?;
        Ok(gone.len())
    }
}

fn folded(emails: &[EmailAddress]) -> Vec<String> {
    emails.iter().map(EmailAddress::folded).collect()
}
