//! The tables `api_keys` and `api_key_usage`.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::api_key::{KeyMode, KeyType};
use crate::domain::caller::ApiKey;
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};

/// What a presented key is compared with.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Argon2id PHC string of the secret half.
    pub secret_phc: String,
    /// HMAC-SHA-256 of the whole key, under the pepper named by the version.
    pub digest: Vec<u8>,
    /// Names the `SECRET_KEY` that the pepper came from.
    pub digest_version: Vec<u8>,
}

/// A column or row that was not written by this program's rules.
#[derive(Debug, thiserror::Error)]
#[error("api_keys.{column} of row {id} cannot be read")]
struct Inconsistent {
    column: &'static str,
    id: ApiKeyId,
}

struct Row {
    id: ApiKeyId,
    account_id: AccountId,
    project_id: Option<ProjectId>,
    name: String,
    r#type: String,
    mode: String,
    display_key: String,
    secret_phc: String,
    digest: Vec<u8>,
    digest_version: Vec<u8>,
    permissions: Vec<String>,
    domains: Option<Vec<String>>,
    recipients: Option<Vec<String>>,
    ip_allowlist: Option<Vec<String>>,
    ip_allowlist_dry_run: bool,
    per_second: Option<i32>,
    per_minute: Option<i32>,
    active: bool,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    created_by: String,
}

/// Makes a key.
pub async fn insert(
    db: impl PgExecutor<'_>,
    key: &ApiKey,
    public_id: &str,
    verifier: &Verifier,
) -> sqlx::Result<()> {
    let permissions: Vec<String> =
        key.permissions.iter().map(|permission| permission.as_str().to_owned()).collect();
    sqlx::query!(
        r#"
        INSERT INTO api_keys (
            id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest, digest_version,
            permissions, domains, recipients, ip_allowlist, ip_allowlist_dry_run, per_second, per_minute, active,
            expires_at, created_at, created_by
        )
        VALUES (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
            $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
        )
        "#,
        key.id as _,
        key.account as _,
        key.project as _,
        key.name,
        type_name(key.key_type),
        mode_name(key.mode),
        public_id,
        key.display_key,
        verifier.secret_phc,
        verifier.digest,
        verifier.digest_version,
        &permissions,
        key.domains.as_deref(),
        key.recipients.as_deref(),
        key.ip_allowlist.as_deref(),
        key.ip_allowlist_dry_run,
        key.per_second.map(u32::cast_signed),
        key.per_minute.map(u32::cast_signed),
        key.active,
        key.expires_at,
        key.created_at,
        key.created_by,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Finds a key by its public half, revoked or not, together with what proves that a caller holds it.
pub async fn find_by_public_id(
    db: impl PgExecutor<'_>,
    public_id: &str,
) -> sqlx::Result<Option<(ApiKey, Verifier)>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: ApiKeyId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId",
               name, type, mode, display_key, secret_phc, digest, digest_version, permissions, domains, recipients,
               ip_allowlist, ip_allowlist_dry_run, per_second, per_minute, active, expires_at, revoked_at, created_at,
               created_by
        FROM api_keys
        WHERE public_id = $1
        "#,
        public_id,
    )
    .fetch_optional(db)
    .await?;
    row.map(Row::split).transpose()
}

/// The keys of an account, oldest first, revoked ones included.
pub async fn list(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<Vec<ApiKey>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: ApiKeyId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId",
               name, type, mode, display_key, secret_phc, digest, digest_version, permissions, domains, recipients,
               ip_allowlist, ip_allowlist_dry_run, per_second, per_minute, active, expires_at, revoked_at, created_at,
               created_by
        FROM api_keys
        WHERE account_id = $1
        ORDER BY id
        "#,
        account as _,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| row.split().map(|(key, _)| key)).collect()
}

/// Ends a key for ever; `false` if there is no such key. Waits for the sends that are being stored with it right now,
/// so that none of them is answered after this is.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: ApiKeyId,
) -> sqlx::Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE account_id = $1 AND id = $2",
        account as _,
        id as _,
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Whether there is such a key, revoked or not, of the account, or of one of its projects.
pub async fn exists(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: Option<ProjectId>,
    id: ApiKeyId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM api_keys WHERE account_id = $1 AND id = $2 AND ($3::uuid IS NULL OR project_id = $3)
        ) AS "exists!"
        "#,
        account as _,
        id as _,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// Writes the digest made under the present `SECRET_KEY`.
pub async fn renew_digest(
    db: impl PgExecutor<'_>,
    id: ApiKeyId,
    digest: &[u8],
    version: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE api_keys SET digest = $2, digest_version = $3 WHERE id = $1",
        id as _,
        digest,
        version,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Tells every node that what it remembers of a key may be out of date.
pub async fn notify_changed(db: impl PgExecutor<'_>, id: ApiKeyId) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_notify('posthaste_api_keys', $1)", id.to_string())
        .execute(db)
        .await
        .map(drop)
}

/// A connection of its own on which changes of keys arrive.
pub async fn changes(db: &sqlx::PgPool) -> sqlx::Result<sqlx::postgres::PgListener> {
    let mut listener = sqlx::postgres::PgListener::connect_with(db).await?;
    listener.listen("posthaste_api_keys").await?;
    Ok(listener)
}

/// Writes down when and from where keys were last used, for many keys at once.
pub async fn record_usage(
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

fn type_name(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Project => "project",
        KeyType::Account => "account",
    }
}

fn mode_name(mode: KeyMode) -> &'static str {
    match mode {
        KeyMode::Live => "live",
        KeyMode::Test => "test",
    }
}

impl Row {
    fn split(self) -> sqlx::Result<(ApiKey, Verifier)> {
        let id = self.id;
        let inconsistent = |column| sqlx::Error::decode(Inconsistent { column, id });
        let key = ApiKey {
            id,
            account: self.account_id,
            project: self.project_id,
            name: self.name,
            key_type: match self.r#type.as_str() {
                "project" => KeyType::Project,
                "account" => KeyType::Account,
                _ => return Err(inconsistent("type")),
            },
            mode: match self.mode.as_str() {
                "live" => KeyMode::Live,
                "test" => KeyMode::Test,
                _ => return Err(inconsistent("mode")),
            },
            display_key: self.display_key,
            // A permission that this version does not know grants nothing.
            permissions: self.permissions.iter().filter_map(|name| name.parse().ok()).collect(),
            domains: self.domains,
            recipients: self.recipients,
            ip_allowlist: self.ip_allowlist,
            ip_allowlist_dry_run: self.ip_allowlist_dry_run,
            per_second: self.per_second.map(i32::cast_unsigned),
            per_minute: self.per_minute.map(i32::cast_unsigned),
            active: self.active,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            created_at: self.created_at,
            created_by: self.created_by,
        };
        let verifier = Verifier {
            secret_phc: self.secret_phc,
            digest: self.digest,
            digest_version: self.digest_version,
        };
        Ok((key, verifier))
    }
}
