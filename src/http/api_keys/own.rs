//! The key that asks, and keys that somebody has found.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use chrono::Utc;
use serde::Deserialize;
use utoipa::ToSchema;

use super::response::{OwnKeyBody, ReportBody};
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::{Authenticated, Json};
use crate::http::layers::authenticate::Gate;
use crate::http::layers::client::ClientAddress;
use crate::http::wire::Success;
use crate::service::keys::{KeyScope, Keys};
use crate::service::rate_limit::Decision;

/// Shows the key that asks: what it may do, and what is left of its limits.
///
/// Every key may ask. The request counts like every other, and nothing more.
#[utoipa::path(
    get, path = "/v1/api-keys/me", tag = "api-keys", operation_id = "getOwnApiKey",
    responses((status = 200, body = Success<OwnKeyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_own_api_key(
    Authenticated(caller): Authenticated,
    Extension(decision): Extension<Decision>,
    State(keys): State<Arc<Keys>>,
) -> Result<Json<Success<OwnKeyBody>>> {
    let key = caller.key().ok_or_else(|| Error::Forbidden {
        code: "API_KEY_REQUIRED",
        message: "This shows the API key that asks; a session has none.".into(),
    })?;
    let scope = KeyScope { account: caller.account, project: None };
    let record = keys.find(scope, key.id).await?;
    Ok(Json::new(Success::of(OwnKeyBody::new(&record, &keys, &decision, Utc::now()))))
}

/// A key that was found where it should not be.
#[derive(Deserialize, ToSchema)]
pub struct LeakedKeyRequest {
    /// All of its text.
    key: String,
}

const REPORTED: &str = "Thank you. If this is a key of ours, it does nothing any more.";

/// Revokes a leaked key: whoever holds all of it may do that, and needs no other key.
///
/// The answer is the same whether there is such a key or not.
#[utoipa::path(
    post, path = "/v1/api-keys/revoke-leaked", tag = "api-keys", operation_id = "revokeLeakedApiKey",
    request_body = LeakedKeyRequest, security(()),
    responses((status = 200, body = Success<ReportBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn revoke_leaked_api_key(
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    State(gate): State<Arc<Gate>>,
    State(keys): State<Arc<Keys>>,
    Json { value, .. }: Json<LeakedKeyRequest>,
) -> Result<Json<Success<ReportBody>>> {
    gate.admit_report(from)?;
    if let Ok(token) = value.key.trim().parse() {
        keys.revoke_leaked(&token, from).await?;
    }
    Ok(Json::new(Success::of(ReportBody::RECEIVED).saying(REPORTED)))
}
