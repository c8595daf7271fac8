//! Another time at which a mail is sent.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::decided::DecidedMailBody;
use super::mail_id;
use crate::domain::key_change::Change;
use crate::domain::schedule;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::Success;
use crate::service::mails::Mails;

/// A request to change a mail that is scheduled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMailRequest {
    /// When it is to be sent (RFC 3339), within the next 30 days; null for now. It must be given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    scheduled_at: Change<Option<String>>,
}

impl UpdateMailRequest {
    /// The time; nothing for now.
    fn check(self) -> Result<Option<DateTime<Utc>>> {
        let mut violations = Violations::default();
        let text = match self.scheduled_at {
            Change::Keep => {
                violations.add("scheduledAt", "is required: another time, or null for now");
                return Err(Error::Invalid(violations));
            }
            Change::Set(None) => return Ok(None),
            Change::Set(Some(text)) => text,
        };
        match violations.check("scheduledAt", schedule::parse(&text)) {
            Some(time) => Ok(Some(time)),
            None => Err(Error::Invalid(violations)),
        }
    }
}

/// Gives a scheduled mail another time.
///
/// Only for keys that could have sent it. Keys without `mails:read` are not shown its content.
///
/// 409 `NOT_SCHEDULED` if it was not scheduled, was cancelled, or is being sent already.
#[utoipa::path(
    patch, path = "/v1/mails/{id}", tag = "mails", operation_id = "updateMail", request_body = UpdateMailRequest,
    params(("id" = String, Path, description = "The id that sending answered")),
    responses((status = 200, body = Success<DecidedMailBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_mail(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateMailRequest>,
) -> Result<Json<Success<DecidedMailBody>>> {
    let (id, at) = (mail_id(&id)?, value.check()?);
    let mail = mails.reschedule(&caller, caller.project, id, at).await?;
    Ok(Json::new(Success::of(DecidedMailBody::new(mail, Utc::now()))))
}
