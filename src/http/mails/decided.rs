//! A mail after somebody decided about it, as it goes over the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::detail::MailBody;
use crate::domain::record::MailSummary;
use crate::http::wire::timestamp;
use crate::service::mails::MailAfter;

/// The mail as far as the key may see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum DecidedMailBody {
    /// With `mails:read`: all of it.
    Readable(Box<MailBody>),
    /// Without: where it stands.
    Unreadable(MailStandingBody),
}

/// Where a mail stands: those members of the whole that say nothing of its content or its recipients.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailStandingBody {
    id: String,
    project_id: String,
    status: String,
    test: bool,
    /// When it is, or was, to be sent; null for at once.
    scheduled_at: Option<String>,
    created_at: String,
}

impl DecidedMailBody {
    /// As things stand at this time.
    pub fn new(mail: MailAfter, now: DateTime<Utc>) -> Self {
        match mail {
            MailAfter::Readable(detail) => Self::Readable(Box::new(MailBody::new(*detail, now))),
            MailAfter::Unreadable(summary, _) => Self::Unreadable((*summary).into()),
        }
    }
}

impl From<MailSummary> for MailStandingBody {
    fn from(mail: MailSummary) -> Self {
        Self {
            id: mail.id.to_string(),
            project_id: mail.project.to_string(),
            status: mail.status,
            test: mail.test,
            scheduled_at: mail.details.and_then(|details| details.scheduled_at).map(timestamp),
            created_at: timestamp(mail.created_at),
        }
    }
}
