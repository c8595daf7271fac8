//! The table `audit_log`.

use sqlx::PgExecutor;

use crate::domain::audit::{AuditEntry, NewAuditEntry};
use crate::domain::id::{AccountId, AuditEntryId, ProjectId};

/// Writes down what the transaction does.
pub async fn insert(db: impl PgExecutor<'_>, entry: &NewAuditEntry) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO audit_log (id, account_id, project_id, actor_kind, actor_id, actor, from_ip, action, subject_id,
                               subject, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        "#,
        AuditEntryId::generate() as _,
        entry.account as _,
        entry.project as _,
        entry.doer.kind,
        entry.doer.id,
        entry.doer.label,
        entry.doer.from.map(|from| from.to_string()),
        entry.action,
        entry.subject,
        entry.subject_label,
        entry.details,
    )
    .execute(db)
    .await
    .map(drop)
}

/// What a list of the log is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only entries before this one, in the order newest first.
    pub before: Option<AuditEntryId>,
    /// Only what concerns this project.
    pub project: Option<ProjectId>,
    /// Only what was done to this.
    pub subject: Option<uuid::Uuid>,
    /// Only this action.
    pub action: Option<String>,
}

/// The log of an account, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    account: AccountId,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<AuditEntry>> {
    sqlx::query_as!(
        AuditEntry,
        r#"
        SELECT id AS "id: AuditEntryId", project_id AS "project: ProjectId", actor_kind, actor_id, actor, from_ip,
               action, subject_id, subject, details, created_at
        FROM audit_log
        WHERE account_id = $1
          AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
          AND ($3::uuid IS NULL OR project_id = $3)
          AND ($4::uuid IS NULL OR subject_id = $4)
          AND ($5::text IS NULL OR action = $5)
        ORDER BY id DESC
        LIMIT $6
        "#,
        account as _,
        filter.before as _,
        filter.project as _,
        filter.subject,
        filter.action,
        limit,
    )
    .fetch_all(db)
    .await
}
