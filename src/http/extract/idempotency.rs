//! The header `Idempotency-Key`, and what makes two requests the same.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::bounded_value::{self, Budget};
use crate::domain::caller::Caller;
use crate::domain::idempotency::{Idempotency, IdempotencyKey};
use crate::domain::violations::Violations;
use crate::error::Error;

/// Bodies up to so many bytes, and of no more than [`bounded_value::MAX_VALUES`] values, are the same when they are the
/// same JSON value; larger ones when they are the same bytes, because a value takes many times the memory of its text.
const CANONICAL: usize = 1024 * 1024;

/// The caller's own name for the request, if it gave one.
pub struct IdempotencyHeader(Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let invalid = |problem: String| Error::Invalid(Violations::one("Idempotency-Key", problem));
        if values.next().is_some() {
            return Err(invalid("must be sent once".into()));
        }
        let key = value.to_str().map_err(|error| invalid(error.to_string())).and_then(|text| {
            IdempotencyKey::parse(text).map_err(|error| invalid(error.to_string()))
        })?;
        Ok(Self(Some(key)))
    }
}

impl IdempotencyHeader {
    /// Binds the key to what was asked for, if there is one. `operation` tells endpoints apart.
    ///
    /// Two requests are the same when their bodies are the same JSON value: the order of members and white space do not
    /// count. Live and test mode are different requests.
    pub fn of(
        self,
        operation: &str,
        caller: &Caller,
        body: &[u8],
    ) -> Result<Option<Idempotency>, Error> {
        let Some(key) = self.0 else { return Ok(None) };
        let mut hasher = Sha256::new();
        hasher.update(format!("{operation} {:?}\n", caller.key().map(|key| key.mode)));
        match canonical(body)? {
            Some(value) => digest(&value, &mut hasher),
            None => hasher.update(body),
        }
        Ok(Some(Idempotency { key, request_digest: hasher.finalize().into() }))
    }
}

fn canonical(body: &[u8]) -> Result<Option<Value>, Error> {
    if body.len() > CANONICAL {
        return Ok(None);
    }
    bounded_value::read(body, &Budget::new(2 * CANONICAL))
        .map_err(|error| Error::Malformed(format!("The body is not valid JSON: {error}.")))
}

/// Feeds a value in one canonical form: members sorted, every part preceded by its kind and length.
fn digest(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Array(items) => {
            hasher.update(format!("a{}\n", items.len()));
            for item in items {
                digest(item, hasher);
            }
        }
        Value::Object(members) => {
            hasher.update(format!("o{}\n", members.len()));
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, member) in members {
                hasher.update(format!("m{}\n{name}", name.len()));
                digest(member, hasher);
            }
        }
        Value::String(text) => hasher.update(format!("s{}\n{text}", text.len())),
        scalar => hasher.update(format!("v{scalar}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(text: &str) -> Vec<u8> {
        let mut hasher = Sha256::new();
        digest(&serde_json::from_str(text).unwrap(), &mut hasher);
        hasher.finalize().to_vec()
    }

    #[test]
    fn the_same_value_has_the_same_digest_however_it_is_written() {
        assert_eq!(
            digest_of(r#"{"a":1,"b":[true,null]}"#),
            digest_of("{ \"b\" : [true, null], \"a\":1 }")
        );
    }

    #[test]
    fn values_that_only_look_alike_differ() {
        let texts = [
            r#"["a","b"]"#,
            r#"["ab"]"#,
            r#"[["a"],"b"]"#,
            r#"{"a":"b"}"#,
            r#"["1"]"#,
            "[1]",
            "[null]",
            "[]",
        ];
        for (place, text) in texts.iter().enumerate() {
            assert!(
                texts[place + 1..].iter().all(|other| digest_of(text) != digest_of(other)),
                "{text}"
            );
        }
    }
}
