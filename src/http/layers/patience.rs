//! Requests that end, whatever they wait for.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::http::dialects;

/// How long a request may take; a statement may take a third of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Have large bodies, and bound every step of their own, because they must know how each of them ended.
const SENDING: [&str; 2] = ["/v1/mails/send", "/v1/mails/bulk"];

/// Gives a request up that takes too long, as when the connection to the database carries nothing any more. What may
/// have been changed is not called refused.
pub async fn bound_time(request: Request, next: Next) -> Response {
    let sends =
        |path: &MatchedPath| SENDING.contains(&path.as_str()) || dialects::is_send(path.as_str());
    if request.extensions().get::<MatchedPath>().is_some_and(sends) {
        return next.run(request).await;
    }
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
        let cause = anyhow::anyhow!("the request took longer than {PATIENCE:?}");
        let error =
            if only_reads { Error::Unavailable(cause) } else { Error::OutcomeUnknown(cause) };
        error.into_response()
    })
}
