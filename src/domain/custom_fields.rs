//! What a project notes of a contact beside the name: text, numbers and booleans by name, and nothing deeper.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};

use super::violations::Violations;

/// The most fields of one contact.
pub const MOST_FIELDS: usize = 100;

/// The longest name of a field, in characters.
pub const LONGEST_FIELD_NAME: usize = 64;

/// The longest text in a field, in characters.
pub const LONGEST_TEXT: usize = 1000;

/// Names that mean something else to programs in JavaScript, whatever is done with them there.
const TREACHEROUS: [&str; 2] = ["constructor", "prototype"];

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// Yes or no.
    Boolean(bool),
    /// A number that is finite.
    Number(serde_json::Number),
    /// Text; dates are text too.
    Text(String),
}

impl FieldValue {
    /// Text, of at most [`LONGEST_TEXT`] characters.
    pub fn text(text: String) -> Result<Self, InvalidField> {
        if text.chars().count() > LONGEST_TEXT {
            return Err(InvalidField::Length);
        }
        // Postgres cannot hold it.
        if text.contains('\0') {
            return Err(InvalidField::Nul);
        }
        Ok(Self::Text(text))
    }
}

/// Why a field cannot be noted; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// The name is none.
    #[error(
        "must have a name of 1 to 64 letters, digits, `_` and `-` that begins with a letter and is neither `constructor` nor \
         `prototype`"
    )]
    Name,
    /// The text is too long.
    #[error("must have at most 1000 characters")]
    Length,
    /// The text has a character that cannot be kept.
    #[error("must not contain the character U+0000")]
    Nul,
    /// The value is a list or an object.
    #[error("must be text, a number or a boolean")]
    Depth,
    /// There are too many.
    #[error("may have at most 100 fields")]
    Amount,
    /// The value is not of the type that the project has chosen for this name.
    #[error("must be {0}, which is the type of the contact property of this name")]
    Type(&'static str),
}

/// Checks the name of a field, or of a property, which is the same.
pub fn check_name(name: &str) -> Result<(), InvalidField> {
    let is_name = name.len() <= LONGEST_FIELD_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        && !TREACHEROUS.contains(&name);
    if is_name { Ok(()) } else { Err(InvalidField::Name) }
}

/// Values by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomFields(BTreeMap<String, FieldValue>);

impl CustomFields {
    /// The names and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Notes a field, whose name is checked.
    pub fn set(&mut self, name: String, value: FieldValue) {
        self.0.insert(name, value);
    }

    /// Takes over what is named; empty text removes a field. Whatever else is there stays.
    pub fn merge(&mut self, changes: &Self) -> Result<(), InvalidField> {
        for (name, value) in changes.iter() {
            if *value == FieldValue::Text(String::new()) {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.clone());
            }
        }
        if self.0.len() > MOST_FIELDS { Err(InvalidField::Amount) } else { Ok(()) }
    }
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    String,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A day or a moment (RFC 3339) as text.
    Date,
}

/// The text names no type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of string, number, boolean and date")]
pub struct UnknownFieldType;

impl FieldType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::String, Self::Number, Self::Boolean, Self::Date];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }

    /// Whether a field of this type may hold the value. Empty text removes a field and fits all of them.
    pub fn check(self, value: &FieldValue) -> Result<(), InvalidField> {
        let (fits, kind) = match self {
            Self::String => (matches!(value, FieldValue::Text(_)), "text"),
            Self::Number => (matches!(value, FieldValue::Number(_)), "a number"),
            Self::Boolean => (matches!(value, FieldValue::Boolean(_)), "true or false"),
            Self::Date => {
                let is_date = |text: &str| {
                    text.parse::<NaiveDate>().is_ok() || DateTime::parse_from_rfc3339(text).is_ok()
                };
                let fits = matches!(value, FieldValue::Text(text) if is_date(text));
                (fits, "a date such as 2026-01-31 or 2026-01-31T12:00:00Z")
            }
        };
        let removes = *value == FieldValue::Text(String::new());
        if fits || removes { Ok(()) } else { Err(InvalidField::Type(kind)) }
    }
}

impl std::str::FromStr for FieldType {
    type Err = UnknownFieldType;

    fn from_str(text: &str) -> Result<Self, UnknownFieldType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownFieldType)
    }
}

/// Holds fields to the types that a project has chosen.
pub fn check_types(
    fields: &CustomFields,
    type_of: impl Fn(&str) -> Option<FieldType>,
    violations: &mut Violations,
) {
    for (name, value) in fields.iter() {
        if let Some(kind) = type_of(name) {
            violations.check(format!("customFields.{name}"), kind.check(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> FieldValue {
        FieldValue::text(text.into()).unwrap()
    }

    #[test]
    fn names_are_plain_and_none_of_them_is_treacherous() {
        for good in ["company", "plan_tier", "planTier", "a-b", "x1"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "x".repeat(65);
        for bad in
            ["", "__proto__", "constructor", "prototype", "1x", "a.b", "a b", "é", "$a", &long]
        {
            assert_eq!(check_name(bad), Err(InvalidField::Name), "{bad}");
        }
    }

    #[test]
    fn values_are_held_to_the_type_of_their_property() {
        let number = FieldValue::Number(7.into());
        assert!(FieldType::Number.check(&number).is_ok());
        assert!(FieldType::Number.check(&text("7")).is_err());
        assert!(FieldType::String.check(&number).is_err());
        assert!(FieldType::Boolean.check(&FieldValue::Boolean(true)).is_ok());
        for date in ["2026-01-31", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00+02:00"] {
            assert!(FieldType::Date.check(&text(date)).is_ok(), "{date}");
        }
        for none in ["2026-02-30", "yesterday", "31.1.2026"] {
            assert!(FieldType::Date.check(&text(none)).is_err(), "{none}");
        }
        assert!(FieldType::Date.check(&text("")).is_ok(), "empty text removes the field");
    }

    #[test]
    fn changes_are_merged_and_empty_text_removes() {
        let mut fields = CustomFields::default();
        fields.set("company".into(), text("Acme"));
        fields.set("plan".into(), text("free"));
        let mut changes = CustomFields::default();
        changes.set("plan".into(), text("premium"));
        changes.set("company".into(), text(""));
        fields.merge(&changes).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"plan":"premium"}"#);
        for place in 0..MOST_FIELDS {
            changes.set(format!("x{place}"), text("y"));
        }
        assert_eq!(fields.merge(&changes), Err(InvalidField::Amount));
    }
}
