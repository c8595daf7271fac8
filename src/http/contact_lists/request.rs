//! Requests about lists of contacts as they come over the wire.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::address::EmailAddress;
use crate::domain::contact::MOST_AT_ONCE;
use crate::domain::contact_list::{ListChoice, NewContactList};
use crate::domain::id::ContactId;
use crate::domain::violations::{Violation, Violations};
use crate::error::{Error, Result};
use crate::http::contacts::request::{read_email, read_emails};
use crate::http::extract::at_most::AtMost;
use crate::service::contacts::lists::Named;

/// The longest text that is looked for in addresses, in bytes.
const LONGEST_SEARCH: usize = EmailAddress::MAX_BYTES;

/// The furthest that pages are turned.
const MOST_PAGES: u32 = 100_000;

/// A list to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateContactListRequest {
    /// 1 to 200 characters; no other list of the project is called so.
    #[schema(value_type = String)]
    name: Option<String>,
    /// At most 500 characters.
    description: Option<String>,
    /// `list`; there are no segments here.
    r#type: Option<String>,
}

impl TryFrom<CreateContactListRequest> for NewContactList {
    type Error = Error;

    fn try_from(request: CreateContactListRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let name = request.name.unwrap_or_default();
        if name.trim().is_empty() {
            violations.add("name", "is required");
        }
        let name = violations.check("name", name.parse());
        let description = request
            .description
            .filter(|text| !text.trim().is_empty())
            .and_then(|text| violations.check("description", text.parse()));
        if request.r#type.is_some_and(|kind| kind != "list") {
            violations.add("type", "must be `list`: segments are not supported");
        }
        match name {
            Some(name) if violations.is_empty() => Ok(Self { name, description }),
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// Contacts to be put on a list: either by their addresses or by their ids.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddContactsRequest {
    /// The list.
    #[schema(value_type = String)]
    contact_list_id: Option<String>,
    /// 1 to 500 addresses; those of nobody make contacts.
    #[schema(value_type = Option<Vec<String>>)]
    emails: Option<AtMost<String, MOST_AT_ONCE>>,
    /// 1 to 500 ids.
    #[schema(value_type = Option<Vec<String>>)]
    contact_ids: Option<AtMost<String, MOST_AT_ONCE>>,
}

/// An address that is none, as it was written, and why.
pub(super) type InvalidEmail = (String, String);

impl AddContactsRequest {
    /// The list, the contacts, and what is no address.
    pub(super) fn check(self) -> Result<(ListChoice, Named, Vec<InvalidEmail>)> {
        let list = read_list(self.contact_list_id)?;
        let mut violations = Violations::default();
        let mut invalid = Vec::new();
        let (emails, ids) = (some(self.emails), some(self.contact_ids));
        let named = match (emails, ids) {
            (Some(emails), None) => {
                let mut read = Vec::new();
                for text in emails {
                    let mut problems = Violations::default();
                    read.extend(read_email("email", &text, &mut problems));
                    invalid.extend(problems.iter().map(|Violation { message, .. }| {
                        (text.chars().take(LONGEST_SEARCH).collect(), message.clone())
                    }));
                }
                Named::Emails(read)
            }
            (None, Some(ids)) => Named::Ids(read_ids(&ids, &mut violations)),
            (Some(_), Some(_)) => {
                violations.add("contactIds", "must not be given beside `emails`");
                Named::Ids(Vec::new())
            }
            (None, None) => {
                violations
                    .add("emails", "must have 1 to 500 addresses, unless `contactIds` has ids");
                Named::Ids(Vec::new())
            }
        };
        if violations.is_empty() {
            Ok((list, named, invalid))
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

/// Contacts to be taken off a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoveContactsRequest {
    /// At most 500 addresses.
    #[schema(value_type = Option<Vec<String>>)]
    emails: Option<AtMost<String, MOST_AT_ONCE>>,
    /// At most 500 ids.
    #[schema(value_type = Option<Vec<String>>)]
    contact_ids: Option<AtMost<String, MOST_AT_ONCE>>,
}

impl RemoveContactsRequest {
    /// The contacts, of which one at least is named.
    pub(super) fn check(self) -> Result<(Vec<EmailAddress>, Vec<ContactId>)> {
        let mut violations = Violations::default();
        let (emails, ids) = (some(self.emails), some(self.contact_ids));
        if emails.is_none() && ids.is_none() {
            violations.add("emails", "must have 1 to 500 addresses, unless `contactIds` has ids");
        }
        let emails = read_emails(&emails.unwrap_or_default(), &mut violations);
        let ids = read_ids(&ids.unwrap_or_default(), &mut violations);
        if violations.is_empty() { Ok((emails, ids)) } else { Err(Error::Invalid(violations)) }
    }
}

/// Which contacts of a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchListRequest {
    /// The list; `GLOBAL_CONTACT_LIST` is that of all contacts.
    #[schema(value_type = String)]
    contact_list_id: Option<String>,
    /// Which page, from 1.
    #[schema(default = 1, minimum = 1)]
    page: Option<u32>,
    /// How many on a page: 1 to 100.
    #[schema(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// A part of their addresses, in any case.
    email: Option<String>,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// Which, from 1.
    pub number: i64,
    /// How many on it.
    pub limit: i64,
}

impl Page {
    /// How many come before it.
    pub(super) fn offset(self) -> i64 {
        (self.number - 1) * self.limit
    }
}

impl SearchListRequest {
    /// The list, what is looked for, and the page.
    pub(super) fn check(self) -> Result<(ListChoice, String, Page)> {
        let list = read_list(self.contact_list_id)?;
        let mut violations = Violations::default();
        let (number, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(20));
        if !(1..=MOST_PAGES).contains(&number) {
            violations.add("page", "must be a whole number from 1 to 100000");
        }
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let text = self.email.unwrap_or_default();
        if text.len() > LONGEST_SEARCH || text.contains('\0') {
            violations.add("email", "must be at most 254 bytes, without the character U+0000");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok((list, text.trim().to_owned(), Page { number: number.into(), limit: limit.into() }))
    }
}

/// The entries of a list that has some.
fn some<const MOST: usize>(list: Option<AtMost<String, MOST>>) -> Option<Vec<String>> {
    list.map(|list| list.0).filter(|list| !list.is_empty())
}

/// What is no id names no list.
fn read_list(text: Option<String>) -> Result<ListChoice> {
    let text = text.ok_or_else(|| {
        Error::Invalid(Violations::one("contactListId", "is required: the id of a contact list"))
    })?;
    text.parse().map_err(|_| Error::NotFound("contact list"))
}

fn read_ids(texts: &[String], violations: &mut Violations) -> Vec<ContactId> {
    let read = texts.iter().enumerate();
    read.filter_map(|(place, text)| violations.check(format!("contactIds[{place}]"), text.parse()))
        .collect()
}
