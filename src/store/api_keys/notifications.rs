//! Notifications between nodes (`NOTIFY` and `LISTEN`) that what they remember of keys may be out of date.

use std::time::Duration;

use sqlx::PgExecutor;

use crate::domain::id::ApiKeyId;

/// How long the connection on which changes arrive is waited for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Tells every node that what it remembers of a key may be out of date.
pub async fn notify_changed(db: impl PgExecutor<'_>, id: ApiKeyId) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_notify('posthaste_api_keys', $1)", id.to_string())
        .execute(db)
        .await
        .map(drop)
}

/// Tells every node that all that it remembers of keys and projects may be out of date.
pub async fn notify_all_changed(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_notify('posthaste_api_keys', 'all')").execute(db).await.map(drop)
}

/// A connection of its own on which changes of keys arrive: one of `db` would be missing there for as long as somebody
/// listens, and might be the only one.
pub async fn changes(db: &sqlx::PgPool) -> sqlx::Result<sqlx::postgres::PgListener> {
    let alone = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with((*db.connect_options()).clone());
    let mut listener = sqlx::postgres::PgListener::connect_with(&alone).await?;
    listener.listen("posthaste_api_keys").await?;
    Ok(listener)
}
