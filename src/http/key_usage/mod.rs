//! `…/api-keys/{id}/usage`, `…/requests` and `…/would-have-blocked`: how a key is used.

mod request;
mod response;

use std::sync::Arc;

use axum::extract::State;
use chrono::Utc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{RequestsQuery, UsageQuery};
use self::response::{RequestsBody, UsageBody, WouldHaveBlockedBody};
use super::Api;
use super::error::ErrorEnvelope;
use super::extract::authorized::ReadKeys;
use super::extract::{AccountAuthorized, Authorized, Json, Path, Query};
use super::page::Found;
use crate::domain::id::ApiKeyId;
use crate::error::{Error, Result};
use crate::http::wire::Success;
use crate::service::usage::{KeysOf, Usage};

/// All of it.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_account_key_usage))
        .routes(routes!(get_key_usage))
        .routes(routes!(list_account_key_requests))
        .routes(routes!(list_key_requests))
        .routes(routes!(list_account_key_would_have_blocked))
        .routes(routes!(list_key_would_have_blocked))
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
    let wanted = query.check()?;
    let requests = usage.requests(whose, key_id(id)?, wanted.before, wanted.look_for()).await?;
    let page = Found::cut(requests, wanted.limit, |request| request.id);
    Ok(Json::new(Success::of(page.into())))
}

async fn blocked_of(
    usage: &Usage,
    whose: KeysOf,
    id: &str,
) -> Result<Json<Success<WouldHaveBlockedBody>>> {
    let addresses = usage.would_have_blocked(whose, key_id(id)?).await?;
    Ok(Json::new(Success::of(addresses.into())))
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
