//! Contacts: whom a project knows. What happens to them is told to webhooks in the same transaction, and stands in no
//! audit log, which keeps names longer than they may be kept.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::Utc;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::{commit, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::contact::{Contact, ContactDraft, note};
use crate::domain::custom_fields::{self, FieldType};
use crate::domain::id::{ContactId, ContactListId, ProjectId};
use crate::domain::violations::Violations;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::store;
use crate::store::contacts::Deleted;

pub mod lists;
pub mod properties;

/// How often a request is tried whose contacts were deleted between two of its statements.
const TRIES: usize = 3;

/// The contacts of every project.
#[derive(Clone)]
pub struct Contacts {
    db: PgPool,
}

/// A contact that was made or changed.
#[derive(Debug)]
pub struct Upserted {
    /// As it is now.
    pub contact: Contact,
    /// Whether it was made just now.
    pub created: bool,
    /// The lists that it was put on just now.
    pub added_to: Vec<ContactListId>,
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

/// Makes or changes contacts; nothing if somebody deleted one of them meanwhile, and then nothing may be committed.
async fn upsert_in(
    transaction: &mut PgConnection,
    project: ProjectId,
    drafts: &[ContactDraft],
) -> Result<Option<Vec<Result<Upserted, Violations>>>> {
    let refused = refusals(transaction, project, drafts).await?;
    let taken: Vec<&ContactDraft> = drafts
        .iter()
        .zip(&refused)
        .filter(|(_, why)| why.is_empty())
        .map(|(draft, _)| draft)
        .collect();
    let emails: Vec<String> = {
        let all: BTreeSet<String> = taken.iter().map(|draft| draft.email.folded()).collect();
        all.into_iter().collect()
    };
    let created = store::contacts::insert_missing(&mut *transaction, project, &emails).await;
    let created: HashSet<ContactId> = created.map_err(unavailable)?.into_iter().collect();
    let held = store::contacts::lock(&mut *transaction, project, &emails).await;
    let held = held.map_err(unavailable)?;
    if held.len() < emails.len() {
        return Ok(None);
    }
    let mut by_email: HashMap<String, (Contact, Vec<&'static str>)> =
        held.into_iter().map(|contact| (contact.email.clone(), (contact, Vec::new()))).collect();

    let mut pairs = Vec::new();
    let mut done: Vec<Result<ContactId, Violations>> = Vec::with_capacity(drafts.len());
    for (draft, why) in drafts.iter().zip(refused) {
        if !why.is_empty() {
            done.push(Err(why));
            continue;
        }
        let Some((contact, changed)) = by_email.get_mut(&draft.email.folded()) else {
            return Ok(None);
        };
        let applied = draft.apply(contact, changed);
        if applied.is_ok() {
            pairs.extend(draft.lists.iter().map(|list| (*list, contact.id)));
        }
        let applied = applied.map_err(|problem| Violations::one("customFields", problem));
        done.push(applied.map(|()| contact.id));
    }
    let added = store::contact_lists::add(&mut *transaction, &pairs).await.map_err(unavailable)?;
    let mut added_to: HashMap<ContactId, Vec<ContactListId>> = HashMap::new();
    for (list, contact) in added {
        added_to.entry(contact).or_default().push(list);
    }
    write_and_tell(transaction, project, by_email, &created, &added_to).await?;

    let ids: Vec<ContactId> = done.iter().filter_map(|one| one.as_ref().ok().copied()).collect();
    let stored = store::contacts::by_ids(&mut *transaction, project, &ids).await;
    let stored: HashMap<ContactId, Contact> =
        stored.map_err(unavailable)?.into_iter().map(|contact| (contact.id, contact)).collect();
    let upserted = |id: ContactId| {
        let contact = stored.get(&id)?.clone();
        let added_to = added_to.get(&id).cloned().unwrap_or_default();
        Some(Upserted { contact, created: created.contains(&id), added_to })
    };
    let mut result = Vec::with_capacity(done.len());
    for one in done {
        result.push(match one {
            Err(violations) => Err(violations),
            Ok(id) => match upserted(id) {
                Some(upserted) => Ok(upserted),
                None => return Ok(None),
            },
        });
    }
    Ok(Some(result))
}

/// Writes those that are different now, and tells of them and of the new ones.
async fn write_and_tell(
    transaction: &mut PgConnection,
    project: ProjectId,
    contacts: HashMap<String, (Contact, Vec<&'static str>)>,
    created: &HashSet<ContactId>,
    added_to: &HashMap<ContactId, Vec<ContactListId>>,
) -> Result<()> {
    let now = Utc::now();
    let mut different = Vec::new();
    let mut tellings = Vec::new();
    for (mut contact, mut changed) in contacts.into_values() {
        let is_new = created.contains(&contact.id);
        if added_to.contains_key(&contact.id) {
            note(&mut changed, "listIds");
        }
        if is_new {
            tellings.push(told(EventType::ContactCreated, &contact, &[]));
        } else if !changed.is_empty() {
            tellings.push(told(EventType::ContactUpdated, &contact, &changed));
        }
        if !changed.is_empty() {
            contact.updated_at = if is_new { contact.updated_at } else { now };
            different.push(contact);
        }
    }
    let different: Vec<&Contact> = different.iter().collect();
    if !different.is_empty() {
        store::contacts::update(&mut *transaction, project, &different)
            .await
            .map_err(unavailable)?;
    }
    tell(transaction, project, tellings).await
}

/// What is wrong with each draft beyond what can be seen in it: types of fields, and lists that there are not.
async fn refusals(
    transaction: &mut PgConnection,
    project: ProjectId,
    drafts: &[ContactDraft],
) -> Result<Vec<Violations>> {
    let types: HashMap<String, FieldType> =
        if drafts.iter().any(|draft| draft.custom_fields.iter().next().is_some()) {
            let known = store::contact_properties::list(&mut *transaction, project).await;
            known.map_err(unavailable)?.into_iter().map(|one| (one.name, one.kind)).collect()
        } else {
            HashMap::new()
        };
    let wanted: BTreeSet<ContactListId> =
        drafts.iter().flat_map(|draft| draft.lists.iter().copied()).collect();
    let wanted: Vec<ContactListId> = wanted.into_iter().collect();
    let held: HashSet<ContactListId> = if wanted.is_empty() {
        HashSet::new()
    } else {
        let held = store::contact_lists::hold(&mut *transaction, project, &wanted).await;
        held.map_err(unavailable)?.into_iter().collect()
    };
    let check = |draft: &ContactDraft| {
        let mut violations = Violations::default();
        let type_of = |name: &str| types.get(name).copied();
        custom_fields::check_types(&draft.custom_fields, type_of, &mut violations);
        for (place, list) in draft.lists.iter().enumerate() {
            if !held.contains(list) {
                violations
                    .add(format!("listIds[{place}]"), "names no contact list of this project");
            }
        }
        violations
    };
    Ok(drafts.iter().map(check).collect())
}

/// What is told of a contact, in the shape of the upstream API.
fn told(kind: EventType, contact: &Contact, changed: &[&str]) -> (EventType, String) {
    let mut data = json!({
        "contactId": contact.id.to_string(), "email": contact.email, "name": contact.name(),
    });
    if !changed.is_empty() {
        data["changedFields"] = json!(changed);
    }
    (kind, data.to_string())
}

async fn tell_deleted(
    transaction: &mut PgConnection,
    project: ProjectId,
    gone: &[Deleted],
) -> Result<()> {
    let told = gone.iter().map(|contact| {
        let names = [contact.first_name.as_deref(), contact.last_name.as_deref()];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let id = contact.id.to_string();
        let data = json!({"contactId": id, "email": contact.email, "name": name});
        (EventType::ContactDeleted, data.to_string())
    });
    tell(transaction, project, told.collect()).await
}

async fn tell(
    transaction: &mut PgConnection,
    project: ProjectId,
    told: Vec<(EventType, String)>,
) -> Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    store::webhook_deliveries::insert_for_all(transaction, project, &told)
        .await
        .map_err(unavailable)
}

fn folded(emails: &[EmailAddress]) -> Vec<String> {
    emails.iter().map(EmailAddress::folded).collect()
}
