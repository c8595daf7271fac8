//! The table `events`: what happened to mails.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::delivery::Reply;
use crate::domain::id::{EventId, MailId, ProjectId};
use crate::domain::record::Event;

/// The history of a mail, oldest first. It begins with `queued`, which carries the id of the mail and is nowhere stored.
pub async fn list(db: impl PgExecutor<'_>, mail: MailId) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id!: EventId", NULL::smallint AS position, 'queued' AS "kind!", 0::smallint AS "attempt!",
               NULL::jsonb AS "reply: Json<Reply>", NULL::text AS url, created_at AS "at!"
        FROM mails
        WHERE id = $1
        UNION ALL
        SELECT id, position, type, attempt, reply, url, at
        FROM events
        WHERE mail_id = $1
        ORDER BY 7, 1
        "#,
        mail as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Event {
            id: row.id,
            position: row.position,
            kind: row.kind,
            attempt: row.attempt,
            reply: row.reply.map(|Json(reply)| reply),
            url: row.url,
            at: row.at,
        })
        .collect())
}

/// These events of these mails. That a mail was scheduled carries the id of the mail, and is nowhere stored.
pub async fn find(
    db: impl PgExecutor<'_>,
    mails: &[MailId],
    ids: &[EventId],
) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id!: EventId", position, type AS "kind!", attempt AS "attempt!", reply AS "reply: Json<Reply>", url,
               at AS "at!"
        FROM events
        WHERE mail_id = ANY ($1) AND id = ANY ($2)
        UNION ALL
        SELECT id, NULL, 'scheduled', 0::smallint, NULL, NULL, created_at
        FROM mails
        WHERE id = ANY ($1) AND id = ANY ($2)
        "#,
        mails as _,
        ids as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Event {
            id: row.id,
            position: row.position,
            kind: row.kind,
            attempt: row.attempt,
            reply: row.reply.map(|Json(reply)| reply),
            url: row.url,
            at: row.at,
        })
        .collect())
}

/// Adds something that a recipient did to the history of a mail, if that is still kept.
pub async fn append(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    position: i16,
    kind: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO events (id, mail_id, position, type)
        SELECT $1, id, $4, $5 FROM mails WHERE project_id IS NOT DISTINCT FROM $2 AND id = $3
        "#,
        EventId::generate() as _,
        project as _,
        mail as _,
        position,
        kind,
    )
    .execute(db)
    .await
    .map(drop)
}
