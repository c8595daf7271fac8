//! Requests about contacts as they come over the wire.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
    value::MapAccessDeserializer,
};
use utoipa::ToSchema;

use super::fields::FieldsBody;
use crate::domain::address::EmailAddress;
use crate::domain::contact::{ContactDraft, MOST_AT_ONCE};
use crate::domain::contact_list::{ListChoice, MOST_LISTS};
use crate::domain::id::ContactListId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::extract::at_most::{AtMost, AtMostVisitor};

/// The most contacts of one bulk update.
pub const MOST_UPDATED: usize = 100;

/// The most lists that a contact may be put on at once.
#[expect(clippy::cast_possible_truncation, reason = "it is 500")]
const MOST_LISTS_AT_ONCE: usize = MOST_LISTS as usize;

/// A contact to be made or changed. What is not named, or null, stays; empty text clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactRequest {
    /// The address, taken in lower case: there is one contact of each in a project.
    #[schema(value_type = String)]
    email: Option<String>,
    /// At most 200 characters.
    first_name: Option<String>,
    /// At most 200 characters.
    last_name: Option<String>,
    /// Your own name for the person: at most 255 characters.
    user_id: Option<String>,
    /// As E.164 has it, such as `+14155552671`.
    mobile: Option<String>,
    /// Lists that the contact is put on; it stays on others.
    #[schema(value_type = Option<Vec<String>>)]
    list_ids: Option<AtMost<String, MOST_LISTS_AT_ONCE>>,
    /// Text, numbers and booleans by name: 100 at most. What is not named stays; empty text removes.
    #[schema(value_type = Option<Object>)]
    custom_fields: Option<FieldsBody>,
}

impl ContactRequest {
    /// The address as it was written.
    pub(super) fn email(&self) -> &str {
        self.email.as_deref().unwrap_or_default()
    }

    /// What is asked for, if nothing is wrong with it.
    pub(super) fn check(self) -> std::result::Result<ContactDraft, Violations> {
        let mut violations = Violations::default();
        let email = read_email("email", self.email(), &mut violations);
        let draft = email.map(|email| ContactDraft {
            first_name: read("firstName", self.first_name, &mut violations),
            last_name: read("lastName", self.last_name, &mut violations),
            user_id: read("userId", self.user_id, &mut violations),
            mobile: read("mobile", self.mobile, &mut violations),
            lists: lists(&self.list_ids.unwrap_or_default().0, &mut violations),
            custom_fields: self
                .custom_fields
                .unwrap_or_default()
                .check("customFields", &mut violations),
            ..ContactDraft::of(email)
        });
        match draft {
            Some(draft) if violations.is_empty() => Ok(draft),
            _ => Err(violations),
        }
    }
}

impl TryFrom<ContactRequest> for ContactDraft {
    type Error = Error;

    fn try_from(request: ContactRequest) -> Result<Self> {
        request.check().map_err(Error::Invalid)
    }
}

fn read<T: std::str::FromStr<Err: fmt::Display>>(
    field: &str,
    text: Option<String>,
    violations: &mut Violations,
) -> Option<T> {
    text.and_then(|text| violations.check(field, text.parse()))
}

fn lists(ids: &[String], violations: &mut Violations) -> Vec<ContactListId> {
    let mut lists = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        match violations.check(format!("listIds[{place}]"), id.parse()) {
            Some(ListChoice::List(id)) => lists.push(id),
            // Everybody is on it.
            Some(ListChoice::Global) | None => {}
        }
    }
    lists
}

/// An address that may be missing.
pub(in crate::http) fn read_email(
    field: &str,
    text: &str,
    violations: &mut Violations,
) -> Option<EmailAddress> {
    violations.check(field, text.trim().parse::<EmailAddress>())
}

/// Contacts to be made or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkUpdateRequest {
    /// 1 to 100 of them; each is refused by itself.
    #[schema(value_type = Vec<ContactRequest>)]
    pub(super) contacts: Option<AtMost<ContactRequest, MOST_UPDATED>>,
    /// Taken and ignored: there are no workflows here.
    #[schema(value_type = Option<bool>)]
    #[serde(rename = "runWorkflow")]
    _run_workflow: Option<IgnoredAny>,
}

/// Addresses: `{"emails": […]}`, or the list alone.
#[derive(Debug, ToSchema)]
pub struct EmailsRequest {
    /// 1 to 500 addresses.
    #[schema(value_type = Vec<String>)]
    emails: Option<AtMost<String, MOST_AT_ONCE>>,
}

impl<'de> Deserialize<'de> for EmailsRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            emails: Option<AtMost<String, MOST_AT_ONCE>>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = EmailsRequest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{\"emails\": […]}")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                items: A,
            ) -> std::result::Result<EmailsRequest, A::Error> {
                let emails = AtMostVisitor(PhantomData).visit_seq(items)?;
                Ok(EmailsRequest { emails: Some(emails) })
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                members: A,
            ) -> std::result::Result<EmailsRequest, A::Error> {
                let Members { emails } = Members::deserialize(MapAccessDeserializer::new(members))
                    .map_err(A::Error::custom)?;
                Ok(EmailsRequest { emails })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl EmailsRequest {
    /// The addresses, of which there is one at least.
    pub(super) fn check(self) -> Result<Vec<EmailAddress>> {
        let mut violations = Violations::default();
        let emails = read_emails(&self.emails.unwrap_or_default().0, &mut violations);
        if emails.is_empty() && violations.is_empty() {
            violations.add("emails", "must have 1 to 500 addresses");
        }
        if violations.is_empty() { Ok(emails) } else { Err(Error::Invalid(violations)) }
    }
}

/// Addresses, each once.
pub(in crate::http) fn read_emails(
    texts: &[String],
    violations: &mut Violations,
) -> Vec<EmailAddress> {
    let mut seen = HashSet::new();
    let read = texts
        .iter()
        .enumerate()
        .filter_map(|(place, text)| read_email(&format!("emails[{place}]"), text, violations));
    read.filter(|email| seen.insert(email.folded())).collect()
}

/// A contact to be made like another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DuplicateContactRequest {
    /// The address of the one that there is.
    #[schema(value_type = String)]
    #[serde(alias = "sourceEmail")]
    email: Option<String>,
    /// The address of the other.
    #[schema(value_type = String)]
    #[serde(alias = "targetEmail")]
    new_email: Option<String>,
}

impl DuplicateContactRequest {
    /// Both addresses.
    pub(super) fn check(self) -> Result<(EmailAddress, EmailAddress)> {
        let mut violations = Violations::default();
        let email = read_email("email", &self.email.unwrap_or_default(), &mut violations);
        let new = read_email("newEmail", &self.new_email.unwrap_or_default(), &mut violations);
        email.zip(new).ok_or(Error::Invalid(violations))
    }
}

/// Fields to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomFieldsRequest {
    /// Text, numbers and booleans by name. What is not named stays; empty text removes.
    #[schema(value_type = Object)]
    custom_fields: Option<FieldsBody>,
}

impl CustomFieldsRequest {
    /// The change of the contact of this address.
    pub(super) fn check(self, email: &str) -> Result<ContactDraft> {
        // What is no address is nobody's.
        let email = email.trim().parse().map_err(|_| Error::NotFound("contact"))?;
        let mut violations = Violations::default();
        if self.custom_fields.is_none() {
            violations.add("customFields", "is missing: an object");
        }
        let fields = self.custom_fields.unwrap_or_default();
        let custom_fields = fields.check("customFields", &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok(ContactDraft { custom_fields, ..ContactDraft::of(email) })
    }
}
