//! Sending, one mail or several.

use std::fmt;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};

use super::super::few::{Few, Pairs};
use super::super::{Facts, apart, draft, replayed};
use super::refusal::refusal;
use super::{HASH, MAX_HASH};
use crate::domain::bulk::{BulkResult, MAX_MAILS};
use crate::domain::draft::Draft;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, read_files,
};
use crate::service::mails::Mails;

/// The longest name and the longest value of a tag, in characters, and the most tags.
const MAX_TAGS: (usize, usize, usize) = (128, 256, 50);

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v2/emails", post(send)).route("/v2/emails/batch", post(send_batch))
}

async fn send(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    let idempotency = idempotency.of("tosend/emails", &caller, &bytes)?;
    drop(bytes);
    let hash = value.message_hash.clone().filter(|hash| !hash.is_empty());
    let accepted = mails.send(&caller, caller.project, value.draft()?, idempotency).await?;
    let email_id = accepted.id.to_string();
    let answer = SentBody { message_id: hash.unwrap_or_else(|| email_id.clone()), email_id };
    Ok(replayed(Json::new(answer).into_response(), accepted.replayed))
}

async fn send_batch(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    Json { value, bytes }: Json<Batch>,
) -> Result<Response> {
    let idempotency = idempotency.of("tosend/emails/batch", &caller, &bytes)?;
    drop(bytes);
    let Few(bodies) = value.emails;
    if bodies.is_empty() {
        return Err(Error::Invalid(Violations::one("emails", "is required")));
    }
    if bodies.len() > MAX_MAILS {
        let problem = format!("may be {MAX_MAILS} at most");
        return Err(Error::Invalid(Violations::one("emails", problem)));
    }
    let hashes: Vec<_> = bodies.iter().map(|body| body.message_hash.clone()).collect();
    let drafts = bodies.into_iter().map(|body| apart(body.draft())).collect::<Result<_>>()?;
    let accepted = mails.send_each(&caller, caller.project, drafts, true, idempotency).await?;
    let results = hashes.into_iter().zip(&accepted.answer.results).map(told).collect::<Vec<_>>();
    let is_refused = |result: &BulkResult| matches!(result, BulkResult::Refused(_));
    let all_are_sent = !accepted.answer.results.iter().any(is_refused);
    let status = if all_are_sent { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let response = (status, Json::new(json!({ "results": results }))).into_response();
    Ok(replayed(response, accepted.replayed))
}

/// What became of one mail of several.
fn told((hash, result): (Option<String>, &BulkResult)) -> Value {
    match result {
        BulkResult::Accepted(id) => {
            let id = id.to_string();
            let named = hash.filter(|hash| !hash.is_empty());
            json!({
                "status": "success", "message_id": named.unwrap_or_else(|| id.clone()), "email_id": id,
            })
        }
        BulkResult::Refused(refused) => {
            let (_, mut told) = refusal(&Facts::of(refused));
            told["status"] = "error".into();
            told
        }
    }
}

/// Several mails: an object that has them as `emails`, or the list alone.
#[derive(Debug, Default)]
struct Batch {
    emails: Few<SendBody>,
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BatchVisitor)
    }
}

struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `emails`, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Batch, A::Error> {
        let emails = Few::deserialize(de::value::SeqAccessDeserializer::new(items))?;
        Ok(Batch { emails })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Batch, A::Error> {
        let mut batch = Batch::default();
        while let Some(name) = members.next_key::<String>()? {
            if name == "emails" {
                batch.emails = members.next_value()?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(batch)
    }
}

/// A request to send one mail.
#[derive(Debug, Deserialize)]
struct SendBody {
    from: Option<Addresses>,
    to: Option<Addresses>,
    cc: Option<Addresses>,
    bcc: Option<Addresses>,
    reply_to: Option<Addresses>,
    subject: Option<String>,
    html: Option<String>,
    text: Option<String>,
    headers: Option<Headers>,
    #[serde(default, deserialize_with = "read_files::<File, _>")]
    attachments: Files,
    #[serde(default)]
    tags: Option<Pairs>,
    message_hash: Option<String>,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    content: Option<EncodedBytes>,
    r#type: Option<String>,
    content_id: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { name, content, r#type, content_id }: File) -> Self {
        Self::of(name, content, r#type).shown_as(content_id)
    }
}

/// What sending answers.
#[derive(Debug, Serialize)]
struct SentBody {
    /// The caller's own name for the mail if it gave one, else ours.
    message_id: String,
    /// Ours in any case.
    email_id: String,
}

impl SendBody {
    fn draft(self) -> Result<Draft> {
        let mut violations = Violations::default();
        let tags = self.tags.unwrap_or_default();
        let (longest_name, longest_value, most) = MAX_TAGS;
        if !tags.fit(most, longest_name, longest_value) {
            violations.add("tags", "may be 50 of 256 characters, with names of 128");
        }
        if self.message_hash.as_ref().is_some_and(|hash| hash.chars().count() > MAX_HASH) {
            violations.add("message_hash", "must have at most 255 characters");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let request = SendMailRequest::with(|request| {
            request.from = self.from;
            request.to = self.to;
            request.cc = self.cc;
            request.bcc = self.bcc;
            request.reply_to = self.reply_to;
            request.subject = self.subject;
            request.html = self.html;
            request.text = self.text;
            request.headers = self.headers;
            request.attachments = Some(self.attachments);
        });
        draft(request, |draft| {
            draft.details.metadata = tags.into_values();
            // As a tag it finds the mail, and beside the values it is told from the caller's own tags.
            if let Some(hash) = self.message_hash.filter(|hash| !hash.is_empty()) {
                draft.details.tags.push(hash.clone());
                draft.details.metadata.insert(HASH.to_owned(), hash.into());
            }
        })
    }
}
