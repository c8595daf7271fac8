//! The table `senders`.

use sqlx::PgExecutor;

use crate::domain::id::{ProjectId, SenderId};
use crate::domain::sender::Sender;

/// Adds a sender; `false` if the project has one with this address in any case.
pub async fn insert(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    sender: &Sender,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"
        INSERT INTO senders (id, project_id, email_key, email, name, reply_to)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (project_id, email_key) DO NOTHING
        "#,
        sender.id as _,
        project as _,
        sender.email.to_lowercase(),
        sender.email,
        sender.name,
        sender.reply_to,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The senders of a project by their addresses, `limit` at most.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    limit: i64,
) -> sqlx::Result<Vec<Sender>> {
    sqlx::query_as!(
        Sender,
        r#"
        SELECT id AS "id: SenderId", email, name, reply_to
        FROM senders
        WHERE project_id = $1
        ORDER BY email_key
        LIMIT $2
        "#,
        project as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// How many senders a project has.
pub async fn count(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM senders WHERE project_id = $1"#,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// One sender of a project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: SenderId,
) -> sqlx::Result<Option<Sender>> {
    sqlx::query_as!(
        Sender,
        r#"
        SELECT id AS "id: SenderId", email, name, reply_to
        FROM senders
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Takes a sender out of a project; its address, if there was one.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: SenderId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "DELETE FROM senders WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 RETURNING email",
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}
