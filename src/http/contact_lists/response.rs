//! The answers about lists of contacts as they go over the wire, in the shapes of the upstream API.

use std::collections::HashSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::request::{InvalidEmail, Page};
use crate::domain::contact::Contact;
use crate::domain::contact_list::{ContactList, GLOBAL};
use crate::http::contacts::response::ContactBody;
use crate::http::wire::timestamp;
use crate::service::contacts::lists::{Added, Removed};

/// A list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactList)]
pub struct ContactListBody {
    /// Names the list.
    id: String,
    /// No other list of the project is called so.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Always `list`.
    r#type: &'static str,
    /// How many contacts are on it; past 100 000 they are not counted.
    contact_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

impl ContactListBody {
    /// The list of all contacts.
    pub fn global(contacts: i64) -> Self {
        Self {
            id: GLOBAL.into(),
            name: "All Contacts".into(),
            description: Some("All contacts in the project".into()),
            r#type: "list",
            contact_count: contacts,
            created_at: None,
            updated_at: None,
        }
    }
}

impl From<ContactList> for ContactListBody {
    fn from(list: ContactList) -> Self {
        Self {
            id: list.id.to_string(),
            name: list.name,
            description: list.description,
            r#type: "list",
            contact_count: list.contacts,
            created_at: Some(timestamp(list.created_at)),
            updated_at: Some(timestamp(list.updated_at)),
        }
    }
}

/// The lists of a project.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ContactListsBody {
    /// That of all contacts first, then the newest.
    lists: Vec<ContactListBody>,
}

impl ContactListsBody {
    /// These, and that of all contacts.
    pub fn new(all: i64, lists: Vec<ContactList>) -> Self {
        let own = lists.into_iter().map(ContactListBody::from);
        Self { lists: std::iter::once(ContactListBody::global(all)).chain(own).collect() }
    }
}

/// A list that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedContactListBody {
    #[serde(flatten)]
    list: ContactListBody,
    /// Always null: there are no segments here.
    filter_criteria: Option<String>,
    /// Always null.
    parent_id: Option<String>,
}

impl DeletedContactListBody {
    /// The list as it was.
    pub fn new(list: ContactList) -> Self {
        Self { list: list.into(), filter_criteria: None, parent_id: None }
    }
}

/// What became of contacts that were to be put on a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedContactsBody {
    /// Contacts that there were, and are on the list now.
    added: usize,
    /// Contacts that were made.
    created: usize,
    /// Contacts that were on the list before.
    already_in_list: usize,
    /// Ids that name nobody.
    errors: Vec<UnknownContact>,
    /// What the addresses are like.
    validation: Validation,
    /// How many are on the list now; past 100 000 they are not counted.
    total_contacts_in_list: i64,
    /// All that were named and are on the list now.
    contacts: Vec<ContactBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnknownContact {
    contact_id: String,
    message: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct Validation {
    valid: Vec<CheckedEmail>,
    /// These were passed over.
    invalid: Vec<CheckedEmail>,
    /// These are on the list as well, and get no mail.
    suppressed: Vec<CheckedEmail>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CheckedEmail {
    email: String,
    /// `valid`, `invalid` or `suppressed`.
    status: &'static str,
    /// Why it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl AddedContactsBody {
    /// What became of them, and what was no address.
    pub(super) fn new(added: Added, invalid: Vec<InvalidEmail>) -> Self {
        let unknown = |id: crate::domain::id::ContactId| UnknownContact {
            contact_id: id.to_string(),
            message: "There is no such contact.",
        };
        let refused: HashSet<&String> = added.suppressed.iter().collect();
        let checked = |email: String, status| CheckedEmail { email, status, reason: None };
        let valid = added.contacts.iter().filter(|contact| !refused.contains(&contact.email));
        let validation = Validation {
            valid: valid.map(|contact| checked(contact.email.clone(), "valid")).collect(),
            invalid: invalid
                .into_iter()
                .map(|(email, reason)| CheckedEmail {
                    email,
                    status: "invalid",
                    reason: Some(reason),
                })
                .collect(),
            suppressed: added
                .suppressed
                .iter()
                .cloned()
                .map(|email| checked(email, "suppressed"))
                .collect(),
        };
        Self {
            added: added.added,
            created: added.created,
            already_in_list: added.already,
            errors: added.unknown.into_iter().map(unknown).collect(),
            validation,
            total_contacts_in_list: added.total,
            contacts: added.contacts.into_iter().map(ContactBody::from).collect(),
        }
    }
}

/// What became of contacts that were to be taken off a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedFromListBody {
    /// Contacts that were on it.
    removed: usize,
    /// Contacts that were not on it, or that there are not.
    not_in_list: usize,
    /// Always empty.
    errors: [String; 0],
}

impl From<Removed> for RemovedFromListBody {
    fn from(Removed { removed, not_in_list }: Removed) -> Self {
        Self { removed, not_in_list, errors: [] }
    }
}

/// A page of contacts.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundContactsBody {
    /// Newest first.
    contacts: Vec<ContactBody>,
    /// Which page this is.
    pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
struct Pagination {
    /// From 1.
    page: i64,
    limit: i64,
    /// On all pages; past 100 000 they are not counted.
    total: i64,
    pages: i64,
}

impl FoundContactsBody {
    /// A page of these.
    pub(super) fn new(contacts: Vec<Contact>, total: i64, page: Page) -> Self {
        let pages = (total + page.limit - 1) / page.limit;
        let pagination = Pagination { page: page.number, limit: page.limit, total, pages };
        Self { contacts: contacts.into_iter().map(ContactBody::from).collect(), pagination }
    }
}
