//! The HTML of a mail, for a frame that may do nothing but show it.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::mail_id;
use crate::domain::id::ProjectId;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::ReadMails;
use crate::http::extract::{Path, Permitted, Query};
use crate::service::mails::Mails;

/// No script runs, nothing is fetched, no form is sent, and only pages of our own may have it in a frame: a stranger may
/// have written the mail.
const HARMLESS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "private, no-store"),
];

/// How a document type begins, in any case.
const DOCUMENT_TYPE: &str = "<!doctype";

/// Counts for every link that says nothing else.
const INERT_LINKS: &str = "<base target=\"_blank\">";

/// The project, for callers who can send no header.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// The project, as in `x-project-id`, which a frame cannot send.
    project_id: Option<String>,
}

/// Shows the HTML of a mail, or its text where it has none, as a page that can do nothing.
#[utoipa::path(
    get, path = "/v1/mails/{id}/preview", tag = "mails", operation_id = "previewMail",
    params(("id" = String, Path, description = "The id that sending answered"), PreviewQuery),
    responses((status = 200, content_type = "text/html", body = String), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn preview_mail(
    caller: Permitted<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Query(query): Query<PreviewQuery>,
) -> Result<Response> {
    let named = match query.project_id.as_deref().filter(|text| !text.is_empty()) {
        // What is no id names no project, and so no mail.
        Some(text) => Some(text.parse::<ProjectId>().map_err(|_| Error::NotFound("mail"))?),
        None => None,
    };
    let html = mails.preview(&caller, named, mail_id(&id)?).await?;
    Ok((HARMLESS, with_inert_links(html)).into_response())
}

/// A link that is followed would lead the frame away from the mail, to a page that may not be shown in it. Into a new window
/// it leads nowhere, because the sandbox opens none.
fn with_inert_links(mut html: String) -> String {
    // A page that begins with anything but its document type is laid out as pages were last century.
    let start = html.find(|c: char| !c.is_whitespace()).unwrap_or_default();
    let named = html.get(start..start + DOCUMENT_TYPE.len());
    let at = match named.filter(|text| text.eq_ignore_ascii_case(DOCUMENT_TYPE)) {
        Some(_) => html[start..].find('>').map_or(html.len(), |end| start + end + 1),
        None => 0,
    };
    html.insert_str(at, INERT_LINKS);
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_nowhere_and_the_document_type_stays_first() {
        for (html, expected) in [
            ("", "<base target=\"_blank\">"),
            ("<p>ä", "<base target=\"_blank\"><p>ä"),
            (" \n<!docType html>\n<p>", " \n<!docType html><base target=\"_blank\">\n<p>"),
            ("<!doctype html", "<!doctype html<base target=\"_blank\">"),
            ("<!doctypé", "<base target=\"_blank\"><!doctypé"),
        ] {
            assert_eq!(with_inert_links(html.into()), expected);
        }
    }
}
