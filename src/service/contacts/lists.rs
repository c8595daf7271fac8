//! Lists of contacts.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;

use super::{Contacts, TRIES, Upserted, tell, told, upsert_in};
use crate::domain::address::EmailAddress;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::contact::{Contact, ContactDraft, ContactText};
use crate::domain::contact_list::{
    ContactList, ListChoice, MOST_COUNTED, MOST_LISTS, NewContactList,
};
use crate::domain::id::{ContactId, ContactListId, ProjectId};
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

/// Contacts by what requests name them by.
#[derive(Debug)]
pub enum Named {
    /// By their addresses.
    Emails(Vec<EmailAddress>),
    /// By their ids.
    Ids(Vec<ContactId>),
}

/// What became of contacts that were to be put on a list.
#[derive(Debug, Default)]
pub struct Added {
    /// All that are on the list now, in no order.
    pub contacts: Vec<Contact>,
    /// Contacts that there were, and are on the list now.
    pub added: usize,
    /// Contacts that were made.
    pub created: usize,
    /// Contacts that were on the list before.
    pub already: usize,
    /// Ids that name nobody.
    pub unknown: Vec<ContactId>,
    /// Addresses of them that get no mail, in lower case.
    pub suppressed: Vec<String>,
    /// How many are on the list now, counted up to [`MOST_COUNTED`].
    pub total: i64,
}

/// What became of contacts that were to be taken off a list.
#[derive(Debug)]
pub struct Removed {
    /// Contacts that were on it.
    pub removed: usize,
    /// Contacts that were not on it, or that there are not.
    pub not_in_list: usize,
}

impl Contacts {
    /// Makes a list.
    pub async fn create_list(
        &self,
        caller: &Caller,
        project: ProjectId,
        new: NewContactList,
    ) -> Result<ContactList> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let count = store::contact_lists::count(&mut *transaction, project).await;
        if count.map_err(unavailable)? >= MOST_LISTS {
            return Err(Error::Impossible {
                code: "TOO_MANY_CONTACT_LISTS",
                message: format!(
                    "A project has at most {MOST_LISTS} contact lists. Delete one first."
                ),
            });
        }
        let description = new.description.as_ref().map(ContactText::as_str);
        let made = store::contact_lists::insert(
            &mut *transaction,
            project,
            new.name.as_str(),
            description,
        )
        .await
        .map_err(unavailable)?
        .ok_or_else(|| Error::Conflict {
            code: "CONTACT_LIST_ALREADY_EXISTS",
            message: "There is a contact list of this name.".into(),
        })?;
        let entry = entry(caller, project, "contact_list.created", &made);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(made)
    }

    /// The lists of a project, newest first, and how many contacts it has, counted up to [`MOST_COUNTED`].
    pub async fn lists(&self, project: ProjectId) -> Result<(i64, Vec<ContactList>)> {
        let all = self.count(project).await?;
        let lists = store::contact_lists::list(&self.db, project).await.map_err(unavailable)?;
        Ok((all, lists))
    }

    /// How many contacts a project has, counted up to [`MOST_COUNTED`].
    pub async fn count(&self, project: ProjectId) -> Result<i64> {
        store::contacts::count(&self.db, project, "", MOST_COUNTED).await.map_err(unavailable)
    }

    /// One list of a project.
    pub async fn list(&self, project: ProjectId, id: ContactListId) -> Result<ContactList> {
        let found = store::contact_lists::find(&self.db, project, id).await.map_err(unavailable)?;
        found.ok_or(Error::NotFound("contact list"))
    }

    /// Deletes a list and answers it as it was; its contacts stay.
    pub async fn delete_list(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: ContactListId,
    ) -> Result<ContactList> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let found = store::contact_lists::find(&mut *transaction, project, id).await;
        let list = found.map_err(unavailable)?.ok_or(Error::NotFound("contact list"))?;
        let deleted = store::contact_lists::delete(&mut *transaction, project, id).await;
        if !deleted.map_err(unavailable)? {
            return Err(Error::NotFound("contact list"));
        }
        let entry = entry(caller, project, "contact_list.deleted", &list);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(list)
    }

    /// Puts contacts on a list; those that there are not yet are made, where they are named by their addresses.
    pub async fn add_to_list(
        &self,
        project: ProjectId,
        list: ListChoice,
        named: Named,
    ) -> Result<Added> {
        for _ in 0..TRIES {
            if let Some(added) = self.try_to_add(project, list, &named).await? {
                return Ok(added);
            }
        }
        Err(Error::Unavailable(anyhow::anyhow!("contacts were deleted while they were changed")))
    }

    async fn try_to_add(
        &self,
        project: ProjectId,
        list: ListChoice,
        named: &Named,
    ) -> Result<Option<Added>> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let lists = match list {
            ListChoice::Global => Vec::new(),
            ListChoice::List(id) => {
                let held = store::contact_lists::hold(&mut *transaction, project, &[id]).await;
                if held.map_err(unavailable)?.is_empty() {
                    return Err(Error::NotFound("contact list"));
                }
                vec![id]
            }
        };
        let (emails, unknown) = match named {
            Named::Emails(emails) => (emails.clone(), Vec::new()),
            Named::Ids(ids) => {
                let known = store::contacts::by_ids(&mut *transaction, project, ids).await;
                let emails: Vec<String> =
                    known.map_err(unavailable)?.into_iter().map(|contact| contact.email).collect();
                // Held, so that none is deleted now and made again below.
                let known = store::contacts::lock(&mut *transaction, project, &emails).await;
                let known = known.map_err(unavailable)?;
                let found: HashSet<ContactId> = known.iter().map(|contact| contact.id).collect();
                let unknown = ids.iter().copied().filter(|id| !found.contains(id)).collect();
                let stored = known.iter().filter_map(|contact| contact.email.parse().ok());
                (stored.collect(), unknown)
            }
        };
        let mut seen = HashSet::new();
        let drafts: Vec<ContactDraft> = emails
            .into_iter()
            .filter(|email| seen.insert(email.folded()))
            .map(|email| ContactDraft { lists: lists.clone(), ..ContactDraft::of(email) })
            .collect();
        let Some(done) = upsert_in(&mut transaction, project, &drafts).await? else {
            return Ok(None);
        };
        let emails: Vec<String> = drafts.iter().map(|draft| draft.email.folded()).collect();
        let suppressed = store::contacts::suppressed(&mut *transaction, project, &emails).await;
        let mut added =
            Added { unknown, suppressed: suppressed.map_err(unavailable)?, ..Added::default() };
        for Upserted { contact, created, added_to } in done.into_iter().flatten() {
            match (created, added_to.is_empty()) {
                (true, _) => added.created += 1,
                (false, false) => added.added += 1,
                (false, true) => added.already += 1,
            }
            added.contacts.push(contact);
        }
        commit(transaction).await?;
        let total = match list {
            ListChoice::Global => self.count(project).await,
            ListChoice::List(id) => self.list(project, id).await.map(|list| list.contacts),
        };
        added.total = total.map_err(Error::after_the_deed)?;
        Ok(Some(added))
    }

    /// Takes contacts off a list; they stay contacts.
    pub async fn remove_from_list(
        &self,
        project: ProjectId,
        list: ContactListId,
        emails: &[EmailAddress],
        ids: &[ContactId],
    ) -> Result<Removed> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let held = store::contact_lists::hold(&mut *transaction, project, &[list]).await;
        if held.map_err(unavailable)?.is_empty() {
            return Err(Error::NotFound("contact list"));
        }
        let folded: BTreeSet<String> = emails.iter().map(EmailAddress::folded).collect();
        let folded: Vec<String> = folded.into_iter().collect();
        let by_email = store::contacts::lock(&mut *transaction, project, &folded).await;
        let by_email = by_email.map_err(unavailable)?;
        let nobody = folded.len() - by_email.len();
        let wanted: HashSet<ContactId> =
            by_email.iter().map(|contact| contact.id).chain(ids.iter().copied()).collect();
        let wanted: Vec<ContactId> = wanted.into_iter().collect();
        let gone = store::contact_lists::remove(&mut *transaction, project, list, &wanted).await;
        let gone = gone.map_err(unavailable)?;
        let contacts = store::contacts::by_ids(&mut *transaction, project, &gone).await;
        let tellings = contacts
            .map_err(unavailable)?
            .iter()
            .map(|contact| told(EventType::ContactUpdated, contact, &["listIds"]))
            .collect();
        tell(&mut transaction, project, tellings).await?;
        commit(transaction).await?;
        Ok(Removed { removed: gone.len(), not_in_list: wanted.len() - gone.len() + nobody })
    }

    /// A page of the contacts on a list whose addresses have a text in them, newest first, and how many there are on all
    /// pages, counted up to [`MOST_COUNTED`].
    pub async fn search_list(
        &self,
        project: ProjectId,
        list: ListChoice,
        text: &str,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Contact>, i64)> {
        let text = text.to_lowercase();
        match list {
            ListChoice::Global => {
                let page = store::contacts::page(&self.db, project, &text, limit, offset).await;
                let count = store::contacts::count(&self.db, project, &text, MOST_COUNTED).await;
                Ok((page.map_err(unavailable)?, count.map_err(unavailable)?))
            }
            ListChoice::List(id) => {
                self.list(project, id).await?;
                let page =
                    store::contact_lists::page(&self.db, project, id, &text, limit, offset).await;
                let ids = page.map_err(unavailable)?;
                let found = store::contacts::by_ids(&self.db, project, &ids).await;
                let mut contacts = found.map_err(unavailable)?;
                contacts.reverse();
                let count =
                    store::contact_lists::count_page(&self.db, project, id, &text, MOST_COUNTED);
                Ok((contacts, count.await.map_err(unavailable)?))
            }
        }
    }
}

fn entry(
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    list: &ContactList,
) -> NewAuditEntry {
    NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: list.id.as_uuid(),
        subject_label: list.name.clone(),
        details: json!({}),
    }
}
