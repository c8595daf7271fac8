//! The table `suppression_groups`: kinds of mail that recipients can want or not want.

use sqlx::PgExecutor;

use crate::domain::id::{ProjectId, SuppressionGroupId};
use crate::domain::suppression::{Group, GroupCode};

/// Makes a group; nothing if the project has had one of this short name.
pub async fn insert(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    code: &GroupCode,
    name: &str,
    description: Option<&str>,
    active: bool,
) -> sqlx::Result<Option<Group>> {
    sqlx::query_as!(
        Group,
        r#"
        INSERT INTO suppression_groups (project_id, group_id, id, name, description, active)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        RETURNING id AS "id: SuppressionGroupId", group_id AS "code: GroupCode", name, description, active,
                  0::bigint AS "entries!", created_at, updated_at
        "#,
        project as _,
        code.as_str(),
        SuppressionGroupId::generate() as _,
        name,
        description,
        active,
    )
    .fetch_optional(db)
    .await
}

/// The groups of a project, oldest first, `limit` at most.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    sqlx::query_as!(
        Group,
        r#"
        SELECT id AS "id: SuppressionGroupId", group_id AS "code: GroupCode", name, description, active,
               (SELECT count(*) FROM suppressions
                WHERE suppressions.project_id::text || suppressions.group_id
                          = $1::uuid::text || suppression_groups.group_id) AS "entries!",
               created_at, updated_at
        FROM suppression_groups
        WHERE project_id = $1 AND deleted_at IS NULL
        ORDER BY id
        LIMIT $2
        "#,
        project as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// How many groups a project has.
pub async fn count(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM suppression_groups WHERE project_id = $1 AND deleted_at IS NULL"#,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// One group of a project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    code: &GroupCode,
) -> sqlx::Result<Option<Group>> {
    sqlx::query_as!(
        Group,
        r#"
        SELECT id AS "id: SuppressionGroupId", group_id AS "code: GroupCode", name, description, active,
               (SELECT count(*) FROM suppressions
                WHERE suppressions.project_id::text || suppressions.group_id = $1::uuid::text || $2) AS "entries!",
               created_at, updated_at
        FROM suppression_groups
        WHERE project_id = $1 AND group_id = $2 AND deleted_at IS NULL
        "#,
        project as _,
        code.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// Whether mail may be sent in a group of a project; nothing if there is no such group.
pub async fn is_active(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    code: &GroupCode,
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        "SELECT active FROM suppression_groups WHERE project_id = $1 AND group_id = $2 AND deleted_at IS NULL",
        project as _,
        code.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// What is to be different about a group; nothing for what stays.
#[derive(Debug)]
pub struct Update<'a> {
    /// What recipients read.
    pub name: Option<&'a str>,
    /// What recipients read below it.
    pub description: Option<&'a str>,
    /// Whether mail may be sent in it.
    pub active: Option<bool>,
}

/// Changes a group, and answers what it was called; nothing if there is no such group.
pub async fn update(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    code: &GroupCode,
    change: &Update<'_>,
) -> sqlx::Result<Option<SuppressionGroupId>> {
    sqlx::query_scalar!(
        r#"
        UPDATE suppression_groups
        SET name = coalesce($3, name), description = coalesce($4, description), active = coalesce($5, active),
            updated_at = now()
        WHERE project_id = $1 AND group_id = $2 AND deleted_at IS NULL
        RETURNING id AS "id: SuppressionGroupId"
        "#,
        project as _,
        code.as_str(),
        change.name,
        change.description,
        change.active,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a group, and answers what it was called; nothing if there is no such group.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    code: &GroupCode,
) -> sqlx::Result<Option<(SuppressionGroupId, String)>> {
    let deleted = sqlx::query!(
        r#"
        UPDATE suppression_groups
        SET deleted_at = now()
        WHERE project_id = $1 AND group_id = $2 AND deleted_at IS NULL
        RETURNING id AS "id: SuppressionGroupId", name
        "#,
        project as _,
        code.as_str(),
    )
    .fetch_optional(db)
    .await?;
    Ok(deleted.map(|row| (row.id, row.name)))
}
