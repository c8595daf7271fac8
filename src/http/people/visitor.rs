//! Where a request for a session comes from, and the answer that begins one.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::response::{SignedInBody, UserBody};
use crate::error::{Error, Result};
use crate::http::extract::Json;
use crate::http::layers::client::{ClientAddress, OverTls};
use crate::http::layers::session::{BROWSER, SESSION, cookie, set_cookie};
use crate::http::wire::Success;
use crate::service::people::{SESSION_LIFETIME, SignedIn, Visit};

/// How long a browser is remembered; browsers keep no cookie longer (RFC 6265bis, section 5.5).
const BROWSER_REMEMBERED: Duration = Duration::from_hours(400 * 24);

/// Whoever asks for a session.
pub struct Visitor {
    /// From where, with what.
    pub visit: Visit,
    over_tls: bool,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let ClientAddress(from) =
            parts.extensions.get().copied().unwrap_or(ClientAddress(IpAddr::from([0, 0, 0, 0])));
        let OverTls(over_tls) = parts.extensions.get().copied().unwrap_or(OverTls(false));
        let agent = parts.headers.get(header::USER_AGENT);
        let visit = Visit {
            from,
            user_agent: agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned(),
            mark: cookie(&parts.headers, BROWSER, over_tls).map(ToOwned::to_owned),
            session: cookie(&parts.headers, SESSION, over_tls).and_then(|text| text.parse().ok()),
        };
        Ok(Self { visit, over_tls })
    }
}

impl Visitor {
    /// The answer to somebody who has just signed in, with the cookies.
    pub fn welcome(&self, signed_in: SignedIn) -> Result<Response> {
        let session = signed_in.session.reveal();
        let cookies = [
            set_cookie(SESSION, &session, SESSION_LIFETIME, self.over_tls)?,
            set_cookie(BROWSER, &signed_in.mark, BROWSER_REMEMBERED, self.over_tls)?,
        ];
        let body = SignedInBody { user: UserBody::from(signed_in.user) };
        Ok((with_cookies(cookies), Json::new(Success::of(body))).into_response())
    }

    /// The header that takes the session's cookie away.
    pub fn farewell(&self) -> Result<HeaderMap> {
        Ok(with_cookies([set_cookie(SESSION, "", Duration::ZERO, self.over_tls)?]))
    }
}

fn with_cookies(cookies: impl IntoIterator<Item = HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers
}
