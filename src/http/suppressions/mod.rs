//! `/v1/suppression-groups`: who gets no mail, and the kinds of mail that recipients can want or not want.

mod request;
mod response;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{
    GroupRequest, ListGroupsQuery, SearchEntriesRequest, SuppressRequest, UnsuppressRequest,
};
use self::response::{
    EntryListBody, GroupBody, GroupListBody, SuppressedBody, UnsuppressedBody, global_group,
};
use super::Api;
use super::domains::DeletedBody;
use crate::domain::suppression::GroupCode;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadSuppressions, WriteSuppressions};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::Success;
use crate::service::suppressions::Suppressions;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, add_group))
        .routes(routes!(get_group, update_group, delete_group))
        .routes(routes!(search_entries))
        .routes(routes!(suppress))
        .routes(routes!(unsuppress))
}

/// Makes a suppression group: a kind of mail that recipients can want or not want.
///
/// Mails name it as `unsubscribeGroupId`. Its name and its description are for the recipients.
#[utoipa::path(
    post, path = "/v1/suppression-groups", tag = "suppressions", operation_id = "createSuppressionGroup",
    request_body = GroupRequest,
    responses((status = 200, body = Success<GroupBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn add_group(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<GroupRequest>,
) -> Result<Json<Success<GroupBody>>> {
    let group = suppressions.add_group(&caller, caller.project, value.try_into()?).await?;
    Ok(Json::new(Success::of(group.into())))
}

/// Lists the groups of the project, oldest first.
///
/// The group `GLOBAL`, which all mail belongs to, is shown where it is asked for.
#[utoipa::path(
    get, path = "/v1/suppression-groups", tag = "suppressions", operation_id = "listSuppressionGroups",
    params(ListGroupsQuery),
    responses((status = 200, body = Success<GroupListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_groups(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Query(query): Query<ListGroupsQuery>,
) -> Result<Json<Success<GroupListBody>>> {
    let mut groups = Vec::new();
    if !query.only_global() {
        groups.extend(suppressions.groups(caller.project).await?.into_iter().map(GroupBody::from));
    }
    if query.includes_global() {
        let entries = suppressions.count_global(caller.project).await?;
        groups.push(global_group(caller.project, entries));
    }
    Ok(Json::new(Success::of(GroupListBody::new(groups))))
}

/// Shows one group.
#[utoipa::path(
    get, path = "/v1/suppression-groups/{groupId}", tag = "suppressions", operation_id = "getSuppressionGroup",
    params(("groupId" = String, Path, description = "The group's short name, such as `AB12C3`")),
    responses((status = 200, body = Success<GroupBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_group(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Path(code): Path<String>,
) -> Result<Json<Success<GroupBody>>> {
    let code = group_code(&code)?;
    if code.is_global() {
        let entries = suppressions.count_global(caller.project).await?;
        return Ok(Json::new(Success::of(global_group(caller.project, entries))));
    }
    let group = suppressions.group(caller.project, &code).await?;
    Ok(Json::new(Success::of(group.into())))
}

/// Changes a group: what is left out stays as it is.
///
/// In a group with `isActive: false` no mail may be sent, and recipients do not see it.
#[utoipa::path(
    put, path = "/v1/suppression-groups/{groupId}", tag = "suppressions", operation_id = "updateSuppressionGroup",
    request_body = GroupRequest,
    params(("groupId" = String, Path, description = "The group's short name, such as `AB12C3`")),
    responses((status = 200, body = Success<GroupBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_group(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Path(code): Path<String>,
    Json { value, .. }: Json<GroupRequest>,
) -> Result<Json<Success<GroupBody>>> {
    let code = group_code(&code)?;
    if code.is_global() {
        return Err(Error::Impossible {
            code: "CANNOT_UPDATE_GLOBAL_GROUP",
            message: "Cannot update global suppression group.".into(),
        });
    }
    let change = value.into_change()?;
    let group = suppressions.update_group(&caller, caller.project, &code, change).await?;
    Ok(Json::new(Success::of(group.into())))
}

/// Deletes a group. Mails cannot name it any more; links in those that were sent go on to work.
#[utoipa::path(
    delete, path = "/v1/suppression-groups/{groupId}", tag = "suppressions",
    operation_id = "deleteSuppressionGroup",
    params(("groupId" = String, Path, description = "The group's short name, such as `AB12C3`")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_group(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Path(code): Path<String>,
) -> Result<Json<DeletedBody>> {
    let code = group_code(&code)?;
    if code.is_global() {
        return Err(Error::Impossible {
            code: "CANNOT_DELETE_GLOBAL_GROUP",
            message: "Cannot delete global suppression group.".into(),
        });
    }
    suppressions.delete_group(&caller, caller.project, &code).await?;
    Ok(Json::new(DeletedBody::new("Suppression group deleted successfully")))
}

/// Finds suppressed addresses, newest first.
#[utoipa::path(
    post, path = "/v1/suppression-groups/entries", tag = "suppressions", operation_id = "searchSuppressions",
    request_body = SearchEntriesRequest,
    responses((status = 200, body = Success<EntryListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn search_entries(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<SearchEntriesRequest>,
) -> Result<Json<Success<EntryListBody>>> {
    let (filter, page, limit) = value.check()?;
    let found = suppressions.search(caller.project, &filter, page, limit).await?;
    Ok(Json::new(Success::of(EntryListBody::new(found, page, limit))))
}

/// Suppresses addresses: they get no mail of a group, or, without one, none of the project.
#[utoipa::path(
    post, path = "/v1/suppression-groups/emails/suppress", tag = "suppressions", operation_id = "suppress",
    request_body = SuppressRequest,
    responses((status = 200, body = Success<SuppressedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn suppress(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<SuppressRequest>,
) -> Result<Json<Success<SuppressedBody>>> {
    let (addresses, group, reason) = value.check()?;
    let suppressed = suppressions.add(&caller, caller.project, &group, &addresses, reason).await?;
    Ok(Json::new(Success::of(SuppressedBody { suppressed })))
}

/// Lets addresses have mail again: of a group, or, without one, of all groups and the project.
#[utoipa::path(
    post, path = "/v1/suppression-groups/emails/unsuppress", tag = "suppressions", operation_id = "unsuppress",
    request_body = UnsuppressRequest,
    responses((status = 200, body = Success<UnsuppressedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn unsuppress(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<UnsuppressRequest>,
) -> Result<Json<Success<UnsuppressedBody>>> {
    let (addresses, group) = value.check()?;
    let unsuppressed =
        suppressions.remove(&caller, caller.project, group.as_ref(), &addresses).await?;
    Ok(Json::new(Success::of(UnsuppressedBody { unsuppressed })))
}

/// What is no short name names no group.
fn group_code(text: &str) -> Result<GroupCode> {
    text.parse().map_err(|_| Error::NotFound("suppression group"))
}
