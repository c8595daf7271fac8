//! `/v1/account/api-keys`: all keys of an account, account keys included.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::query::ListKeysQuery;
use super::request::{CreateKeyRequest, RotateKeyRequest, UpdateKeyRequest};
use super::response::{CreatedKeyBody, KeyBody, KeyListBody};
use super::{DELETED, created, key_id, list, shown};
use crate::domain::caller::Caller;
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadKeys, WriteKeys};
use crate::http::extract::{AccountAuthorized, Json, OptionalJson, Path, Query};
use crate::http::wire::Success;
use crate::service::keys::{KeyScope, Keys};

/// Makes a key of the account or of one of its projects. Its secret is in this answer and in no other.
///
/// A key can only make keys that may do no more than itself; what is left out is as wide as its own.
#[utoipa::path(
    post, path = "/v1/account/api-keys", tag = "api-keys", operation_id = "createAccountApiKey", request_body = CreateKeyRequest,
    responses((status = 201, body = Success<CreatedKeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_account_api_key(
    caller: AccountAuthorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Json { value, .. }: Json<CreateKeyRequest>,
) -> Result<Response> {
    let wish = value.check(caller.project, false)?;
    let (record, token) = keys.create_for(&caller, wish).await?;
    Ok(created(&keys, &record, &token))
}

/// Lists the keys of the account, newest first.
#[utoipa::path(
    get, path = "/v1/account/api-keys", tag = "api-keys", operation_id = "listAccountApiKeys", params(ListKeysQuery),
    responses((status = 200, body = Success<KeyListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_account_api_keys(
    caller: AccountAuthorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Query(query): Query<ListKeysQuery>,
) -> Result<Json<Success<KeyListBody>>> {
    list(&keys, of_account(&caller), query).await
}

/// Shows one key.
#[utoipa::path(
    get, path = "/v1/account/api-keys/{id}", tag = "api-keys", operation_id = "getAccountApiKey",
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_account_api_key(
    caller: AccountAuthorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<Success<KeyBody>>> {
    let record = keys.find(of_account(&caller), key_id(&id)?).await?;
    Ok(shown(&keys, &record))
}

/// Changes a key. It takes effect at once here, and within a second on every other node.
///
/// A change that makes the key wider must stay within what the caller may do.
#[utoipa::path(
    patch, path = "/v1/account/api-keys/{id}", tag = "api-keys", operation_id = "updateAccountApiKey", request_body = UpdateKeyRequest,
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_account_api_key(
    caller: AccountAuthorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateKeyRequest>,
) -> Result<Json<Success<KeyBody>>> {
    let id = key_id(&id)?;
    let record = keys.update(&caller, of_account(&caller), id, value.check()?).await?;
    Ok(shown(&keys, &record))
}

/// Revokes a key, for ever. Once this has answered, not one more mail is accepted with it, on any node.
#[utoipa::path(
    delete, path = "/v1/account/api-keys/{id}", tag = "api-keys", operation_id = "deleteAccountApiKey",
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 200, body = Success<KeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_account_api_key(
    caller: AccountAuthorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<Success<KeyBody>>> {
    let record = keys.revoke_for(&caller, of_account(&caller), key_id(&id)?).await?;
    Ok(Json::new(Success::of(KeyBody::new(&record, &keys)).saying(DELETED)))
}

/// Makes a second key that may do the same, and lets the old one live for a while. The new secret is in this answer and
/// in no other.
#[utoipa::path(
    post, path = "/v1/account/api-keys/{id}/rotate", tag = "api-keys", operation_id = "rotateAccountApiKey",
    request_body = Option<RotateKeyRequest>,
    params(("id" = String, Path, description = "The key's id, which is no part of its text")),
    responses((status = 201, body = Success<CreatedKeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn rotate_account_api_key(
    caller: AccountAuthorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
    OptionalJson(value): OptionalJson<RotateKeyRequest>,
) -> Result<Response> {
    let overlap = value.unwrap_or_default().check()?;
    let (record, token) = keys.rotate(&caller, of_account(&caller), key_id(&id)?, overlap).await?;
    Ok(created(&keys, &record, &token))
}

fn of_account(caller: &Caller) -> KeyScope {
    KeyScope { account: caller.account, project: None }
}
