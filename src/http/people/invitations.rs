//! Who is invited.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{PageQuery, cut};
use super::response::DoneBody;
use crate::domain::address::EmailAddress;
use crate::domain::caller::Role;
use crate::domain::user::Invitation;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadUsers, WriteUsers};
use crate::http::extract::{AccountAuthorized, Json, Path, Query};
use crate::http::wire::{Success, timestamp};
use crate::service::people::People;

/// Somebody who was invited and has not come yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBody {
    /// Names the invitation.
    id: String,
    /// Who.
    email: String,
    /// As what.
    #[schema(value_type = String)]
    role: Role,
    /// Who invited, in words.
    created_by: String,
    /// When.
    created_at: String,
    /// From then on its link is good for nothing.
    expires_at: String,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role,
            created_by: invitation.created_by,
            created_at: timestamp(invitation.created_at),
            expires_at: timestamp(invitation.expires_at),
        }
    }
}

/// An invitation that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitedBody {
    /// The invitation.
    #[serde(flatten)]
    invitation: InvitationBody,
    /// Its link, to be passed on: the only time that it can be seen.
    link: String,
    /// Whether a mail with the link is on its way too.
    mailed: bool,
}

/// A page of invitations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationListBody {
    /// Newest first.
    invitations: Vec<InvitationBody>,
    /// Whether there are more.
    has_more: bool,
    /// What to send as `cursor` for them.
    next_cursor: Option<String>,
}

/// Lists who is invited and has not come yet, newest first.
#[utoipa::path(
    get, path = "/v1/account/invitations", tag = "people", operation_id = "listInvitations", params(PageQuery),
    responses((status = 200, body = Success<InvitationListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_invitations(
    caller: AccountAuthorized<ReadUsers>,
    State(people): State<Arc<People>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Success<InvitationListBody>>> {
    let (before, limit) = page.check()?;
    let mut found = people.invitations(caller.account, before, limit + 1).await?;
    let has_more = cut(&mut found, limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let invitations = found.into_iter().map(InvitationBody::from).collect();
    Ok(Json::new(Success::of(InvitationListBody { invitations, has_more, next_cursor })))
}

/// Who is to be invited.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InviteRequest {
    /// The address.
    email: String,
    /// `owner`, `admin`, `member` or `viewer`.
    role: String,
}

/// Invites somebody by mail; the link is also in the answer. It is good once, for seven days, and takes the place of
/// earlier ones for the same address.
#[utoipa::path(
    post, path = "/v1/account/invitations", tag = "people", operation_id = "invite", request_body = InviteRequest,
    responses((status = 201, body = Success<InvitedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn invite(
    caller: AccountAuthorized<WriteUsers>,
    State(people): State<Arc<People>>,
    Json { value, .. }: Json<InviteRequest>,
) -> Result<Response> {
    let mut violations = Violations::default();
    let email = violations.check("email", value.email.trim().parse::<EmailAddress>());
    let role = violations.check("role", value.role.parse::<Role>());
    let (Some(email), Some(role)) = (email, role) else { return Err(Error::Invalid(violations)) };
    let invited = people.invite(&caller, &email, role).await?;
    let body = InvitedBody {
        invitation: invited.invitation.into(),
        link: invited.link,
        mailed: invited.mailed,
    };
    let unkept = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, unkept, Json::new(Success::of(body))).into_response())
}

/// Takes an invitation back: its link is good for nothing from then on.
#[utoipa::path(
    delete, path = "/v1/account/invitations/{id}", tag = "people", operation_id = "revokeInvitation",
    params(("id" = String, Path, description = "The invitation's id")),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn revoke_invitation(
    caller: AccountAuthorized<WriteUsers>,
    State(people): State<Arc<People>>,
    Path(id): Path<String>,
) -> Result<Json<Success<DoneBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("invitation"))?;
    people.revoke_invitation(&caller, id).await?;
    Ok(Json::new(Success::of(DoneBody::new())))
}
