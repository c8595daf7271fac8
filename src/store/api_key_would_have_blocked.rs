//! The table `api_key_would_have_blocked`: what allowlists would refuse if they did more than count.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::ApiKeyId;
use crate::domain::usage::BlockedAddress;

/// Adds to the counts, for all keys at once; in the order of the rows, so that two nodes never wait for each other.
pub async fn add(
    db: impl PgExecutor<'_>,
    blocked: &[(ApiKeyId, BlockedAddress)],
) -> sqlx::Result<()> {
    let keys: Vec<ApiKeyId> = blocked.iter().map(|(key, _)| *key).collect();
    let addresses: Vec<&str> = blocked.iter().map(|(_, address)| address.ip.as_str()).collect();
    let requests: Vec<i64> = blocked.iter().map(|(_, address)| address.requests).collect();
    let first: Vec<DateTime<Utc>> =
        blocked.iter().map(|(_, address)| address.first_seen_at).collect();
    let last: Vec<DateTime<Utc>> =
        blocked.iter().map(|(_, address)| address.last_seen_at).collect();
    sqlx::query!(
        r#"
        INSERT INTO api_key_would_have_blocked (key_id, ip, requests, first_seen_at, last_seen_at)
        SELECT *
        FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
             AS addition (key_id, ip, requests, first_seen_at, last_seen_at)
        ORDER BY key_id, ip
        ON CONFLICT (key_id, ip) DO UPDATE
        SET requests = api_key_would_have_blocked.requests + EXCLUDED.requests,
            last_seen_at = greatest(api_key_would_have_blocked.last_seen_at, EXCLUDED.last_seen_at)
        "#,
        keys as _,
        addresses as _,
        &requests,
        &first,
        &last,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The addresses of a key, those with the most requests first.
pub async fn list(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    limit: i64,
) -> sqlx::Result<Vec<BlockedAddress>> {
    sqlx::query_as!(
        BlockedAddress,
        r#"
        SELECT ip, requests, first_seen_at, last_seen_at
        FROM api_key_would_have_blocked
        WHERE key_id = $1
        ORDER BY requests DESC, ip
        LIMIT $2
        "#,
        key as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Forgets addresses that were not seen for 30 days, a batch at a time; says how many.
pub async fn forget_old(db: impl PgExecutor<'_>, limit: i64) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM api_key_would_have_blocked
        WHERE (key_id, ip) IN (
            SELECT key_id, ip
            FROM api_key_would_have_blocked
            WHERE last_seen_at < now() - interval '30 days'
            ORDER BY last_seen_at
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
