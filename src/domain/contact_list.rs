//! Lists of contacts.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::contact::ContactText;
use super::id::ContactListId;

/// What the list of all contacts is called in requests; there is no row of it.
pub const GLOBAL: &str = "GLOBAL_CONTACT_LIST";

/// The most lists of one project.
pub const MOST_LISTS: i64 = 500;

/// Contacts are counted so far; nobody turns more pages.
pub const MOST_COUNTED: i64 = 100_000;

/// A list of contacts.
#[derive(Clone, Debug)]
pub struct ContactList {
    /// Names the list.
    pub id: ContactListId,
    /// What it is called; no other list of the project is called so.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many contacts are on it, counted up to [`MOST_COUNTED`].
    pub contacts: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is asked for when a list is made.
#[derive(Clone, Debug)]
pub struct NewContactList {
    /// What it is called; not empty.
    pub name: ContactText<200>,
    /// What it is for.
    pub description: Option<ContactText<500>>,
}

/// A list by its name in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListChoice {
    /// All contacts of the project.
    Global,
    /// A list of its own.
    List(ContactListId),
}

/// The text names no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of a contact list")]
pub struct InvalidListChoice;

impl FromStr for ListChoice {
    type Err = InvalidListChoice;

    fn from_str(text: &str) -> Result<Self, InvalidListChoice> {
        if text == GLOBAL {
            return Ok(Self::Global);
        }
        text.parse().map(Self::List).map_err(|_| InvalidListChoice)
    }
}
