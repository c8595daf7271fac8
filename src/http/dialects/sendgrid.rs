//! SendGrid's way to send: `POST /v3/mail/send`, answered by 202 without a body.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::few::{Few, Words};
use super::{Facts, draft, names, replayed};
use crate::domain::draft::Draft;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::error::FieldError;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::bounded_value::VALUE_BYTES;
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, Variables, read_files,
};
use crate::service::mails::Mails;

/// The most categories of one mail.
const MAX_CATEGORIES: usize = 10;

/// The longest category, in characters.
const MAX_CATEGORY: usize = 255;

/// The most that custom arguments may come to, in bytes.
const MAX_ARGUMENTS: usize = 10_000;

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("to", "personalizations[0].to"),
    ("cc", "personalizations[0].cc"),
    ("bcc", "personalizations[0].bcc"),
    ("replyTo", "reply_to"),
    ("html", "content"),
    ("text", "content"),
    ("scheduledAt", "send_at"),
    ("fileName", "filename"),
    ("contentType", "type"),
];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v3/mail/send", post(send))
}

async fn send(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    idempotency: IdempotencyHeader,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    let idempotency = idempotency.of("sendgrid/mail/send", &caller, &bytes)?;
    drop(bytes);
    let is_sandbox = value.mail_settings.is_sandbox();
    let draft = value.draft(Utc::now())?;
    let accepted = mails.send(&caller, caller.project, draft, idempotency).await?;
    let status = if is_sandbox { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = status.into_response();
    if let Ok(id) = HeaderValue::try_from(accepted.id.to_string()) {
        response.headers_mut().insert("x-message-id", id);
    }
    Ok(replayed(response, accepted.replayed))
}

/// A request to send mail.
#[derive(Debug, Deserialize)]
struct SendBody {
    from: Option<Addresses>,
    reply_to: Option<Addresses>,
    reply_to_list: Option<Addresses>,
    subject: Option<String>,
    #[serde(default)]
    content: Option<Few<Part>>,
    #[serde(default, deserialize_with = "read_files::<File, _>")]
    attachments: Files,
    #[serde(default)]
    personalizations: Option<Few<Personalization>>,
    headers: Option<Headers>,
    #[serde(default)]
    categories: Option<Words>,
    custom_args: Option<Variables>,
    send_at: Option<i64>,
    #[serde(default)]
    mail_settings: Settings,
    template_id: Option<IgnoredAny>,
    asm: Option<IgnoredAny>,
}

/// One envelope, and what is said otherwise in it.
#[derive(Debug, Default, Deserialize)]
struct Personalization {
    from: Option<Addresses>,
    to: Option<Addresses>,
    cc: Option<Addresses>,
    bcc: Option<Addresses>,
    subject: Option<String>,
    headers: Option<Headers>,
    custom_args: Option<Variables>,
    send_at: Option<i64>,
    substitutions: Option<Variables>,
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    r#type: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    sandbox_mode: Option<Switch>,
    bypass_list_management: Option<Switch>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Switch {
    enable: Option<bool>,
}

impl Settings {
    fn is_sandbox(&self) -> bool {
        is_on(self.sandbox_mode.as_ref())
    }
}

fn is_on(switch: Option<&Switch>) -> bool {
    switch.is_some_and(|switch| switch.enable == Some(true))
}

#[derive(Deserialize)]
struct File {
    filename: Option<String>,
    content: Option<EncodedBytes>,
    r#type: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { filename, content, r#type }: File) -> Self {
        Self::of(filename, content, r#type)
    }
}

impl SendBody {
    /// The mail that is asked for, at `now`.
    fn draft(mut self, now: DateTime<Utc>) -> Result<Draft> {
        let mut violations = Violations::default();
        let Few(mut envelopes) = self.personalizations.take().unwrap_or_default();
        if envelopes.is_empty() {
            violations.add("personalizations", "is required");
        } else if envelopes.len() > 1 {
            violations.add("personalizations", "may be one only; send a request for each");
        }
        let own = envelopes.pop().unwrap_or_default();
        self.refuse_what_is_not_there(&own, &mut violations);
        let (html, text) = parts(self.content.take(), &mut violations);
        let tags = categories(self.categories.take(), &mut violations);
        let arguments = arguments([self.custom_args.take(), own.custom_args], &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let request = SendMailRequest::with(|request| {
            request.from = own.from.or(self.from);
            request.to = own.to;
            request.cc = own.cc;
            request.bcc = own.bcc;
            request.reply_to = self.reply_to.or(self.reply_to_list);
            request.subject = own.subject.or(self.subject);
            request.html = html;
            request.text = text;
            request.headers = Headers::joined(self.headers, own.headers);
            request.attachments = Some(self.attachments);
            // What should have been sent already is sent now.
            request.scheduled_at = own
                .send_at
                .or(self.send_at)
                .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
                .filter(|at| *at > now)
                .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
            request.test = Some(self.mail_settings.is_sandbox());
            request.bypass_suppressions =
                Some(is_on(self.mail_settings.bypass_list_management.as_ref()));
        });
        draft(request, |draft| {
            draft.details.tags = tags;
            draft.details.metadata = arguments;
        })
    }

    /// Nothing of what is asked for is silently left out.
    fn refuse_what_is_not_there(&self, own: &Personalization, violations: &mut Violations) {
        if self.template_id.is_some() {
            violations.add("template_id", "is not supported by this version yet; send content");
        }
        if self.asm.is_some() {
            violations.add("asm", "is not supported: our unsubscribe groups have other ids");
        }
        if own.substitutions.as_ref().is_some_and(|values| values.weight() > VALUE_BYTES) {
            violations.add("personalizations[0].substitutions", "is not supported");
        }
    }
}

/// What the author adds for itself, the later over the earlier.
fn arguments(given: [Option<Variables>; 2], violations: &mut Violations) -> Map<String, Value> {
    let mut together = Map::new();
    let mut fits = true;
    for values in given.into_iter().flatten().map(Variables::into_values) {
        fits &= values.is_some();
        together.extend(values.unwrap_or_default());
    }
    let length = |(name, value): (&String, &Value)| name.len() + value.to_string().len();
    if !fits || together.iter().map(length).sum::<usize>() > MAX_ARGUMENTS {
        violations.add("custom_args", "may have 10,000 bytes together");
    }
    together
}

fn parts(
    content: Option<Few<Part>>,
    violations: &mut Violations,
) -> (Option<String>, Option<String>) {
    let (mut html, mut text) = (None, None);
    for (place, Part { r#type, value }) in content.unwrap_or_default().0.into_iter().enumerate() {
        let part = match r#type.split(';').next().unwrap_or_default().trim() {
            "text/html" => &mut html,
            "text/plain" => &mut text,
            _ => {
                let problem = "must be `text/plain` or `text/html`";
                violations.add(format!("content[{place}].type"), problem);
                continue;
            }
        };
        if part.replace(value).is_some() {
            violations.add(format!("content[{place}].type"), "must not come twice");
        }
    }
    (html, text)
}

fn categories(given: Option<Words>, violations: &mut Violations) -> Vec<String> {
    let Words(words) = given.unwrap_or_default();
    let fits = |word: &String| (1..=MAX_CATEGORY).contains(&word.chars().count());
    if words.len() > MAX_CATEGORIES || !words.iter().all(fits) {
        violations.add("categories", "may be 10, of 1 to 255 characters each");
    }
    words
}

/// A refusal in this dialect: one entry for each field at fault.
pub(super) fn refusal(facts: &Facts) -> (StatusCode, Value) {
    let entry = |message: &str, field: Option<String>| json!({ "message": message, "field": field, "help": null });
    let mut errors: Vec<Value> = facts
        .errors
        .iter()
        .map(|FieldError { field, message }| {
            let field = names::renamed(field, NAMES);
            entry(&format!("{field} {message}"), Some(field))
        })
        .collect();
    if errors.is_empty() {
        errors.push(entry(&facts.message, None));
    }
    (facts.status, json!({ "errors": errors, "id": facts.request_id }))
}
