//! Gives every refusal its one shape, the libraries' own included, and every answer its request id.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::error::Error;
use crate::http::dialects::{Dialect, Facts};
use crate::http::error::{
    ErrorBody, ErrorEnvelope, FieldError, RETRY_WHEN_UNAVAILABLE, headline, published,
};
use crate::http::extract::Json;
use crate::http::layers::rate_limit_headers::retry_after_seconds;
use crate::http::silence::silence;

/// Our own name for a request. What a caller sent in `X-Request-Id` is only kept beside it in the log.
#[derive(Clone, Copy, Debug)]
pub struct RequestId(pub Uuid);

/// Marks a refusal that is a page already, because people read it and not programs.
#[derive(Clone, Copy, Debug)]
pub struct ForPeople;

/// Writes the envelope of every answer that is a refusal.
pub async fn render_errors(request: Request, next: Next) -> Response {
    let id = request.extensions().get().copied().unwrap_or(RequestId(Uuid::nil()));
    // Of requests in a foreign dialect, what their refusals are told by; native ones cost a comparison.
    let dialect = Dialect::of_request(request.method(), request.uri().path(), request.headers())
        .map(|dialect| (dialect, dialect.carries_key(request.headers())));
    let mut response = next.run(request).await;
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    if is_refusal && response.extensions().get::<ForPeople>().is_none() {
        response = refusal(response, id, dialect);
    }
    if let Ok(value) = HeaderValue::try_from(id.0.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The envelope for what never became a request, because it could not be read as one, and the id that it got.
pub fn of_no_request(status: StatusCode) -> (Uuid, Vec<u8>) {
    let id = Uuid::now_v7();
    tracing::info!(request.id = %id, http.status = status.as_u16(), "Refused what is no request");
    metrics::counter!(
        "posthaste_http_requests_total",
        "route" => "(none)", "method" => "other", "status" => status.as_str().to_owned(),
    )
    .increment(1);
    let (code, detail) = library_refusal(status);
    let envelope = ErrorEnvelope {
        success: false,
        message: headline(status, &detail),
        error: ErrorBody { code: code.to_owned(), message: detail, details: Vec::new() },
        errors: Vec::new(),
        retry_after: None,
        request_id: id.to_string(),
    };
    (id, serde_json::to_vec(&envelope).unwrap_or_default())
}

fn refusal(
    mut response: Response,
    RequestId(request_id): RequestId,
    dialect: Option<(Dialect, bool)>,
) -> Response {
    let status = response.status();
    let error = response.extensions_mut().remove::<Arc<Error>>();
    let (code, detail) = match error.as_deref() {
        Some(error) => (published(error).1, error.to_string()),
        None => library_refusal(status),
    };
    if let Some(error) = error.as_deref() {
        log(error);
    }
    if let Some(Error::OutcomeUnknown(_)) = error.as_deref() {
        return silence(status);
    }
    let errors: Vec<FieldError> = match error.as_deref() {
        Some(Error::Invalid(violations) | Error::InvalidResource { violations, .. }) => {
            violations.iter().map(FieldError::from).collect()
        }
        _ => Vec::new(),
    };
    let retry_after = match error.as_deref() {
        Some(Error::RateLimited { retry_after, .. }) => Some(retry_after_seconds(*retry_after)),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_WHEN_UNAVAILABLE.as_secs()),
        _ => None,
    };

    let mut rendered = if let Some((dialect, key_sent)) = dialect {
        let request_id = request_id.to_string();
        let facts = Facts { status, code, message: detail, errors, key_sent, request_id };
        let (status, body) = dialect.refusal(facts);
        (status, Json::new(body)).into_response()
    } else {
        let envelope = ErrorEnvelope {
            success: false,
            message: headline(status, &detail),
            error: ErrorBody { code: code.to_owned(), message: detail, details: errors.clone() },
            errors,
            retry_after,
            request_id: request_id.to_string(),
        };
        (status, Json::new(envelope)).into_response()
    };
    keep(response.headers(), rendered.headers_mut());
    if let Some(seconds) = retry_after {
        rendered.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6750, section 3.
        rendered.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    rendered
}

/// What the router and the libraries refuse by themselves.
fn library_refusal(status: StatusCode) -> (&'static str, String) {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("NOT_FOUND", "There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("METHOD_NOT_ALLOWED", "This path does not know this method; see the `Allow` header.")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ("REQUEST_TIMEOUT", "The request took too long to arrive; nothing was stored.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (
            "PAYLOAD_TOO_LARGE",
            "The body is too large: a mail may have 40 MB with its attachments in base64.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("UNSUPPORTED_MEDIA_TYPE", "Send JSON, with `Content-Type: application/json`.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("SERVICE_UNAVAILABLE", "The service is temporarily unavailable.")
        }
        StatusCode::URI_TOO_LONG => ("URI_TOO_LONG", "The path and the query are too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "REQUEST_HEADER_FIELDS_TOO_LARGE",
            "The headers are too large: a request may have 64 KB of them, in 100 fields.",
        ),
        status if status.is_client_error() => ("BAD_REQUEST", "The request could not be read."),
        _ => ("INTERNAL_SERVER_ERROR", "Something went wrong on our side."),
    };
    (code, detail.to_owned())
}

/// Headers of the refusal itself that say more than the body.
fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        let described = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
        if !described.contains(name) {
            to.append(name, value.clone());
        }
    }
}

/// The causes that are ours are told here, once, inside the request's span.
fn log(error: &Error) {
    let cause = error.for_log();
    match error {
        Error::Internal(_) => tracing::error!(%cause, "A request failed"),
        Error::OutcomeUnknown(_) => {
            tracing::error!(%cause, "A request stays without an answer");
        }
        Error::Unavailable(_) => tracing::warn!(%cause, "A request could not be served"),
        _ => {}
    }
}
