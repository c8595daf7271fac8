//! The table `sessions`.

use sqlx::PgExecutor;

use crate::domain::id::{AccountId, SessionId, UserId};

/// Somebody with a session, as the row says.
#[derive(Debug)]
pub struct SessionRow {
    /// The session.
    pub id: SessionId,
    /// Who.
    pub user: UserId,
    /// Of which account.
    pub account: AccountId,
    /// Signs in with it.
    pub email: String,
    /// As colleagues know the person.
    pub name: String,
    /// The role's published name.
    pub role: String,
}

/// Finds a session that is not over by the digest of its cookie.
pub async fn find(db: impl PgExecutor<'_>, digest: &[u8]) -> sqlx::Result<Option<SessionRow>> {
    sqlx::query_as!(
        SessionRow,
        r#"
        SELECT sessions.id AS "id: SessionId", users.id AS "user: UserId", users.account_id AS "account: AccountId",
               users.email, users.name, users.role
        FROM sessions
        JOIN users ON users.id = sessions.user_id
        WHERE sessions.token_digest = $1 AND sessions.expires_at > now()
        "#,
        digest,
    )
    .fetch_optional(db)
    .await
}
