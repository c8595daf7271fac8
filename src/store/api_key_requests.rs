//! The table `api_key_requests`: the latest requests of each key.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::ApiKeyId;
use crate::domain::usage::LoggedRequest;

/// Writes requests down, for all keys at once.
pub async fn insert(
    db: impl PgExecutor<'_>,
    requests: &[(ApiKeyId, LoggedRequest)],
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = requests.iter().map(|(_, request)| request.id).collect();
    let keys: Vec<ApiKeyId> = requests.iter().map(|(key, _)| *key).collect();
    let times: Vec<_> = requests.iter().map(|(_, request)| request.at).collect();
    let endpoints: Vec<&str> =
        requests.iter().map(|(_, request)| request.endpoint.as_str()).collect();
    let statuses: Vec<i16> = requests.iter().map(|(_, request)| request.status).collect();
    let codes: Vec<Option<&str>> =
        requests.iter().map(|(_, request)| request.code.as_deref()).collect();
    let addresses: Vec<&str> = requests.iter().map(|(_, request)| request.ip.as_str()).collect();
    sqlx::query!(
        r#"
        INSERT INTO api_key_requests (id, key_id, at, endpoint, status, code, ip)
        SELECT *
        FROM UNNEST($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::smallint[], $6::text[], $7::text[])
        ON CONFLICT DO NOTHING
        "#,
        &ids,
        keys as _,
        &times,
        endpoints as _,
        &statuses,
        codes as _,
        addresses as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The requests of a key before this one, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    before: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<LoggedRequest>> {
    sqlx::query_as!(
        LoggedRequest,
        r#"
        SELECT id, at, endpoint, status, code, ip
        FROM api_key_requests
        WHERE key_id = $1 AND id < $2
        ORDER BY key_id DESC, id DESC
        LIMIT $3
        "#,
        key as _,
        before,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Forgets requests before this one, a batch at a time; says how many.
pub async fn forget_before(db: impl PgExecutor<'_>, before: Uuid, limit: i64) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM api_key_requests
        WHERE id IN (
            SELECT id FROM api_key_requests WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        "#,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
