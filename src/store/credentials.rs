//! What in the table `users` proves who somebody is: password, second factor, recovery codes.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{AccountId, UserId};
use crate::domain::user::{SignInAddress, User};

/// What a person who signs in is held against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Argon2id.
    pub password_phc: String,
    /// Encrypted; none without a second factor.
    pub totp_secret: Option<Vec<u8>>,
    /// Encrypted; none but while a second factor is being set up.
    pub totp_pending: Option<Vec<u8>>,
}

struct SignInRow {
    id: UserId,
    account_id: AccountId,
    email: String,
    name: String,
    role: String,
    created_at: DateTime<Utc>,
    signed_in_at: Option<DateTime<Utc>>,
    password_phc: String,
    totp_secret: Option<Vec<u8>>,
    totp_pending: Option<Vec<u8>>,
}

/// Whose address this is, in whatever account, since addresses are unique; and what the person is held against.
pub async fn find_by_email(
    db: impl PgExecutor<'_>,
    email: &SignInAddress,
) -> sqlx::Result<Option<(User, Credentials)>> {
    let row = sqlx::query_as!(
        SignInRow,
        r#"
        SELECT id AS "id: UserId", account_id AS "account_id: AccountId", email, name, role, created_at, signed_in_at,
               password_phc, totp_secret, totp_pending
        FROM users
        WHERE email = $1
        "#,
        email.as_str(),
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let user = User {
        id: row.id,
        account: row.account_id,
        email: SignInAddress::stored(row.email),
        name: row.name,
        role: row.role.parse().map_err(sqlx::Error::decode)?,
        totp_enabled: row.totp_secret.is_some(),
        created_at: row.created_at,
        signed_in_at: row.signed_in_at,
    };
    let credentials = Credentials {
        password_phc: row.password_phc,
        totp_secret: row.totp_secret,
        totp_pending: row.totp_pending,
    };
    Ok(Some((user, credentials)))
}

/// What a person of the account is held against.
pub async fn find(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        "SELECT password_phc, totp_secret, totp_pending FROM users WHERE account_id = $1 AND id = $2",
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Notes that a person has signed in, unless the password was changed or the person removed meanwhile: then `false`.
pub async fn note_signed_in(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    password_phc: &str,
) -> sqlx::Result<bool> {
    let noted = sqlx::query!(
        "UPDATE users SET signed_in_at = now() WHERE account_id = $1 AND id = $2 AND password_phc = $3",
        account as _,
        id as _,
        password_phc,
    )
    .execute(db)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Takes the code of a time step, unless it or a later one was taken before: then `false`.
pub async fn use_totp_step(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    step: i64,
) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        r#"
        UPDATE users SET totp_step = $3
        WHERE account_id = $1 AND id = $2 AND totp_secret IS NOT NULL AND coalesce(totp_step, 0) < $3
        "#,
        account as _,
        id as _,
        step,
    )
    .execute(db)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Takes a recovery code; `false` if there is no such code, or not any more.
pub async fn use_recovery_code(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    digest: &[u8],
) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        r#"
        UPDATE users SET recovery_codes = array_remove(recovery_codes, $3)
        WHERE account_id = $1 AND id = $2 AND $3 = ANY (recovery_codes)
        "#,
        account as _,
        id as _,
        digest,
    )
    .execute(db)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Gives a person another password, as long as it was this one before; any, if none is named.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    before: Option<&str>,
    password_phc: &str,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        r#"
        UPDATE users SET password_phc = $4
        WHERE account_id = $1 AND id = $2 AND ($3::text IS NULL OR password_phc = $3)
        "#,
        account as _,
        id as _,
        before,
        password_phc,
    )
    .execute(db)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Keeps the secret of a second factor until its owner shows a code of it; `false` if there is one in use.
pub async fn set_totp_pending(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    secret: &[u8],
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "UPDATE users SET totp_pending = $3 WHERE account_id = $1 AND id = $2 AND totp_secret IS NULL",
        account as _,
        id as _,
        secret,
    )
    .execute(db)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Puts the second factor into use of which a code was shown; `false` if it is not the one that waits for that.
pub async fn enable_totp(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
    pending: &[u8],
    step: i64,
    recovery_codes: &[Vec<u8>],
) -> sqlx::Result<bool> {
    let enabled = sqlx::query!(
        r#"
        UPDATE users SET totp_secret = totp_pending, totp_pending = NULL, totp_step = $4, recovery_codes = $5
        WHERE account_id = $1 AND id = $2 AND totp_secret IS NULL AND totp_pending = $3
        "#,
        account as _,
        id as _,
        pending,
        step,
        recovery_codes,
    )
    .execute(db)
    .await?;
    Ok(enabled.rows_affected() == 1)
}

/// Takes a person's second factor away; `false` if there is none.
pub async fn disable_totp(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: UserId,
) -> sqlx::Result<bool> {
    let disabled = sqlx::query!(
        r#"
        UPDATE users SET totp_secret = NULL, totp_pending = NULL, totp_step = NULL, recovery_codes = '{}'
        WHERE account_id = $1 AND id = $2 AND totp_secret IS NOT NULL
        "#,
        account as _,
        id as _,
    )
    .execute(db)
    .await?;
    Ok(disabled.rows_affected() == 1)
}
