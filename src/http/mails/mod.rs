//! `/v1/mails`: sending mail, and reading what became of it.

pub mod detail;
pub mod request;
pub mod response;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use self::detail::MailBody;
use self::request::SendMailRequest;
use self::response::{MailListBody, MailStatusBody, SendMailBody, Success};
use crate::domain::address::EmailAddress;
use crate::domain::id::MailId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path, Query};
use crate::service::mails::{MailFilter, Mails};

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

/// What a list of mails is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListMailsQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
    /// Only mails in this state.
    status: Option<String>,
    /// Only mails whose first recipient this is.
    to: Option<String>,
    /// Only mails from this address.
    from: Option<String>,
    /// Only test mails, or only others.
    test: Option<bool>,
}

/// Lists the project's mails, newest first.
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
    // One more than asked for tells whether there is a next page.
    let mut found = mails.list(caller.project, &filter, limit + 1).await?;
    let has_more = found.len() > usize::from(limit);
    found.truncate(limit.into());
    Ok(Json::new(Success::of(MailListBody::new(found, has_more))))
}

impl ListMailsQuery {
    fn check(self) -> Result<(MailFilter, u16)> {
        let mut violations = Violations::default();
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let before = self
            .cursor
            .map(|text| violations.check("cursor", text.parse::<MailId>()))
            .unwrap_or_default();
        if self.status.as_ref().is_some_and(|status| !response::STATUSES.contains(&status.as_str()))
        {
            violations.add("status", format!("must be one of {}", response::STATUSES.join(", ")));
        }
        let mut address = |field: &str, text: Option<String>| {
            text.and_then(|text| violations.check(field, text.parse::<EmailAddress>()))
                .map(|address| address.to_string())
        };
        let (to_address, from_address) = (address("to", self.to), address("from", self.from));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let to_address = to_address.map(|address| address.to_lowercase());
        Ok((
            MailFilter { before, status: self.status, to_address, from_address, test: self.test },
            limit,
        ))
    }
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
    let detail = mails.find(caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Success::of(MailStatusBody::from(detail))))
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
