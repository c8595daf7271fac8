//! Foreign dialects: requests of other services' APIs, read into the same domain values, answered by the same services,
//! and printed, refusals included, in the shape that their clients expect. A file or a folder each, with no storage and
//! no rules of its own.
//!
//! Requests are told apart by their paths, of which no two of these APIs share one with its method; the method says only
//! in which of its two shapes `ToSend` refuses.

mod author;
mod deliveries;
mod few;
mod mailsage;
mod names;
mod postmark;
mod resend;
mod sendgrid;
mod sendmailos;
mod tosend;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::Api;
use super::error::FieldError;
use super::mails::request::SendMailRequest;
use crate::domain::bulk::Refusal;
use crate::domain::draft::Draft;
use crate::domain::mail_details::MailDetails;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// An API that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/emails`, `/domains` and more, at the root.
    Resend,
    /// `/v3/mail/send`.
    SendGrid,
    /// `/email`.
    Postmark,
    /// `/v2/…`, for those who send.
    ToSend,
    /// `/v2/…`, for those who administer: other refusals.
    ToSendAdmin,
    /// `/api/v1/…`, but for `emails`.
    SendMailOs,
    /// `/api/v1/emails/…`.
    MailSage,
}

/// What is known of a refusal before it is written in anybody's shape.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The status of the native API.
    pub status: StatusCode,
    /// The published code of the native API.
    pub code: &'a str,
    /// For people: what to do about it.
    pub message: String,
    /// Every field that is at fault, by its native name.
    pub errors: Vec<FieldError>,
    /// Whether the request brought a key, good or bad.
    pub key_sent: bool,
    /// Names the request in our logs.
    pub request_id: String,
}

/// Paths that accept mail. Their bodies are large, and each step of them bounds itself.
const SENDS: &[&str] = &[
    "/emails",
    "/emails/batch",
    "/v3/mail/send",
    "/email",
    "/email/batch",
    "/v2/emails",
    "/v2/emails/batch",
    "/api/v1/send",
    "/api/v1/messages",
    "/api/v1/message-batches",
    "/api/v1/emails/send",
    "/api/v1/emails/batch",
    "/api/v1/emails/send/batch",
];

/// The first segments of paths that belong to Resend's API. Those that we do not serve are refused in its shape.
const RESEND: &[&str] = &[
    "emails",
    "domains",
    "api-keys",
    "webhooks",
    "templates",
    "suppressions",
    "audiences",
    "contacts",
    "broadcasts",
    "segments",
    "topics",
    "contact-properties",
    "automations",
    "events",
    "logs",
];

/// What is wrong with a text that has one.
const UNSTORABLE: &str = "must not contain the character U+0000";

const POSTMARK_TOKEN: HeaderName = HeaderName::from_static("x-postmark-server-token");
const PROJECT: HeaderName = HeaderName::from_static("x-project-id");

/// Whether the route accepts mail in some dialect.
pub fn is_send(route: &str) -> bool {
    SENDS.contains(&route)
}

/// The routes of every dialect.
pub fn routes() -> Router<Api> {
    Router::new()
        .merge(resend::routes())
        .merge(sendgrid::routes())
        .merge(postmark::routes())
        .merge(tosend::routes())
        .merge(sendmailos::routes())
        .merge(mailsage::routes())
}

impl Dialect {
    /// The dialect of a request, if it is not our own: its path tells it, and a token of Postmark where its clients ask
    /// for what is not there.
    pub fn of_request(method: &Method, path: &str, headers: &HeaderMap) -> Option<Self> {
        Self::of(method, path).or_else(|| {
            let is_native = path == "/v1" || path.starts_with("/v1/");
            (!is_native && headers.contains_key(POSTMARK_TOKEN)).then_some(Self::Postmark)
        })
    }

    /// The dialect of a path, if it is not our own.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.split('/');
        match segments.next()? {
            "v1" => None,
            "v2" => {
                let sends = match segments.next() {
                    Some("emails") => method == Method::POST,
                    other => other == Some("info"),
                };
                Some(if sends { Self::ToSend } else { Self::ToSendAdmin })
            }
            "v3" => Some(Self::SendGrid),
            "email" => Some(Self::Postmark),
            "api" if segments.next() == Some("v1") => {
                let is_mail_sage = segments.next() == Some("emails");
                Some(if is_mail_sage { Self::MailSage } else { Self::SendMailOs })
            }
            first => RESEND.contains(&first).then_some(Self::Resend),
        }
    }

    /// Whether a request brings a key where this dialect carries it.
    pub fn carries_key(self, headers: &HeaderMap) -> bool {
        headers.contains_key(AUTHORIZATION)
            || (self == Self::Postmark && headers.contains_key(POSTMARK_TOKEN))
    }

    /// A refusal as this dialect prints it.
    pub fn refusal(self, mut facts: Facts<'_>) -> (StatusCode, Value) {
        facts.message = self.reworded(&facts.message);
        let facts = &facts;
        match self {
            Self::Resend => resend::refusal(facts),
            Self::SendGrid => sendgrid::refusal(facts),
            Self::Postmark => postmark::refusal(facts),
            Self::ToSend => tosend::refusal(facts),
            Self::ToSendAdmin => tosend::refusal_of_administration(facts),
            Self::SendMailOs => sendmailos::refusal(facts),
            Self::MailSage => mailsage::refusal(facts),
        }
    }

    /// A sentence of ours with the names of its headers instead of our own.
    fn reworded(self, message: &str) -> String {
        let key = match self {
            Self::Postmark => "`X-Postmark-Server-Token: …`",
            _ => "`Authorization: Bearer …`",
        };
        let project = match self {
            Self::ToSend | Self::ToSendAdmin => "`X-Account-Id`",
            Self::SendMailOs => "`X-Workspace-Id`",
            _ => "`x-project-id`",
        };
        message.replace("`Authorization: Bearer AS_…`", key).replace("`x-project-id`", project)
    }

    /// The header that names the project of an account key, where it is not our own.
    fn project_header(self) -> Option<&'static str> {
        match self {
            Self::ToSend | Self::ToSendAdmin => Some("x-account-id"),
            Self::SendMailOs => Some("x-workspace-id"),
            _ => None,
        }
    }
}

impl<'a> Facts<'a> {
    /// Of one mail among several, whose request was not refused.
    fn of(refusal: &'a Refusal) -> Self {
        let status = match refusal.code.as_str() {
            "VALIDATION_FAILED" | "TEMPLATE_NOT_PUBLISHED" => StatusCode::BAD_REQUEST,
            "TEMPLATE_NOT_FOUND" => StatusCode::NOT_FOUND,
            _ => StatusCode::FORBIDDEN,
        };
        Self {
            status,
            code: &refusal.code,
            message: refusal.message.clone(),
            errors: refusal.violations.iter().map(FieldError::from).collect(),
            key_sent: true,
            request_id: String::new(),
        }
    }

    /// The whole of it in one sentence, for dialects that have no place for fields: these by the names that `rename`
    /// gives them.
    fn sentence(&self, rename: impl Fn(&str) -> String) -> String {
        if self.errors.is_empty() {
            return self.message.clone();
        }
        let problem =
            |FieldError { field, message }: &FieldError| format!("`{}` {message}", rename(field));
        format!("{}.", self.errors.iter().map(problem).collect::<Vec<_>>().join("; "))
    }

    /// Whether a field is at fault, or one within it.
    fn blames(&self, field: &str) -> bool {
        self.errors.iter().any(|error| {
            error.field.strip_prefix(field).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') || rest.starts_with('[')
            })
        })
    }

    /// Whether something that is needed was left out.
    fn misses_something(&self) -> bool {
        self.errors.iter().any(|error| error.message.contains("required"))
    }
}

/// Puts the key and the project where authentication looks for them. These APIs are for programs, so that a browser's
/// cookie is nothing to them.
pub async fn carry(mut request: Request, next: Next) -> Response {
    let dialect = Dialect::of(request.method(), request.uri().path());
    let headers = request.headers_mut();
    headers.remove(COOKIE);
    if let Some(dialect) = dialect {
        if dialect == Dialect::Postmark
            && let Some(token) = headers.remove(POSTMARK_TOKEN)
        {
            headers.insert(AUTHORIZATION, bearer(&token));
        }
        if let Some(project) = dialect.project_header().and_then(|name| headers.remove(name)) {
            let project = without_prefix(&project);
            // Two that differ stand beside each other, which is refused.
            if headers.get(PROJECT) != Some(&project) {
                headers.append(PROJECT, project);
            }
        }
    }
    let mut response = next.run(request).await;
    if dialect == Some(Dialect::Resend) {
        tell_limits_as_resend(response.headers_mut());
    }
    response
}

/// What is no token is carried all the same, so that it is refused like every other.
fn bearer(token: &HeaderValue) -> HeaderValue {
    let text = format!("Bearer {}", token.to_str().unwrap_or_default());
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

/// `SendMailOS` calls projects workspaces, and writes `ws_` before their ids.
fn without_prefix(project: &HeaderValue) -> HeaderValue {
    let bare = project.to_str().ok().and_then(|text| text.trim().strip_prefix("ws_"));
    bare.and_then(|bare| HeaderValue::try_from(bare).ok()).unwrap_or_else(|| project.clone())
}

/// Resend's clients read three figures of one window, the reset as seconds from now.
fn tell_limits_as_resend(headers: &mut HeaderMap) {
    let figure = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (Some(limit), Some(remaining), Some(reset)) =
        (figure("x-ratelimit-limit"), figure("x-ratelimit-remaining"), figure("x-ratelimit-reset"))
    else {
        return;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let wait = figure("retry-after").unwrap_or_else(|| reset.saturating_sub(now));
    headers.insert("ratelimit-limit", limit.into());
    headers.insert("ratelimit-remaining", remaining.into());
    headers.insert("ratelimit-reset", wait.into());
}

/// A mail as a dialect asks for it: the native request, and what has no place in it.
fn draft(request: SendMailRequest, finish: impl FnOnce(&mut Draft)) -> Result<Draft> {
    let mut draft = Draft::try_from(request)?;
    finish(&mut draft);
    let MailDetails { tags, metadata, .. } = &draft.details;
    let mut violations = Violations::default();
    // Postgres has no such character.
    if tags.iter().any(|tag| tag.contains('\0')) {
        violations.add("tags", UNSTORABLE);
    }
    if serde_json::to_string(metadata).is_ok_and(|json| json.contains("\\u0000")) {
        violations.add("metadata", UNSTORABLE);
    }
    if violations.is_empty() { Ok(draft) } else { Err(Error::Invalid(violations)) }
}

/// A mail of several: what is wrong with it is its own matter, unless it is not in the mail.
fn apart(draft: Result<Draft>) -> Result<Result<Draft>> {
    match draft {
        Err(error @ (Error::Invalid(_) | Error::NotFound(_))) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(draft) => Ok(Ok(draft)),
    }
}

/// Tells that an answer is the one to an earlier request, as the native API does.
fn replayed(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_speaks_one_dialect() {
        for (path, dialect) in [
            ("/v1/mails/send", None),
            ("/v1", None),
            ("/", None),
            ("/dashboard/emails", None),
            ("/openapi.json", None),
            ("/emails", Some(Dialect::Resend)),
            ("/emails/batch", Some(Dialect::Resend)),
            ("/domains/x/verify", Some(Dialect::Resend)),
            ("/email", Some(Dialect::Postmark)),
            ("/email/batch", Some(Dialect::Postmark)),
            ("/v2/emails", Some(Dialect::ToSend)),
            ("/v2/emails/batch", Some(Dialect::ToSend)),
            ("/v2/info", Some(Dialect::ToSend)),
            ("/v2/domains", Some(Dialect::ToSendAdmin)),
            ("/v3/mail/send", Some(Dialect::SendGrid)),
            ("/api/v1/send", Some(Dialect::SendMailOs)),
            ("/api/v1/nothing", Some(Dialect::SendMailOs)),
            ("/api/v1/emails/send", Some(Dialect::MailSage)),
            ("/api/v2/emails/send", None),
            ("/server", None),
        ] {
            assert_eq!(Dialect::of(&Method::POST, path), dialect, "{path}");
        }
        assert_eq!(Dialect::of(&Method::GET, "/v2/emails"), Some(Dialect::ToSendAdmin));
        let mut headers = HeaderMap::new();
        let with = |headers: &HeaderMap, path| Dialect::of_request(&Method::GET, path, headers);
        assert_eq!(with(&headers, "/server"), None);
        headers.insert(POSTMARK_TOKEN, HeaderValue::from_static("x"));
        assert_eq!(with(&headers, "/server"), Some(Dialect::Postmark));
        assert_eq!(with(&headers, "/templates"), Some(Dialect::Resend));
        assert_eq!(with(&headers, "/v1/server"), None);
    }

    #[test]
    fn a_refusal_names_the_headers_that_its_dialect_knows() {
        let native = "Send `Authorization: Bearer AS_…` and `x-project-id`.";
        for (dialect, told) in [
            (Dialect::Postmark, "Send `X-Postmark-Server-Token: …` and `x-project-id`."),
            (Dialect::ToSend, "Send `Authorization: Bearer …` and `X-Account-Id`."),
            (Dialect::SendMailOs, "Send `Authorization: Bearer …` and `X-Workspace-Id`."),
        ] {
            assert_eq!(dialect.reworded(native), told);
        }
    }

    #[test]
    fn paths_that_accept_mail_belong_to_a_dialect() {
        assert!(SENDS.iter().all(|path| Dialect::of(&Method::POST, path).is_some()));
        assert!(!is_send("/v1/mails/send"));
    }

    #[test]
    fn a_workspace_may_be_written_with_its_prefix() {
        for text in ["ws_abc", "abc"] {
            assert_eq!(without_prefix(&HeaderValue::from_static(text)), "abc");
        }
    }
}
