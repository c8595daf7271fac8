//! `/u/{token}`: where recipients unsubscribe, and choose which mail they get. For people without an account and for
//! their mail programs: no key, no cookie, no script, and nothing outside of `/v1`.

mod form;
mod page;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use self::form::Asked;
use super::Api;
use crate::error::Result;
use crate::http::extract::{Json, Path};
use crate::http::layers::envelope::ForPeople;
use crate::http::wire::Success;
use crate::service::preferences::{Preferences, Stand, Standing, Wish};

/// The routes. They are not in the published document: what they are for stands in the mails.
pub fn routes() -> Router<Api> {
    Router::new().route("/u/{token}", get(show).post(change))
}

/// Shows how the recipient stands. Changes nothing, because scanners follow every link.
async fn show(
    State(preferences): State<Preferences>,
    Path(token): Path<String>,
) -> Result<Response> {
    Ok(match preferences.look(&token).await? {
        Some(standing) => answer(StatusCode::OK, page::of(&standing, None)),
        None => no_link(),
    })
}

/// Does as the recipient wishes: by the page's own form, or by the one request of a mail program (RFC 8058).
async fn change(
    State(preferences): State<Preferences>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response> {
    let for_program = wants_json(request.headers());
    let wish = match form::read(request).await {
        Asked::For(wish) => wish,
        // A form that names nothing is no wish: programs that fill in what they find must unsubscribe nobody.
        Asked::ForNothing => {
            return Ok(match preferences.look(&token).await? {
                Some(standing) => {
                    let note = "Nothing was changed: the request did not say what you want.";
                    answer(StatusCode::BAD_REQUEST, page::of(&standing, Some(note)))
                }
                None => no_link(),
            });
        }
        Asked::TooMuch => {
            return Ok(match preferences.look(&token).await? {
                Some(standing) => {
                    let note =
                        "Nothing was changed: the request said more than the form below can.";
                    answer(StatusCode::PAYLOAD_TOO_LARGE, page::of(&standing, Some(note)))
                }
                None => no_link(),
            });
        }
    };
    let asks_for_mail = matches!(wish, Wish::Resubscribe | Wish::Choose { .. });
    let note = match wish {
        Wish::Unsubscribe => "You are unsubscribed.",
        Wish::UnsubscribeFromEverything => "You get no more mail from this sender.",
        Wish::Resubscribe => "You get this mail again.",
        Wish::Choose { .. } => "Your choice is saved.",
    };
    Ok(match preferences.fulfil(&token, wish).await? {
        Some(standing) if for_program => Json::new(Success::of(body(&standing))).into_response(),
        Some(standing) => {
            // Who gets no mail whatever they choose is not told that they will.
            let is_true = !asks_for_mail || standing.everything != Stand::Stopped;
            answer(StatusCode::OK, page::of(&standing, is_true.then_some(note)))
        }
        None => no_link(),
    })
}

/// How a recipient stands, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreferencesBody {
    /// Whether mail of the link's kind is not sent any more.
    unsubscribed: bool,
    unsubscribe_group_id: String,
}

fn body(standing: &Standing) -> PreferencesBody {
    let is_unwanted = standing
        .kinds
        .iter()
        .any(|kind| kind.group == standing.of_mail && kind.stand != Stand::Wanted);
    PreferencesBody {
        unsubscribed: is_unwanted || standing.everything != Stand::Wanted,
        unsubscribe_group_id: standing.of_mail.to_string(),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html"))
}

/// The answer to a link that is none of ours, or was cut on its way.
pub(in crate::http) fn no_link() -> Response {
    answer(StatusCode::NOT_FOUND, page::of_no_link())
}

/// A page that nothing else has a hold on: not kept, not found by search engines, not framed.
fn answer(status: StatusCode, page: String) -> Response {
    let headers: [(HeaderName, &str); 7] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, page::policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let mut response = (status, headers, page).into_response();
    response.extensions_mut().insert(ForPeople);
    response
}
