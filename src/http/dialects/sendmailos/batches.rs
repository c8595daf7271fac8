//! `/api/v1/message-batches`: several mails by one request, each of which is sent or told what is wrong with it.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::author::Authors;
use super::super::{Facts, apart, replayed};
use super::messages::Message;
use super::{Answer, SendBody, refusal, workspace};
use crate::domain::bulk::{BulkResult, MAX_MAILS};
use crate::domain::record::MailSummary;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::bounded_value::MAX_VALUES;
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path, Permitted};
use crate::service::keys::Keys;
use crate::service::mails::{MailFilter, Mails};

/// The most mails of one batch.
const MOST_MAILS: u16 = 100;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/message-batches", post(send))
        .route("/api/v1/message-batches/{id}", get(find))
}

async fn send(
    caller: Permitted<SendMails>,
    State(mails): State<Mails>,
    State(keys): State<Arc<Keys>>,
    State(authors): State<Authors>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<BatchBody>,
) -> Result<Response> {
    let bodies = value.messages.bodies;
    share.take(bodies.iter().map(SendBody::weight).sum())?;
    let idempotency = idempotency.of("sendmailos/message-batches", &caller, &bytes)?;
    drop(bytes);
    let project = workspace(value.workspace_id.as_deref(), &caller, &keys).await?;
    if bodies.is_empty() {
        return Err(Error::Invalid(Violations::one("messages", "is required")));
    }
    let mut drafts = Vec::with_capacity(bodies.len());
    for body in bodies {
        // All of them go to the workspace of the batch.
        if body.workspace_id.is_some() {
            let problem = Violations::one("workspace_id", "belongs beside `messages`");
            drafts.push(Err(Error::Invalid(problem)));
            continue;
        }
        let author = body.author(&authors, &caller, project).await;
        drafts.push(apart(author.and_then(|author| body.draft(author)))?);
    }
    let accepted = mails.send_each(&caller, project, drafts, true, idempotency).await?;
    let results: Vec<Value> = accepted.answer.results.iter().map(told).collect();
    let is_accepted = |result: &BulkResult| matches!(result, BulkResult::Accepted(_));
    let answer = if accepted.answer.results.iter().any(is_accepted) {
        let id = accepted.answer.batch_id.to_string();
        json!({ "success": true, "id": id, "batch_id": id, "status": "queued", "results": results })
    } else {
        // There is no batch that could be asked for.
        json!({
            "success": false, "error": "None of the messages can be sent; see `results`.",
            "code": "VALIDATION_FAILED", "results": results,
        })
    };
    Ok(replayed(Json::new(answer).into_response(), accepted.replayed))
}

async fn find(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<Answer<FoundBody>>> {
    let batch: Uuid = id.parse().map_err(|_| Error::NotFound("batch"))?;
    let filter = MailFilter { batch: Some(batch), ..MailFilter::default() };
    let found = mails.list(caller.project, &filter, MOST_MAILS).await?.mails;
    if found.is_empty() {
        return Err(Error::NotFound("batch"));
    }
    let sum = |part: fn(&MailSummary) -> i16| found.iter().map(|mail| i64::from(part(mail))).sum();
    let (sent, failed) = (sum(|mail| mail.sent), sum(|mail| mail.failed));
    let pending = sum(|mail| mail.pending + mail.held);
    let messages = found.into_iter().map(Message::from).collect();
    Ok(Json::new(Answer::of(FoundBody { batch: Batch { id, sent, failed, pending }, messages })))
}

/// What became of one mail of several.
fn told(result: &BulkResult) -> Value {
    match result {
        BulkResult::Accepted(id) => {
            let id = id.to_string();
            json!({ "success": true, "id": id, "message_id": id, "status": "queued" })
        }
        BulkResult::Refused(refused) => refusal(&Facts::of(refused)).1,
    }
}

/// A request to send several mails in one workspace.
#[derive(Debug, Deserialize)]
struct BatchBody {
    #[serde(default)]
    messages: Messages,
    workspace_id: Option<String>,
}

/// Messages, with no more values than fit.
#[derive(Debug, Default)]
struct Messages {
    bodies: Vec<SendBody>,
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(MessagesVisitor)
    }
}

struct MessagesVisitor;

impl<'de> Visitor<'de> for MessagesVisitor {
    type Value = Messages;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Messages, A::Error> {
        let (mut bodies, mut values) = (Vec::new(), 0);
        while let Some(body) = items.next_element::<SendBody>()? {
            values += body.values();
            bodies.push(body);
            if values > MAX_VALUES || bodies.len() > MAX_MAILS {
                let problem = format!("may be {MAX_MAILS}, with {MAX_VALUES} values together");
                return Err(de::Error::custom(problem));
            }
        }
        Ok(Messages { bodies })
    }
}

#[derive(Debug, Serialize)]
struct FoundBody {
    batch: Batch,
    messages: Vec<Message>,
}

/// How many recipients the mails of a batch have, by where they stand.
#[derive(Debug, Serialize)]
struct Batch {
    id: String,
    sent: i64,
    failed: i64,
    pending: i64,
}
