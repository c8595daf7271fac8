//! Headers of the author's own as they come over the wire.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, de};

use crate::domain::header::{self, CustomHeader};
use crate::domain::violations::Violations;

/// How much text is read in names and values, in bytes: more than any mail may have.
const MOST_TEXT: usize = 128 * 1024;

/// Headers in the order in which they were written. A name that comes twice is refused, and not silently merged.
#[derive(Clone, Debug)]
pub(in crate::http) struct Headers(pub(in crate::http) Vec<(String, String)>);

impl Headers {
    /// Those of both; of two with the same name only the one in `own`.
    pub(in crate::http) fn joined(common: Option<Self>, own: Option<Self>) -> Option<Self> {
        let (Some(Self(common)), Some(Self(own))) = (&common, &own) else { return own.or(common) };
        let is_own = |name: &str| own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut joined: Vec<_> = common.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
        joined.extend(own.iter().cloned());
        Some(Self(joined))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header names with text values")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut members: A,
    ) -> std::result::Result<Headers, A::Error> {
        let (mut headers, mut text) = (Vec::new(), 0);
        while let Some(member) = members.next_entry()? {
            if headers.len() > 5 * header::MAX_HEADERS {
                return Err(de::Error::custom(
                    "has far too many members: a mail may have 20 headers",
                ));
            }
            let (name, value): &(String, String) = &member;
            text += name.len() + value.len();
            if text > MOST_TEXT {
                return Err(de::Error::custom("has far too much text: a mail may have 20 headers"));
            }
            headers.push(member);
        }
        Ok(Headers(headers))
    }

    /// What programs in PHP write where there are none.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Headers, A::Error> {
        match items.next_element::<IgnoredAny>()? {
            None => Ok(Headers(Vec::new())),
            Some(_) => Err(de::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }
}

/// The headers, each of them checked.
pub(in crate::http) fn custom_headers(
    headers: Option<Headers>,
    violations: &mut Violations,
) -> Vec<CustomHeader> {
    let Some(Headers(headers)) = headers else { return Vec::new() };
    let mut read = Vec::with_capacity(headers.len().min(header::MAX_HEADERS));
    for (name, value) in headers {
        let field = format!(
            "headers.{}",
            name.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
        );
        read.extend(violations.check(field, CustomHeader::new(name, value)));
    }
    violations.check("headers", header::check_together(&read));
    read
}
