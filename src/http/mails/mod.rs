//! `/v1/mails`: sending mail, and reading what became of it.

pub mod bulk;
pub mod decided;
pub mod detail;
mod details;
pub mod list;
pub mod preview;
pub mod request;
pub mod reschedule;
pub mod response;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use self::decided::DecidedMailBody;
use self::detail::MailBody;
use self::list::ListMailsQuery;
use self::request::SendMailRequest;
use self::response::{MailListBody, MailStatusBody, SendMailBody};
use crate::domain::id::MailId;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path, Query};
use crate::http::wire::Success;
use crate::service::mails::Mails;

/// Sends one mail.
///
/// The answer is 200 once the mail is safely stored; whether it was delivered is told by its state and its events.
/// Any other answer means that nothing was stored. Send an `Idempotency-Key` (1 to 256 characters) to make repeating a
/// request safe for 24 hours.
#[utoipa::path(
    post, path = "/v1/mails/send", tag = "mails", operation_id = "sendMail", request_body = SendMailRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request; the same again gets the first answer again")),
    responses((status = 200, body = Success<SendMailBody>), (status = "4XX", body = ErrorEnvelope), (status = 503, body = ErrorEnvelope)),
)]
pub async fn send_mail(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<SendMailRequest>,
) -> Result<Response> {
    share.take(value.weight())?;
    let idempotency = idempotency.of("mails/send", &caller, &bytes)?;
    drop(bytes);
    let accepted = mails.send(&caller, caller.project, value.try_into()?, idempotency).await?;
    let mut headers = HeaderMap::new();
    if accepted.replayed {
        headers.insert("idempotent-replayed", axum::http::HeaderValue::from_static("true"));
    }
    Ok((headers, Json::new(Success::sent(accepted.into()))).into_response())
}

/// Lists the project's mails, newest first.
///
/// Whatever the filter, a page costs no more in a project with a million mails; it may then hold fewer than `limit`
/// although `hasMore` is true.
#[utoipa::path(
    get, path = "/v1/mails", tag = "mails", operation_id = "listMails", params(ListMailsQuery),
    responses((status = 200, body = Success<MailListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_mails(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Query(query): Query<ListMailsQuery>,
) -> Result<Json<Success<MailListBody>>> {
    let (filter, limit) = query.check()?;
    let page = mails.list(caller.project, &filter, limit).await?;
    Ok(Json::new(Success::of(page.into())))
}

/// Shows one mail: its content, each delivery with its attempts and what happens next, and its history.
#[utoipa::path(
    get, path = "/v1/mails/{id}", tag = "mails", operation_id = "getMail",
    params(("id" = String, Path, description = "The id that sending answered")),
    responses((status = 200, body = Success<MailBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_mail(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Success<MailBody>>> {
    let detail = mails.find(caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Success::of(MailBody::new(detail, chrono::Utc::now()))))
}

/// Says in short where a mail stands.
#[utoipa::path(
    get, path = "/v1/mails/{id}/status", tag = "mails", operation_id = "getMailStatus",
    params(("id" = String, Path, description = "The id that sending answered")),
    responses((status = 200, body = Success<MailStatusBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_mail_status(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Success<MailStatusBody>>> {
    let (mail, events) = mails.status(caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Success::of(MailStatusBody::new(mail, &events))))
}

/// Tries again now: what is held goes back into the queue, and what waits for its next attempt is brought forward.
///
/// Only for keys that could have sent the mail. Keys without `mails:read` are not shown its content.
///
/// 409 `NOTHING_TO_RETRY` if no recipient is held or waits.
#[utoipa::path(
    post, path = "/v1/mails/{id}/retry", tag = "mails", operation_id = "retryMail",
    params(("id" = String, Path, description = "The id that sending answered")),
    responses((status = 200, body = Success<DecidedMailBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn retry_mail(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Success<DecidedMailBody>>> {
    let mail = mails.retry(&caller, caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Success::of(DecidedMailBody::new(mail, chrono::Utc::now()))))
}

/// Stops: what waits or is held is never sent. An attempt that is being made at this moment may come to an end, and none
/// follows it; only what the answer calls `cancelled` is certain not to have been sent.
///
/// Only for keys that could have sent the mail. Keys without `mails:read` are not shown its content.
///
/// 409 `NOTHING_TO_CANCEL` if every recipient is served or given up.
#[utoipa::path(
    post, path = "/v1/mails/{id}/cancel", tag = "mails", operation_id = "cancelMail",
    params(("id" = String, Path, description = "The id that sending answered")),
    responses((status = 200, body = Success<DecidedMailBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn cancel_mail(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Success<DecidedMailBody>>> {
    let mail = mails.cancel(&caller, caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Success::of(DecidedMailBody::new(mail, chrono::Utc::now()))))
}

/// The message as it was captured for one recipient, as it would have gone onto the wire.
#[utoipa::path(
    get, path = "/v1/mails/{id}/captured/{position}", tag = "mails", operation_id = "getCapturedMessage",
    params(
        ("id" = String, Path, description = "The id that sending answered"),
        ("position" = u16, Path, description = "The place among `deliveries`, from 0"),
    ),
    responses((status = 200, content_type = "message/rfc822", body = Vec<u8>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_captured_message(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path((id, position)): Path<(String, i16)>,
) -> Result<Response> {
    let message = mails.captured(caller.project, mail_id(&id)?, position).await?;
    Ok(([(CONTENT_TYPE, "message/rfc822")], message).into_response())
}

/// What is no id names no mail.
fn mail_id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound("mail"))
}
