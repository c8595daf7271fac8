//! The table `idempotency_keys`. Keys are claimed by the statement that accepts mail: see [`super::mails::accept`].

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::bulk::BulkAnswer;
use crate::domain::id::{MailId, ProjectId};

/// The answer that an earlier request got.
#[derive(Debug)]
pub struct FirstAnswer {
    /// SHA-256 of the earlier request.
    pub request_digest: Vec<u8>,
    /// The mail it made.
    pub mail: MailId,
    /// How many recipients that had.
    pub recipients: i16,
    /// What else was answered.
    pub answer: Option<BulkAnswer>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
}

/// Finds the answer remembered under a key.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    key: &str,
) -> sqlx::Result<Option<FirstAnswer>> {
    let row = sqlx::query!(
        r#"
        SELECT request_digest, mail_id AS "mail: MailId", recipients, answer AS "answer: Json<BulkAnswer>", created_at
        FROM idempotency_keys
        WHERE project_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'
        "#,
        project as _,
        key,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| FirstAnswer {
        request_digest: row.request_digest,
        mail: row.mail,
        recipients: row.recipients,
        answer: row.answer.map(|Json(answer)| answer),
        created_at: row.created_at,
    }))
}

/// Forgets a key whose day is over, so that it can be claimed again at once.
pub async fn forget_if_over(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    key: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        DELETE FROM idempotency_keys
        WHERE project_id = $1 AND key = $2 AND created_at <= now() - interval '24 hours'
        "#,
        project as _,
        key,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Forgets keys whose day is over, a batch at a time; says how many.
pub async fn forget_old(db: impl PgExecutor<'_>, limit: i64) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM idempotency_keys
        WHERE (project_id, key) IN (
            SELECT project_id, key
            FROM idempotency_keys
            WHERE created_at <= now() - interval '24 hours'
            ORDER BY created_at
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        "#,
        limit,
    )
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
