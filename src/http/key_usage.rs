//! `…/api-keys/{id}/usage`, `…/requests` and `…/would-have-blocked`: how a key is used.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::error::ErrorEnvelope;
use super::extract::authorized::ReadKeys;
use super::extract::{AccountAuthorized, Authorized, Json, Path, Query};
use super::mails::response::Success;
use crate::domain::id::ApiKeyId;
use crate::domain::usage::{BlockedAddress, Bucket, EndpointCount, LoggedRequest};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::usage::{KeysOf, Usage, UsageOfKey};

/// The most hours or days in one answer.
const MOST_BUCKETS: i32 = 1000;

/// Which stretch of time, in which steps.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// `hour` or `day`.
    #[param(default = "hour")]
    by: Option<String>,
    /// From then on (RFC 3339), down to the beginning of its hour or day in UTC. 24 hours or 30 days ago without it.
    from: Option<String>,
    /// Until then (RFC 3339); now without it.
    to: Option<String>,
}

/// A stretch of time in steps.
#[derive(Debug, PartialEq)]
struct Steps {
    unit: &'static str,
    step: TimeDelta,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl UsageQuery {
    fn check(self, now: DateTime<Utc>) -> Result<Steps> {
        let mut violations = Violations::default();
        let (unit, step, usual) = match self.by.as_deref() {
            None | Some("hour") => ("hour", TimeDelta::hours(1), TimeDelta::hours(23)),
            Some("day") => ("day", TimeDelta::days(1), TimeDelta::days(29)),
            Some(_) => {
                violations.add("by", "must be hour or day");
                ("hour", TimeDelta::hours(1), TimeDelta::hours(23))
            }
        };
        let mut time = |field: &str, text: Option<String>| -> Option<DateTime<Utc>> {
            let parsed = DateTime::parse_from_rfc3339(&text?);
            let parsed = parsed.map_err(|_| "must be a time such as 2026-11-21T08:30:00Z");
            violations.check(field, parsed).map(|time| time.to_utc())
        };
        let to = time("to", self.to).unwrap_or(now);
        let from = time("from", self.from).unwrap_or(to - usual);
        let from = from.duration_trunc(step).unwrap_or(from);
        if from > to {
            violations.add("from", "must not lie after `to`");
        } else if to - from > step * MOST_BUCKETS {
            violations.add("from", format!("must be at most {MOST_BUCKETS} {unit}s before `to`"));
        }
        if violations.is_empty() {
            Ok(Steps { unit, step, from, to })
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

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
    fn new(steps: &Steps, UsageOfKey { buckets, by_endpoint }: UsageOfKey) -> Self {
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

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestsQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
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

async fn usage_of(
    usage: &Usage,
    whose: KeysOf,
    id: &str,
    query: UsageQuery,
) -> Result<Json<Success<UsageBody>>> {
    let steps = query.check(Utc::now())?;
    let counted = usage.of_key(whose, key_id(id)?, steps.unit, steps.from, steps.to).await?;
    Ok(Json::new(Success::of(UsageBody::new(&steps, counted))))
}

async fn requests_of(
    usage: &Usage,
    whose: KeysOf,
    id: &str,
    query: RequestsQuery,
) -> Result<Json<Success<RequestsBody>>> {
    let mut violations = Violations::default();
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        violations.add("limit", "must be a whole number from 1 to 100");
    }
    let before = query.cursor.and_then(|text| {
        violations.check("cursor", text.parse::<Uuid>().map_err(|_| "is not a valid id"))
    });
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let mut requests = usage.requests(whose, key_id(id)?, before, limit + 1).await?;
    let has_more = requests.len() > usize::from(limit);
    requests.truncate(limit.into());
    let next_cursor = requests.last().filter(|_| has_more).map(|request| request.id.to_string());
    let requests = requests.into_iter().map(RequestView::from).collect();
    Ok(Json::new(Success::of(RequestsBody { requests, has_more, next_cursor })))
}

async fn blocked_of(
    usage: &Usage,
    whose: KeysOf,
    id: &str,
) -> Result<Json<Success<WouldHaveBlockedBody>>> {
    let addresses = usage.would_have_blocked(whose, key_id(id)?).await?;
    let addresses = addresses.into_iter().map(AddressOfRequests::from).collect();
    Ok(Json::new(Success::of(WouldHaveBlockedBody { addresses })))
}

/// Counts the requests of a key by hour or day, and by endpoint and status.
///
/// Counts are written down every ten seconds, and kept for 90 days.
#[utoipa::path(
    get, path = "/v1/account/api-keys/{id}/usage", tag = "api-keys", operation_id = "getAccountApiKeyUsage",
    params(("id" = String, Path, description = "The key's id"), UsageQuery),
    responses((status = 200, body = Success<UsageBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_account_key_usage(
    caller: AccountAuthorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Success<UsageBody>>> {
    usage_of(&usage, of_account(&caller), &id, query).await
}

/// Counts the requests of one of the project's keys by hour or day, and by endpoint and status.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}/usage", tag = "api-keys", operation_id = "getApiKeyUsage",
    params(("id" = String, Path, description = "The key's id"), UsageQuery),
    responses((status = 200, body = Success<UsageBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_key_usage(
    caller: Authorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Success<UsageBody>>> {
    usage_of(&usage, of_project(&caller), &id, query).await
}

/// Lists the latest requests of a key, newest first.
///
/// Of every ten seconds the first 20 requests of a key are kept, and the first 1000 of all keys on one node; for seven
/// days.
#[utoipa::path(
    get, path = "/v1/account/api-keys/{id}/requests", tag = "api-keys", operation_id = "listAccountApiKeyRequests",
    params(("id" = String, Path, description = "The key's id"), RequestsQuery),
    responses((status = 200, body = Success<RequestsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_account_key_requests(
    caller: AccountAuthorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
    Query(query): Query<RequestsQuery>,
) -> Result<Json<Success<RequestsBody>>> {
    requests_of(&usage, of_account(&caller), &id, query).await
}

/// Lists the latest requests of one of the project's keys, newest first.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}/requests", tag = "api-keys", operation_id = "listApiKeyRequests",
    params(("id" = String, Path, description = "The key's id"), RequestsQuery),
    responses((status = 200, body = Success<RequestsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_key_requests(
    caller: Authorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
    Query(query): Query<RequestsQuery>,
) -> Result<Json<Success<RequestsBody>>> {
    requests_of(&usage, of_project(&caller), &id, query).await
}

/// Lists the addresses that a key's allowlist would have refused if it did more than count.
#[utoipa::path(
    get, path = "/v1/account/api-keys/{id}/would-have-blocked", tag = "api-keys",
    operation_id = "listAccountApiKeyWouldHaveBlocked",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = Success<WouldHaveBlockedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_account_key_would_have_blocked(
    caller: AccountAuthorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
) -> Result<Json<Success<WouldHaveBlockedBody>>> {
    blocked_of(&usage, of_account(&caller), &id).await
}

/// Lists the addresses that the allowlist of one of the project's keys would have refused if it did more than count.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}/would-have-blocked", tag = "api-keys",
    operation_id = "listApiKeyWouldHaveBlocked",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = Success<WouldHaveBlockedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_key_would_have_blocked(
    caller: Authorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
) -> Result<Json<Success<WouldHaveBlockedBody>>> {
    blocked_of(&usage, of_project(&caller), &id).await
}

fn of_account(caller: &AccountAuthorized<ReadKeys>) -> KeysOf {
    KeysOf { account: caller.account, project: None }
}

fn of_project(caller: &Authorized<ReadKeys>) -> KeysOf {
    KeysOf { account: caller.account, project: Some(caller.project) }
}

/// What is no id names no key.
fn key_id(text: &str) -> Result<ApiKeyId> {
    text.parse().map_err(|_| Error::NotFound("API key"))
}

fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
