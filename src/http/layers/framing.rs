//! Rules of HTTP/1.1 about where a message goes and where it ends that hyper leaves to others.

use axum::extract::Request;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// Refuses a request that does not name one host, and ends the connection behind a body in chunks.
///
/// Two hosts mean that somebody on the way read another one than we do (RFC 9112, section 3.2). hyper reads a body by its
/// chunks and hides a `Content-Length` that contradicts them, by which a careless proxy may have read it: what that proxy
/// takes for more of the body must not become a request (section 6.1).
pub async fn hold_to_http(request: Request, next: Next) -> Response {
    if request.version() != Version::HTTP_11 {
        return next.run(request).await;
    }
    if request.headers().get_all(HOST).iter().count() != 1 {
        let told = "The request must have one `Host` header (RFC 9112, section 3.2).";
        return closing(Error::Malformed(told.into()).into_response());
    }
    let has_chunks = request.headers().contains_key(TRANSFER_ENCODING);
    let response = next.run(request).await;
    if has_chunks { closing(response) } else { response }
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
