//! The cookies of people, and the proof that a write comes from our own pages.

use std::time::Duration;

use axum::extract::Request;
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};

/// Who is signed in.
pub const SESSION: CookieName =
    CookieName { plain: "posthaste_session", secure: "__Host-posthaste_session" };

/// Whose browser this is, whether signed in or not.
pub const BROWSER: CookieName =
    CookieName { plain: "posthaste_browser", secure: "__Host-posthaste_browser" };

/// The names of one cookie.
#[derive(Clone, Copy, Debug)]
pub struct CookieName {
    /// Over plain HTTP.
    plain: &'static str,
    /// Over TLS, where `__Host-` keeps other hosts of the domain, and whoever reads along elsewhere, from setting it
    /// (RFC 6265bis, section 4.1.3.2).
    secure: &'static str,
}

impl CookieName {
    /// The name over TLS, or over plain HTTP.
    pub fn over(self, tls: bool) -> &'static str {
        if tls { self.secure } else { self.plain }
    }
}

/// A cookie's value. Over TLS only the one under the name for TLS counts, and of two by one name neither does: one of
/// them somebody else has set.
pub fn cookie(headers: &HeaderMap, name: CookieName, over_tls: bool) -> Option<&str> {
    let wanted = name.over(over_tls);
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == wanted)
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// The header that sets a cookie out of reach of scripts; an empty value and no time take it away. `value` has only
/// characters of the URL-safe alphabet.
pub fn set_cookie(
    name: CookieName,
    value: &str,
    keep: Duration,
    over_tls: bool,
) -> Result<HeaderValue> {
    let secure = if over_tls { "; Secure" } else { "" };
    let name = name.over(over_tls);
    let seconds = keep.as_secs();
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).map_err(|error| Error::Internal(error.into()))
}

/// Keeps what somebody was shown out of caches, where it would outlive the session, and from being taken for a page. What
/// an answer says of this itself stays.
pub fn keep_from_others(headers: &mut HeaderMap) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(nosniff);
}

/// Lets only our own pages sign somebody in: else another site could sign its visitors in as somebody else.
pub async fn own_pages_only(request: Request, next: Next) -> Response {
    match refuse_other_sites(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Refuses writes that another site made a browser send: `Sec-Fetch-Site` says so, and where a browser is too old for
/// it, `Origin` does. A request that carries neither came from no page of ours.
pub fn refuse_other_sites(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<()> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let ours = match only(headers, &HeaderName::from_static("sec-fetch-site")) {
        Ok(Some(site)) => site == "same-origin",
        Ok(None) => is_own_origin(uri, headers),
        Err(Several) => false,
    };
    if ours {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "CROSS_SITE_REQUEST",
        message: "With a session, changes can only be made from the dashboard's own pages (a program sends `Origin` with \
                  this server's address, or better uses an API key)."
            .into(),
    })
}

fn is_own_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let (Ok(Some(origin)), Ok(host)) =
        (only(headers, &header::ORIGIN), only(headers, &header::HOST))
    else {
        return false;
    };
    // HTTP/2 has no `Host`; the name is part of the target there (RFC 9113, section 8.3.1).
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let origin = origin.split_once("://").map(|(_, origin)| origin);
    origin.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

/// A header stands there more than once, so that nobody knows which of them counts.
struct Several;

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Several> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(value.to_str().ok()),
        _ => Err(Several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = lines.iter();
        pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn passes(method: &Method, lines: &[(&'static str, &'static str)]) -> bool {
        refuse_other_sites(method, &"/v1".parse().unwrap(), &headers(lines)).is_ok()
    }

    #[test]
    fn only_our_own_pages_write() {
        const HOST: (&str, &str) = ("host", "mail.example.com");
        let post = |lines: &[(&'static str, &'static str)]| passes(&Method::POST, lines);
        assert!(post(&[HOST, ("sec-fetch-site", "same-origin")]));
        assert!(post(&[HOST, ("origin", "https://mail.example.com")]));
        for site in ["cross-site", "same-site", "none", "", "Same-Origin"] {
            let lines = [HOST, ("sec-fetch-site", site), ("origin", "https://mail.example.com")];
            assert!(!post(&lines), "{site}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "",
            "https://mail.example.com.evil.example",
            "mail.example.com",
        ] {
            assert!(!post(&[HOST, ("origin", origin)]), "{origin}");
        }
        assert!(!post(&[HOST]));
        assert!(!post(&[("origin", "https://mail.example.com")]));
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!passes(&method, &[HOST, ("sec-fetch-site", "cross-site")]));
        }
        assert!(passes(&Method::GET, &[HOST, ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn a_header_that_stands_there_twice_proves_nothing() {
        let mut twice = headers(&[("host", "a.example"), ("sec-fetch-site", "same-origin")]);
        twice.append("sec-fetch-site", "cross-site".parse().unwrap());
        let uri = "https://a.example/v1".parse().unwrap();
        assert!(refuse_other_sites(&Method::POST, &uri, &twice).is_err());
        let second = headers(&[("origin", "https://a.example")]);
        assert!(refuse_other_sites(&Method::POST, &uri, &second).is_ok());
    }

    #[test]
    fn over_tls_only_the_cookie_counts_that_nobody_else_can_set() {
        let both =
            headers(&[("cookie", "a=b; posthaste_session=plain; __Host-posthaste_session=secure")]);
        assert_eq!(cookie(&both, SESSION, true), Some("secure"));
        assert_eq!(cookie(&both, SESSION, false), Some("plain"));
        let plain = headers(&[("cookie", "posthaste_session=plain")]);
        assert_eq!(cookie(&plain, SESSION, true), None);
        let twice = headers(&[("cookie", "posthaste_session=one; posthaste_session=two")]);
        assert_eq!(cookie(&twice, SESSION, false), None);
    }

    #[test]
    fn a_cookie_is_for_our_server_alone() {
        let set = |over_tls| {
            let value = set_cookie(SESSION, "abc", Duration::from_mins(1), over_tls).unwrap();
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(set(false), "posthaste_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert_eq!(
            set(true),
            "__Host-posthaste_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
