//! The cookie of people who are signed in, and the proof that a write comes from our own pages.

use axum::http::{HeaderMap, Method, header};

use crate::error::{Error, Result};

/// The cookie's name. Over TLS browsers are told `__Host-`, so that no other host of the domain can set it.
pub const COOKIE: &str = "posthaste_session";

/// The same over TLS.
pub const SECURE_COOKIE: &str = "__Host-posthaste_session";

/// The session cookie, if the request carries one.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| [SECURE_COOKIE, COOKIE].contains(name))
        .map(|(_, value)| value)
}

/// Refuses writes that another site made a browser send: `Sec-Fetch-Site` says so, and where a browser is too old for
/// it, `Origin` does. A request that carries neither came from no page of ours.
pub fn refuse_other_sites(method: &Method, headers: &HeaderMap) -> Result<()> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin",
        None => text(header::ORIGIN)
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, host)| Some(host) == text(header::HOST)),
    };
    if ours {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "CROSS_SITE_REQUEST",
        message: "With a session, changes can only be made from the dashboard's own pages.".into(),
    })
}
