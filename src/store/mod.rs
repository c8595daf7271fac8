//! All SQL: a file per table, a function per statement.
//!
//! Functions take anything that can run a statement, run exactly one, and answer `sqlx::Result`, because only one kind
//! of thing can go wrong here. Transactions belong to `service`.

pub mod accounts;
pub mod alerts;
pub mod api_key_hours;
pub mod api_key_networks;
pub mod api_key_requests;
pub mod api_key_usage;
pub mod api_key_would_have_blocked;
pub mod api_keys;
pub mod audit_log;
pub mod bounces;
pub mod codec;
pub mod contact_lists;
pub mod contact_properties;
pub mod contacts;
pub mod credentials;
pub mod deliveries;
pub mod domains;
pub mod engagements;
pub mod erasing;
pub mod erasures;
pub mod events;
pub mod idempotency_keys;
pub mod mail_days;
pub mod mails;
pub mod one_time_links;
pub mod own_mails;
pub mod projects;
pub mod retention;
pub mod senders;
pub mod sessions;
pub mod suppression_groups;
pub mod suppressions;
pub mod template_versions;
pub mod templates;
pub mod users;
pub mod webhook_deliveries;
pub mod webhooks;

/// Every migration, in order, inside the binary.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Whether the database answers at all.
pub async fn ping(db: impl sqlx::PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(db).await.map(drop)
}

/// The database's clock.
pub async fn now(db: impl sqlx::PgExecutor<'_>) -> sqlx::Result<chrono::DateTime<chrono::Utc>> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(db).await
}
