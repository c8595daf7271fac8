//! Postmark's way to send: `POST /email` and `POST /email/batch`, with the key in a header of its own.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::few::{Few, Pairs, named};
use super::{Facts, apart, draft, names, replayed};
use crate::domain::bulk::BulkResult;
use crate::domain::draft::Draft;
use crate::domain::id::MailId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, read_files,
};
use crate::http::wire::timestamp;
use crate::service::mails::Mails;

/// The longest tag, in characters.
const MAX_TAG: usize = 1000;

/// The most values of the author's own, and the longest name and value of one, in characters.
const MAX_METADATA: (usize, usize, usize) = (10, 20, 80);

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("from", "From"),
    ("to", "To"),
    ("cc", "Cc"),
    ("bcc", "Bcc"),
    ("replyTo", "ReplyTo"),
    ("subject", "Subject"),
    ("html", "HtmlBody"),
    ("text", "TextBody"),
    ("headers", "Headers"),
    ("attachments", "Attachments"),
    ("fileName", "Name"),
    ("content", "Content"),
    ("contentType", "ContentType"),
    ("contentId", "ContentID"),
];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/email", post(send)).route("/email/batch", post(send_batch))
}

async fn send(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    let idempotency = idempotency.of("postmark/email", &caller, &bytes)?;
    drop(bytes);
    let echo = Echo::of(&value);
    let accepted = mails.send(&caller, caller.project, value.draft()?, idempotency).await?;
    let is_replayed = accepted.replayed;
    Ok(replayed(
        Json::new(echo.told(accepted.id, accepted.accepted_at)).into_response(),
        is_replayed,
    ))
}

async fn send_batch(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    Json { value: Few(bodies), bytes }: Json<Few<SendBody>>,
) -> Result<Response> {
    let idempotency = idempotency.of("postmark/email/batch", &caller, &bytes)?;
    drop(bytes);
    if bodies.is_empty() {
        return Err(Error::Invalid(Violations::one("Messages", "is required")));
    }
    let echoes: Vec<_> = bodies.iter().map(Echo::of).collect();
    let drafts = bodies.into_iter().map(|body| apart(body.draft())).collect::<Result<_>>()?;
    let accepted = mails.send_each(&caller, caller.project, drafts, true, idempotency).await?;
    let told = |(echo, result): (Echo, &BulkResult)| match result {
        BulkResult::Accepted(id) => BatchItem::Sent(echo.told(*id, accepted.accepted_at)),
        BulkResult::Refused(refused) => BatchItem::Refused(refusal(&Facts::of(refused)).1),
    };
    let items: Vec<_> = echoes.into_iter().zip(&accepted.answer.results).map(told).collect();
    Ok(replayed(Json::new(items).into_response(), accepted.replayed))
}

/// What became of one mail of several.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum BatchItem {
    Sent(SentBody),
    Refused(Value),
}

/// A request to send one mail. Each of its lists of addresses is one text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendBody {
    from: Option<String>,
    to: Option<String>,
    cc: Option<String>,
    bcc: Option<String>,
    reply_to: Option<String>,
    subject: Option<String>,
    html_body: Option<String>,
    text_body: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    metadata: Option<Pairs>,
    #[serde(default)]
    headers: Option<Few<Header>>,
    #[serde(default, deserialize_with = "read_files::<File, _>")]
    attachments: Files,
    template_id: Option<IgnoredAny>,
    template_alias: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    name: Option<String>,
    content: Option<EncodedBytes>,
    content_type: Option<String>,
    #[serde(rename = "ContentID")]
    content_id: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { name, content, content_type, content_id }: File) -> Self {
        // They write it as the HTML does.
        let content_id =
            content_id.map(|id| id.strip_prefix("cid:").map(ToOwned::to_owned).unwrap_or(id));
        Self::of(named(name), content, content_type).shown_as(content_id)
    }
}

impl SendBody {
    fn draft(self) -> Result<Draft> {
        let mut violations = Violations::default();
        if self.template_id.is_some() || self.template_alias.is_some() {
            violations.add("TemplateId", "is not supported by this version yet");
        }
        let tag = self.tag.filter(|tag| !tag.is_empty());
        if tag.as_ref().is_some_and(|tag| tag.chars().count() > MAX_TAG) {
            violations.add("Tag", "must have at most 1000 characters");
        }
        let metadata = self.metadata.unwrap_or_default();
        let (most, longest_name, longest_value) = MAX_METADATA;
        if !metadata.fit(most, longest_name, longest_value) {
            violations.add("Metadata", "may be 10 values of 80 characters, with names of 20");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let headers = self.headers.unwrap_or_default().0.into_iter();
        let request = SendMailRequest::with(|request| {
            request.from = self.from.as_deref().and_then(listed);
            request.to = self.to.as_deref().and_then(listed);
            request.cc = self.cc.as_deref().and_then(listed);
            request.bcc = self.bcc.as_deref().and_then(listed);
            request.reply_to = self.reply_to.as_deref().and_then(listed);
            request.subject = self.subject;
            request.html = self.html_body;
            request.text = self.text_body;
            request.headers =
                Some(Headers(headers.map(|Header { name, value }| (name, value)).collect()));
            request.attachments = Some(self.attachments);
        });
        draft(request, |draft| {
            draft.details.tags.extend(tag);
            draft.details.metadata = metadata.into_values();
        })
    }
}

/// The addresses of one text, with commas between them; nothing if it is empty.
fn listed(text: &str) -> Option<Addresses> {
    let addresses = split(text);
    (!addresses.is_empty()).then(|| Addresses::of_texts(addresses))
}

/// Splits at commas that stand neither between quotes nor between angle brackets (RFC 5322, section 3.4).
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    for c in text.chars() {
        if c == ',' && !quoted && !angled {
            parts.push(String::new());
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angled = true,
            '>' if !quoted => angled = false,
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// What an answer repeats of its request.
struct Echo {
    to: String,
    cc: Option<String>,
    bcc: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SentBody {
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bcc: Option<String>,
    submitted_at: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    error_code: u16,
    message: &'static str,
}

impl Echo {
    fn of(body: &SendBody) -> Self {
        Self { to: body.to.clone().unwrap_or_default(), cc: body.cc.clone(), bcc: body.bcc.clone() }
    }

    fn told(self, id: MailId, accepted_at: DateTime<Utc>) -> SentBody {
        SentBody {
            to: self.to,
            cc: self.cc,
            bcc: self.bcc,
            submitted_at: timestamp(accepted_at),
            message_id: id.to_string(),
            error_code: 0,
            message: "OK",
        }
    }
}

/// A refusal in this dialect: a number and a sentence.
pub(super) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    let (status, code) = match (facts.status, facts.code) {
        (StatusCode::UNAUTHORIZED, _) | (_, "INSUFFICIENT_PERMISSIONS") => {
            (StatusCode::UNAUTHORIZED, 10)
        }
        (_, "DOMAIN_NOT_VERIFIED" | "FROM_DOMAIN_NOT_ALLOWED") => (UNPROCESSABLE, 400),
        (StatusCode::FORBIDDEN, _) => (UNPROCESSABLE, 405),
        (StatusCode::BAD_REQUEST, _) if facts.message.contains("too many entries") => {
            (UNPROCESSABLE, 410)
        }
        (StatusCode::BAD_REQUEST, _) if facts.errors.is_empty() => (UNPROCESSABLE, 402),
        (StatusCode::BAD_REQUEST | StatusCode::CONFLICT, _) => (UNPROCESSABLE, 300),
        (StatusCode::SERVICE_UNAVAILABLE, _) => (facts.status, 100),
        (status, _) => (status, status.as_u16()),
    };
    let message = facts.sentence(|field| names::renamed(field, NAMES));
    (status, json!({ "ErrorCode": code, "Message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_within_a_name_parts_nothing() {
        for (text, parts) in [
            ("a@b.example", vec!["a@b.example"]),
            ("B <b@ex.com>, c@ex.com", vec!["B <b@ex.com>", " c@ex.com"]),
            (
                r#""Last, \", First" <a@b.example>,x@y.example"#,
                vec![r#""Last, \", First" <a@b.example>"#, "x@y.example"],
            ),
            (" , ,", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), parts);
        }
    }
}
