//! The second factor.

use std::sync::Arc;

use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::response::DoneBody;
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::{Json, SignedIn};
use crate::http::wire::Success;
use crate::service::people::People;

/// The own password, which a stolen session does not know.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordRequest {
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A second factor that is being set up.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewTotpBody {
    /// To be typed into an app: 32 characters in base 32.
    secret: String,
    /// To be read by an app from a picture: `otpauth://totp/…`.
    uri: String,
}

/// Begins to set up a second factor; it counts once a code of it was confirmed.
#[utoipa::path(
    post, path = "/v1/auth/totp", tag = "people", operation_id = "setUpTotp", request_body = PasswordRequest,
    security(("session" = [])),
    responses((status = 200, body = Success<NewTotpBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn set_up_totp(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<PasswordRequest>,
) -> Result<Json<Success<NewTotpBody>>> {
    let new = people.set_up_totp(&caller.person, value.password).await?;
    Ok(Json::new(Success::of(NewTotpBody { secret: new.secret, uri: new.uri })))
}

/// What the app shows.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CodeRequest {
    /// Six digits.
    code: String,
}

/// What stands in for a lost second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodesBody {
    /// Ten codes, each good once. This is the only time that they can be seen.
    recovery_codes: Vec<String>,
}

/// Puts the second factor into use, and answers its recovery codes.
#[utoipa::path(
    post, path = "/v1/auth/totp/confirm", tag = "people", operation_id = "confirmTotp", request_body = CodeRequest,
    security(("session" = [])),
    responses((status = 200, body = Success<RecoveryCodesBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn confirm_totp(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<CodeRequest>,
) -> Result<Json<Success<RecoveryCodesBody>>> {
    let codes = people.confirm_totp(&caller, &value.code).await?;
    let recovery_codes = codes.iter().map(|code| code.reveal().to_owned()).collect();
    Ok(Json::new(Success::of(RecoveryCodesBody { recovery_codes })))
}

/// Takes the own second factor out of use.
#[utoipa::path(
    delete, path = "/v1/auth/totp", tag = "people", operation_id = "disableTotp", request_body = PasswordRequest,
    security(("session" = [])),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn disable_totp(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<PasswordRequest>,
) -> Result<Json<Success<DoneBody>>> {
    people.disable_totp(&caller, value.password).await?;
    Ok(Json::new(Success::of(DoneBody::new())))
}
