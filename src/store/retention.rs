//! What removes mails, with all that other tables have of them.

use sqlx::PgExecutor;

use crate::domain::id::{MailId, ProjectId};

/// Removes mails that came before one, oldest first, with their bodies and their histories; how many it were.
/// Those of which a delivery is under way or held stay.
pub async fn remove_before(
    db: impl PgExecutor<'_>,
    before: MailId,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        WITH old AS (
            SELECT id
            FROM mails
            WHERE id < $1 AND pending = 0 AND held = 0
            ORDER BY id
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ),
        removed_body AS (
            DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_event AS (
            DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_engagement AS (
            DELETE FROM engagements WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_recipient AS (
            DELETE FROM mail_recipients WHERE mail_id::text = ANY (ARRAY(SELECT id::text FROM old))
        )
        DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM old))
        "#,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes mails of a project that came before one, oldest first, with their bodies and their histories; how many it were.
/// Those of which a delivery is under way or held stay.
pub async fn remove_of_project_before(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    before: MailId,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        WITH old AS (
            SELECT id
            FROM mails
            WHERE project_id = $1 AND id < $2 AND pending = 0 AND held = 0
            ORDER BY id
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        ),
        removed_body AS (
            DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_event AS (
            DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_recipient AS (
            DELETE FROM mail_recipients WHERE mail_id::text = ANY (ARRAY(SELECT id::text FROM old))
        )
        DELETE FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(SELECT id FROM old))
        "#,
        project as _,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes mails of projects that were deleted so many seconds ago, with their bodies and their histories; how many it
/// were. Those of which a delivery is under way stay.
pub async fn remove_of_deleted_projects(
    db: impl PgExecutor<'_>,
    deleted_for_seconds: f64,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        WITH gone AS (
            SELECT id FROM projects WHERE deleted_at < now() - make_interval(secs => $1)
        ),
        old AS (
            SELECT id
            FROM mails
            WHERE project_id = ANY (ARRAY(SELECT id FROM gone)) AND pending = 0
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ),
        removed_body AS (
            DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_event AS (
            DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_engagement AS (
            DELETE FROM engagements WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_recipient AS (
            DELETE FROM mail_recipients WHERE mail_id::text = ANY (ARRAY(SELECT id::text FROM old))
        )
        DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM old))
        "#,
        deleted_for_seconds,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}
