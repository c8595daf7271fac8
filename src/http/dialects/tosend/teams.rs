//! `/v2/teams`: the projects of the account, which `X-Account-Id` names as teams.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::Shown;
use crate::domain::audit::Doer;
use crate::domain::key_change::Change;
use crate::domain::name::Name;
use crate::domain::project::Project;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadProjects, WriteProjects};
use crate::http::extract::{AccountAuthorized, Json, Path};
use crate::http::wire::timestamp;
use crate::service::projects::{self, ProjectChange};

/// How many teams are listed, the newest; there are no pages.
const MOST: u16 = 1000;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v2/teams", get(list).post(create)).route("/v2/teams/{id}", put(update))
}

async fn list(
    caller: AccountAuthorized<ReadProjects>,
    State(db): State<PgPool>,
) -> Result<Json<Shown<TeamsBody>>> {
    let found = projects::page(&db, caller.account, None, MOST).await?;
    let teams = found.into_iter().map(|(project, _)| project.into()).collect();
    let data = TeamsBody { id: caller.account.to_string(), credit_balance: None, teams };
    Ok(Json::new(Shown { data }))
}

async fn create(
    caller: AccountAuthorized<WriteProjects>,
    State(db): State<PgPool>,
    Json { value, .. }: Json<TeamRequest>,
) -> Result<(StatusCode, Json<Shown<TeamBody>>)> {
    let missing = || Error::Invalid(Violations::one("name", "is required"));
    let name = value.check()?.ok_or_else(missing)?;
    let project = projects::create(&db, caller.account, &name, None, Doer::of(&caller)).await?;
    Ok((StatusCode::CREATED, Json::new(Shown { data: project.into() })))
}

async fn update(
    caller: AccountAuthorized<WriteProjects>,
    State(db): State<PgPool>,
    Path(id): Path<String>,
    Json { value, .. }: Json<TeamRequest>,
) -> Result<Json<Shown<TeamBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("project"))?;
    let name = value.check()?.map_or(Change::Keep, Change::Set);
    let change = ProjectChange { name, ..ProjectChange::default() };
    let (project, _) = projects::update(&db, caller.account, id, change, Doer::of(&caller)).await?;
    Ok(Json::new(Shown { data: project.into() }))
}

/// What a team is to be. The region is taken and ignored: where mail leaves is the relay's matter.
#[derive(Debug, Deserialize)]
struct TeamRequest {
    name: Option<String>,
    status: Option<String>,
}

impl TeamRequest {
    fn check(self) -> Result<Option<Name>> {
        let mut violations = Violations::default();
        let name = self.name.and_then(|name| violations.check("name", name.parse()));
        if self.status.as_deref().is_some_and(|status| status != "active") {
            let problem = "must be `active`: to suspend a project, switch its keys off";
            violations.add("status", problem);
        }
        if violations.is_empty() { Ok(name) } else { Err(Error::Invalid(violations)) }
    }
}

/// The account with its teams.
#[derive(Debug, Serialize)]
struct TeamsBody {
    id: String,
    /// Null: nothing is paid for here.
    credit_balance: Option<i64>,
    teams: Vec<TeamBody>,
}

#[derive(Debug, Serialize)]
struct TeamBody {
    id: String,
    name: String,
    status: &'static str,
    created_at: String,
}

impl From<Project> for TeamBody {
    fn from(project: Project) -> Self {
        let created_at = timestamp(project.created_at);
        Self { id: project.id.to_string(), name: project.name, status: "active", created_at }
    }
}
