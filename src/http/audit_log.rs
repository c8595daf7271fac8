//! `/v1/account/audit-log`: what was done to keys, projects and people.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditEntryId, ProjectId};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::ReadAudit;
use crate::http::extract::{AccountAuthorized, Json, Query};
use crate::http::page::{Found, Wanted};
use crate::http::wire::{Success, timestamp};
use crate::service::audit::{self, AuditFilter};

/// The routes about the log.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_audit_log))
}

/// What the log is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListAuditLogQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
    /// Only what concerns this project.
    project_id: Option<String>,
    /// Only what was done to the key, project or person of this id.
    subject_id: Option<String>,
    /// Only this action, such as `api_key.created`.
    action: Option<String>,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLogBody {
    /// Newest first.
    entries: Vec<AuditEntryBody>,
    /// Whether another page follows.
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

/// One thing that was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEntryBody {
    id: String,
    at: String,
    /// `noun.verb`.
    action: String,
    actor: ActorBody,
    /// From which address; null for what was done on the machine itself.
    from: Option<String>,
    subject: SubjectBody,
    project_id: Option<String>,
    /// What changed; never a secret.
    details: Value,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
struct ActorBody {
    /// `api_key`, `user`, `command_line`, `server` or `holder`.
    kind: String,
    id: Option<String>,
    /// In words.
    label: String,
}

/// To what it was done.
#[derive(Debug, Serialize, ToSchema)]
struct SubjectBody {
    id: String,
    /// In words.
    label: String,
}

impl From<AuditEntry> for AuditEntryBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: timestamp(entry.created_at),
            action: entry.action,
            actor: ActorBody {
                kind: entry.actor_kind,
                id: entry.actor_id.map(|id| id.to_string()),
                label: entry.actor,
            },
            from: entry.from_ip,
            subject: SubjectBody { id: entry.subject_id.to_string(), label: entry.subject },
            project_id: entry.project.map(|project| project.to_string()),
            details: entry.details,
        }
    }
}

/// Lists what was done, by whom, when and from where, newest first.
#[utoipa::path(
    get, path = "/v1/account/audit-log", tag = "audit-log", operation_id = "listAuditLog", params(ListAuditLogQuery),
    responses((status = 200, body = Success<AuditLogBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_audit_log(
    caller: AccountAuthorized<ReadAudit>,
    State(db): State<PgPool>,
    Query(query): Query<ListAuditLogQuery>,
) -> Result<Json<Success<AuditLogBody>>> {
    let (filter, limit) = query.check()?;
    // One more than asked for tells whether there is a next page.
    let found = audit::list(&db, caller.account, &filter, limit + 1).await?;
    let Found { items, has_more, next_cursor } = Found::cut(found, limit, |entry| entry.id);
    let entries = items.into_iter().map(AuditEntryBody::from).collect();
    Ok(Json::new(Success::of(AuditLogBody { entries, has_more, next_cursor })))
}

impl ListAuditLogQuery {
    fn check(self) -> Result<(AuditFilter, u16)> {
        let mut violations = Violations::default();
        let wanted: Wanted<AuditEntryId> =
            Wanted::read(self.limit, self.cursor.as_deref(), &mut violations);
        let project = self
            .project_id
            .and_then(|text| violations.check("projectId", text.parse::<ProjectId>()));
        let subject = self.subject_id.and_then(|text| {
            let id = text.parse::<uuid::Uuid>().map_err(|_| "is not a valid id");
            violations.check("subjectId", id)
        });
        let is_action =
            |text: &str| text.bytes().all(|c| c.is_ascii_lowercase() || b"._".contains(&c));
        if self.action.as_ref().is_some_and(|text| !is_action(text)) {
            violations.add("action", "must be an action such as `api_key.created`");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = AuditFilter { before: wanted.before, project, subject, action: self.action };
        Ok((filter, wanted.limit))
    }
}
