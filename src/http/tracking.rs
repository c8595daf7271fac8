//! `/t/…`: the image and the links by which a mail tells that it is read. For mail programs and browsers of people
//! without an account: no key, no cookie, and nothing outside of `/v1`.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;

use super::{Api, preferences};
use crate::domain::automation::Asking;
use crate::http::extract::Path;
use crate::service::engagements::Engagements;

/// The smallest image that there is: one transparent pixel.
const PIXEL: [u8; 43] =
    *b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
                           \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Each time is another one: nobody may keep the answer. The token is nobody else's business.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store, private, max-age=0"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// The routes. They are not in the published document: what they are for stands in the mails.
pub fn routes() -> Router<Api> {
    Router::new().route("/t/o/{image}", get(open)).route("/t/c/{token}", get(click))
}

/// Answers the image, and notes that the mail is looked at.
async fn open(
    State(engagements): State<Engagements>,
    Path(image): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let token = image.strip_suffix(".gif").unwrap_or(&image);
    if !engagements.note_open(token, is_automated(&method, &headers), Utc::now()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    (HEADERS, [(header::CONTENT_TYPE, "image/gif")], PIXEL).into_response()
}

/// Leads to where the link leads, which the token alone says, and notes that it was followed.
async fn click(
    State(engagements): State<Engagements>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    match engagements.note_click(&token, is_automated(&method, &headers), Utc::now()) {
        Some(target) => (StatusCode::FOUND, HEADERS, [(header::LOCATION, target)]).into_response(),
        None => preferences::no_link(),
    }
}

fn is_automated(method: &Method, headers: &HeaderMap) -> bool {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let looks_ahead = ["purpose", "sec-purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let purpose = text(name).to_ascii_lowercase();
        purpose.contains("prefetch") || purpose.contains("preview")
    });
    let asking =
        Asking { is_head: *method == Method::HEAD, looks_ahead, user_agent: text("user-agent") };
    asking.is_automated()
}
