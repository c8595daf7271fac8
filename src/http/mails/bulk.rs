//! Many mails by one request.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::BulkMailRequest;
use crate::domain::bulk::{BulkResult, Refusal};
use crate::domain::id::MailId;
use crate::domain::violations::Violation;
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::wire::{Success, timestamp};
use crate::service::mails::{BulkAccepted, Mails};

const QUEUED: &str = "Emails queued successfully.";

/// What sending many mails answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkMailBody {
    /// Names the request; webhooks tell it with each of its mails.
    batch_id: String,
    /// All recipients of the request, copies not counted.
    total_recipients: usize,
    /// Those whose mail is stored.
    success_count: usize,
    /// Those whose mail is not.
    failed_count: usize,
    /// When the mails were stored.
    queued_at: String,
    /// What became of each, in the order of the request.
    results: Vec<BulkResultBody>,
}

/// What became of the mail to one recipient: it has an `emailId`, or an `error`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkResultBody {
    /// As it was written.
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<BulkErrorBody>,
    /// Who gets none of this mail, because they are suppressed; left out where that is nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<String>,
}

/// Why a recipient gets no mail.
#[derive(Debug, Serialize, ToSchema)]
struct BulkErrorBody {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<BulkViolationBody>,
}

/// One field that is at fault.
#[derive(Debug, Serialize, ToSchema)]
struct BulkViolationBody {
    field: String,
    message: String,
}

impl BulkMailBody {
    fn new(
        BulkAccepted { answer, mut suppressed, accepted_at, replayed: _ }: BulkAccepted,
        written: Vec<String>,
    ) -> Self {
        let total_recipients = answer.results.len();
        let is_accepted = |result: &&BulkResult| matches!(result, BulkResult::Accepted(_));
        let success_count = answer.results.iter().filter(is_accepted).count();
        Self {
            batch_id: answer.batch_id.to_string(),
            total_recipients,
            success_count,
            failed_count: total_recipients - success_count,
            queued_at: timestamp(accepted_at),
            results: written
                .into_iter()
                .zip(answer.results)
                .map(|(email, result)| BulkResultBody::new(email, result, &mut suppressed))
                .collect(),
        }
    }
}

impl BulkResultBody {
    fn new(
        email: String,
        result: BulkResult,
        suppressed: &mut HashMap<MailId, Vec<String>>,
    ) -> Self {
        match result {
            BulkResult::Accepted(id) => Self {
                email,
                email_id: Some(id.to_string()),
                error: None,
                suppressed: suppressed.remove(&id).unwrap_or_default(),
            },
            BulkResult::Refused(refusal) => {
                Self { email, email_id: None, error: Some(refusal.into()), suppressed: Vec::new() }
            }
        }
    }
}

impl From<Refusal> for BulkErrorBody {
    fn from(Refusal { code, message, violations }: Refusal) -> Self {
        let details = violations
            .iter()
            .map(|Violation { field, message }| BulkViolationBody {
                field: field.clone(),
                message: message.clone(),
            })
            .collect();
        Self { code, message, details }
    }
}

/// Sends the same mail to up to 100 recipients, each of whom gets one of their own.
///
/// All that can be sent are stored in one transaction, and `results` tells of each; with `"partial": false` all are, or
/// none. A recipient who is suppressed counts as a success: the mail is there and its state says so. The answer is 400
/// if nothing can be sent. An `Idempotency-Key` (1 to 256 characters) stands for the whole request, which counts once
/// against the limits of the key.
#[utoipa::path(
    post, path = "/v1/mails/bulk", tag = "mails", operation_id = "sendBulkMail", request_body = BulkMailRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request; the same again gets the first answer again")),
    responses((status = 200, body = Success<BulkMailBody>), (status = "4XX", body = ErrorEnvelope), (status = 503, body = ErrorEnvelope)),
)]
pub async fn send_bulk_mail(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<BulkMailRequest>,
) -> Result<Response> {
    share.take(value.weight())?;
    let idempotency = idempotency.of("mails/bulk", &caller, &bytes)?;
    drop(bytes);
    let (draft, written) = value.check()?;
    let accepted = mails.send_bulk(&caller, caller.project, draft, idempotency).await?;
    let mut headers = HeaderMap::new();
    if accepted.replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    let body = BulkMailBody::new(accepted, written);
    Ok((headers, Json::new(Success::of(body).saying(QUEUED))).into_response())
}
