//! `/v1/inbound`: what other mail systems report about mail that we sent.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::WriteBounces;
use crate::http::extract::{Anything, Authorized, Json, Message};
use crate::http::wire::Success;
use crate::service::bounces::{Bounces, Source, Taken};
use crate::service::ses::Ses;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(report_bounce))
}

/// The route of Amazon SNS, which has no key and signs.
pub fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(take_sns_message))
}

/// What was learnt from a report.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Report)]
pub struct ReportBody {
    /// The mail that it is about.
    email_id: String,
    /// The recipient that it is about, in lower case.
    recipient: String,
    /// `bounced`, `deferred`, `complained`, or `unchanged` where it says nothing new.
    learnt: &'static str,
    /// Whether the recipient was put on the suppression list because of it.
    suppressed: bool,
}

impl From<Taken> for ReportBody {
    fn from(Taken { mail, recipient, learnt, suppressed }: Taken) -> Self {
        Self { email_id: mail.to_string(), recipient, learnt: learnt.as_str(), suppressed }
    }
}

/// Takes in a bounce or a complaint as it was received.
///
/// The body is the whole message (RFC 5322): a delivery status notification (RFC 3464) or a feedback report (RFC 5965)
/// about a mail of this project, recognized by the return path or the `Message-ID` in it. The same report again changes
/// nothing. For those who fetch bounces out of a mailbox.
#[utoipa::path(
    post, path = "/v1/inbound/bounces", tag = "mails", operation_id = "reportBounce",
    request_body(content = String, content_type = "message/rfc822"),
    responses((status = 200, body = Success<ReportBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn report_bounce(
    caller: Authorized<WriteBounces>,
    State(bounces): State<Bounces>,
    Message(message): Message,
) -> Result<Json<Success<ReportBody>>> {
    let taken = bounces.take(Source::Project(caller.project), message).await?;
    Ok(Json::new(Success::of(taken.into())))
}

/// That a message was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TakenMessage)]
pub struct TakenBody {
    /// Always `true`.
    taken: bool,
}

/// Takes in what Amazon SES reports through Amazon SNS.
///
/// Believed by its signature, from the topics of `SES_TOPIC_ARNS` alone; a new subscription is confirmed. Bounces, complaints
/// and delays are recognized by the `Message-ID` of our mail.
#[utoipa::path(
    post, path = "/v1/inbound/ses", tag = "mails", operation_id = "takeSnsMessage", security(()),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = Success<TakenBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn take_sns_message(
    State(ses): State<Ses>,
    Anything(message): Anything,
) -> Result<Json<Success<TakenBody>>> {
    ses.take(&message).await?;
    Ok(Json::new(Success::of(TakenBody { taken: true })))
}
