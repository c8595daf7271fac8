//! The table `sessions`.

use sqlx::PgExecutor;

use crate::domain::id::{AccountId, SessionId, UserId};
use crate::domain::user::Session;

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
    /// Whether it was last seen so long ago that this should be written down.
    pub unseen: bool,
}

/// A session that begins.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Names it.
    pub id: SessionId,
    /// SHA-256 of the cookie.
    pub token_digest: &'a [u8],
    /// Whose.
    pub user: UserId,
    /// After so many seconds it is over, however much it is used.
    pub lifetime_seconds: f64,
    /// Where the person signs in from.
    pub ip: &'a str,
    /// What the browser calls itself.
    pub user_agent: &'a str,
}

/// Begins a session.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewSession<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO sessions (id, token_digest, user_id, expires_at, ip, user_agent)
        VALUES ($1, $2, $3, now() + make_interval(secs => $4), $5, $6)
        "#,
        new.id as _,
        new.token_digest,
        new.user as _,
        new.lifetime_seconds,
        new.ip,
        new.user_agent,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Finds a session that is not over by the digest of its cookie.
pub async fn find(
    db: impl PgExecutor<'_>,
    digest: &[u8],
    idle_seconds: f64,
    unseen_seconds: f64,
) -> sqlx::Result<Option<SessionRow>> {
    sqlx::query_as!(
        SessionRow,
        r#"
        SELECT sessions.id AS "id: SessionId", person.id AS "user: UserId", person.account_id AS "account: AccountId",
               person.email, person.name, person.role,
               sessions.last_seen_at < now() - make_interval(secs => $3) AS "unseen!"
        FROM sessions
        -- OFFSET 0 makes it a look-up: as a join it may be planned to read all people.
        CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = sessions.user_id OFFSET 0) AS person
        WHERE sessions.token_digest = $1 AND sessions.expires_at > now()
          AND sessions.last_seen_at > now() - make_interval(secs => $2)
        "#,
        digest,
        idle_seconds,
        unseen_seconds,
    )
    .fetch_optional(db)
    .await
}

/// Writes down that a session was just used.
pub async fn touch(db: impl PgExecutor<'_>, id: SessionId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE sessions SET last_seen_at = now() WHERE id = $1", id as _)
        .execute(db)
        .await
        .map(drop)
}

/// The sessions of a person that are not over, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    user: UserId,
    idle_seconds: f64,
    before: Option<SessionId>,
    limit: i64,
) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"
        SELECT id AS "id: SessionId", created_at, last_seen_at, ip, user_agent
        FROM sessions
        WHERE user_id = $1 AND id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
          AND expires_at > now() AND last_seen_at > now() - make_interval(secs => $2)
        ORDER BY id DESC
        LIMIT $4
        "#,
        user as _,
        idle_seconds,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Ends one session of a person; `false` if there is none.
pub async fn delete(db: impl PgExecutor<'_>, user: UserId, id: SessionId) -> sqlx::Result<bool> {
    let deleted =
        sqlx::query!("DELETE FROM sessions WHERE user_id = $1 AND id = $2", user as _, id as _)
            .execute(db)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Ends the session of a cookie, whosever it is.
pub async fn delete_by_digest(db: impl PgExecutor<'_>, digest: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE token_digest = $1", digest).execute(db).await.map(drop)
}

/// Ends all sessions of a person but one, or all; says how many.
pub async fn delete_others(
    db: impl PgExecutor<'_>,
    user: UserId,
    but: Option<SessionId>,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2",
        user as _,
        but as _,
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}

/// Ends the oldest sessions of a person, so that no more than so many are left.
pub async fn keep_newest(db: impl PgExecutor<'_>, user: UserId, most: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        DELETE FROM sessions
        WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC OFFSET $2))
        "#,
        user as _,
        most,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Forgets sessions that began before this one; says how many.
pub async fn forget_before(
    db: impl PgExecutor<'_>,
    before: SessionId,
    limit: i64,
) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM sessions
        WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE id < $1 ORDER BY id LIMIT $2))
        "#,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
