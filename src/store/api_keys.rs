//! The table `api_keys`.

pub mod listing;
mod notifications;
mod row;

use sqlx::PgExecutor;

pub use self::notifications::{changes, notify_all_changed, notify_changed};
use self::row::{Lists, Row};
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

/// Makes a key; `false` if its project is no project of the account, or a deleted one. Whoever deletes the project
/// waits for this, and ends the key as well.
pub async fn insert(
    db: impl PgExecutor<'_>,
    key: &ApiKey,
    public_id: &str,
    verifier: &Verifier,
) -> sqlx::Result<bool> {
    let lists = Lists::of(key);
    let made = sqlx::query!(
        r#"
        INSERT INTO api_keys (
            id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest, digest_version,
            permissions, domains, recipients, ip_allowlist, ip_allowlist_dry_run, per_second, per_minute, active,
            expires_at, created_at, created_by, replaces
        )
        SELECT $1, $2, $3::uuid, $4, $5, $6, $7, $8, $9, $10, $11,
               $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23::uuid
        WHERE $3 IS NULL OR EXISTS (
            SELECT FROM projects WHERE account_id = $2 AND id = $3 AND deleted_at IS NULL FOR SHARE
        )
        "#,
        key.id as _,
        key.account as _,
        key.project as _,
        key.name,
        key.key_type.as_str(),
        key.mode.as_str(),
        public_id,
        key.display_key,
        verifier.secret_phc,
        verifier.digest,
        verifier.digest_version,
        &lists.permissions,
        lists.domains.as_deref(),
        lists.recipients.as_deref(),
        lists.ip_allowlist.as_deref(),
        key.restrictions.ip_allowlist_dry_run,
        key.per_second.map(u32::cast_signed),
        key.per_minute.map(u32::cast_signed),
        key.active,
        key.expires_at,
        key.created_at,
        key.created_by,
        key.replaces as _,
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
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
               name, type, mode, display_key, permissions, domains, recipients, ip_allowlist, ip_allowlist_dry_run,
               per_second, per_minute, active, expires_at, revoked_at, created_at, created_by,
               replaces AS "replaces: ApiKeyId",
               secret_phc AS "secret_phc?", digest AS "digest?", digest_version AS "digest_version?",
               NULL::text AS project_name, NULL::timestamptz AS last_used_at, NULL::text AS last_used_ip,
               NULL::uuid AS "replaced_by: ApiKeyId"
        FROM api_keys
        WHERE public_id = $1
        "#,
        public_id,
    )
    .fetch_optional(db)
    .await?;
    row.map(Row::presented).transpose()
}

// Where a key is named by its id, its account is compared by IS NOT DISTINCT FROM, which no index answers: a plan made on
// an empty table may otherwise go through all keys of the account by one of the indexes that begin with it.

/// Holds these keys of the account, in order so that two who hold some never wait for each other, and answers which of
/// them there are. Until the transaction ends nobody else changes them, and no mail is stored with them.
pub async fn lock(
    db: impl PgExecutor<'_>,
    account: AccountId,
    ids: &[ApiKeyId],
) -> sqlx::Result<Vec<ApiKeyId>> {
    sqlx::query_scalar!(
        r#"
        SELECT key.id AS "id: ApiKeyId"
        FROM (SELECT DISTINCT id FROM UNNEST($2::uuid[]) AS id ORDER BY id) AS wanted
        CROSS JOIN LATERAL (
            SELECT id FROM api_keys WHERE id = wanted.id AND account_id IS NOT DISTINCT FROM $1 FOR NO KEY UPDATE
        ) AS key
        "#,
        account as _,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// Writes what can be changed about a key. A revoked one is never changed any more.
pub async fn update(db: impl PgExecutor<'_>, key: &ApiKey) -> sqlx::Result<()> {
    let lists = Lists::of(key);
    sqlx::query!(
        r#"
        UPDATE api_keys
        SET name = $3, permissions = $4, domains = $5, recipients = $6, ip_allowlist = $7, ip_allowlist_dry_run = $8,
            per_second = $9, per_minute = $10, active = $11, expires_at = $12
        WHERE account_id IS NOT DISTINCT FROM $1 AND id = $2 AND revoked_at IS NULL
        "#,
        key.account as _,
        key.id as _,
        key.name,
        &lists.permissions,
        lists.domains.as_deref(),
        lists.recipients.as_deref(),
        lists.ip_allowlist.as_deref(),
        key.restrictions.ip_allowlist_dry_run,
        key.per_second.map(u32::cast_signed),
        key.per_minute.map(u32::cast_signed),
        key.active,
        key.expires_at,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends a key for ever; `false` if there is no such key. Waits for the sends that are being stored with it right now,
/// so that none of them is answered after this is.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: ApiKeyId,
) -> sqlx::Result<bool> {
    let revoked = sqlx::query!(
        r#"
        UPDATE api_keys
        SET revoked_at = coalesce(revoked_at, now())
        WHERE account_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
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

/// Ends every key of a project for ever, and answers how many. Waits for the sends that are being stored with them
/// right now, in their order.
pub async fn revoke_of_project(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
) -> sqlx::Result<u64> {
    let revoked = sqlx::query!(
        r#"
        UPDATE api_keys
        SET revoked_at = now()
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM api_keys
            WHERE account_id = $1 AND project_id = $2 AND state IN ('active', 'inactive')
            ORDER BY id
            FOR NO KEY UPDATE))
          AND account_id = $1 AND revoked_at IS NULL
        "#,
        account as _,
        project as _,
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected())
}

/// A key that may not send from a domain any more.
#[derive(Debug)]
pub struct NarrowedKey {
    /// Which.
    pub id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// What is shown of it.
    pub display_key: String,
    /// The domains that it may still send from; none is none.
    pub domains: Vec<String>,
}

/// Takes a domain out of the lists of those from which keys of a project may send, and answers whose. Waits for the
/// sends that are being stored with them right now, in their order.
pub async fn take_domain_away(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
    domain: &str,
) -> sqlx::Result<Vec<NarrowedKey>> {
    // In the order of their ids, but by no index of them: a plan made on an empty table would walk all keys along it.
    sqlx::query_as!(
        NarrowedKey,
        r#"
        UPDATE api_keys
        SET domains = array_remove(domains, $3)
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM api_keys
            WHERE project_id = $2 AND account_id IS NOT DISTINCT FROM $1 AND state IN ('active', 'inactive')
              AND domains @> ARRAY[$3]
            ORDER BY id::text COLLATE "C"
            FOR NO KEY UPDATE))
          AND account_id IS NOT DISTINCT FROM $1 AND revoked_at IS NULL
        RETURNING id AS "id: ApiKeyId", name, display_key, domains AS "domains!"
        "#,
        account as _,
        project as _,
        domain,
    )
    .fetch_all(db)
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
