//! The table `projects`.

use sqlx::PgExecutor;

use crate::domain::id::{AccountId, ProjectId};
use crate::domain::project::Project;

/// Makes a project.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: ProjectId,
    account: AccountId,
    name: &str,
    domain: Option<&str>,
) -> sqlx::Result<Project> {
    sqlx::query_as!(
        Project,
        r#"
        INSERT INTO projects (id, account_id, name, domain)
        VALUES ($1, $2, $3, $4)
        RETURNING id AS "id: ProjectId", account_id AS "account: AccountId", name, domain, retention_days, created_at
        "#,
        id as _,
        account as _,
        name,
        domain,
    )
    .fetch_one(db)
    .await
}

/// One project of an account, unless it is deleted.
pub async fn find(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: ProjectId,
) -> sqlx::Result<Option<Project>> {
    sqlx::query_as!(
        Project,
        r#"
        SELECT id AS "id: ProjectId", account_id AS "account: AccountId", name, domain, retention_days, created_at
        FROM projects
        WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The same, and holds it, so that nobody else changes it until the transaction ends.
pub async fn lock(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: ProjectId,
) -> sqlx::Result<Option<Project>> {
    sqlx::query_as!(
        Project,
        r#"
        SELECT id AS "id: ProjectId", account_id AS "account: AccountId", name, domain, retention_days, created_at
        FROM projects
        WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL
        FOR NO KEY UPDATE
        "#,
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Writes what can be changed about a project.
pub async fn update(db: impl PgExecutor<'_>, project: &Project) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE projects SET name = $3, domain = $4, retention_days = $5 WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL",
        project.account as _,
        project.id as _,
        project.name,
        project.domain,
        project.retention_days,
    )
    .execute(db)
    .await
    .map(drop)
}

/// A page of the projects of an account, newest first, without the deleted ones.
pub async fn page(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: Option<ProjectId>,
    limit: i64,
) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"
        SELECT id AS "id: ProjectId", account_id AS "account: AccountId", name, domain, retention_days, created_at
        FROM projects
        WHERE account_id = $1 AND deleted_at IS NULL
          AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        ORDER BY id DESC
        LIMIT $3
        "#,
        account as _,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// The projects of an account, oldest first, without the deleted ones.
pub async fn list(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"
        SELECT id AS "id: ProjectId", account_id AS "account: AccountId", name, domain, retention_days, created_at
        FROM projects
        WHERE account_id = $1 AND deleted_at IS NULL
        ORDER BY id
        "#,
        account as _,
    )
    .fetch_all(db)
    .await
}

/// The ids of all projects of an account, the deleted ones included.
pub async fn ids_of(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<Vec<ProjectId>> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id: ProjectId" FROM projects WHERE account_id = $1"#,
        account as _,
    )
    .fetch_all(db)
    .await
}

/// The account that a project belongs to, unless the project is deleted.
pub async fn account_of(
    db: impl PgExecutor<'_>,
    project: ProjectId,
) -> sqlx::Result<Option<AccountId>> {
    sqlx::query_scalar!(
        r#"SELECT account_id AS "account: AccountId" FROM projects WHERE id = $1 AND deleted_at IS NULL"#,
        project as _,
    )
    .fetch_optional(db)
    .await
}

/// Whether the account has another project than this one.
pub async fn has_another(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM projects WHERE account_id = $1 AND id <> $2 AND deleted_at IS NULL
        ) AS "has_another!"
        "#,
        account as _,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// Deletes a project and answers its name; nothing if there is no such project. Waits for sends of account keys that are
/// being stored in it right now, and for keys that are being made for it.
pub async fn delete(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        UPDATE projects
        SET deleted_at = now()
        WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL
        RETURNING name
        "#,
        account as _,
        project as _,
    )
    .fetch_optional(db)
    .await
}

/// The projects that say how many days they keep their mails, and how many those are.
pub async fn with_retention(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(ProjectId, i32)>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id: ProjectId", retention_days AS "days!"
        FROM projects
        WHERE retention_days IS NOT NULL
        ORDER BY id
        "#,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.days)).collect())
}
