//! A whole message of Internet mail as the body.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};

use super::json::{arrived_in_time, essence};
use crate::error::Error;

/// The types of a message (RFC 2046, section 5.2.1; RFC 6532, section 3.7).
const MESSAGES: [&str; 2] = ["message/rfc822", "message/global"];

/// A message (RFC 5322), as it was received.
#[derive(Debug)]
pub struct Message(pub Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for Message {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        if !MESSAGES.contains(&essence(&request).as_str()) {
            let advice =
                "Send the message as it was received, with `Content-Type: message/rfc822`.";
            return Err(Error::Malformed(advice.into()).into_response());
        }
        arrived_in_time(request).await.map(|bytes| Self(bytes.into()))
    }
}

/// A body of any type: for those who name one that it is not.
#[derive(Debug)]
pub struct Anything(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Anything {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        arrived_in_time(request).await.map(Self)
    }
}
