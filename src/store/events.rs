//! The tables `events` and `captured_messages`: what happened to mails.

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

/// The captured message of one recipient, packed.
pub async fn captured(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    position: i16,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "SELECT message FROM captured_messages WHERE project_id = $1 AND mail_id = $2 AND position = $3",
        project as _,
        mail as _,
        position,
    )
    .fetch_optional(db)
    .await
}
