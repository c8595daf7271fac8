//! The table `api_key_usage`: when and from where each key was last used.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::ApiKeyId;

/// Writes down when and from where keys were last used, for many keys at once.
pub async fn record(
    db: impl PgExecutor<'_>,
    usage: &[(ApiKeyId, DateTime<Utc>, IpAddr)],
) -> sqlx::Result<()> {
    let keys: Vec<ApiKeyId> = usage.iter().map(|(key, ..)| *key).collect();
    let times: Vec<DateTime<Utc>> = usage.iter().map(|(_, at, _)| *at).collect();
    let addresses: Vec<String> = usage.iter().map(|(.., from)| from.to_string()).collect();
    sqlx::query!(
        r#"
        INSERT INTO api_key_usage (key_id, last_used_at, last_used_ip)
        SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[])
        ON CONFLICT (key_id) DO UPDATE
        SET last_used_at = EXCLUDED.last_used_at, last_used_ip = EXCLUDED.last_used_ip
        WHERE api_key_usage.last_used_at < EXCLUDED.last_used_at
        "#,
        keys as _,
        &times,
        &addresses,
    )
    .execute(db)
    .await
    .map(drop)
}
