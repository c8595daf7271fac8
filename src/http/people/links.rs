//! Links that are good once: the first owner's, invitations, and those for a forgotten password.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::response::{DoneBody, SignedInBody};
use super::visitor::Visitor;
use crate::domain::address::EmailAddress;
use crate::domain::caller::Role;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::Json;
use crate::http::wire::Success;
use crate::service::people::{Acceptance, People};

/// Whose password is forgotten.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordResetRequest {
    /// The address that the person signs in with.
    email: String,
}

/// Sends a link for a new password to whoever signs in with this address.
///
/// The answer is the same for every address. The link is good once, for an hour.
#[utoipa::path(
    post, path = "/v1/auth/password-reset", tag = "people", operation_id = "askForPasswordReset",
    request_body = PasswordResetRequest, security(()),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn ask_for_reset(
    visitor: Visitor,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<PasswordResetRequest>,
) -> Result<Json<Success<DoneBody>>> {
    let email: EmailAddress = value
        .email
        .trim()
        .parse()
        .map_err(|problem| Error::Invalid(Violations::one("email", problem)))?;
    people.ask_for_reset(&email, visitor.visit.from)?;
    Ok(Json::new(Success::of(DoneBody::new())))
}

/// The link in question.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InspectLinkRequest {
    /// What stands behind the `#` of the link.
    token: String,
}

/// What a link is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkBody {
    /// `set_up`, `invitation` or `password_reset`.
    purpose: &'static str,
    /// Whom it is for; null where the first owner chooses.
    email: Option<String>,
    /// As what an invited person joins.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// What the account is called.
    account_name: String,
}

/// Says what a link is for, and leaves it good.
#[utoipa::path(
    post, path = "/v1/auth/links/inspect", tag = "people", operation_id = "inspectLink",
    request_body = InspectLinkRequest, security(()),
    responses((status = 200, body = Success<LinkBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn inspect_link(
    visitor: Visitor,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<InspectLinkRequest>,
) -> Result<Json<Success<LinkBody>>> {
    let facts = people.inspect_link(&value.token, &visitor.visit).await?;
    Ok(Json::new(Success::of(LinkBody {
        purpose: facts.purpose.as_str(),
        email: facts.email.map(|email| email.as_str().to_owned()),
        role: facts.role,
        account_name: facts.account_name,
    })))
}

/// What somebody brings who goes through a link.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AcceptLinkRequest {
    /// What stands behind the `#` of the link.
    token: String,
    /// The address to sign in with; only for a set-up link.
    email: Option<String>,
    /// How colleagues shall know the person.
    name: Option<String>,
    /// The password from now on: 10 to 256 characters, none of the common ones.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// For a password reset, the code of the second factor where the person has one.
    code: Option<String>,
}

/// Goes through a link: joins, or sets a new password, and is signed in.
///
/// A link is good once. A new password ends all sessions; a second factor is asked for (`TOTP_REQUIRED`) as at sign-in,
/// and the link stays good until it was shown.
#[utoipa::path(
    post, path = "/v1/auth/links/accept", tag = "people", operation_id = "acceptLink",
    request_body = AcceptLinkRequest, security(()),
    responses((status = 200, body = Success<SignedInBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn accept_link(
    visitor: Visitor,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<AcceptLinkRequest>,
) -> Result<Response> {
    let AcceptLinkRequest { token, email, name, password, code } = value;
    let brought = Acceptance { token, email, name, password, code };
    let signed_in = people.accept_link(brought, &visitor.visit).await?;
    visitor.welcome(signed_in)
}
