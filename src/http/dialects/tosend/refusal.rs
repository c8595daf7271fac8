//! Refusals, in the two shapes that there are of them.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::{Facts, names};
use crate::domain::permission::Permission;
use crate::http::error::FieldError;

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("replyTo", "reply_to"),
    ("html", "content"),
    ("fileName", "name"),
    ("contentType", "type"),
    ("contentId", "content_id"),
];

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// A refusal in this dialect: a missing key is 401 and a bad one 403, and fields carry codes.
pub fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    let one = |field: &str, code: &str| json!({ field: { code: facts.message } });
    let (status, kind, errors) = match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) if !facts.key_sent => {
            (facts.status, "unauthorized", one("api_key", "required"))
        }
        (StatusCode::UNAUTHORIZED, _) => {
            (StatusCode::FORBIDDEN, "forbidden", one("api_key", "invalid"))
        }
        (_, "DOMAIN_NOT_VERIFIED") => {
            (UNPROCESSABLE, "validation_error", one("from", "domain_not_verified"))
        }
        (_, "FROM_DOMAIN_NOT_ALLOWED") => {
            (UNPROCESSABLE, "validation_error", one("from", "domain_not_allowed"))
        }
        (_, "RECIPIENT_NOT_ALLOWED") => {
            (UNPROCESSABLE, "validation_error", one("to", "not_allowed"))
        }
        (StatusCode::FORBIDDEN, "INSUFFICIENT_PERMISSIONS") => {
            (facts.status, "forbidden", missing_scope(facts))
        }
        (StatusCode::FORBIDDEN, code) => {
            (facts.status, "forbidden", one("api_key", &code.to_lowercase()))
        }
        (StatusCode::NOT_FOUND, _) => (facts.status, "not_found", json!({})),
        (StatusCode::TOO_MANY_REQUESTS, _) => (facts.status, "rate_limit_exceeded", json!({})),
        (StatusCode::BAD_REQUEST, _) if !facts.errors.is_empty() => {
            (UNPROCESSABLE, "validation_error", by_field(&facts.errors))
        }
        (status, _) if status.is_server_error() => (status, "internal_error", json!({})),
        (StatusCode::CONFLICT, _) => (facts.status, "conflict", json!({})),
        (status, _) => (status, "bad_request", json!({})),
    };
    let message = facts.sentence(|field| names::renamed(field, NAMES));
    let body = json!({
        "status_code": status.as_u16(), "error_type": kind, "message": message, "errors": errors,
    });
    (status, body)
}

/// Sentences by the field and a code.
fn by_field(errors: &[FieldError]) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for FieldError { field, message } in errors {
        let field = names::renamed(field, NAMES);
        let code = code_of(message);
        let codes = fields.entry(field).or_insert_with(|| json!({}));
        codes[code] = message.as_str().into();
    }
    fields.into()
}

fn code_of(message: &str) -> &'static str {
    if message.contains("required") {
        "required"
    } else if message.contains("at most") || message.contains("together") {
        "max_limit"
    } else {
        "invalid"
    }
}

/// A refusal of what administrators ask: the same statuses, no kind, and codes without sentences.
pub fn refusal_of_administration(facts: &Facts<'_>) -> (StatusCode, Value) {
    let one = |code: &str| json!({ "code": code.to_lowercase() });
    let (status, errors) = match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) if !facts.key_sent => {
            (facts.status, json!({ "code": "unauthorized", "api_key": "required" }))
        }
        (StatusCode::UNAUTHORIZED, _) => {
            (StatusCode::FORBIDDEN, json!({ "code": "forbidden", "api_key": "invalid" }))
        }
        (status, "INSUFFICIENT_PERMISSIONS") => (status, missing_scope(facts)),
        (StatusCode::BAD_REQUEST, _) if !facts.errors.is_empty() => {
            let codes = facts.errors.iter().map(|error| {
                (names::renamed(&error.field, NAMES), Value::from(code_of(&error.message)))
            });
            (UNPROCESSABLE, codes.collect::<Map<_, _>>().into())
        }
        (status, code) => (status, one(code)),
    };
    let message = facts.sentence(|field| names::renamed(field, NAMES));
    (status, json!({ "status_code": status.as_u16(), "message": message, "errors": errors }))
}

/// Which scope a key lacks, by the permission that the native sentence names.
fn missing_scope(facts: &Facts<'_>) -> Value {
    let named = facts.message.split('`').nth(1).and_then(|name| name.parse().ok());
    json!({ "code": "insufficient_scope", "required_scope": named.map(scope) })
}

/// The name of a permission among their scopes.
pub fn scope(permission: Permission) -> String {
    let name = permission.as_str();
    for (ours, theirs) in [("mails:", "emails:"), ("keys:", "api_keys:"), ("projects:", "teams:")] {
        if let Some(verb) = name.strip_prefix(ours) {
            return format!("{theirs}{verb}");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_missing_permission_is_told_as_a_scope() {
        let error = Error::Forbidden {
            code: "INSUFFICIENT_PERMISSIONS",
            message: "This API key lacks the permission `keys:write`.".into(),
        };
        let facts = Facts {
            status: StatusCode::FORBIDDEN,
            code: "INSUFFICIENT_PERMISSIONS",
            message: error.to_string(),
            errors: Vec::new(),
            key_sent: true,
            request_id: String::new(),
        };
        let told = json!({ "code": "insufficient_scope", "required_scope": "api_keys:write" });
        assert_eq!(refusal_of_administration(&facts).1["errors"], told);
        assert_eq!(refusal(&facts).1["errors"], told);
    }
}
