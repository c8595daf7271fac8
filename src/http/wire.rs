//! What all answers have in common: the envelope of a success, and how times are written.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// What every success looks like.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the wire format")]
pub struct Success<T> {
    /// Always `true`.
    success: bool,
    /// What was asked for.
    data: T,
    /// One sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl<T> Success<T> {
    /// An answer without a sentence.
    pub fn of(data: T) -> Self {
        Self { success: true, data, message: None }
    }

    /// The same answer with a sentence.
    #[must_use]
    pub fn saying(self, message: &'static str) -> Self {
        Self { message: Some(message), ..self }
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(in crate::http) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
