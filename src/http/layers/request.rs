//! What every request gets before anything looks at it: an id, a span, a line in the log and a place in the metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use super::envelope::RequestId;

/// Names the request, and tells in the end what became of it. Neither the path's parameters nor the query are told.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    request.extensions_mut().insert(RequestId(id));
    let route =
        request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", request.id = %id, http.method = known_method(&method), http.route = route);
    let began = Instant::now();

    let response = next.run(request).instrument(span.clone()).await;

    let (took, status) = (began.elapsed(), response.status().as_u16());
    span.in_scope(|| {
        tracing::info!(http.status = status, duration_ms = took.as_secs_f64() * 1000.0, "Answered");
    });
    let labels = [
        ("route", route),
        ("method", known_method(&method).to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("posthaste_http_requests_total", &labels).increment(1);
    metrics::histogram!("posthaste_http_request_duration_seconds", &labels[..2]).record(took);
    response
}

/// The method, if it is one that we answer: a stranger could make up others without end, and metrics keep each.
pub(super) fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Forgives doubled and trailing slashes, which base URLs and paths make when they are put together.
pub fn forgive_slashes<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let path = request.uri().path();
    if !path.contains("//") && (path == "/" || !path.ends_with('/')) {
        return request;
    }
    let cleaned = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .fold(String::new(), |path, segment| format!("{path}/{segment}"));
    let cleaned = if cleaned.is_empty() { "/".to_owned() } else { cleaned };
    let target =
        request.uri().query().map_or_else(|| cleaned.clone(), |query| format!("{cleaned}?{query}"));
    if let Ok(uri) = Uri::try_from(target) {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_forgiven_and_everything_else_is_kept() {
        let cleaned = |target: &str| {
            let request = axum::http::Request::builder().uri(target).body(()).unwrap();
            forgive_slashes(request).uri().to_string()
        };
        assert_eq!(cleaned("/v1//mails/send"), "/v1/mails/send");
        assert_eq!(cleaned("//v1/mails/?a=//b"), "/v1/mails?a=//b");
        assert_eq!(cleaned("/"), "/");
        assert_eq!(cleaned("///"), "/");
        assert_eq!(cleaned("/v1/mails?limit=2"), "/v1/mails?limit=2");
    }
}
