//! Addresses in the forms that clients send, and their way into the domain.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use utoipa::openapi::schema::{Array, OneOf, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::address::{DisplayName, EmailAddress, InvalidMailbox, Mailbox};
use crate::domain::mail::Content;
use crate::domain::violations::Violations;

/// An address with the name of its owner.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct AddressBody {
    /// Such as `ada@example.com`.
    email: String,
    /// At most 256 characters.
    name: Option<String>,
}

/// How much of one address with its name is read, in bytes: more than any mailbox may have.
const LONGEST_TEXT: usize = 16 * 1024;

/// One address or several: an object, a list of objects, or text such as `Ada <ada@example.com>`.
#[derive(Clone, Debug)]
pub(in crate::http) struct Addresses {
    written: Vec<Written>,
    is_list: bool,
}

impl PartialSchema for Addresses {
    /// Texts are read too, for those who come from elsewhere; the document shows the upstream's forms.
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(AddressBody::name());
        let forms = OneOf::builder().item(one.clone()).item(Array::new(one));
        forms.description(Some("One address, or a list of them.")).into()
    }
}

impl ToSchema for Addresses {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((AddressBody::name().into(), AddressBody::schema()));
    }
}

/// One address in one of the forms that it may have.
#[derive(Clone, Debug)]
enum Written {
    Object(AddressBody),
    Text(String),
}

impl Addresses {
    /// One address with the name of its owner, as an object would say it.
    pub(in crate::http) fn of(email: String, name: Option<String>) -> Self {
        Self { written: vec![Written::Object(AddressBody { email, name })], is_list: false }
    }

    /// Whether it is a list without entries.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Texts such as `Ada <ada@example.com>`, one for each address.
    pub(in crate::http) fn of_texts(texts: impl IntoIterator<Item = String>) -> Self {
        Self { written: texts.into_iter().map(Written::Text).collect(), is_list: true }
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AddressesVisitor)
    }
}

struct AddressesVisitor;

impl<'de> Visitor<'de> for AddressesVisitor {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"email\": \"ada@example.com\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Addresses, E> {
        if text.len() > LONGEST_TEXT {
            return Err(de::Error::custom("is far too long for an email address"));
        }
        Ok(Addresses { written: vec![Written::Text(text.to_owned())], is_list: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Addresses, A::Error> {
        let body = AddressBody::deserialize(de::value::MapAccessDeserializer::new(map))?;
        if body.email.len() + body.name.as_ref().map_or(0, String::len) > LONGEST_TEXT {
            return Err(de::Error::custom("is far too long for an email address"));
        }
        Ok(Addresses { written: vec![Written::Object(body)], is_list: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> std::result::Result<Addresses, A::Error> {
        let mut written = Vec::new();
        while let Some(mut one) = items.next_element::<Addresses>()? {
            if one.is_list {
                return Err(de::Error::custom("must not be a list within a list"));
            }
            written.append(&mut one.written);
            if written.len() > 10 * Content::MAX_RECIPIENTS {
                return Err(de::Error::custom(
                    "has far too many entries: a mail may have 50 recipients",
                ));
            }
        }
        Ok(Addresses { written, is_list: true })
    }
}

/// The addresses of a field that may have several.
pub(in crate::http) fn mailboxes(
    field: &str,
    addresses: Option<Addresses>,
    violations: &mut Violations,
) -> Vec<Mailbox> {
    let Some(Addresses { written, is_list }) = addresses else { return Vec::new() };
    let mut read = Vec::with_capacity(written.len());
    for (place, one) in written.into_iter().enumerate() {
        let path = if is_list { format!("{field}[{place}]") } else { field.to_owned() };
        read.extend(match one {
            Written::Object(body) => mailbox_of_object(&path, body, violations),
            Written::Text(text) => mailbox_of_text(&path, &text, violations),
        });
    }
    read
}

fn mailbox_of_object(
    path: &str,
    body: AddressBody,
    violations: &mut Violations,
) -> Option<Mailbox> {
    body.checked([&format!("{path}.email"), &format!("{path}.name")], violations)
}

impl AddressBody {
    /// An address and perhaps a name, as they were written.
    pub(super) fn new(email: String, name: Option<String>) -> Self {
        Self { email, name }
    }

    /// The mailbox, its parts named as members of what is looked at.
    pub(super) fn mailbox(self, violations: &mut Violations) -> Option<Mailbox> {
        self.checked(["email", "name"], violations)
    }

    fn checked(
        self,
        [email_path, name_path]: [&str; 2],
        violations: &mut Violations,
    ) -> Option<Mailbox> {
        let address = violations.check(email_path, self.email.trim().parse::<EmailAddress>());
        let name = self.name.filter(|name| !name.trim().is_empty());
        let name = name.map(|name| violations.check(name_path, DisplayName::parse(name)));
        if name == Some(None) {
            return None;
        }
        Some(Mailbox::new(address?, name.flatten()))
    }
}

fn mailbox_of_text(path: &str, text: &str, violations: &mut Violations) -> Option<Mailbox> {
    let mailbox = text.parse::<Mailbox>();
    let part = if matches!(mailbox, Err(InvalidMailbox::Name(_))) { "name" } else { "email" };
    violations.check(format!("{path}.{part}"), mailbox)
}

/// The address of a field that may have one.
pub(in crate::http) fn single(
    field: &str,
    addresses: Option<Addresses>,
    violations: &mut Violations,
) -> Option<Mailbox> {
    // An empty list is what some programs write for nobody.
    let addresses = addresses.filter(|addresses| !addresses.is_empty())?;
    if addresses.written.len() != 1 {
        violations.add(field, "must be one address");
        return None;
    }
    mailboxes(field, Some(addresses), violations).pop()
}

/// The addresses that answers go to.
pub(in crate::http) fn answers_to(
    field: &str,
    addresses: Option<Addresses>,
    violations: &mut Violations,
) -> Vec<Mailbox> {
    let count = addresses.as_ref().map_or(0, |addresses| addresses.written.len());
    if count > Content::MAX_REPLY_TO {
        violations.add(field, format!("may be 50 addresses, and has {count}"));
        return Vec::new();
    }
    mailboxes(field, addresses, violations)
}
