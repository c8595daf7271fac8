//! What removes mails whose time is over, and what deleted projects leave behind.
//!
//! What other tables have of a mail goes with it, by triggers.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{MailId, ProjectId};

/// Removes mails that came, and were to be sent, before a time, oldest first; how many it were. Those stay of which a
/// delivery is under way or held, or of which a webhook is still to be told.
pub async fn remove_before(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        DELETE FROM mails
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM mails
            WHERE id < $1 AND pending = 0 AND held = 0
              AND coalesce((details->>'scheduledAt')::timestamptz < $2, true)
              AND NOT EXISTS (
                  -- Apart, so that a plan looks for what waits among what is told of the mail, and not the other way around.
                  SELECT FROM (SELECT due_at FROM webhook_deliveries WHERE mail_id = mails.id OFFSET 0) AS told
                  WHERE due_at IS NOT NULL)
            ORDER BY id
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        ))
        "#,
        MailId::first_at(before) as _,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// The same for the mails of one project.
pub async fn remove_of_project_before(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        DELETE FROM mails
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(
            SELECT id
            FROM mails
            WHERE project_id = $1 AND id < $2 AND pending = 0 AND held = 0
              AND coalesce((details->>'scheduledAt')::timestamptz < $3, true)
              AND NOT EXISTS (
                  SELECT FROM (SELECT due_at FROM webhook_deliveries WHERE mail_id = mails.id OFFSET 0) AS told
                  WHERE due_at IS NOT NULL)
            ORDER BY id
            LIMIT $4
            FOR UPDATE SKIP LOCKED
        ))
        "#,
        project as _,
        MailId::first_at(before) as _,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// The first project after `after` that was deleted so many seconds ago, and of which something may be left.
pub async fn next_to_empty(
    db: impl PgExecutor<'_>,
    after: Uuid,
    deleted_for_seconds: f64,
) -> sqlx::Result<Option<ProjectId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: ProjectId"
        FROM projects
        WHERE id > $1 AND deleted_at IS NOT NULL AND emptied_at IS NULL AND deleted_at < now() - make_interval(secs => $2)
        ORDER BY id
        LIMIT 1
        "#,
        after,
        deleted_for_seconds,
    )
    .fetch_optional(db)
    .await
}

/// Removes mails of a deleted project; how many it were. Those of which a delivery is under way stay; nobody can decide
/// about a held one any more.
pub async fn remove_of_deleted_project(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        DELETE FROM mails
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(
            SELECT id
            FROM mails
            WHERE project_id = $1 AND pending = 0
            ORDER BY id
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        "#,
        project as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes what else a deleted project has, at most so many rows of each kind; how many it were. Left are the project and
/// its keys, domains and sums, which name nobody. What webhooks were told is forgotten by itself, and so are idempotency
/// keys.
pub async fn empty_deleted_project(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    limit: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        WITH contact AS (
            DELETE FROM contacts
            WHERE id = ANY (ARRAY(SELECT id FROM contacts WHERE project_id::text = $1::uuid::text ORDER BY id LIMIT $2))
            RETURNING 1
        ),
        -- Their members go with the contacts, a batch at a time.
        list AS (
            DELETE FROM contact_lists
            WHERE id = ANY (ARRAY(SELECT id
                                  FROM contact_lists
                                  WHERE project_id = $1
                                    AND NOT EXISTS (SELECT FROM contact_list_members WHERE list_id = contact_lists.id OFFSET 0)
                                  ORDER BY id
                                  LIMIT $2))
            RETURNING 1
        ),
        property AS (
            DELETE FROM contact_properties
            WHERE id = ANY (ARRAY(SELECT id FROM contact_properties WHERE project_id = $1 ORDER BY name LIMIT $2))
            RETURNING 1
        ),
        suppression AS (
            DELETE FROM suppressions
            WHERE project_id::text = $1::uuid::text
              AND id = ANY (ARRAY(SELECT id FROM suppressions WHERE project_id::text = $1::uuid::text ORDER BY id LIMIT $2))
            RETURNING 1
        ),
        suppression_group AS (
            DELETE FROM suppression_groups
            WHERE project_id = $1
              AND group_id = ANY (ARRAY(SELECT group_id
                                        FROM suppression_groups
                                        WHERE project_id = $1
                                        ORDER BY group_id
                                        LIMIT $2))
            RETURNING 1
        ),
        template AS (
            DELETE FROM templates
            WHERE id = ANY (ARRAY(SELECT id FROM templates WHERE project_id = $1 ORDER BY id LIMIT $2))
            RETURNING 1
        ),
        -- A sender stays as long as a template names it, and goes the next time.
        sender AS (
            DELETE FROM senders
            WHERE id = ANY (ARRAY(SELECT id
                                  FROM senders
                                  WHERE project_id = $1
                                    AND NOT EXISTS (SELECT FROM templates WHERE sender_id = senders.id OFFSET 0)
                                  ORDER BY email_key
                                  LIMIT $2))
            RETURNING 1
        ),
        webhook AS (
            DELETE FROM webhooks
            WHERE id = ANY (ARRAY(SELECT id FROM webhooks WHERE project_id = $1 ORDER BY id LIMIT $2))
            RETURNING 1
        ),
        erasure AS (
            DELETE FROM erasures
            WHERE id = ANY (ARRAY(SELECT id FROM erasures WHERE project_id::text = $1::uuid::text ORDER BY id LIMIT $2))
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM contact) + (SELECT count(*) FROM list) + (SELECT count(*) FROM property)
             + (SELECT count(*) FROM suppression) + (SELECT count(*) FROM suppression_group)
             + (SELECT count(*) FROM template) + (SELECT count(*) FROM sender) + (SELECT count(*) FROM webhook)
             + (SELECT count(*) FROM erasure) AS "removed!"
        "#,
        project as _,
        limit,
    )
    .fetch_one(db)
    .await
}

/// Notes that nothing is left of what a deleted project had, unless it has mails.
pub async fn note_emptied(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE projects
        SET emptied_at = now()
        WHERE id = $1 AND NOT EXISTS (SELECT FROM mails WHERE project_id = $1 OFFSET 0)
        "#,
        project as _,
    )
    .execute(db)
    .await
    .map(drop)
}
