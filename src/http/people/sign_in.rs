//! Signing in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::response::{DoneBody, SignedInBody};
use super::visitor::Visitor;
use crate::error::Result;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::{Json, SignedIn};
use crate::http::wire::Success;
use crate::service::people::{People, SignIn};
use crate::service::sessions::Sessions;

/// What somebody shows who wants in.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SignInRequest {
    /// The address.
    email: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// The code of the second factor, or a recovery code, where the person has one.
    code: Option<String>,
}

/// Signs a person in.
///
/// The answer sets a cookie, which is good for 30 days and for 7 without use. Whatever is wrong gets the same 401, but
/// for `TOTP_REQUIRED`: the password was right, and `code` is needed beside it. The request must come from our own pages,
/// as `Sec-Fetch-Site` or `Origin` tell.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", tag = "people", operation_id = "signIn", request_body = SignInRequest,
    security(()),
    responses((status = 200, body = Success<SignedInBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn sign_in(
    visitor: Visitor,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<SignInRequest>,
) -> Result<Response> {
    let SignInRequest { email, password, code } = value;
    let signed_in = people.sign_in(SignIn { email, password, code }, &visitor.visit).await?;
    visitor.welcome(signed_in)
}

/// Ends the session.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "people", operation_id = "signOut",
    security(("session" = [])),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn sign_out(
    caller: SignedIn,
    visitor: Visitor,
    State(sessions): State<Sessions>,
) -> Result<Response> {
    sessions.sign_out(&caller.person).await?;
    Ok((visitor.farewell()?, Json::new(Success::of(DoneBody::new()))).into_response())
}
