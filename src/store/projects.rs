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
