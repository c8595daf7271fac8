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
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO projects (id, account_id, name) VALUES ($1, $2, $3)",
        id as _,
        account as _,
        name
    )
    .execute(db)
    .await
    .map(drop)
}

/// The projects of an account, oldest first, without the deleted ones.
pub async fn list(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"
        SELECT id AS "id: ProjectId", account_id AS "account: AccountId", name, created_at
        FROM projects
        WHERE account_id = $1 AND deleted_at IS NULL
        ORDER BY id
        "#,
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
