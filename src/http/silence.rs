//! No answer at all, where every answer would be a guess.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body::Frame;

/// A body that fails before its first byte. hyper then closes the connection with the head still unsent; of HTTP/2 it
/// resets the stream.
struct Silence;

#[derive(Debug, thiserror::Error)]
#[error("this request stays without an answer")]
struct Unanswered;

impl HttpBody for Silence {
    type Data = Bytes;
    type Error = Unanswered;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unanswered>>> {
        Poll::Ready(Some(Err(Unanswered)))
    }
}

/// Closes the connection instead of answering. `status` is for our own log.
pub fn silence(status: StatusCode) -> Response {
    (status, Body::new(Silence)).into_response()
}
