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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::http::listener::Listener;

    #[tokio::test]
    async fn not_one_byte_is_sent() {
        let listener = Listener::bind("TEST", ([127, 0, 0, 1], 0).into()).unwrap();
        let mut client = TcpStream::connect(listener.address()).await.unwrap();
        let router = Router::new()
            .route("/", get(async || silence(StatusCode::INTERNAL_SERVER_ERROR)))
            .route("/answered", get(async || "answer"));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(listener.serve(router, None, stop.clone(), Duration::ZERO));

        let requests =
            b"GET /answered HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(requests).await.unwrap();
        let mut received = Vec::new();
        // Reset or closed: either is an end.
        let _ = client.read_to_end(&mut received).await;

        let text = String::from_utf8(received).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.ends_with("\r\n\r\nanswer"), "{text}");
        stop.cancel();
        serving.await.unwrap().unwrap();
    }
}
