//! Lists of keys. Each is found page by page from an index that holds its rows in order, and only then read.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::row::Row;
use crate::domain::api_key::{KeyMode, KeyType};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::key_record::KeyRecord;

/// What a list of keys is narrowed to.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only keys before this one, in the order newest first.
    pub before: Option<ApiKeyId>,
    /// Only keys in one of these states: `active`, `inactive`, `revoked`.
    pub states: Vec<&'static str>,
    /// Only keys that expire at some time, or only others, or both.
    pub expires: Vec<bool>,
    /// Only expired keys, or only others.
    pub expired: Option<bool>,
    /// Only keys of one of these types.
    pub types: Vec<KeyType>,
    /// Only keys of one of these modes.
    pub modes: Vec<KeyMode>,
    /// Only keys that nobody has used since.
    pub unused_since: Option<DateTime<Utc>>,
    /// Only keys whose name (in any case), display key or public id begins with this.
    pub prefix: Option<String>,
}

/// A page of the keys of an account, newest first.
pub async fn of_account(
    db: impl PgExecutor<'_>,
    account: AccountId,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<ApiKeyId>> {
    let (states, types, modes) = columns(filter);
    sqlx::query_scalar!(
        r#"
        SELECT listed.id AS "id: ApiKeyId"
        FROM UNNEST($2::text[]) AS wanted_state (state)
        CROSS JOIN UNNEST($10::boolean[]) AS wanted_expiry (expires)
        CROSS JOIN UNNEST($3::text[]) AS wanted_type (type)
        CROSS JOIN UNNEST($4::text[]) AS wanted_mode (mode)
        CROSS JOIN LATERAL (
            SELECT id
            FROM api_keys
            WHERE account_id = $1 AND state = wanted_state.state AND expires = wanted_expiry.expires
              AND type = wanted_type.type AND mode = wanted_mode.mode
              AND id < coalesce($5, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
              AND ($6::boolean IS NULL OR coalesce(expires_at <= now(), false) = $6)
              AND ($7::timestamptz IS NULL OR NOT EXISTS (
                       SELECT FROM api_key_usage
                       WHERE key_id = api_keys.id AND last_used_at >= $7
                       OFFSET 0))
              AND ($8::text IS NULL OR starts_with(lower(name), lower($8)) OR starts_with(display_key, $8)
                   OR starts_with(public_id, $8))
            ORDER BY id DESC
            LIMIT $9
        ) AS listed
        ORDER BY listed.id DESC
        LIMIT $9
        "#,
        account as _,
        states as _,
        types as _,
        modes as _,
        filter.before as _,
        filter.expired,
        filter.unused_since,
        filter.prefix,
        limit,
        &filter.expires,
    )
    .fetch_all(db)
    .await
}

/// A page of the keys of a project, newest first. All of them are project keys.
pub async fn of_project(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<ApiKeyId>> {
    let (states, types, modes) = columns(filter);
    sqlx::query_scalar!(
        r#"
        SELECT listed.id AS "id: ApiKeyId"
        FROM UNNEST($3::text[]) AS wanted_state (state)
        CROSS JOIN UNNEST($11::boolean[]) AS wanted_expiry (expires)
        CROSS JOIN UNNEST($5::text[]) AS wanted_mode (mode)
        CROSS JOIN LATERAL (
            SELECT id
            FROM api_keys
            WHERE project_id = $2 AND state = wanted_state.state AND expires = wanted_expiry.expires
              AND mode = wanted_mode.mode AND account_id = $1 AND type = ANY ($4)
              AND id < coalesce($6, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
              AND ($7::boolean IS NULL OR coalesce(expires_at <= now(), false) = $7)
              AND ($8::timestamptz IS NULL OR NOT EXISTS (
                       SELECT FROM api_key_usage
                       WHERE key_id = api_keys.id AND last_used_at >= $8
                       OFFSET 0))
              AND ($9::text IS NULL OR starts_with(lower(name), lower($9)) OR starts_with(display_key, $9)
                   OR starts_with(public_id, $9))
            ORDER BY id DESC
            LIMIT $10
        ) AS listed
        ORDER BY listed.id DESC
        LIMIT $10
        "#,
        account as _,
        project as _,
        states as _,
        types as _,
        modes as _,
        filter.before as _,
        filter.expired,
        filter.unused_since,
        filter.prefix,
        limit,
        &filter.expires,
    )
    .fetch_all(db)
    .await
}

/// Some keys of an account whose name (in any case), display key or public id begins like this. Each part is ordered, so
/// that no index but its own will do.
pub async fn beginning_with(
    db: impl PgExecutor<'_>,
    account: AccountId,
    prefix: &str,
    limit: i64,
) -> sqlx::Result<Vec<ApiKeyId>> {
    sqlx::query_scalar!(
        r#"
        (SELECT id AS "id!: ApiKeyId" FROM api_keys
         WHERE account_id = $1 AND lower(name) COLLATE "C" >= lower($2)
           AND lower(name) COLLATE "C" < lower($2) || U&'\+10FFFF'
         ORDER BY lower(name) COLLATE "C"
         LIMIT $3)
        UNION
        (SELECT id FROM api_keys
         WHERE account_id = $1 AND display_key COLLATE "C" >= $2 AND display_key COLLATE "C" < $2 || U&'\+10FFFF'
         ORDER BY display_key COLLATE "C"
         LIMIT $3)
        UNION
        (SELECT id FROM api_keys
         WHERE account_id = $1 AND public_id COLLATE "C" >= $2 AND public_id COLLATE "C" < $2 || U&'\+10FFFF'
         ORDER BY public_id COLLATE "C"
         LIMIT $3)
        "#,
        account as _,
        prefix,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Those of these keys of an account, and of one project of it if that is given, to which the filter applies, newest
/// first.
pub async fn among(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: Option<ProjectId>,
    ids: &[ApiKeyId],
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<ApiKeyId>> {
    let (states, types, modes) = columns(filter);
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: ApiKeyId"
        FROM UNNEST($2::uuid[]) AS wanted (wanted_id)
        CROSS JOIN LATERAL (SELECT * FROM api_keys WHERE id = wanted_id OFFSET 0) AS key
        WHERE account_id = $1 AND ($3::uuid IS NULL OR project_id = $3)
          AND state = ANY ($4) AND type = ANY ($5) AND mode = ANY ($6)
          AND id < coalesce($7, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
          AND ($8::boolean IS NULL OR coalesce(expires_at <= now(), false) = $8)
          AND ($9::timestamptz IS NULL OR NOT EXISTS (
                   SELECT FROM api_key_usage
                   WHERE key_id = key.id AND last_used_at >= $9
                   OFFSET 0))
        ORDER BY id DESC
        LIMIT $10
        "#,
        account as _,
        ids as _,
        project as _,
        states as _,
        types as _,
        modes as _,
        filter.before as _,
        filter.expired,
        filter.unused_since,
        limit,
    )
    .fetch_all(db)
    .await
}

/// These keys of the account, newest first, with what is known around them.
pub async fn records(
    db: impl PgExecutor<'_>,
    account: AccountId,
    ids: &[ApiKeyId],
) -> sqlx::Result<Vec<KeyRecord>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT key.id AS "id: ApiKeyId", key.account_id AS "account_id: AccountId",
               key.project_id AS "project_id: ProjectId", key.name, key.type, key.mode, key.display_key,
               key.permissions, key.domains, key.recipients, key.ip_allowlist, key.ip_allowlist_dry_run,
               key.per_second, key.per_minute, key.active, key.expires_at, key.revoked_at, key.created_at,
               key.created_by, key.replaces AS "replaces: ApiKeyId",
               NULL::text AS secret_phc, NULL::bytea AS digest, NULL::bytea AS digest_version,
               projects.name AS "project_name?", last_used_at AS "last_used_at?", last_used_ip AS "last_used_ip?",
               (SELECT successor.id FROM api_keys AS successor WHERE successor.replaces = key.id
                ORDER BY successor.id DESC LIMIT 1) AS "replaced_by: ApiKeyId"
        FROM UNNEST($2::uuid[]) AS wanted (id)
        -- OFFSET 0 makes it a look-up for each id: as a join it may be planned to read all keys of the account.
        CROSS JOIN LATERAL (SELECT * FROM api_keys WHERE id = wanted.id OFFSET 0) AS key
        LEFT JOIN projects ON projects.id = key.project_id
        LEFT JOIN api_key_usage ON api_key_usage.key_id = key.id
        WHERE key.account_id = $1
        ORDER BY key.id DESC
        "#,
        account as _,
        ids as _,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::record).collect()
}

/// The choices as the columns write them.
fn columns(filter: &Filter) -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    (
        filter.states.clone(),
        filter.types.iter().map(|one| one.as_str()).collect(),
        filter.modes.iter().map(|one| one.as_str()).collect(),
    )
}
