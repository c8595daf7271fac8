//! `/v1/recipients`: forgetting people. The upstream API has nothing like it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::domain::address::EmailAddress;
use crate::domain::erasure::Erasure;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::EraseRecipients;
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::{Success, timestamp};
use crate::service::erasing::Erasing;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(erase_recipient)).routes(routes!(get_erasure))
}

/// Who is to be forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EraseRecipientRequest {
    /// The address, in any case.
    #[schema(value_type = String)]
    email: Option<String>,
    /// Whether what keeps mail from the address stays: it names it, and without it mail may be sent there again.
    #[schema(default = true)]
    keep_suppressions: Option<bool>,
}

/// Somebody's wish to be forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erasure)]
pub struct ErasureBody {
    /// Names it.
    id: String,
    /// `running`, or `completed` once all is done.
    status: &'static str,
    /// Tells the same address in the same project, and not which; the audit log has it too.
    recipient_digest: String,
    /// Whether what keeps mail from the address stays.
    keep_suppressions: bool,
    /// Mails that had no other recipient, and are gone.
    mails_removed: i64,
    /// Mails to others that do not name the address any more.
    mails_changed: i64,
    /// When it was wished.
    requested_at: String,
    /// Since when all is done; null before.
    completed_at: Option<String>,
}

impl From<Erasure> for ErasureBody {
    fn from(erasure: Erasure) -> Self {
        Self {
            id: erasure.id.to_string(),
            status: if erasure.completed_at.is_some() { "completed" } else { "running" },
            recipient_digest: erasure.digest,
            keep_suppressions: erasure.keep_suppressions,
            mails_removed: erasure.mails_removed,
            mails_changed: erasure.mails_changed,
            requested_at: timestamp(erasure.created_at),
            completed_at: erasure.completed_at.map(timestamp),
        }
    }
}

/// Forgets what the project knows of one address: mails that went to nobody else, with contents and histories; the address
/// in mails to others; the contact; what webhooks were told of it. What is still to be delivered there is stopped. Left are
/// attachments that are no text, templates, notes on other contacts and their `userId`, restrictions of keys, and senders. It
/// takes a while, and ends by itself.
#[utoipa::path(
    post, path = "/v1/recipients/erase", tag = "contacts", operation_id = "eraseRecipient",
    request_body = EraseRecipientRequest,
    responses((status = 202, body = Success<ErasureBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn erase_recipient(
    caller: Authorized<EraseRecipients>,
    State(erasing): State<Erasing>,
    Json { value, .. }: Json<EraseRecipientRequest>,
) -> Result<Response> {
    let email = value.email.unwrap_or_default();
    let address: EmailAddress = email
        .trim()
        .parse()
        .map_err(|problem| Error::Invalid(Violations::one("email", problem)))?;
    let keep = value.keep_suppressions.unwrap_or(true);
    let erasure = erasing.request(&caller, caller.project, &address, keep).await?;
    let body = Success::of(ErasureBody::from(erasure)).saying("Recipient is being erased");
    Ok((StatusCode::ACCEPTED, Json::new(body)).into_response())
}

/// Shows how far it is.
#[utoipa::path(
    get, path = "/v1/recipients/erasures/{id}", tag = "contacts", operation_id = "getErasure",
    params(("id" = String, Path, description = "The erasure's id")),
    responses((status = 200, body = Success<ErasureBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_erasure(
    caller: Authorized<EraseRecipients>,
    State(erasing): State<Erasing>,
    Path(id): Path<String>,
) -> Result<Json<Success<ErasureBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("erasure"))?;
    let erasure = erasing.find(caller.project, id).await?;
    Ok(Json::new(Success::of(erasure.into())))
}
