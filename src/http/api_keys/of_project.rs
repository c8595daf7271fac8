//! `/v1/api-keys`: the keys of one project.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::query::ListKeysQuery;
use super::request::{CreateKeyRequest, RotateKeyRequest, UpdateKeyRequest};
use super::response::{CreatedKeyBody, KeyBody, KeyListBody};
use super::{DELETED, created, key_id, list, shown};
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadKeys, WriteKeys};
use crate::http::extract::{Authorized, Json, OptionalJson, Path, Query};
use crate::http::wire::Success;
use crate::service::keys::{KeyScope, Keys};

/// Makes a key of the project. Its secret is in this answer and in no other.
///
/// A key can only make keys that may do no more than itself; what is left out is as wide as its own.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "api-keys", operation_id = "createApiKey", request_body = CreateKeyRequest,
    responses((status = 201, body = Success<CreatedKeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_api_key(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Json { value, .. }: Json<CreateKeyRequest>,
) -> Result<Response> {
    let wish = value.check(Some(caller.project), true)?;
    let (record, token) = keys.create_for(&caller, wish).await?;
    Ok(created(&keys, &record, &token))
}

/// Lists the keys of the project, newest first.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "api-keys", operation_id = "listApiKeys", params(ListKeysQuery),
    responses((status = 200, body = Success<KeyListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_api_keys(
    caller: Authorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Query(query): Query<ListKeysQuery>,
) -> Result<Json<Success<KeyListBody>>> {
    list(&keys, of_project(&caller), query).await
}

/// Shows one key.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "api-keys", operation_id = "getApiKey",
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_api_key(
    caller: Authorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<Success<KeyBody>>> {
    let record = keys.find(of_project(&caller), key_id(&id)?).await?;
    Ok(shown(&keys, &record))
}

/// Changes a key. It takes effect at once here, and within a second on every other node.
///
/// A change that makes the key wider must stay within what the caller may do.
#[utoipa::path(
    patch, path = "/v1/api-keys/{id}", tag = "api-keys", operation_id = "updateApiKey", request_body = UpdateKeyRequest,
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_api_key(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateKeyRequest>,
) -> Result<Json<Success<KeyBody>>> {
    let id = key_id(&id)?;
    let record = keys.update(&caller, of_project(&caller), id, value.check()?).await?;
    Ok(shown(&keys, &record))
}

/// Revokes a key, for ever. Once this has answered, not one more mail is accepted with it, on any node.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "api-keys", operation_id = "deleteApiKey",
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_api_key(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<Success<KeyBody>>> {
    let record = keys.revoke_for(&caller, of_project(&caller), key_id(&id)?).await?;
    Ok(Json::new(Success::of(KeyBody::new(&record, &keys)).saying(DELETED)))
}

/// Makes a second key that may do the same, and lets the old one live for a while. The new secret is in this answer and
/// in no other.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/rotate", tag = "api-keys", operation_id = "rotateApiKey",
    request_body = Option<RotateKeyRequest>,
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 201, body = Success<CreatedKeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn rotate_api_key(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
    OptionalJson(value): OptionalJson<RotateKeyRequest>,
) -> Result<Response> {
    let overlap = value.unwrap_or_default().check()?;
    let (record, token) = keys.rotate(&caller, of_project(&caller), key_id(&id)?, overlap).await?;
    Ok(created(&keys, &record, &token))
}

fn of_project<G>(caller: &Authorized<G>) -> KeyScope {
    KeyScope { account: caller.account, project: Some(caller.project) }
}
