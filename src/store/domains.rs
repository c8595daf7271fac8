//! The table `domains`.

mod checking;
mod row;

use chrono::TimeDelta;
use sqlx::PgExecutor;
use sqlx::types::Json;

pub use self::checking::{ask, claim_due, record_check};
use self::row::Row;
use crate::domain::id::{AccountId, DomainId, ProjectId};
use crate::domain::sending_domain::{Findings, ProjectDomain, SendingDomain};

/// The private keys of a domain, encrypted.
pub struct SealedKeys {
    /// The RSA key.
    pub rsa: Vec<u8>,
    /// The Ed25519 key.
    pub ed25519: Vec<u8>,
}

/// What signing needs.
pub struct KeysRow {
    /// The domain's name.
    pub name: String,
    /// What its selectors begin with.
    pub selector: String,
    /// Its private keys.
    pub sealed: SealedKeys,
}

/// Adds a domain; `false` if the project has it already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    domain: &SendingDomain,
    keys: &SealedKeys,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"
        INSERT INTO domains (id, account_id, project_id, name, ownership_token, selector, rsa_public, ed25519_public,
                             rsa_private, ed25519_private, created_at, next_check_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (project_id, name) WHERE deleted_at IS NULL DO NOTHING
        "#,
        domain.id as _,
        domain.account as _,
        domain.project as _,
        domain.name,
        domain.ownership_token,
        domain.selector,
        domain.rsa_public,
        domain.ed25519_public,
        keys.rsa,
        keys.ed25519,
        domain.created_at,
        domain.next_check_at,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The domains of a project by their names.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<Vec<SendingDomain>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: DomainId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId", name,
               ownership_token, selector, rsa_public, ed25519_public, findings AS "findings: Json<Findings>",
               verified_at, lost_at, misses, created_at, last_checked_at, next_check_at
        FROM domains
        WHERE project_id = $1 AND deleted_at IS NULL
        ORDER BY name
        "#,
        project as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::into).collect())
}

/// The domains of these projects by their names.
pub async fn of_projects(
    db: impl PgExecutor<'_>,
    account: AccountId,
    projects: &[ProjectId],
) -> sqlx::Result<Vec<ProjectDomain>> {
    sqlx::query_as!(
        ProjectDomain,
        r#"
        SELECT domain.id AS "id: DomainId", domain.project_id AS "project: ProjectId", domain.name,
               domain.verified AS "verified!"
        FROM UNNEST($2::uuid[]) AS wanted
        CROSS JOIN LATERAL (
            SELECT id, project_id, name, verified_at IS NOT NULL AS verified
            FROM domains
            WHERE account_id = $1 AND project_id = wanted AND deleted_at IS NULL
            OFFSET 0
        ) AS domain
        ORDER BY domain.name
        "#,
        account as _,
        projects as _,
    )
    .fetch_all(db)
    .await
}

/// A domain of this name that a project of the account may send from.
pub async fn verified_of_account(
    db: impl PgExecutor<'_>,
    account: AccountId,
    name: &str,
) -> sqlx::Result<Option<DomainId>> {
    sqlx::query_scalar!(
        r#"
        SELECT domain.id AS "id: DomainId"
        FROM projects
        CROSS JOIN LATERAL (
            SELECT id
            FROM domains
            WHERE project_id = projects.id AND name = $2 AND deleted_at IS NULL AND verified_at IS NOT NULL
            OFFSET 0
        ) AS domain
        WHERE projects.account_id = $1 AND projects.deleted_at IS NULL
        LIMIT 1
        "#,
        account as _,
        name,
    )
    .fetch_optional(db)
    .await
}

/// One domain of a project.
///
/// Here, and wherever a domain is named by its id, `deleted_at` is compared in a way that leaves only the primary key to
/// look into: the index of those that are not deleted would seem as good to a plan made on an empty table.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: DomainId,
) -> sqlx::Result<Option<SendingDomain>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: DomainId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId", name,
               ownership_token, selector, rsa_public, ed25519_public, findings AS "findings: Json<Findings>",
               verified_at, lost_at, misses, created_at, last_checked_at, next_check_at
        FROM domains
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND coalesce(deleted_at, 'infinity') = 'infinity'
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Row::into))
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: DomainId,
) -> sqlx::Result<Option<SendingDomain>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: DomainId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId", name,
               ownership_token, selector, rsa_public, ed25519_public, findings AS "findings: Json<Findings>",
               verified_at, lost_at, misses, created_at, last_checked_at, next_check_at
        FROM domains
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND coalesce(deleted_at, 'infinity') = 'infinity'
        FOR UPDATE
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Row::into))
}

/// The domains that a project may send from.
pub async fn verified(
    db: impl PgExecutor<'_>,
    project: ProjectId,
) -> sqlx::Result<Vec<(String, DomainId)>> {
    let rows = sqlx::query!(
        r#"
        SELECT name, id AS "id: DomainId"
        FROM domains
        WHERE project_id = $1 AND deleted_at IS NULL AND verified_at IS NOT NULL
        "#,
        project as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.id)).collect())
}

/// The keys of a domain, deleted or not. The id was stored with a mail when that was accepted from the domain's project.
pub async fn keys(db: impl PgExecutor<'_>, id: DomainId) -> sqlx::Result<Option<KeysRow>> {
    let row = sqlx::query!(
        "SELECT name, selector, rsa_private, ed25519_private FROM domains WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| KeysRow {
        name: row.name,
        selector: row.selector,
        sealed: SealedKeys { rsa: row.rsa_private, ed25519: row.ed25519_private },
    }))
}

/// Takes a domain out of a project. Its keys stay for `keep`.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: DomainId,
    keep: TimeDelta,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        UPDATE domains
        SET deleted_at = now(), next_check_at = now() + make_interval(secs => $3)
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND coalesce(deleted_at, 'infinity') = 'infinity'
        RETURNING name
        "#,
        project as _,
        id as _,
        seconds(keep),
    )
    .fetch_optional(db)
    .await
}

/// Takes all domains out of a project. Their keys stay for `keep`.
pub async fn delete_of_project(
    db: impl PgExecutor<'_>,
    account: AccountId,
    project: ProjectId,
    keep: TimeDelta,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        r#"
        UPDATE domains
        SET deleted_at = now(), next_check_at = now() + make_interval(secs => $3)
        WHERE account_id = $1 AND project_id = $2 AND deleted_at IS NULL
        "#,
        account as _,
        project as _,
        seconds(keep),
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}

/// Destroys what deleted domains have kept for long enough.
pub async fn destroy_deleted(db: impl PgExecutor<'_>) -> sqlx::Result<u64> {
    let destroyed =
        sqlx::query!("DELETE FROM domains WHERE next_check_at <= now() AND deleted_at IS NOT NULL")
            .execute(db)
            .await?;
    Ok(destroyed.rows_affected())
}

#[expect(clippy::cast_precision_loss, reason = "pauses are far below 2^52 seconds")]
fn seconds(time: TimeDelta) -> f64 {
    time.num_seconds() as f64
}
