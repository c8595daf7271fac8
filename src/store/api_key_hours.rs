//! The table `api_key_hours`: requests of keys by hour, endpoint and status.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::ApiKeyId;
use crate::domain::usage::{Bucket, EndpointCount};

/// What is to be added to one row.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The key.
    pub key: ApiKeyId,
    /// The beginning of the hour.
    pub hour: DateTime<Utc>,
    /// Method and route.
    pub endpoint: String,
    /// The status of the answers.
    pub status: i16,
    /// How many more.
    pub requests: i64,
}

/// Adds to the counts, for all keys at once; in the order of the rows, so that two nodes never wait for each other.
pub async fn add(db: impl PgExecutor<'_>, additions: &[Addition]) -> sqlx::Result<()> {
    let keys: Vec<ApiKeyId> = additions.iter().map(|addition| addition.key).collect();
    let hours: Vec<DateTime<Utc>> = additions.iter().map(|addition| addition.hour).collect();
    let endpoints: Vec<&str> =
        additions.iter().map(|addition| addition.endpoint.as_str()).collect();
    let statuses: Vec<i16> = additions.iter().map(|addition| addition.status).collect();
    let requests: Vec<i64> = additions.iter().map(|addition| addition.requests).collect();
    sqlx::query!(
        r#"
        INSERT INTO api_key_hours (key_id, hour, endpoint, status, requests)
        SELECT key_id, hour, endpoint, status, requests
        FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[], $4::smallint[], $5::bigint[])
             AS addition (key_id, hour, endpoint, status, requests)
        ORDER BY key_id, hour, endpoint, status
        ON CONFLICT (key_id, hour, endpoint, status) DO UPDATE
        SET requests = api_key_hours.requests + EXCLUDED.requests
        "#,
        keys as _,
        &hours,
        endpoints as _,
        &statuses,
        &requests,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The requests of a key by `hour` or by `day`, without those in which there were none.
pub async fn buckets(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    unit: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<Vec<Bucket>> {
    sqlx::query_as!(
        Bucket,
        r#"
        SELECT date_trunc($2, hour, 'UTC') AS "at!",
               sum(requests)::bigint AS "requests!",
               coalesce(sum(requests) FILTER (WHERE status < 400), 0)::bigint AS "ok!",
               coalesce(sum(requests) FILTER (WHERE status BETWEEN 400 AND 499), 0)::bigint AS "refused!",
               coalesce(sum(requests) FILTER (WHERE status >= 500), 0)::bigint AS "failed!"
        FROM api_key_hours
        WHERE key_id = $1 AND hour >= $3 AND hour < $4
        GROUP BY 1
        ORDER BY 1
        "#,
        key as _,
        unit,
        from,
        to,
    )
    .fetch_all(db)
    .await
}

/// The requests of a key by endpoint and status, the most first.
pub async fn by_endpoint(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<Vec<EndpointCount>> {
    sqlx::query_as!(
        EndpointCount,
        r#"
        SELECT endpoint, status, sum(requests)::bigint AS "requests!"
        FROM api_key_hours
        WHERE key_id = $1 AND hour >= $2 AND hour < $3
        GROUP BY endpoint, status
        ORDER BY 3 DESC, endpoint, status
        "#,
        key as _,
        from,
        to,
    )
    .fetch_all(db)
    .await
}

/// The requests of some keys in one hour.
#[derive(Debug)]
pub struct HourOfKey {
    /// The key.
    pub key: ApiKeyId,
    /// All requests.
    pub requests: i64,
    /// Those answered with 4xx.
    pub refused: i64,
}

/// How much some keys were used in an hour.
pub async fn in_hour(
    db: impl PgExecutor<'_>,
    keys: &[ApiKeyId],
    hour: DateTime<Utc>,
) -> sqlx::Result<Vec<HourOfKey>> {
    sqlx::query_as!(
        HourOfKey,
        r#"
        SELECT wanted.key_id AS "key!: ApiKeyId", of_key.requests AS "requests!", of_key.refused AS "refused!"
        FROM UNNEST($1::uuid[]) AS wanted (key_id),
             LATERAL (SELECT coalesce(sum(requests), 0)::bigint AS requests,
                             coalesce(sum(requests) FILTER (WHERE status BETWEEN 400 AND 499), 0)::bigint AS refused
                      FROM api_key_hours
                      WHERE key_id = wanted.key_id AND hour = $2) AS of_key
        "#,
        keys as _,
        hour,
    )
    .fetch_all(db)
    .await
}

/// How much a key was used in the hours from one to another, and in how many of them it existed.
pub async fn between(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(sum(requests), 0)::bigint AS "requests!",
               coalesce(floor(extract(epoch FROM $3::timestamptz - min(hour)) / 3600), 0)::bigint AS "hours!"
        FROM api_key_hours
        WHERE key_id = $1 AND hour >= $2 AND hour < $3
        "#,
        key as _,
        from,
        to,
    )
    .fetch_one(db)
    .await?;
    Ok((row.requests, row.hours))
}

/// Forgets hours that lie more than 90 days back, a batch at a time; says how many rows.
pub async fn forget_old(db: impl PgExecutor<'_>, limit: i64) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM api_key_hours
        WHERE (key_id, hour, endpoint, status) IN (
            SELECT key_id, hour, endpoint, status
            FROM api_key_hours
            WHERE hour < now() - interval '90 days'
            ORDER BY hour
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
