//! The table `users`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::caller::Role;
use crate::domain::id::{AccountId, UserId};
use crate::domain::user::{SignInAddress, User};

/// A person as the row says.
struct Row {
    id: UserId,
    account_id: AccountId,
    email: String,
    name: String,
    role: String,
    totp_enabled: bool,
    created_at: DateTime<Utc>,
    signed_in_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> sqlx::Result<User> {
        Ok(User {
            id: self.id,
            account: self.account_id,
            email: SignInAddress::stored(self.email),
            name: self.name,
            role: self.role.parse().map_err(sqlx::Error::decode)?,
            totp_enabled: self.totp_enabled,
            created_at: self.created_at,
            signed_in_at: self.signed_in_at,
        })
    }
}

/// Makes a person who may sign in.
pub async fn insert(db: impl PgExecutor<'_>, user: &User, password_phc: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO users (id, account_id, email, name, role, password_phc, created_at, signed_in_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        user.id as _,
        user.account as _,
        user.email.as_str(),
        user.name,
        user.role.as_str(),
        password_phc,
        user.created_at,
        user.signed_in_at,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The addresses of those who are told when something is wrong: owners and admins, twenty at most.
pub async fn responsible(
    db: impl PgExecutor<'_>,
    account: AccountId,
) -> sqlx::Result<Vec<SignInAddress>> {
    let addresses = sqlx::query_scalar!(
        r#"
        SELECT email
        FROM users
        WHERE account_id = $1 AND role IN ('owner', 'admin')
        ORDER BY id
        LIMIT 20
        "#,
        account as _,
    )
    .fetch_all(db)
    .await?;
    Ok(addresses.into_iter().map(SignInAddress::stored).collect())
}

/// The people of an account, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: Option<UserId>,
    limit: i64,
) -> sqlx::Result<Vec<User>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: UserId", account_id AS "account_id: AccountId", email, name, role,
               totp_secret IS NOT NULL AS "totp_enabled!", created_at, signed_in_at
        FROM users
        WHERE account_id = $1 AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        ORDER BY id DESC
        LIMIT $3
        "#,
        account as _,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// One person of the account.
pub async fn find(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
) -> sqlx::Result<Option<User>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: UserId", account_id AS "account_id: AccountId", email, name, role,
               totp_secret IS NOT NULL AS "totp_enabled!", created_at, signed_in_at
        FROM users
        WHERE account_id = $1 AND id = $2
        "#,
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    row.map(Row::read).transpose()
}

/// Renames a person; `false` if there is none.
pub async fn set_name(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    name: &str,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "UPDATE users SET name = $3 WHERE account_id = $1 AND id = $2",
        account as _,
        id as _,
        name,
    )
    .execute(db)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Gives a person another role; `false` if there is none.
pub async fn set_role(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    role: Role,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "UPDATE users SET role = $3 WHERE account_id = $1 AND id = $2",
        account as _,
        id as _,
        role.as_str(),
    )
    .execute(db)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Removes a person, with all sessions and links; `false` if there is none.
pub async fn delete(db: impl PgExecutor<'_>, account: AccountId, id: UserId) -> sqlx::Result<bool> {
    let deleted =
        sqlx::query!("DELETE FROM users WHERE account_id = $1 AND id = $2", account as _, id as _,)
            .execute(db)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// How many people of an account have this role.
pub async fn count(db: impl PgExecutor<'_>, account: AccountId, role: Role) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM users WHERE account_id = $1 AND role = $2"#,
        account as _,
        role.as_str(),
    )
    .fetch_one(db)
    .await
}

/// Whether anybody has joined the account.
pub async fn exist(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE account_id = $1) AS "exist!""#,
        account as _,
    )
    .fetch_one(db)
    .await
}
