//! What the server answered.

use axum::body::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    /// The bytes as JSON; null if they are none.
    pub body: Value,
}

impl Reply {
    pub(super) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { status, headers, bytes, body }
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A header's value as a number.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        let value = self.header(name);
        value.parse().unwrap_or_else(|_| panic!("{name}: {value:?} is no number"))
    }

    /// `error.code`, or nothing if this is no refusal.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The fields that a refusal names.
    pub fn fields(&self) -> Vec<&str> {
        let details = self.body["error"]["details"].as_array();
        details.into_iter().flatten().filter_map(|detail| detail["field"].as_str()).collect()
    }

    /// Checks that this is a refusal with this status and code, and in the one shape that all refusals have.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
        self.assert_enveloped();
    }

    /// Checks that this is a refusal in the one shape that all refusals have.
    #[track_caller]
    pub fn assert_enveloped(&self) {
        let text = String::from_utf8_lossy(&self.bytes);
        assert!((400..600).contains(&self.status), "{} {text}", self.status);
        assert_eq!(self.header("content-type"), "application/json", "{text}");
        assert_eq!(self.body["success"], false, "{text}");
        assert_eq!(self.body["requestId"], self.header("x-request-id"), "{text}");
        assert!(!self.header("x-request-id").is_empty(), "{text}");
        assert!(!self.code().is_empty(), "{text}");
        for sentence in [&self.body["message"], &self.body["error"]["message"]] {
            assert!(sentence.as_str().is_some_and(|sentence| !sentence.is_empty()), "{text}");
        }
        match self.status {
            401 => assert_eq!(self.body["message"], "Unauthorized"),
            403 => assert_eq!(self.body["message"], "Forbidden"),
            429 | 503 => assert_eq!(self.body["retryAfter"], self.number("retry-after")),
            _ => {}
        }
        assert_eq!(self.body["errors"], self.body["error"]["details"], "{text}");
        let has_wait = self.body.get("retryAfter").is_some();
        assert_eq!(has_wait, matches!(self.status, 429 | 503), "{text}");
        assert!(self.status == 400 || self.body.get("errors").is_none(), "{text}");
    }
}
