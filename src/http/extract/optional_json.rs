//! A JSON body that may be left out.

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::Json;

/// A JSON body, or nothing if the request has none, whatever its `Content-Type` says.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if request.body().is_end_stream() {
            return Ok(Self(None));
        }
        Json::from_request(request, state).await.map(|Json { value, .. }| Self(Some(value)))
    }
}
