//! `MailSage`'s API under `/api/v1/emails`. Its requests name no author: mail is from the project's first sender.

use std::fmt;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};
use uuid::Uuid;

use super::author::Authors;
use super::{Facts, apart, draft, names, replayed};
use crate::domain::bulk::MAX_MAILS;
use crate::domain::draft::Draft;
use crate::domain::id::MailId;
use crate::domain::record::{Event, MailSummary};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::bounded_value::{MAX_VALUES, VALUE_BYTES};
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path};
use crate::http::mails::request::{Addresses, SendMailRequest, Variables};
use crate::http::mails::response::timestamp;
use crate::service::mails::{MailFilter, Mails};

/// The most mails of one job.
const MOST_MAILS: u16 = 100;

/// The most that the bodies of all mails of one request may come to, in bytes.
const MAX_TOGETHER: usize = 32 * 1024 * 1024;

/// Their names of our fields.
const NAMES: &[(&str, &str)] =
    &[("to", "recipient"), ("html", "body"), ("text", "body"), ("dynamicData", "variables")];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/emails/send", post(send))
        .route("/api/v1/emails/batch", post(send_batch))
        .route("/api/v1/emails/send/batch", post(send_batch))
        .route("/api/v1/emails/jobs/{id}/status", get(status))
        .route("/api/v1/emails/jobs/{id}/control", post(control))
}

async fn send(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    State(authors): State<Authors>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    let variables = value.recipient.as_ref().and_then(|recipient| recipient.variables.as_ref());
    share.take(variables.map_or(0, Variables::weight))?;
    let idempotency = idempotency.of("mailsage/emails/send", &caller, &bytes)?;
    drop(bytes);
    let author = authors.author(None, &caller, caller.project).await?;
    let accepted = mails.send(&caller, caller.project, value.draft(author)?, idempotency).await?;
    let id = accepted.id.to_string();
    let answer = QueuedBody {
        message: "Email queued successfully",
        job_id: id.clone(),
        task_id: id.clone(),
        tracking_id: id,
        status: "queued",
    };
    let response = (StatusCode::ACCEPTED, Json::new(answer)).into_response();
    Ok(replayed(response, accepted.replayed))
}

/// Documented at one path and served at another by the original: both are served here.
async fn send_batch(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    State(authors): State<Authors>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<BatchBody>,
) -> Result<Response> {
    share.take(value.recipients.values * VALUE_BYTES)?;
    let idempotency = idempotency.of("mailsage/emails/batch", &caller, &bytes)?;
    drop(bytes);
    let author = authors.author(None, &caller, caller.project).await?;
    let drafts = value.drafts(author.as_ref())?;
    let recipient_count = drafts.len();
    let accepted = mails.send_each(&caller, caller.project, drafts, false, idempotency).await?;
    let id = accepted.answer.batch_id.to_string();
    let answer = json!({
        "message": "Batch queued successfully", "job_id": id, "task_id": id, "tracking_id": id, "status": "queued",
        "recipient_count": recipient_count,
    });
    let response = (StatusCode::ACCEPTED, Json::new(answer)).into_response();
    Ok(replayed(response, accepted.replayed))
}

async fn status(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<JobBody>> {
    let job: Uuid = id.parse().map_err(|_| Error::NotFound("job"))?;
    let filter = MailFilter { batch: Some(job), ..MailFilter::default() };
    let page = mails.list(caller.project, &filter, MOST_MAILS).await?;
    if !page.mails.is_empty() {
        return Ok(Json::new(JobBody::of_batch(&id, &page.mails)));
    }
    let (mail, events) = mails.status(caller.project, job_id(&id)?).await?;
    Ok(Json::new(JobBody::new(&mail, &events)))
}

async fn control(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Json { value, .. }: Json<ControlBody>,
) -> Result<Json<JobBody>> {
    if value.action.as_deref() != Some("stop") {
        let problem = "must be `stop`: what is under way cannot be paused";
        return Err(Error::Invalid(Violations::one("action", problem)));
    }
    let detail = mails.cancel(&caller, caller.project, job_id(&id)?).await?;
    Ok(Json::new(JobBody::new(&detail.summary, &detail.events)))
}

/// A request to send one mail to one recipient.
#[derive(Debug, Deserialize)]
struct SendBody {
    recipient: Option<Recipient>,
    subject: Option<String>,
    body: Option<String>,
    template_id: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Recipient {
    email: String,
    name: Option<String>,
    variables: Option<Variables>,
}

impl SendBody {
    fn draft(self, author: Option<Addresses>) -> Result<Draft> {
        let mut violations = Violations::default();
        if self.template_id.is_some() {
            violations.add("template_id", "is not supported by this version yet; send a body");
        }
        if author.is_none() {
            violations.add("from", "is the project's first sender, and there is none: add one");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let (to, data) = match self.recipient {
            None => (None, None),
            Some(Recipient { email, name, variables }) => {
                (Some(Addresses::of(email, name)), variables)
            }
        };
        let is_html = self.body.as_deref().is_some_and(looks_like_html);
        let (html, text) = if is_html { (self.body, None) } else { (None, self.body) };
        let request = SendMailRequest::with(|request| {
            request.from = author;
            request.to = to;
            request.subject = self.subject;
            request.html = html;
            request.text = text;
            request.dynamic_data = data;
        });
        draft(request, |_| ())
    }
}

/// A request to send the same mail to several recipients.
#[derive(Debug, Deserialize)]
struct BatchBody {
    #[serde(default)]
    recipients: Recipients,
    subject: Option<String>,
    body: Option<String>,
    template_id: Option<IgnoredAny>,
}

impl BatchBody {
    fn drafts(self, author: Option<&Addresses>) -> Result<Vec<Result<Draft, Violations>>> {
        if self.recipients.bodies.is_empty() {
            return Err(Error::Invalid(Violations::one("recipients", "is required")));
        }
        let length = self.body.as_ref().map_or(0, String::len);
        if length * self.recipients.bodies.len() > MAX_TOGETHER {
            let problem = "is too large for so many recipients: together they may have 32 MB";
            return Err(Error::Invalid(Violations::one("body", problem)));
        }
        let one = |recipient| SendBody {
            recipient: Some(recipient),
            subject: self.subject.clone(),
            body: self.body.clone(),
            template_id: self.template_id,
        };
        let drafts = self
            .recipients
            .bodies
            .into_iter()
            .map(|recipient| apart(one(recipient).draft(author.cloned())));
        drafts.collect()
    }
}

/// Recipients, with no more values than fit.
#[derive(Debug, Default)]
struct Recipients {
    bodies: Vec<Recipient>,
    values: usize,
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecipientsVisitor)
    }
}

struct RecipientsVisitor;

impl<'de> Visitor<'de> for RecipientsVisitor {
    type Value = Recipients;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of recipients")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Recipients, A::Error> {
        let mut read = Recipients::default();
        while let Some(body) = items.next_element::<Recipient>()? {
            read.values += body.variables.as_ref().map_or(0, Variables::count);
            read.bodies.push(body);
            if read.values > MAX_VALUES || read.bodies.len() > MAX_MAILS {
                let problem = format!("may be {MAX_MAILS}, with {MAX_VALUES} values together");
                return Err(de::Error::custom(problem));
            }
        }
        Ok(read)
    }
}

/// The one field for both kinds of text does not say which it is: something between angle brackets that begins as a tag
/// does makes it HTML.
fn looks_like_html(body: &str) -> bool {
    body.match_indices('<').any(|(at, _)| {
        let rest = &body[at + 1..];
        let begins = rest.trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic())
            || rest.starts_with('!');
        begins && rest.split('<').next().is_some_and(|tag| tag.contains('>') && !tag.contains('@'))
    })
}

#[derive(Debug, Serialize)]
struct QueuedBody {
    message: &'static str,
    job_id: String,
    task_id: String,
    tracking_id: String,
    status: &'static str,
}

/// How far a job has come.
#[derive(Debug, Serialize)]
struct JobBody {
    id: String,
    status: &'static str,
    progress: Progress,
    started_at: String,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct Progress {
    total: i16,
    sent: i16,
    failed: i16,
    pending: i16,
    percentage: i16,
}

impl JobBody {
    fn of_batch(id: &str, mails: &[MailSummary]) -> Self {
        let sum = |part: fn(&MailSummary) -> i16| mails.iter().map(part).sum::<i16>();
        let (sent, failed) = (sum(|mail| mail.sent), sum(|mail| mail.failed));
        let pending = sum(|mail| mail.pending + mail.held);
        let started = mails.iter().map(|mail| mail.created_at).min().unwrap_or_default();
        let total = sent + failed + pending;
        let status = match (sent, failed, pending) {
            (0, 0, _) => "queued",
            (_, _, 1..) => "processing",
            (1.., ..) => "completed",
            _ => "failed",
        };
        Self {
            id: id.to_owned(),
            status,
            progress: Progress {
                total,
                sent,
                failed,
                pending,
                percentage: if total == 0 { 0 } else { (total - pending) * 100 / total },
            },
            started_at: timestamp(started),
            updated_at: timestamp(started),
        }
    }

    fn new(mail: &MailSummary, events: &[Event]) -> Self {
        let pending = mail.pending + mail.held;
        let total = mail.sent + mail.failed + pending;
        let percentage = if total == 0 { 0 } else { (total - pending) * 100 / total };
        let status = match mail.status.as_str() {
            "cancelled" => "stopped",
            _ if pending > 0 && events.len() <= 1 => "queued",
            _ if pending > 0 => "processing",
            _ if mail.sent > 0 => "completed",
            _ => "failed",
        };
        Self {
            id: mail.id.to_string(),
            status,
            progress: Progress { total, sent: mail.sent, failed: mail.failed, pending, percentage },
            started_at: timestamp(mail.created_at),
            updated_at: timestamp(events.last().map_or(mail.created_at, |event| event.at)),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ControlBody {
    action: Option<String>,
}

/// What is no id names no job.
fn job_id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound("job"))
}

/// A refusal in this dialect.
pub(super) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    let error = facts.sentence(|field| names::renamed(field, NAMES));
    let code = match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) if facts.message.contains("expired") => "expired_api_key",
        (StatusCode::UNAUTHORIZED, _) => "invalid_api_key",
        (StatusCode::FORBIDDEN, _) => "insufficient_permissions",
        (StatusCode::TOO_MANY_REQUESTS, _) => "rate_limit_exceeded",
        (StatusCode::BAD_REQUEST, _) if facts.errors.is_empty() => "invalid_request",
        (StatusCode::BAD_REQUEST, _) if facts.misses_something() => "missing_required",
        (StatusCode::BAD_REQUEST, _) => "invalid_parameter",
        (_, other) => &other.to_lowercase(),
    };
    let body = json!({
        "error": error, "status": facts.status.as_u16(), "code": code, "request_id": facts.request_id,
    });
    (facts.status, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_a_tag_is_html() {
        for html in ["<p>Hi</p>", "Hi<br>", "<!doctype html>x", "a < b <b>c</b>"] {
            assert!(looks_like_html(html), "{html}");
        }
        for text in ["Test email", "1 < 2 > 0", "Ada <ada@example.com> wrote", "<", "a<b", "<<<<"] {
            assert!(!looks_like_html(text), "{text}");
        }
    }
}
