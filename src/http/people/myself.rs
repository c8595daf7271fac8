//! What people see and change of themselves.

use std::sync::Arc;

use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Installation;
use super::response::{DoneBody, SignedInBody, UserBody};
use crate::domain::permission::Permission;
use crate::domain::user::PersonName;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::{Json, SignedIn};
use crate::http::wire::Success;
use crate::service::people::People;

/// What a page needs to know of who looks at it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeBody {
    /// The person.
    user: UserBody,
    /// The account.
    account: Named,
    /// The account's projects, oldest first.
    projects: Vec<Named>,
    /// The session of this request.
    session: SessionId,
    /// This server.
    server: ServerBody,
}

/// Something with a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Named {
    /// Names it to programs.
    id: String,
    /// Names it to people.
    name: String,
}

/// The session of this request.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionId {
    /// Names it; no part of its cookie.
    id: String,
}

/// What there is to know of this server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerBody {
    /// The version of Posthaste.
    version: &'static str,
    /// Whether mail goes to the capture mailbox instead of a relay.
    capture_mailbox: bool,
    /// The base of links.
    public_url: String,
    /// Every permission that there is, whoever may have it.
    #[schema(value_type = Vec<String>)]
    permissions: &'static [Permission],
}

/// Says who is signed in, and where.
#[utoipa::path(
    get, path = "/v1/auth/me", tag = "people", operation_id = "getMe",
    security(("session" = [])),
    responses((status = 200, body = Success<MeBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_me(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    State(installation): State<Arc<Installation>>,
) -> Result<Json<Success<MeBody>>> {
    let me = people.me(&caller.person).await?;
    let projects = me.projects.into_iter();
    Ok(Json::new(Success::of(MeBody {
        account: Named { id: me.user.account.to_string(), name: me.account_name },
        user: me.user.into(),
        projects: projects.map(|(id, name)| Named { id: id.to_string(), name }).collect(),
        session: SessionId { id: caller.person.session.to_string() },
        server: ServerBody {
            version: env!("CARGO_PKG_VERSION"),
            capture_mailbox: installation.capture_mailbox,
            public_url: installation.public_url.clone(),
            permissions: Permission::ALL,
        },
    })))
}

/// What is changed of oneself.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateMeRequest {
    /// How colleagues shall know the person: up to 100 characters.
    name: String,
}

/// Changes one's own name.
#[utoipa::path(
    patch, path = "/v1/auth/me", tag = "people", operation_id = "updateMe", request_body = UpdateMeRequest,
    security(("session" = [])),
    responses((status = 200, body = Success<SignedInBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_me(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<UpdateMeRequest>,
) -> Result<Json<Success<SignedInBody>>> {
    let name = PersonName::parse(&value.name)
        .map_err(|problem| Error::Invalid(Violations::one("name", problem)))?;
    let user = people.rename(&caller.person, &name).await?;
    Ok(Json::new(Success::of(SignedInBody { user: UserBody::from(user) })))
}

/// The password until now, and from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePasswordRequest {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// The password from now on: 10 to 256 characters, none of the common ones.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Changes one's own password, and ends all of one's other sessions.
#[utoipa::path(
    post, path = "/v1/auth/password", tag = "people", operation_id = "changePassword",
    request_body = ChangePasswordRequest,
    security(("session" = [])),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn change_password(
    caller: SignedIn,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<ChangePasswordRequest>,
) -> Result<Json<Success<DoneBody>>> {
    people.change_password(&caller, value.current_password, value.new_password).await?;
    Ok(Json::new(Success::of(DoneBody::new())))
}
