//! `MailSage`'s API under `/api/v1/emails`. Its requests name no author: mail is from the project's first sender.

mod jobs;

use std::fmt;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};

use super::author::{Authors, Given};
use super::{Facts, apart, draft, names, replayed};
use crate::domain::bulk::MAX_MAILS;
use crate::domain::draft::Draft;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::bounded_value::{MAX_VALUES, VALUE_BYTES};
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::mails::request::{Addresses, SendMailRequest, Variables};
use crate::service::mails::Mails;

/// The most that the bodies of all mails of one request may come to, in bytes.
const MAX_TOGETHER: usize = 32 * 1024 * 1024;

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("to", "recipient"),
    ("html", "body"),
    ("text", "body"),
    ("dynamicData", "recipient.variables"),
    ("templateId", "template_id"),
];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/emails/send", post(send))
        .route("/api/v1/emails/batch", post(send_batch))
        .route("/api/v1/emails/send/batch", post(send_batch))
        .merge(jobs::routes())
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
    let template = value.template_id.as_deref();
    let author = authors.author(Given::default(), template, &caller, caller.project).await;
    let accepted = match author.and_then(|author| value.draft(author)) {
        Ok(draft) => mails.send(&caller, caller.project, draft, idempotency).await?,
        Err(refusal) => mails.answer_again(caller.project, refusal, idempotency.as_ref()).await?,
    };
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
    let template = value.template_id.as_deref();
    let author = authors.author(Given::default(), template, &caller, caller.project).await;
    let accepted = match author.and_then(|author| value.drafts(author.as_ref())) {
        Ok(drafts) => mails.send_each(&caller, caller.project, drafts, false, idempotency).await?,
        Err(refusal) => {
            mails.answer_all_again(caller.project, refusal, idempotency.as_ref()).await?
        }
    };
    let recipient_count = accepted.answer.results.len();
    let id = accepted.answer.batch_id.to_string();
    let answer = json!({
        "message": "Batch queued successfully", "job_id": id, "task_id": id, "tracking_id": id, "status": "queued",
        "recipient_count": recipient_count,
    });
    let response = (StatusCode::ACCEPTED, Json::new(answer)).into_response();
    Ok(replayed(response, accepted.replayed))
}

/// A request to send one mail to one recipient.
#[derive(Debug, Deserialize)]
struct SendBody {
    recipient: Option<Recipient>,
    subject: Option<String>,
    body: Option<String>,
    template_id: Option<String>,
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
        // A template may name an author itself.
        if author.is_none() && self.template_id.is_none() {
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
            request.template_id = self.template_id;
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
    template_id: Option<String>,
}

impl BatchBody {
    fn drafts(self, author: Option<&Addresses>) -> Result<Vec<Result<Draft>>> {
        if self.recipients.bodies.is_empty() {
            return Err(Error::Invalid(Violations::one("recipients", "is required")));
        }
        let texts = [&self.subject, &self.body, &self.template_id];
        let length = texts.into_iter().flatten().map(String::len).sum::<usize>();
        if length * self.recipients.bodies.len() > MAX_TOGETHER {
            let problem = "is too large for so many recipients: together they may have 32 MB";
            return Err(Error::Invalid(Violations::one("body", problem)));
        }
        let one = |recipient| SendBody {
            recipient: Some(recipient),
            subject: self.subject.clone(),
            body: self.body.clone(),
            template_id: self.template_id.clone(),
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
        let name = rest.strip_prefix('/').unwrap_or(rest);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len());
        let is_named = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name[end..].starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        let begins = is_named || rest.starts_with('!');
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

/// Their name of a field. In a batch only the recipients differ, and all else is said once.
fn renamed(field: &str) -> String {
    let name = names::renamed(field, NAMES);
    let within = name.strip_prefix('[').and_then(|rest| rest.split_once("]."));
    match within.map(|(place, own)| (place, own, own.strip_prefix("recipient"))) {
        Some((place, _, Some(rest))) => format!("recipients[{place}]{rest}"),
        Some((_, own, None)) => own.to_owned(),
        None => name,
    }
}

/// A refusal in this dialect.
pub(super) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    let error = facts.sentence(renamed);
    let code = match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) if facts.message.contains("expired") => "expired_api_key",
        (StatusCode::UNAUTHORIZED, _) => "invalid_api_key",
        (StatusCode::FORBIDDEN, _) => "insufficient_permissions",
        (_, "TEMPLATE_NOT_FOUND") => "template_not_found",
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
    fn fields_are_called_as_in_the_request() {
        for (native, told) in [
            ("to.email", "recipient.email"),
            ("dynamicData.a", "recipient.variables.a"),
            ("[3].to.email", "recipients[3].email"),
            ("[3].dynamicData", "recipients[3].variables"),
            ("[3].subject", "subject"),
            ("recipients", "recipients"),
        ] {
            assert_eq!(renamed(native), told);
        }
    }

    #[test]
    fn a_body_with_a_tag_is_html() {
        for html in [
            "<p>Hi</p>",
            "Hi<br>",
            "<!doctype html>x",
            "a < b <b>c</b>",
            "<my-tag a>",
            "x</p>",
            "<hr/>",
        ] {
            assert!(looks_like_html(html), "{html}");
        }
        for text in [
            "Test email",
            "1 < 2 > 0",
            "Ada <ada@example.com> wrote",
            "<",
            "a<b",
            "<<<<",
            "Go to <https://x.example/reset>",
            "<mailto:a>",
            "</ b>",
        ] {
            assert!(!looks_like_html(text), "{text}");
        }
    }
}
