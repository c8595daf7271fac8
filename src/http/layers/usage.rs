//! Counts the requests of keys, answered and refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::Utc;

use super::client::ClientAddress;
use super::envelope::RequestId;
use super::request::known_method;
use crate::domain::id::ApiKeyId;
use crate::domain::usage::Observation;
use crate::error::Error;
use crate::http::error::published;
use crate::service::usage::Usage;

/// The key of a request, left beside the answer by authentication: also of one that was refused after its secret had
/// proved right.
#[derive(Clone, Copy, Debug)]
pub struct KeyInUse {
    /// The key.
    pub key: ApiKeyId,
    /// Whether its allowlist would have refused the request if it did more than count.
    pub would_have_blocked: bool,
}

/// Counts the request if authentication knew its key.
pub async fn count(State(usage): State<Arc<Usage>>, request: Request, next: Next) -> Response {
    let method = known_method(request.method());
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().cloned();
    let id = extensions.get::<RequestId>().map_or_else(uuid::Uuid::now_v7, |RequestId(id)| *id);
    let from = extensions
        .get::<ClientAddress>()
        .map_or(IpAddr::from([0, 0, 0, 0]), |ClientAddress(from)| *from);

    let mut response = next.run(request).await;

    if let Some(KeyInUse { key, would_have_blocked }) = response.extensions_mut().remove() {
        let refusal: Option<&Arc<Error>> = response.extensions().get();
        usage.note(&Observation {
            key,
            request: id,
            at: Utc::now(),
            method,
            route: route.as_ref().map_or("(none)", MatchedPath::as_str),
            status: response.status().as_u16(),
            code: refusal.map(|error| published(error).1),
            from,
            would_have_blocked,
        });
    }
    response
}
