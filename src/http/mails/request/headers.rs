//! Headers of the author's own as they come over the wire.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

use crate::domain::header::{self, CustomHeader};
use crate::domain::violations::Violations;

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
        deserializer.deserialize_map(HeadersVisitor)
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
        let mut headers = Vec::new();
        while let Some(member) = members.next_entry()? {
            if headers.len() > 5 * header::MAX_HEADERS {
                return Err(de::Error::custom(
                    "has far too many members: a mail may have 20 headers",
                ));
            }
            headers.push(member);
        }
        Ok(Headers(headers))
    }
}

/// The headers, each of them checked.
pub(super) fn custom_headers(
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
