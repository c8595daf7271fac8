//! Refusals as Resend's clients read them: flat, with all three of status, name and message. Some clients know a closed
//! list of names.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::{Facts, names};

/// Their names of our fields.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("replyTo", "reply_to"),
    ("scheduledAt", "scheduled_at"),
    ("fileName", "filename"),
    ("contentType", "content_type"),
    ("contentId", "content_id"),
    ("fileUrl", "path"),
    ("templateName", "name"),
    ("emailTemplate", "html"),
    ("plainTextTemplate", "text"),
    ("url", "endpoint"),
];

/// A refusal in this dialect.
pub(in crate::http::dialects) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    let (status, name) = published(facts);
    let message = facts.sentence(|field| names::renamed(field, NAMES));
    (status, json!({ "statusCode": status.as_u16(), "name": name, "message": message }))
}

fn published(facts: &Facts<'_>) -> (StatusCode, &'static str) {
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) if !facts.key_sent => (facts.status, "missing_api_key"),
        (StatusCode::UNAUTHORIZED, _) => (StatusCode::FORBIDDEN, "invalid_api_key"),
        (_, "INSUFFICIENT_PERMISSIONS") => (StatusCode::UNAUTHORIZED, "restricted_api_key"),
        (StatusCode::FORBIDDEN, _) => (facts.status, "validation_error"),
        (StatusCode::NOT_FOUND, _) => (facts.status, "not_found"),
        (StatusCode::METHOD_NOT_ALLOWED, _) => (facts.status, "method_not_allowed"),
        (StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED") => {
            (facts.status, "invalid_idempotent_request")
        }
        (StatusCode::TOO_MANY_REQUESTS, _) => (facts.status, "rate_limit_exceeded"),
        (StatusCode::BAD_REQUEST, _) if facts.blames("Idempotency-Key") => {
            (facts.status, "invalid_idempotency_key")
        }
        (StatusCode::BAD_REQUEST, _) if facts.errors.is_empty() => {
            (facts.status, "validation_error")
        }
        (StatusCode::BAD_REQUEST, _) if facts.misses_something() => {
            (UNPROCESSABLE, "missing_required_field")
        }
        (StatusCode::BAD_REQUEST, _) if facts.blames("from") => {
            (UNPROCESSABLE, "invalid_from_address")
        }
        (StatusCode::BAD_REQUEST, _) if facts.blames("attachments") => {
            (UNPROCESSABLE, "invalid_attachment")
        }
        (StatusCode::BAD_REQUEST | StatusCode::CONFLICT, _) => (UNPROCESSABLE, "validation_error"),
        (StatusCode::INTERNAL_SERVER_ERROR, _) => (facts.status, "application_error"),
        (status, _) if status.is_server_error() => (status, "internal_server_error"),
        (status, _) => (status, "validation_error"),
    }
}
