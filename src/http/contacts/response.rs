//! The answers about contacts as they go over the wire, in the shapes of the upstream API.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::contact::Contact;
use crate::domain::custom_fields::CustomFields;
use crate::domain::violations::Violations;
use crate::http::error::FieldError;
use crate::http::wire::timestamp;

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Contact)]
pub struct ContactBody {
    /// Names the contact.
    id: String,
    /// In lower case.
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    /// Your own name for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile: Option<String>,
    /// What else is noted.
    #[schema(value_type = Object)]
    custom_fields: CustomFields,
    /// The lists that the contact is on.
    list_ids: Vec<String>,
    /// Always empty: there are no segments here.
    segment_ids: [String; 0],
    created_at: String,
    updated_at: String,
    project_id: String,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            email: contact.email,
            first_name: contact.first_name,
            last_name: contact.last_name,
            user_id: contact.user_id,
            mobile: contact.mobile,
            custom_fields: contact.custom_fields,
            list_ids: contact.lists.iter().map(ToString::to_string).collect(),
            segment_ids: [],
            created_at: timestamp(contact.created_at),
            updated_at: timestamp(contact.updated_at),
            project_id: contact.project.to_string(),
        }
    }
}

/// Contacts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactsBody {
    /// By their addresses.
    contacts: Vec<ContactBody>,
}

impl ContactsBody {
    /// These contacts.
    pub fn new(contacts: Vec<Contact>) -> Self {
        Self { contacts: contacts.into_iter().map(ContactBody::from).collect() }
    }
}

/// What became of a bulk update.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkUpdatedBody {
    /// Contacts that were made or changed.
    success_count: usize,
    /// Contacts that were refused.
    failed_count: usize,
    /// All of them.
    total_count: usize,
    /// Why those were refused.
    errors: Vec<BulkRefusal>,
}

/// A contact that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkRefusal {
    /// Its place in the request, from 0.
    index: usize,
    /// Its address as it was written.
    email: String,
    /// Every field that is at fault.
    errors: Vec<FieldError>,
}

impl BulkUpdatedBody {
    /// What became of these addresses, in the order of the request.
    pub fn new(outcomes: Vec<(String, Result<(), Violations>)>) -> Self {
        let mut body = Self { total_count: outcomes.len(), ..Self::default() };
        for (index, (email, outcome)) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(()) => body.success_count += 1,
                Err(violations) => {
                    body.failed_count += 1;
                    let errors = violations.iter().map(FieldError::from).collect();
                    body.errors.push(BulkRefusal { index, email, errors });
                }
            }
        }
        body
    }
}

/// How many contacts were removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedContactsBody {
    /// So many; addresses of nobody do not count.
    pub(super) removed: usize,
}

/// The groups that a contact has unsubscribed from.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnsubscribeGroupsBody {
    /// By their names.
    groups: Vec<UnsubscribeGroup>,
}

impl UnsubscribeGroupsBody {
    /// These groups: short name and name of each.
    pub fn new(groups: Vec<(String, String)>) -> Self {
        let group = |(group_id, name)| UnsubscribeGroup { group_id, name };
        Self { groups: groups.into_iter().map(group).collect() }
    }
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeGroup {
    group_id: String,
    name: String,
}
