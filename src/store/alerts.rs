//! The table `alerts`: notes about unusual use of keys.

use serde_json::Value;
use sqlx::PgExecutor;

use crate::domain::id::{AccountId, AlertId, ApiKeyId};
use crate::domain::usage::{Alert, Unusual};

/// The key that something was noted about.
#[derive(Debug)]
pub struct NotedKey {
    /// The account that it belongs to.
    pub account: AccountId,
    /// What its maker called it.
    pub name: String,
    /// First eight and last four characters.
    pub display_key: String,
}

/// Notes what is unusual about a key, unless the same kind was noted today; answers the key if it was not.
pub async fn insert(
    db: impl PgExecutor<'_>,
    key: ApiKeyId,
    unusual: &Unusual,
) -> sqlx::Result<Option<NotedKey>> {
    sqlx::query_as!(
        NotedKey,
        r#"
        WITH noted AS (
            INSERT INTO alerts (id, account_id, key_id, kind, day, message, details)
            SELECT $1, account_id, id, $3, (now() AT TIME ZONE 'UTC')::date, $4, $5
            FROM api_keys
            WHERE id = $2
            ON CONFLICT DO NOTHING
            RETURNING key_id
        )
        SELECT account_id AS "account: AccountId", name, display_key
        FROM noted
        JOIN api_keys ON api_keys.id = key_id
        "#,
        AlertId::generate() as _,
        key as _,
        unusual.kind(),
        unusual.message(),
        unusual.details(),
    )
    .fetch_optional(db)
    .await
}

struct Row {
    id: AlertId,
    kind: String,
    key: ApiKeyId,
    key_name: String,
    display_key: String,
    message: String,
    details: Value,
    at: chrono::DateTime<chrono::Utc>,
    dismissed_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            key: row.key,
            key_name: row.key_name,
            display_key: row.display_key,
            message: row.message,
            details: row.details,
            at: row.at,
            dismissed_at: row.dismissed_at,
        }
    }
}

/// The notes of an account before this one that nobody has dismissed, newest first.
pub async fn list_open(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: AlertId,
    limit: i64,
) -> sqlx::Result<Vec<Alert>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT alerts.id AS "id: AlertId", kind, key_id AS "key: ApiKeyId", name AS key_name, display_key, message,
               details, at, dismissed_at
        FROM (SELECT *
              FROM alerts
              WHERE account_id = $1 AND id < $2 AND dismissed_at IS NULL
              ORDER BY account_id DESC, id DESC
              LIMIT $3) AS alerts
        JOIN api_keys ON api_keys.id = key_id
        ORDER BY alerts.id DESC
        "#,
        account as _,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Alert::from).collect())
}

/// All notes of an account before this one, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: AlertId,
    limit: i64,
) -> sqlx::Result<Vec<Alert>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT alerts.id AS "id: AlertId", kind, key_id AS "key: ApiKeyId", name AS key_name, display_key, message,
               details, at, dismissed_at
        FROM (SELECT *
              FROM alerts
              WHERE account_id = $1 AND id < $2
              ORDER BY account_id DESC, id DESC
              LIMIT $3) AS alerts
        JOIN api_keys ON api_keys.id = key_id
        ORDER BY alerts.id DESC
        "#,
        account as _,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Alert::from).collect())
}

/// Notes that somebody has seen it; nothing if there is no such note.
pub async fn dismiss(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: AlertId,
) -> sqlx::Result<Option<Alert>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        WITH dismissed AS (
            UPDATE alerts
            SET dismissed_at = coalesce(dismissed_at, now())
            WHERE account_id = $1 AND id = $2
            RETURNING *
        )
        SELECT dismissed.id AS "id: AlertId", kind, key_id AS "key: ApiKeyId", name AS key_name, display_key, message,
               details, at, dismissed_at
        FROM dismissed
        JOIN api_keys ON api_keys.id = key_id
        "#,
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Alert::from))
}
