//! What a project may note of its contacts, and as what type.

use chrono::{DateTime, Utc};

use super::contact::ContactText;
use super::custom_fields::FieldType;
use super::id::ContactPropertyId;

/// The most properties of one project.
pub const MOST_PROPERTIES: i64 = 200;

/// Names that every contact has by itself, or that mean something else in templates.
pub const RESERVED: [&str; 22] = [
    "firstName",
    "first_name",
    "lastName",
    "last_name",
    "email",
    "mobile",
    "unsubscribed",
    "unsubscribe",
    "unsubscribe_groups",
    "unsubscribe_preferences",
    "userId",
    "externalId",
    "createdAt",
    "updatedAt",
    "contactLists",
    "address",
    "address_line_1",
    "address_line_2",
    "city",
    "state",
    "zip",
    "country",
];

/// What lists show of those that every contact has.
pub const BUILT_IN: [(&str, FieldType); 5] = [
    ("email", FieldType::String),
    ("firstName", FieldType::String),
    ("lastName", FieldType::String),
    ("createdAt", FieldType::Date),
    ("userId", FieldType::String),
];

/// A property.
#[derive(Clone, Debug)]
pub struct ContactProperty {
    /// Names the property.
    pub id: ContactPropertyId,
    /// The name of the field; no other property of the project has it.
    pub name: String,
    /// What the field may hold.
    pub kind: FieldType,
    /// What it is for.
    pub description: Option<String>,
    /// Stands for the field where a contact has none.
    pub default_value: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What is asked for when a property is made.
#[derive(Clone, Debug)]
pub struct NewContactProperty {
    /// The name of the field, which is checked.
    pub name: String,
    /// What the field may hold.
    pub kind: FieldType,
    /// What it is for.
    pub description: Option<ContactText<500>>,
    /// Stands for the field where a contact has none.
    pub default_value: Option<ContactText<1000>>,
}
