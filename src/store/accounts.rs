//! The table `accounts`.

use sqlx::PgExecutor;

use crate::domain::id::AccountId;

/// Makes an account.
pub async fn insert(db: impl PgExecutor<'_>, id: AccountId, name: &str) -> sqlx::Result<()> {
    sqlx::query!("INSERT INTO accounts (id, name) VALUES ($1, $2)", id as _, name)
        .execute(db)
        .await
        .map(drop)
}

/// The oldest account: the one that was made on first start.
pub async fn first(db: impl PgExecutor<'_>) -> sqlx::Result<Option<AccountId>> {
    sqlx::query_scalar!(r#"SELECT id AS "id: AccountId" FROM accounts ORDER BY id LIMIT 1"#)
        .fetch_optional(db)
        .await
}

/// Lets one transaction at a time change which projects the account has, until it ends.
pub async fn lock_projects(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<()> {
    sqlx::query_scalar!("SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE", account as _)
        .fetch_optional(db)
        .await
        .map(drop)
}

/// Lets one process at a time do what must be done once per database; lasts until the transaction ends.
pub async fn lock_setup(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(7023412)").execute(db).await.map(drop)
}

/// What an account is called.
pub async fn name(db: impl PgExecutor<'_>, id: AccountId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT name FROM accounts WHERE id = $1", id as _).fetch_optional(db).await
}

/// Lets one at a time change who belongs to an account, until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, id: AccountId) -> sqlx::Result<()> {
    // Not against the foreign keys of rows that are added meanwhile.
    sqlx::query!("SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE", id as _)
        .fetch_optional(db)
        .await
        .map(drop)
}
