//! The table `events`: what happened to mails.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::delivery::Reply;
use crate::domain::id::{EventId, MailId, ProjectId};
use crate::domain::record::Event;

/// The history of a mail, oldest first.
pub async fn list(db: impl PgExecutor<'_>, mail: MailId) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id: EventId", position, type AS kind, attempt, reply AS "reply: Json<Reply>", at
        FROM events
        WHERE mail_id = $1
        ORDER BY at, id
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
            at: row.at,
        })
        .collect())
}

/// These events, of whatever mails.
pub async fn find(db: impl PgExecutor<'_>, ids: &[EventId]) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id: EventId", position, type AS kind, attempt, reply AS "reply: Json<Reply>", at
        FROM events
        WHERE id = ANY ($1)
        "#,
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
        SELECT $1, id, $4, $5 FROM mails WHERE project_id = $2 AND id = $3
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
