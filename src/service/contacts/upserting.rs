//! Making and changing contacts, many of one request at a time.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::Utc;
use sqlx::PgConnection;

use super::telling::{tell, told};
use crate::domain::contact::{Contact, ContactDraft, note};
use crate::domain::custom_fields::{self, FieldType};
use crate::domain::id::{ContactId, ContactListId, ProjectId};
use crate::domain::violations::Violations;
use crate::domain::webhook::event_type::EventType;
use crate::error::Result;
use crate::service::unavailable;
use crate::store;

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

/// Makes or changes contacts; nothing if somebody deleted one of them meanwhile, and then nothing may be committed.
pub(super) async fn upsert_in(
    transaction: &mut PgConnection,
    project: ProjectId,
    drafts: &[ContactDraft],
) -> Result<Option<Vec<Result<Upserted, Violations>>>> {
    let refused = refusals(transaction, project, drafts).await?;
    let emails: BTreeSet<String> = drafts
        .iter()
        .zip(&refused)
        .filter(|(_, why)| why.is_empty())
        .map(|(draft, _)| draft.email.folded())
        .collect();
    // In order, so that two requests never wait for each other.
    let emails: Vec<String> = emails.into_iter().collect();
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
    let outcome = Outcome { created, added_to };
    write_and_tell(transaction, project, by_email, &outcome).await?;
    read_back(transaction, project, done, &outcome).await
}

/// What a request did to its contacts beside changing them.
struct Outcome {
    /// Those that it made.
    created: HashSet<ContactId>,
    /// Those that it put on lists, with these.
    added_to: HashMap<ContactId, Vec<ContactListId>>,
}

/// Writes those that are different now, and tells of them and of the new ones.
async fn write_and_tell(
    transaction: &mut PgConnection,
    project: ProjectId,
    contacts: HashMap<String, (Contact, Vec<&'static str>)>,
    Outcome { created, added_to }: &Outcome,
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

/// Each contact as it is stored now, lists included, in the order of the drafts; nothing if one of them is gone.
async fn read_back(
    transaction: &mut PgConnection,
    project: ProjectId,
    done: Vec<Result<ContactId, Violations>>,
    Outcome { created, added_to }: &Outcome,
) -> Result<Option<Vec<Result<Upserted, Violations>>>> {
    let ids: Vec<ContactId> = done.iter().filter_map(|one| one.as_ref().ok().copied()).collect();
    let stored = store::contacts::by_ids(&mut *transaction, project, &ids).await;
    let stored: HashMap<ContactId, Contact> =
        stored.map_err(unavailable)?.into_iter().map(|contact| (contact.id, contact)).collect();
    let upserted = |id: ContactId| {
        let contact = stored.get(&id)?.clone();
        let added_to = added_to.get(&id).cloned().unwrap_or_default();
        Some(Upserted { contact, created: created.contains(&id), added_to })
    };
    let result = done.into_iter().map(|one| match one {
        Ok(id) => upserted(id).map(Ok),
        Err(violations) => Some(Err(violations)),
    });
    Ok(result.collect())
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
