//! Who belongs to the account.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{PageQuery, cut};
use super::response::{DoneBody, SignedInBody, UserBody};
use crate::domain::caller::Role;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadUsers, WriteUsers};
use crate::http::extract::{AccountAuthorized, Json, Path, Query};
use crate::http::wire::Success;
use crate::service::people::People;

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserListBody {
    /// Newest first.
    users: Vec<UserBody>,
    /// Whether there are more.
    has_more: bool,
    /// What to send as `cursor` for them.
    next_cursor: Option<String>,
}

/// Lists the people of the account, newest first.
#[utoipa::path(
    get, path = "/v1/account/users", tag = "people", operation_id = "listUsers", params(PageQuery),
    responses((status = 200, body = Success<UserListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_users(
    caller: AccountAuthorized<ReadUsers>,
    State(people): State<Arc<People>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Success<UserListBody>>> {
    let (before, limit) = page.check()?;
    let mut found = people.list(caller.account, before, limit + 1).await?;
    let has_more = cut(&mut found, limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let users = found.into_iter().map(UserBody::from).collect();
    Ok(Json::new(Success::of(UserListBody { users, has_more, next_cursor })))
}

/// The role from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeRoleRequest {
    /// `owner`, `admin`, `member` or `viewer`.
    role: String,
}

/// Gives somebody another role, from the next request on. Only owners make owners, and the last owner stays one.
#[utoipa::path(
    patch, path = "/v1/account/users/{id}", tag = "people", operation_id = "changeRole",
    request_body = ChangeRoleRequest, params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, body = Success<SignedInBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn change_role(
    caller: AccountAuthorized<WriteUsers>,
    State(people): State<Arc<People>>,
    Path(id): Path<String>,
    Json { value, .. }: Json<ChangeRoleRequest>,
) -> Result<Json<Success<SignedInBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("person"))?;
    let user = people.change_role(&caller, id, role(&value.role)?).await?;
    Ok(Json::new(Success::of(SignedInBody { user: user.into() })))
}

/// Removes somebody from the account, at once and with all sessions. Keys that the person made go on working.
#[utoipa::path(
    delete, path = "/v1/account/users/{id}", tag = "people", operation_id = "removeUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn remove_user(
    caller: AccountAuthorized<WriteUsers>,
    State(people): State<Arc<People>>,
    Path(id): Path<String>,
) -> Result<Json<Success<DoneBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("person"))?;
    people.remove(&caller, id).await?;
    Ok(Json::new(Success::of(DoneBody::new())))
}

/// Reads a role.
pub(super) fn role(text: &str) -> Result<Role> {
    text.parse().map_err(|problem| Error::Invalid(Violations::one("role", problem)))
}
