//! `/v1/account/projects`: the projects of an account, in the shapes of the upstream API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::audit::Doer;
use crate::domain::domain_name::DomainName;
use crate::domain::id::ProjectId;
use crate::domain::key_change::Change;
use crate::domain::name::Name;
use crate::domain::project::{MOST_RETENTION_DAYS, Project};
use crate::domain::sending_domain::ProjectDomain;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::domains::response::{REGION, verification_status};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadProjects, WriteProjects};
use crate::http::extract::{AccountAuthorized, Json, Path, Query};
use crate::http::page::{Found, Wanted};
use crate::http::wire::{Success, timestamp};
use crate::service::keys::Keys;
use crate::service::projects::{self, ProjectChange};

/// The routes about projects.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_project, list_projects)).routes(routes!(
        get_project,
        update_project,
        delete_project
    ))
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBody {
    /// Goes into `x-project-id`.
    id: String,
    name: String,
    /// The domain that its maker plans to send from.
    domain: Option<String>,
    /// Sending domains with their state.
    domains: Vec<ProjectDomainBody>,
    /// Always null: the data are where this server is.
    region_key: Option<String>,
    /// Whether mails tell that they are opened, unless they say otherwise.
    tracking_open: bool,
    /// Whether mails tell that their links are followed, unless they say otherwise.
    tracking_click: bool,
    /// Days for which its mails are kept, if the server does not keep them for less; null for as long as it does.
    retention_days: Option<i32>,
    created_at: String,
}

/// A sending domain in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProjectDomain)]
pub struct ProjectDomainBody {
    id: String,
    domain_name: String,
    /// `VERIFIED` or `PENDING_CONFIGURATION`.
    verification_status: &'static str,
    /// Always `self-hosted`.
    region_key: &'static str,
}

impl From<ProjectDomain> for ProjectDomainBody {
    fn from(domain: ProjectDomain) -> Self {
        Self {
            id: domain.id.to_string(),
            domain_name: domain.name,
            verification_status: verification_status(domain.verified),
            region_key: REGION,
        }
    }
}

impl From<(Project, Vec<ProjectDomain>)> for ProjectBody {
    fn from((project, domains): (Project, Vec<ProjectDomain>)) -> Self {
        Self {
            id: project.id.to_string(),
            name: project.name,
            domain: project.domain,
            domains: domains.into_iter().map(ProjectDomainBody::from).collect(),
            region_key: None,
            tracking_open: project.track_opens,
            tracking_click: project.track_clicks,
            retention_days: project.retention_days,
            created_at: timestamp(project.created_at),
        }
    }
}

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectListBody {
    /// Newest first.
    projects: Vec<ProjectBody>,
    /// Whether another page follows.
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

/// A request to make a project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateProjectRequest {
    /// 1 to 100 characters.
    #[schema(max_length = 100, value_type = String)]
    name: Option<String>,
    /// The domain that you plan to send from.
    domain: Option<String>,
}

/// A request to change a project: what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProjectRequest {
    /// 1 to 100 characters.
    #[serde(default)]
    #[schema(max_length = 100, value_type = Option<String>)]
    name: Change<String>,
    /// The domain that you plan to send from; null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    domain: Change<Option<String>>,
    /// Whether mails tell that they are opened, unless they say otherwise. Takes effect within five seconds.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    tracking_open: Change<bool>,
    /// The same for the links in them.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    tracking_click: Change<bool>,
    /// Days for which its mails are kept: 1 to 36500, and never for longer than the server keeps them; null for as long as
    /// it does.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    retention_days: Change<Option<i32>>,
}

/// What a list of projects is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListProjectsQuery {
    /// How many at once: 1 to 100.
    #[param(default = 100, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
}

/// Makes a project. It has no key yet.
#[utoipa::path(
    post, path = "/v1/account/projects", tag = "projects", operation_id = "createProject",
    request_body = CreateProjectRequest,
    responses((status = 201, body = Success<ProjectBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_project(
    caller: AccountAuthorized<WriteProjects>,
    State(db): State<PgPool>,
    Json { value, .. }: Json<CreateProjectRequest>,
) -> Result<Response> {
    let mut violations = Violations::default();
    let domain =
        value.domain.and_then(|text| violations.check("domain", text.parse::<DomainName>()));
    if value.name.is_none() {
        violations.add("name", "is required");
    }
    let name = value.name.and_then(|text| violations.check("name", text.parse::<Name>()));
    let (Some(name), true) = (name, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let doer = Doer::of(&caller);
    let project = projects::create(&db, caller.account, &name, domain.as_ref(), doer).await?;
    Ok((StatusCode::CREATED, Json::new(Success::of(ProjectBody::from((project, Vec::new())))))
        .into_response())
}

/// Lists the projects of the account, newest first.
#[utoipa::path(
    get, path = "/v1/account/projects", tag = "projects", operation_id = "listProjects", params(ListProjectsQuery),
    responses((status = 200, body = Success<ProjectListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_projects(
    caller: AccountAuthorized<ReadProjects>,
    State(db): State<PgPool>,
    Query(query): Query<ListProjectsQuery>,
) -> Result<Json<Success<ProjectListBody>>> {
    let mut violations = Violations::default();
    // Clients of the upstream API know no pages: most accounts fit on one.
    let limit = query.limit.or(Some(100));
    let wanted: Wanted<ProjectId> = Wanted::read(limit, query.cursor.as_deref(), &mut violations);
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let found = projects::page(&db, caller.account, wanted.before, wanted.look_for()).await?;
    let Found { items, has_more, next_cursor } =
        Found::cut(found, wanted.limit, |(project, _)| project.id);
    let projects = items.into_iter().map(ProjectBody::from).collect();
    Ok(Json::new(Success::of(ProjectListBody { projects, has_more, next_cursor })))
}

/// Shows one project.
#[utoipa::path(
    get, path = "/v1/account/projects/{projectId}", tag = "projects", operation_id = "getProject",
    params(("projectId" = String, Path, description = "The project's id")),
    responses((status = 200, body = Success<ProjectBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_project(
    caller: AccountAuthorized<ReadProjects>,
    State(db): State<PgPool>,
    Path(id): Path<String>,
) -> Result<Json<Success<ProjectBody>>> {
    let project = projects::find(&db, caller.account, project_id(&id)?).await?;
    Ok(Json::new(Success::of(project.into())))
}

/// Changes a project.
#[utoipa::path(
    patch, path = "/v1/account/projects/{projectId}", tag = "projects", operation_id = "updateProject",
    request_body = UpdateProjectRequest,
    params(("projectId" = String, Path, description = "The project's id")),
    responses((status = 200, body = Success<ProjectBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_project(
    caller: AccountAuthorized<WriteProjects>,
    State(db): State<PgPool>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateProjectRequest>,
) -> Result<Json<Success<ProjectBody>>> {
    let mut violations = Violations::default();
    let mut change = ProjectChange {
        track_opens: value.tracking_open,
        track_clicks: value.tracking_click,
        ..ProjectChange::default()
    };
    if let Change::Set(text) = value.name
        && let Some(name) = violations.check("name", text.parse())
    {
        change.name = Change::Set(name);
    }
    if let Change::Set(text) = value.domain {
        let domain = text.map(|text| violations.check("domain", text.parse()));
        change.domain = Change::Set(domain.flatten());
    }
    if let Change::Set(days) = value.retention_days {
        if days.is_some_and(|days| !(1..=MOST_RETENTION_DAYS).contains(&days)) {
            violations.add("retentionDays", "must be a whole number from 1 to 36500, or null");
        }
        change.retention_days = Change::Set(days);
    }
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let (id, doer) = (project_id(&id)?, Doer::of(&caller));
    let project = projects::update(&db, caller.account, id, change, doer).await?;
    Ok(Json::new(Success::of(project.into())))
}

/// Which project is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedProjectBody {
    id: String,
}

/// Deletes a project: its keys end at once, and for ever. Its mails are kept for the retention time. What is being sent
/// is still delivered; what is scheduled, or waits for another attempt, is cancelled when its time comes. The last project
/// stays.
#[utoipa::path(
    delete, path = "/v1/account/projects/{projectId}", tag = "projects", operation_id = "deleteProject",
    params(("projectId" = String, Path, description = "The project's id")),
    responses((status = 200, body = Success<DeletedProjectBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_project(
    caller: AccountAuthorized<WriteProjects>,
    State(db): State<PgPool>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<Success<DeletedProjectBody>>> {
    let id = project_id(&id)?;
    projects::delete(&db, caller.account, id, Doer::of(&caller)).await?;
    keys.forget_all();
    let body = DeletedProjectBody { id: id.to_string() };
    Ok(Json::new(Success::of(body).saying("Project deleted successfully")))
}

/// The upstream API tells what is no id from what names nothing.
fn project_id(text: &str) -> Result<ProjectId> {
    text.parse().map_err(|problem| Error::Invalid(Violations::one("projectId", problem)))
}
