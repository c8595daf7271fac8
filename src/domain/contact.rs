//! Contacts: people whom a project knows, by their addresses.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::address::EmailAddress;
use super::custom_fields::{CustomFields, InvalidField};
use super::id::{ContactId, ContactListId, ProjectId};
use super::one_line::is_one_line;

/// The most contacts that one request may name.
pub const MOST_AT_ONCE: usize = 500;

/// A contact.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Names the contact.
    pub id: ContactId,
    /// The owner.
    pub project: ProjectId,
    /// In lower case; there is one contact of an address in a project.
    pub email: String,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The project's own name for the person.
    pub user_id: Option<String>,
    /// A telephone number as E.164 has it.
    pub mobile: Option<String>,
    /// What else is noted.
    pub custom_fields: CustomFields,
    /// The lists that the contact is on.
    pub lists: Vec<ContactListId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Contact {
    /// The first and the last name together; empty if neither is known.
    pub fn name(&self) -> String {
        let parts = [self.first_name.as_deref(), self.last_name.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// A field of a contact: at most so many characters on one line.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactText<const MOST: usize>(String);

/// The text is too long, or more than a line; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {0} characters on one line, without control characters")]
pub struct InvalidContactText(usize);

impl<const MOST: usize> ContactText<MOST> {
    /// The text; empty to clear the field.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> FromStr for ContactText<MOST> {
    type Err = InvalidContactText;

    /// Reads a text; space around it is no part of it.
    fn from_str(text: &str) -> Result<Self, InvalidContactText> {
        let text = text.trim();
        let fits = text.chars().count() <= MOST && is_one_line(text);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidContactText(MOST)) }
    }
}

/// Shows nobody's name.
impl<const MOST: usize> fmt::Debug for ContactText<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactText(***)")
    }
}

/// A telephone number as E.164 has it, such as `+14155552671`; empty to clear the field.
#[derive(Clone, PartialEq, Eq)]
pub struct MobileNumber(String);

/// The text is no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number in E.164 format: `+` and 2 to 15 digits, such as +14155552671")]
pub struct InvalidMobileNumber;

impl MobileNumber {
    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MobileNumber {
    type Err = InvalidMobileNumber;

    fn from_str(text: &str) -> Result<Self, InvalidMobileNumber> {
        let text = text.trim();
        let is_number = text.strip_prefix('+').is_some_and(|digits| {
            (2..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if text.is_empty() || is_number {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidMobileNumber)
        }
    }
}

impl fmt::Debug for MobileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MobileNumber(***)")
    }
}

/// What is to be known of a contact, who is made if there is none of the address. What is not named stays; empty text
/// clears.
#[derive(Clone, Debug)]
pub struct ContactDraft {
    /// The address; compared in lower case.
    pub email: EmailAddress,
    /// The first name.
    pub first_name: Option<ContactText<200>>,
    /// The last name.
    pub last_name: Option<ContactText<200>>,
    /// The project's own name for the person.
    pub user_id: Option<ContactText<255>>,
    /// A telephone number.
    pub mobile: Option<MobileNumber>,
    /// Lists that the contact is put on; it stays on others.
    pub lists: Vec<ContactListId>,
    /// What else is noted.
    pub custom_fields: CustomFields,
}

impl ContactDraft {
    /// An address of which nothing else is said.
    pub fn of(email: EmailAddress) -> Self {
        Self {
            email,
            first_name: None,
            last_name: None,
            user_id: None,
            mobile: None,
            lists: Vec::new(),
            custom_fields: CustomFields::default(),
        }
    }

    /// Changes the contact but for its lists; adds the published names of what is different then.
    pub fn apply(
        &self,
        contact: &mut Contact,
        changed: &mut Vec<&'static str>,
    ) -> Result<(), InvalidField> {
        let mut fields = contact.custom_fields.clone();
        fields.merge(&self.custom_fields)?;
        let texts = [
            (
                "firstName",
                self.first_name.as_ref().map(ContactText::as_str),
                &mut contact.first_name,
            ),
            ("lastName", self.last_name.as_ref().map(ContactText::as_str), &mut contact.last_name),
            ("userId", self.user_id.as_ref().map(ContactText::as_str), &mut contact.user_id),
            ("mobile", self.mobile.as_ref().map(MobileNumber::as_str), &mut contact.mobile),
        ];
        for (name, text, field) in texts {
            let Some(text) = text else { continue };
            let text = (!text.is_empty()).then(|| text.to_owned());
            if *field != text {
                *field = text;
                note(changed, name);
            }
        }
        if contact.custom_fields != fields {
            contact.custom_fields = fields;
            note(changed, "customFields");
        }
        Ok(())
    }
}

/// Adds a name that is not there yet.
pub fn note(changed: &mut Vec<&'static str>, name: &'static str) {
    if !changed.contains(&name) {
        changed.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> Contact {
        Contact {
            id: ContactId::generate(),
            project: ProjectId::generate(),
            email: "ada@example.org".into(),
            first_name: Some("Ada".into()),
            last_name: None,
            user_id: None,
            mobile: None,
            custom_fields: CustomFields::default(),
            lists: Vec::new(),
            created_at: Utc::now(),
            updated_at: Utc::now(),
        }
    }

    #[test]
    fn what_is_not_named_stays_and_empty_text_clears() {
        let (mut contact, mut changed) = (contact(), Vec::new());
        let mut draft = ContactDraft::of("ada@example.org".parse().unwrap());
        draft.apply(&mut contact, &mut changed).unwrap();
        assert!(changed.is_empty());
        draft.last_name = Some(" Lovelace ".parse().unwrap());
        draft.first_name = Some("".parse().unwrap());
        draft.mobile = Some("+14155552671".parse().unwrap());
        draft.apply(&mut contact, &mut changed).unwrap();
        assert_eq!(changed, ["firstName", "lastName", "mobile"]);
        assert_eq!(contact.name(), "Lovelace");
    }

    #[test]
    fn numbers_are_those_of_e164() {
        for bad in ["4155552671", "+", "+1", "+0123", "+1 415", "+1234567890123456", "+1x"] {
            assert!(bad.parse::<MobileNumber>().is_err(), "{bad}");
        }
        assert!("a\nb".parse::<ContactText<5>>().is_err());
        assert!("abcdef".parse::<ContactText<5>>().is_err());
    }
}
