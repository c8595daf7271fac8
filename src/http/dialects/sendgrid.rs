//! `SendGrid`'s way to send: `POST /v3/mail/send`, answered by 202 without a body.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::few::{Few, Pairs, Said, Words, named};
use super::{Facts, draft, names, replayed};
use crate::domain::attachment::Attachment;
use crate::domain::bulk::BulkResult;
use crate::domain::draft::Draft;
use crate::domain::violations::{Violation, Violations};
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::error::FieldError;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::{Authorized, IdempotencyHeader, Json};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, answers_to,
    attachments, custom_headers, read_files, single,
};
use crate::service::mails::Mails;

/// The most categories of one mail.
const MAX_CATEGORIES: usize = 10;

/// The longest category, in characters.
const MAX_CATEGORY: usize = 255;

/// The most that the mails of one request may come to, in bytes, where there are several.
const MAX_TOGETHER: usize = 32 * 1024 * 1024;

/// The most that custom arguments may come to, in bytes.
const MAX_ARGUMENTS: usize = 10_000;

/// The longest subject, in characters.
const MAX_SUBJECT: usize = 998;

/// What is wrong with a time that is none, such as one in microseconds.
const NO_MOMENT: &str = "must be a time in whole seconds since 1970";

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("replyTo", "reply_to"),
    ("html", "content"),
    ("text", "content"),
    ("scheduledAt", "send_at"),
    ("fileName", "filename"),
    ("contentType", "type"),
    ("contentId", "content_id"),
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
    let is_sandbox = value.mail_settings.as_ref().is_some_and(Settings::is_sandbox);
    let mut drafts = value.drafts(Utc::now())?;
    let (id, is_replayed) = match (drafts.pop(), drafts.is_empty()) {
        (Some(only), true) => {
            let accepted = mails.send(&caller, caller.project, only, idempotency).await?;
            (Some(accepted.id), accepted.replayed)
        }
        (last, _) => {
            let drafts = drafts.into_iter().chain(last).map(Ok).collect();
            let accepted =
                mails.send_each(&caller, caller.project, drafts, false, idempotency).await?;
            let ids = accepted.answer.results.iter().filter_map(|result| match result {
                BulkResult::Accepted(id) => Some(*id),
                BulkResult::Refused(_) => None,
            });
            (ids.min(), accepted.replayed)
        }
    };
    let status = if is_sandbox { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = status.into_response();
    if let Some(id) = id.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
        response.headers_mut().insert("x-message-id", id);
    }
    Ok(replayed(response, is_replayed))
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
    custom_args: Option<Pairs>,
    send_at: Option<i64>,
    mail_settings: Option<Settings>,
    #[serde(default)]
    template_id: Said,
    #[serde(default)]
    asm: Said,
    #[serde(default)]
    substitutions: Said,
    #[serde(default)]
    sections: Said,
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
    custom_args: Option<Pairs>,
    send_at: Option<i64>,
    #[serde(default)]
    substitutions: Said,
    #[serde(default)]
    dynamic_template_data: Said,
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
    bypass_bounce_management: Option<Switch>,
    bypass_spam_management: Option<Switch>,
    bypass_unsubscribe_management: Option<Switch>,
    footer: Option<Switch>,
    bcc: Option<Switch>,
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

    /// Notes what is switched on and would be left out.
    fn check(&self, violations: &mut Violations) {
        for (name, switch) in [
            ("footer", &self.footer),
            ("bcc", &self.bcc),
            ("bypass_bounce_management", &self.bypass_bounce_management),
            ("bypass_spam_management", &self.bypass_spam_management),
            ("bypass_unsubscribe_management", &self.bypass_unsubscribe_management),
        ] {
            if is_on(switch.as_ref()) {
                violations.add(format!("mail_settings.{name}"), "is not supported");
            }
        }
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
    disposition: Option<String>,
    content_id: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { filename, content, r#type, disposition, content_id }: File) -> Self {
        Self::of(named(filename), content, r#type).shown_as(content_id).disposed(disposition)
    }
}

impl SendBody {
    /// The mails that are asked for, at `now`: one for each personalization.
    fn drafts(mut self, now: DateTime<Utc>) -> Result<Vec<Draft>> {
        let mut violations = Violations::default();
        let Few(envelopes) = self.personalizations.take().unwrap_or_default();
        if envelopes.is_empty() {
            violations.add("personalizations", "is required");
        }
        for (field, Said(is_said), problem) in [
            ("template_id", self.template_id, "is not supported by this version yet; send content"),
            ("asm", self.asm, "is not supported: our unsubscribe groups have other ids"),
            ("substitutions", self.substitutions, "is not supported"),
            ("sections", self.sections, "is not supported"),
        ] {
            if is_said {
                violations.add(field, problem);
            }
        }
        self.check_common(&mut violations);
        let (html, text) = parts(self.content.take(), &mut violations);
        let tags = categories(self.categories.take(), &mut violations);
        // None of them names a URL.
        let (files, _) = attachments(std::mem::take(&mut self.attachments), &mut violations);
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        let each = length(&html)
            + length(&text)
            + files.iter().map(Attachment::content_length).sum::<usize>();
        if envelopes.len() > 1 && each * envelopes.len() > MAX_TOGETHER {
            let problem = "are too many for content that large: together they may have 32 MB";
            violations.add("personalizations", problem);
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let common = Common { body: self, html, text, tags, files };
        let mut drafts = Vec::with_capacity(envelopes.len());
        for (place, envelope) in envelopes.into_iter().enumerate() {
            match common.draft(envelope, now) {
                Ok(draft) => drafts.push(draft),
                Err(Error::Invalid(problems)) => {
                    for Violation { field, message } in problems.iter() {
                        violations.add(of_envelope(field, place), message);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if violations.is_empty() { Ok(drafts) } else { Err(Error::Invalid(violations)) }
    }

    /// What is said for all envelopes is looked at before it is copied for each of them.
    fn check_common(&self, violations: &mut Violations) {
        if self.subject.as_ref().is_some_and(|subject| subject.chars().count() > MAX_SUBJECT) {
            violations.add("subject", "must have at most 998 characters");
        }
        single("from", self.from.clone(), violations);
        answers_to("reply_to", self.reply_to.clone(), violations);
        answers_to("reply_to_list", self.reply_to_list.clone(), violations);
        if [&self.reply_to, &self.reply_to_list].iter().all(|given| has_any(given.as_ref())) {
            violations.add("reply_to_list", "must be left out where there is a reply_to");
        }
        custom_headers(self.headers.clone(), violations);
        check_arguments(self.custom_args.as_ref().map_or(0, Pairs::length), violations);
        if let Some(settings) = &self.mail_settings {
            settings.check(violations);
        }
    }
}

/// Whether there is any address.
fn has_any(addresses: Option<&Addresses>) -> bool {
    addresses.is_some_and(|addresses| !addresses.is_empty())
}

/// The path of a field, where it is one of an envelope's own.
fn of_envelope(field: &str, place: usize) -> String {
    let own = ["to", "cc", "bcc", "custom_args", "substitutions", "dynamic_template_data"];
    let name = field.split(['.', '[']).next().unwrap_or_default();
    if own.contains(&name) {
        format!("personalizations[{place}].{field}")
    } else {
        field.to_owned()
    }
}

/// What is said for all envelopes.
struct Common {
    body: SendBody,
    html: Option<String>,
    text: Option<String>,
    tags: Vec<String>,
    files: Vec<Attachment>,
}

impl Common {
    fn draft(&self, own: Personalization, now: DateTime<Utc>) -> Result<Draft> {
        let mut violations = Violations::default();
        if own.substitutions.0 {
            violations.add("substitutions", "is not supported");
        }
        if own.dynamic_template_data.0 {
            violations.add("dynamic_template_data", "needs a template, and none can be named yet");
        }
        let scheduled_at = moment(own.send_at.or(self.body.send_at), now, &mut violations);
        let arguments = arguments(self.body.custom_args.as_ref(), own.custom_args, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let body = &self.body;
        let request = SendMailRequest::with(|request| {
            request.from = own.from.or_else(|| body.from.clone());
            request.to = own.to;
            request.cc = own.cc;
            request.bcc = own.bcc;
            request.reply_to = if has_any(body.reply_to.as_ref()) {
                body.reply_to.clone()
            } else {
                body.reply_to_list.clone()
            };
            request.subject = own.subject.or_else(|| body.subject.clone());
            request.html.clone_from(&self.html);
            request.text.clone_from(&self.text);
            request.headers = Headers::joined(body.headers.clone(), own.headers);
            request.scheduled_at = scheduled_at;
            if let Some(settings) = &body.mail_settings {
                request.test = Some(settings.is_sandbox());
                request.bypass_suppressions = Some(is_on(settings.bypass_list_management.as_ref()));
            }
        });
        draft(request, |draft| {
            draft.attachments.clone_from(&self.files);
            draft.details.tags.clone_from(&self.tags);
            draft.details.metadata = arguments;
        })
    }
}

/// What the author adds for itself; of two with the same name an envelope's own.
fn arguments(
    common: Option<&Pairs>,
    own: Option<Pairs>,
    violations: &mut Violations,
) -> Map<String, Value> {
    let mut together = common.cloned().unwrap_or_default().into_values();
    together.extend(own.unwrap_or_default().into_values());
    let length = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
    check_arguments(together.iter().map(length).sum(), violations);
    together
}

fn check_arguments(length: usize, violations: &mut Violations) {
    if length > MAX_ARGUMENTS {
        violations.add("custom_args", "may have 10,000 bytes together");
    }
}

/// When to send what is asked for at so many seconds since 1970: what should have been sent already is sent now.
fn moment(seconds: Option<i64>, now: DateTime<Utc>, violations: &mut Violations) -> Option<String> {
    let at = seconds.map(|seconds| DateTime::from_timestamp(seconds, 0).ok_or(NO_MOMENT));
    let at = violations.check("send_at", at?)?;
    (at > now).then(|| at.to_rfc3339_opts(SecondsFormat::Secs, true))
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
pub(super) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
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
