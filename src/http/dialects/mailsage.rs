//! `MailSage`'s API under `/api/v1/emails`. Its requests name no author: mail is from the project's first sender.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::author::Authors;
use super::{Facts, draft, names, replayed};
use crate::domain::draft::Draft;
use crate::domain::id::MailId;
use crate::domain::record::{Event, MailSummary};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path};
use crate::http::mails::request::{Addresses, SendMailRequest, Variables};
use crate::http::mails::response::timestamp;
use crate::service::mails::Mails;

/// Their names of our fields.
const NAMES: &[(&str, &str)] =
    &[("to", "recipient"), ("html", "body"), ("text", "body"), ("dynamicData", "variables")];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/emails/send", post(send))
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

async fn status(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<JobBody>> {
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
pub(super) fn refusal(facts: &Facts) -> (StatusCode, Value) {
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
