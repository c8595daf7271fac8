//! `/v1/account/api-keys` for all keys of an account, `/v1/api-keys` for those of one project.

pub mod of_account;
pub mod of_project;
pub mod own;
pub mod query;
pub mod request;
pub mod response;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::query::ListKeysQuery;
use self::response::{CreatedKeyBody, KeyBody, KeyListBody};
use crate::domain::api_key::ApiKeyToken;
use crate::domain::id::ApiKeyId;
use crate::domain::key_record::KeyRecord;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::Json;
use crate::http::page::Found;
use crate::http::wire::Success;
use crate::service::keys::{KeyScope, Keys};

/// The routes of those who have a key or a session.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(of_account::create_account_api_key, of_account::list_account_api_keys))
        .routes(routes!(
            of_account::get_account_api_key,
            of_account::update_account_api_key,
            of_account::delete_account_api_key
        ))
        .routes(routes!(of_account::rotate_account_api_key))
        .routes(routes!(of_project::create_api_key, of_project::list_api_keys))
        .routes(routes!(own::get_own_api_key))
        .routes(routes!(
            of_project::get_api_key,
            of_project::update_api_key,
            of_project::delete_api_key
        ))
        .routes(routes!(of_project::rotate_api_key))
}

/// The route of those who have found a key.
pub fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(own::revoke_leaked_api_key))
}

const DELETED: &str = "The API key is revoked. It does nothing any more.";

/// The answer that shows a key's secret, the only time.
fn created(keys: &Keys, record: &KeyRecord, token: &ApiKeyToken) -> Response {
    let body = CreatedKeyBody::new(KeyBody::new(record, keys), token);
    // No cache on the way may keep it.
    let no_store = [(axum::http::header::CACHE_CONTROL, "no-store")];
    (StatusCode::CREATED, no_store, Json::new(Success::of(body))).into_response()
}

fn shown(keys: &Keys, record: &KeyRecord) -> Json<Success<KeyBody>> {
    Json::new(Success::of(KeyBody::new(record, keys)))
}

async fn list(
    keys: &Keys,
    scope: KeyScope,
    query: ListKeysQuery,
) -> Result<Json<Success<KeyListBody>>> {
    let (query, wanted) = query.check()?;
    let found = keys.page(scope, &query, wanted.look_for()).await?;
    let found = Found::cut(found, wanted.limit, |record| record.key.id);
    Ok(Json::new(Success::of(KeyListBody::new(found, keys))))
}

/// What is no id names no key.
fn key_id(text: &str) -> Result<ApiKeyId> {
    text.parse().map_err(|_| Error::NotFound("API key"))
}
