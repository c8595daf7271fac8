//! `/v1/webhooks`: where a project is told what happens to its mails.

pub mod request;
pub mod response;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{
    CreateWebhookRequest, ListWebhooksQuery, PageQuery, ReplayRequest, ResendRequest,
    UpdateWebhookRequest,
};
use self::response::{
    CreatedWebhookBody, DeletedBody, JobBody, ReplayedBody, SecretBody, WebhookBody,
    WebhookListBody, WebhookLogBody,
};
use super::Api;
use crate::domain::id::{MailId, WebhookDeliveryId, WebhookId};
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadWebhooks, WriteWebhooks};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::Success;
use crate::service::webhooks::{MOST_COUNTED, Webhooks};

/// All of it.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_webhook, list_webhooks))
        .routes(routes!(get_webhook, update_webhook, delete_webhook))
        .routes(routes!(reveal_webhook_secret))
        .routes(routes!(get_webhook_logs))
        .routes(routes!(get_webhook_deliveries_of_mail))
        .routes(routes!(resend_webhook))
        .routes(routes!(replay_webhook))
        .routes(routes!(replay_webhook_delivery))
}

/// Makes a webhook.
///
/// The answer is the only one that shows its secret without being asked to. Every request to `url` carries two
/// signatures made with it: `X-Webhook-Signature` (HMAC-SHA-256 of the body, as the upstream API does it) and those
/// headers of Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`), which also tell an old request
/// from a new one.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "createWebhook", request_body = CreateWebhookRequest,
    responses((status = 201, body = Success<CreatedWebhookBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_webhook(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Json { value, .. }: Json<CreateWebhookRequest>,
) -> Result<Response> {
    let (webhook, secret) = webhooks.create(&caller, caller.project, value.try_into()?).await?;
    let body = CreatedWebhookBody::new(webhook, caller.account, &secret);
    let body = Success::of(body).saying("Webhook created successfully");
    Ok((StatusCode::CREATED, unkept(), Json::new(body)).into_response())
}

/// Lists the project's webhooks, newest first.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "listWebhooks", params(ListWebhooksQuery),
    responses((status = 200, body = Success<WebhookListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_webhooks(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Query(query): Query<ListWebhooksQuery>,
) -> Result<Json<Success<WebhookListBody>>> {
    let page = query.page()?;
    let found = webhooks.list(caller.project, query.is_active).await?;
    Ok(Json::new(Success::of(WebhookListBody::new(found, caller.account, page))))
}

/// Shows one webhook.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "getWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = Success<WebhookBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_webhook(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Json<Success<WebhookBody>>> {
    let webhook = webhooks.find(caller.project, webhook_id(&id)?).await?;
    Ok(Json::new(Success::of(WebhookBody::new(webhook, caller.account))))
}

/// Changes a webhook: its URL, its events, or whether it is told anything.
///
/// What waits for a webhook that is switched off is not told; a replay tells it when it is on again. Switching it on also
/// clears the record of its failures.
#[utoipa::path(
    put, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "updateWebhook", request_body = UpdateWebhookRequest,
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = Success<WebhookBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_webhook(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateWebhookRequest>,
) -> Result<Json<Success<WebhookBody>>> {
    let id = webhook_id(&id)?;
    let (url, update) = value.check()?;
    let webhook = webhooks.update(&caller, caller.project, id, url, update).await?;
    let body = Success::of(WebhookBody::new(webhook, caller.account));
    Ok(Json::new(body.saying("Webhook updated successfully")))
}

/// Deletes a webhook, and what waits for it.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "deleteWebhook",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_webhook(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    webhooks.delete(&caller, caller.project, webhook_id(&id)?).await?;
    Ok(Json::new(DeletedBody::new()))
}

/// Shows the secret of a webhook. The audit log says who saw it.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/reveal", tag = "webhooks", operation_id = "revealWebhookSecret",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = Success<SecretBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn reveal_webhook_secret(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Response> {
    let secret = webhooks.reveal(&caller, caller.project, webhook_id(&id)?).await?;
    Ok((unkept(), Json::new(Success::of(SecretBody::new(&secret)))).into_response())
}

/// Lists what a webhook was told, newest first, for seven days.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/logs", tag = "webhooks", operation_id = "getWebhookLogs",
    params(("id" = String, Path, description = "The webhook's id"), PageQuery),
    responses((status = 200, body = Success<WebhookLogBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_webhook_logs(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Success<WebhookLogBody>>> {
    let (id, page) = (webhook_id(&id)?, query.check()?);
    let offset = page.offset().min(MOST_COUNTED);
    let (webhook, entries, total) = webhooks.log(caller.project, id, page.limit, offset).await?;
    Ok(Json::new(Success::of(WebhookLogBody::new(&webhook, entries, total, page))))
}

/// Lists what webhooks were told of a mail, newest first, for seven days.
#[utoipa::path(
    get, path = "/v1/mails/{id}/webhook-deliveries", tag = "webhooks", operation_id = "getMailWebhookDeliveries",
    params(("id" = String, Path, description = "The id that sending answered"), PageQuery),
    responses((status = 200, body = Success<WebhookLogBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_webhook_deliveries_of_mail(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Success<WebhookLogBody>>> {
    let id: MailId = id.parse().map_err(|_| Error::NotFound("mail"))?;
    let page = query.check()?;
    let (entries, total) =
        webhooks.log_of_mail(caller.project, id, page.limit, page.offset()).await?;
    Ok(Json::new(Success::of(WebhookLogBody::of_several(entries, total, page))))
}

/// Tells a webhook what the request gives, as if it had happened: for trying a receiver out.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/resend", tag = "webhooks", operation_id = "resendWebhook", request_body = ResendRequest,
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = Success<JobBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn resend_webhook(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Json { value, .. }: Json<ResendRequest>,
) -> Result<Json<Success<JobBody>>> {
    let id = webhook_id(&id)?;
    let (kind, data) = value.check()?;
    let job = webhooks.resend(caller.project, id, kind, &data).await?;
    Ok(Json::new(Success::of(JobBody::new(job)).saying("Webhook queued for delivery")))
}

/// Tells a webhook once more what happened in a span of time, even if it was told before, was switched off then, or, as far
/// as mails are concerned, was made later. Of mails that were accepted more than 34 days before the span nothing is found.
/// Each carries the `webhook-id` that it had or would have had.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", operation_id = "replayWebhook", request_body = ReplayRequest,
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, body = Success<ReplayedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn replay_webhook(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Json { value, .. }: Json<ReplayRequest>,
) -> Result<Json<Success<ReplayedBody>>> {
    let (id, span) = (webhook_id(&id)?, value.check(chrono::Utc::now())?);
    let replayed = webhooks.replay_span(&caller, caller.project, id, span).await?;
    Ok(Json::new(Success::of(replayed.into())))
}

/// Tells a webhook once more what stands in its log.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/logs/{entry}/replay", tag = "webhooks", operation_id = "replayWebhookDelivery",
    params(
        ("id" = String, Path, description = "The webhook's id"),
        ("entry" = String, Path, description = "The id of the log's entry"),
    ),
    responses((status = 200, body = Success<JobBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn replay_webhook_delivery(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path((id, entry)): Path<(String, String)>,
) -> Result<Json<Success<JobBody>>> {
    let id = webhook_id(&id)?;
    let entry: WebhookDeliveryId =
        entry.parse().map_err(|_| Error::NotFound("webhook delivery"))?;
    let job = webhooks.replay(caller.project, id, entry).await?;
    Ok(Json::new(Success::of(JobBody::new(job)).saying("Webhook queued for delivery")))
}

/// What is no id names no webhook.
fn webhook_id(text: &str) -> Result<WebhookId> {
    text.parse().map_err(|_| Error::NotFound("webhook"))
}

/// What holds a secret is kept by nobody on the way.
fn unkept() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
