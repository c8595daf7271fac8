//! What a form says, as browsers and mail programs send it.

use axum::extract::Request;
use axum::http::header;
use http_body_util::{BodyExt, Limited};
use url::form_urlencoded;

use crate::service::preferences::Wish;

/// The largest form, in bytes: the page's own with every group of a project.
const LARGEST: usize = 16 * 1024;

/// What a request asks for.
pub(super) enum Asked {
    /// Something that we know.
    For(Wish),
    /// Nothing that we know.
    ForNothing,
    /// More than any form says.
    TooMuch,
}

/// Reads a form, URL-encoded or in parts (RFC 7578), of which RFC 8058, section 3.1 allows both.
pub(super) async fn read(request: Request) -> Asked {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_multipart = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("multipart/"));
    let Ok(body) = Limited::new(request.into_body(), LARGEST).collect().await else {
        return Asked::TooMuch;
    };
    let body = body.to_bytes();
    if is_multipart {
        // Mail programs send one field in parts, and our page sends none.
        let text = String::from_utf8_lossy(&body).to_ascii_lowercase();
        let is_one_click = text.contains("list-unsubscribe") && text.contains("one-click");
        return if is_one_click { Asked::For(Wish::Unsubscribe) } else { Asked::ForNothing };
    }
    let (mut action, mut shown, mut wanted) = (None, Vec::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "action" => action = Some(value.into_owned()),
            "shown" => shown.extend(value.parse()),
            "wanted" => wanted.extend(value.parse()),
            name if name.eq_ignore_ascii_case("List-Unsubscribe")
                && value.trim().eq_ignore_ascii_case("One-Click") =>
            {
                return Asked::For(Wish::Unsubscribe);
            }
            _ => {}
        }
    }
    match action.as_deref() {
        Some("unsubscribe") => Asked::For(Wish::Unsubscribe),
        Some("everything") => Asked::For(Wish::UnsubscribeFromEverything),
        Some("resubscribe") => Asked::For(Wish::Resubscribe),
        Some("choose") => Asked::For(Wish::Choose { shown, wanted }),
        _ => Asked::ForNothing,
    }
}
