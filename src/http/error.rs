//! From an [`Error`] to a status, a code and the envelope: the only place where that is decided.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::violations::Violation;
use crate::error::Error;

/// After this long a client should try again when the database is away.
pub const RETRY_WHEN_UNAVAILABLE: Duration = Duration::from_secs(2);

/// The status and code an error is published under.
///
/// Codes are part of the API: add to them freely, never change one.
pub fn published(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        Error::SecondFactorRequired => (StatusCode::UNAUTHORIZED, "TOTP_REQUIRED"),
        Error::Forbidden { code, .. } => (StatusCode::FORBIDDEN, code),
        Error::NotFound("domain") => (StatusCode::NOT_FOUND, "DOMAIN_NOT_FOUND"),
        Error::NotFound("sender") => (StatusCode::NOT_FOUND, "AUTHENTICATED_SENDER_NOT_FOUND"),
        Error::NotFound("project") => (StatusCode::NOT_FOUND, "PROJECT_NOT_FOUND"),
        Error::NotFound("suppression group") => (StatusCode::NOT_FOUND, "GROUP_NOT_FOUND"),
        Error::NotFound("template") => (StatusCode::NOT_FOUND, "TEMPLATE_NOT_FOUND"),
        Error::NotFound("webhook") => (StatusCode::NOT_FOUND, "WEBHOOK_NOT_FOUND"),
        Error::NotFound("contact") => (StatusCode::NOT_FOUND, "CONTACT_NOT_FOUND"),
        Error::NotFound("erasure") => (StatusCode::NOT_FOUND, "ERASURE_NOT_FOUND"),
        Error::NotFound("contact list") => (StatusCode::NOT_FOUND, "CONTACT_LIST_NOT_FOUND"),
        Error::NotFound("contact property") => {
            (StatusCode::NOT_FOUND, "CONTACT_PROPERTY_NOT_FOUND")
        }
        Error::NotFound("custom field") => (StatusCode::NOT_FOUND, "CUSTOM_FIELD_NOT_FOUND"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Error::Malformed(_) | Error::Invalid(_) => (StatusCode::BAD_REQUEST, "VALIDATION_FAILED"),
        Error::InvalidResource { .. } => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        Error::Impossible { code, .. } => (StatusCode::BAD_REQUEST, code),
        Error::Conflict { code, .. } => (StatusCode::CONFLICT, code),
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        // Nobody is ever told so; see the envelope.
        Error::OutcomeUnknown(_) => (StatusCode::INTERNAL_SERVER_ERROR, "OUTCOME_UNKNOWN"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR"),
    }
}

/// Hands the error to [`super::layers::envelope`], which knows the request id and writes the body.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, _) = published(&self);
        (status, Extension(Arc::new(self))).into_response()
    }
}

/// What every refusal looks like: one superset of the shapes that clients of the upstream API read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorEnvelope {
    /// Always `false`.
    pub success: bool,
    /// One sentence; exactly `Unauthorized` on 401 and `Forbidden` on 403.
    pub message: String,
    /// What happened.
    pub error: ErrorBody,
    /// The same as `error.details`; only on 400.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds after which to try again; only on 429 and 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Names this request in the server's logs.
    pub request_id: String,
}

/// What happened, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// For programs; never changes its meaning.
    pub code: String,
    /// For people: what to do about it.
    pub message: String,
    /// Every field that is at fault; only on 400.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<FieldError>,
}

/// One field that is at fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Its path, such as `to.email`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl From<&Violation> for FieldError {
    fn from(Violation { field, message }: &Violation) -> Self {
        Self { field: field.clone(), message: message.clone() }
    }
}

/// The sentence at the top of the envelope.
pub fn headline(status: StatusCode, detail: &str) -> String {
    match status {
        StatusCode::UNAUTHORIZED => "Unauthorized".into(),
        StatusCode::FORBIDDEN => "Forbidden".into(),
        StatusCode::BAD_REQUEST => "Validation failed".into(),
        StatusCode::TOO_MANY_REQUESTS => "Rate limit exceeded".into(),
        _ => detail.to_owned(),
    }
}
