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

/// Defines the lists of the log: each narrows by what its index is in order of, and then by the rest of the filter.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $narrowed:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            async fn $name(
                db: impl PgExecutor<'_>,
                account: AccountId,
                filter: &Filter,
                limit: i64,
            ) -> sqlx::Result<Vec<AuditEntry>> {
                sqlx::query_as!(
                    AuditEntry,
                    r#"
                    SELECT id AS "id: AuditEntryId", project_id AS "project: ProjectId", actor_kind, actor_id, actor,
                           from_ip, action, subject_id, subject, details, created_at
                    FROM audit_log
                    WHERE account_id = $1 AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
                      AND "# + $narrowed + r#"
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
        )+
    };
}

lists! {
    /// By `audit_log_subject_id`.
    of_subject: "subject_id = $4 AND ($3::uuid IS NULL OR project_id = $3) AND ($5::text IS NULL OR action = $5)",
    /// By `audit_log_project_id`.
    of_project: "project_id = $3 AND ($4::uuid IS NULL OR subject_id = $4) AND ($5::text IS NULL OR action = $5)",
    /// By `audit_log_action`.
    of_action: "action = $5 AND ($3::uuid IS NULL OR project_id = $3) AND ($4::uuid IS NULL OR subject_id = $4)",
    /// By `audit_log_account_id`.
    of_account: "($3::uuid IS NULL) AND ($4::uuid IS NULL) AND ($5::text IS NULL)",
}

/// The log of an account, newest first, by the index that narrows it most.
pub async fn list(
    db: impl PgExecutor<'_>,
    account: AccountId,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<AuditEntry>> {
    match filter {
        Filter { subject: Some(_), .. } => of_subject(db, account, filter, limit).await,
        Filter { project: Some(_), .. } => of_project(db, account, filter, limit).await,
        Filter { action: Some(_), .. } => of_action(db, account, filter, limit).await,
        Filter { .. } => of_account(db, account, filter, limit).await,
    }
}
