//! `/api/v1/messages/{id}`: what became of a mail.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Answer;
use crate::domain::id::MailId;
use crate::domain::mail_details::MailDetails;
use crate::domain::record::{Event, MailSummary};
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::ReadMails;
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::timestamp;
use crate::service::mails::Mails;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/messages/{id}", get(find))
        .route("/api/v1/messages/{id}/events", get(events))
}

async fn find(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Answer<MessageBody>>> {
    let (mail, _) = mails.status(caller.project, mail_id(&id)?).await?;
    Ok(Json::new(Answer::of(MessageBody { message: mail.into() })))
}

async fn events(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Answer<EventsBody>>> {
    let (_, events) = mails.status(caller.project, mail_id(&id)?).await?;
    let events = events.into_iter().map(EventBody::from).collect();
    Ok(Json::new(Answer::of(EventsBody { events })))
}

/// Where a mail stands.
#[derive(Debug, Serialize)]
struct MessageBody {
    message: Message,
}

#[derive(Debug, Serialize)]
pub(super) struct Message {
    id: String,
    status: String,
    to: String,
    from_email: String,
    from_name: Option<String>,
    subject: String,
    test: bool,
    external_id: Option<Value>,
    metadata: Map<String, Value>,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct EventsBody {
    events: Vec<EventBody>,
}

#[derive(Debug, Serialize)]
struct EventBody {
    id: String,
    r#type: String,
    created_at: String,
}

impl From<MailSummary> for Message {
    fn from(mail: MailSummary) -> Self {
        let MailDetails { mut metadata, .. } = mail.details.unwrap_or_default();
        let external_id = metadata.remove("external_id");
        Self {
            id: mail.id.to_string(),
            status: mail.status,
            to: mail.to_address,
            from_email: mail.from_address,
            from_name: mail.from_name,
            subject: mail.subject,
            test: mail.test,
            external_id,
            metadata,
            created_at: timestamp(mail.created_at),
        }
    }
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        let word = match event.kind.as_str() {
            "sent" | "captured" => "delivered",
            other => other,
        };
        Self {
            id: event.id.to_string(),
            r#type: format!("email.{word}"),
            created_at: timestamp(event.at),
        }
    }
}

/// What is no id names no mail.
fn mail_id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound("message"))
}
