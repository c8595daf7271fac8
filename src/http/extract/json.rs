//! A JSON body, with refusals that name the field at fault.

use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body_room::{BodyShare, MAX_BODY_BYTES, MAX_STRANGERS_BODY_BYTES};
use super::by_name::ByName;
use super::wording;
use crate::domain::caller::Caller;
use crate::error::Error;

/// How long a body may take to arrive, whatever its size.
const DEADLINE: Duration = Duration::from_mins(1);

/// A JSON body: as an argument the request's, as a result the answer's.
#[derive(Debug)]
pub struct Json<T> {
    /// The value.
    pub value: T,
    /// The bytes it was read from; empty in answers.
    pub bytes: Bytes,
}

impl<T> Json<T> {
    /// An answer.
    pub fn new(value: T) -> Self {
        Self { value, bytes: Bytes::new() }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        if !is_json(&request) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let bytes = arrived_in_time(request).await?;
        let value = read(&bytes).map_err(IntoResponse::into_response)?;
        Ok(Self { value, bytes })
    }
}

/// The whole body, as long as it arrives in time, is not too large, and there is room for it.
pub(super) async fn arrived_in_time(request: Request) -> Result<Bytes, Response> {
    arrived_within(DEADLINE, request).await
}

async fn arrived_within(deadline: Duration, request: Request) -> Result<Bytes, Response> {
    tokio::time::timeout(deadline, arrived(request))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT.into_response())?
}

/// The whole body, as long as it is not too large and there is room for it.
async fn arrived(request: Request) -> Result<Bytes, Response> {
    let too_large = || StatusCode::PAYLOAD_TOO_LARGE.into_response();
    let share = request.extensions().get::<BodyShare>().cloned();
    let is_known = request.extensions().get::<Caller>().is_some();
    let most = if is_known { MAX_BODY_BYTES } else { MAX_STRANGERS_BODY_BYTES };
    let mut body = request.into_body();
    let hint = body.size_hint();
    if hint.lower() > most as u64 {
        return Err(too_large());
    }
    let announced = hint.exact().and_then(|length| usize::try_from(length).ok());

    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // It broke off, or its chunks are none.
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > most {
            return Err(too_large());
        }
        if let Some(share) = &share {
            let taken = if is_known {
                share.take(piece.len())
            } else {
                share.take_for_stranger(piece.len())
            };
            taken.map_err(IntoResponse::into_response)?;
        }
        if announced == Some(piece.len()) {
            return Ok(piece);
        }
        make_room(&mut whole, piece.len(), announced);
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// Twice the room when it is used up, but never more than was announced: that much might not come.
fn make_room(whole: &mut Vec<u8>, more: usize, announced: Option<usize>) {
    let needed = whole.len() + more;
    if needed > whole.capacity() {
        let room = (2 * needed).min(announced.unwrap_or(usize::MAX)).max(needed);
        whole.reserve_exact(room - whole.len());
    }
}

/// The type of the body without its parameters, in lower case; empty where none is named.
pub(super) fn essence(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(request: &Request) -> bool {
    let essence = essence(request);
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    // To note the path takes as long again as to read, so only a body that is wrong is read with it.
    read_quickly(bytes).or_else(|_| read_noting_path(bytes))
}

fn read_quickly<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(ByName(&mut reader))?;
    reader.end()?;
    Ok(value)
}

fn read_noting_path<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(ByName(&mut reader)).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            return wording::of_body(&path, &without_place(&cause));
        }
        Error::Malformed(format!(
            "The body is not valid JSON: {}.",
            wording::shortened(&cause.to_string())
        ))
    })?;
    reader
        .end()
        .map_err(|error| Error::Malformed(format!("The body is not one JSON value: {error}.")))?;
    Ok(value)
}

/// The cause without the line and column that are of no use beside the field's path.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(cause, _)| cause.to_owned())
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.value) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Error::Internal(error.into()).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Body;

    use super::*;

    /// The body of a client that has gone to sleep.
    struct Never;

    impl HttpBody for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_given_up() {
        let request = Request::new(Body::new(Never));
        let refusal = arrived_within(Duration::ZERO, request).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
