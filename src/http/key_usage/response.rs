//! The answers about the use of a key as they go over the wire.

use serde::Serialize;
use utoipa::ToSchema;

use super::request::Steps;
use crate::domain::usage::{BlockedAddress, Bucket, EndpointCount, LoggedRequest};
use crate::http::page::Found;
use crate::http::wire::timestamp;
use crate::service::usage::UsageOfKey;

/// The requests of a key in a stretch of time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageBody {
    /// `hour` or `day`.
    by: &'static str,
    from: String,
    to: String,
    /// One for each hour or day, also where there were no requests; oldest first.
    buckets: Vec<BucketView>,
    /// By endpoint and status, the most first.
    by_endpoint: Vec<EndpointView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct BucketView {
    at: String,
    requests: i64,
    /// Answered with less than 400.
    ok: i64,
    /// Answered with 4xx.
    refused: i64,
    /// Answered with 5xx.
    failed: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct EndpointView {
    endpoint: String,
    status: i16,
    requests: i64,
}

impl UsageBody {
    /// The counts of these steps, with those in which nothing was counted.
    pub(super) fn new(steps: &Steps, UsageOfKey { buckets, by_endpoint }: UsageOfKey) -> Self {
        let mut counted = buckets.into_iter().peekable();
        let mut buckets = Vec::new();
        let mut at = steps.from;
        while at < steps.to {
            let empty = Bucket { at, requests: 0, ok: 0, refused: 0, failed: 0 };
            let bucket = counted.next_if(|bucket| bucket.at <= at).unwrap_or(empty);
            buckets.push(BucketView {
                at: timestamp(at),
                requests: bucket.requests,
                ok: bucket.ok,
                refused: bucket.refused,
                failed: bucket.failed,
            });
            at += steps.step;
        }
        Self {
            by: steps.unit,
            from: timestamp(steps.from),
            to: timestamp(steps.to),
            buckets,
            by_endpoint: by_endpoint
                .into_iter()
                .map(|EndpointCount { endpoint, status, requests }| EndpointView {
                    endpoint,
                    status,
                    requests,
                })
                .collect(),
        }
    }
}

/// A page of the latest requests of a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestsBody {
    /// Newest first.
    requests: Vec<RequestView>,
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RequestView {
    id: String,
    at: String,
    method: String,
    /// The route with its parameters' names.
    endpoint: String,
    status: i16,
    /// The code of a refusal.
    code: Option<String>,
    ip: String,
    /// The same as `id`: what the answer had in `X-Request-Id`.
    request_id: String,
}

impl From<Found<LoggedRequest>> for RequestsBody {
    fn from(Found { items, has_more, next_cursor }: Found<LoggedRequest>) -> Self {
        let requests = items.into_iter().map(RequestView::from).collect();
        Self { requests, has_more, next_cursor }
    }
}

impl From<LoggedRequest> for RequestView {
    fn from(request: LoggedRequest) -> Self {
        let (method, route) =
            request.endpoint.split_once(' ').unwrap_or(("", request.endpoint.as_str()));
        Self {
            id: request.id.to_string(),
            at: timestamp(request.at),
            method: method.to_owned(),
            endpoint: route.to_owned(),
            status: request.status,
            code: request.code,
            ip: request.ip,
            request_id: request.id.to_string(),
        }
    }
}

/// What the allowlist of a key would have refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct WouldHaveBlockedBody {
    /// The most requests first; a thousand at most.
    addresses: Vec<AddressOfRequests>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AddressOfRequests {
    ip: String,
    requests: i64,
    first_seen_at: String,
    last_seen_at: String,
}

impl From<Vec<BlockedAddress>> for WouldHaveBlockedBody {
    fn from(addresses: Vec<BlockedAddress>) -> Self {
        Self { addresses: addresses.into_iter().map(AddressOfRequests::from).collect() }
    }
}

impl From<BlockedAddress> for AddressOfRequests {
    fn from(address: BlockedAddress) -> Self {
        Self {
            ip: address.ip,
            requests: address.requests,
            first_seen_at: timestamp(address.first_seen_at),
            last_seen_at: timestamp(address.last_seen_at),
        }
    }
}
