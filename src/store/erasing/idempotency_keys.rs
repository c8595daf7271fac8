//! What takes one recipient out of the answers that repeated requests get again.

use sqlx::PgExecutor;

use crate::domain::id::ProjectId;

/// The answer that a repeated request gets again.
#[derive(Debug)]
pub struct KeptAnswer {
    /// The digest of the request's key.
    pub key: String,
    /// What is answered, as JSON.
    pub answer: Option<String>,
}

/// Some answers that repeated requests of a project get again, after a key, in their order.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<KeptAnswer>> {
    sqlx::query_as!(
        KeptAnswer,
        r#"
        SELECT key, answer::text AS answer
        FROM idempotency_keys
        WHERE project_id = $1 AND key > $2
        ORDER BY key
        LIMIT $3
        "#,
        project as _,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Writes such answers anew, each under the digest of its key.
pub async fn rewrite(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    rewritten: &[KeptAnswer],
) -> sqlx::Result<()> {
    let keys: Vec<&str> = rewritten.iter().map(|answer| answer.key.as_str()).collect();
    let answers: Vec<Option<&str>> = rewritten.iter().map(|kept| kept.answer.as_deref()).collect();
    sqlx::query!(
        r#"
        UPDATE idempotency_keys
        SET answer = given.answer::json
        FROM UNNEST($2::text[], $3::text[]) AS given (key, answer)
        WHERE project_id = $1 AND idempotency_keys.key = given.key AND idempotency_keys.key = ANY ($2)
        "#,
        project as _,
        keys as _,
        answers as _,
    )
    .execute(db)
    .await
    .map(drop)
}
