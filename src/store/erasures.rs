//! The table `erasures`: who is to be forgotten, and how far that is.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::erasure::Erasure;
use crate::domain::id::{AccountId, ErasureId, MailId, ProjectId};

/// Notes that somebody is to be forgotten; `false` if that is being done.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: ErasureId,
    (account, project): (AccountId, ProjectId),
    digest: &str,
    address: &[u8],
    keep_suppressions: bool,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"
        INSERT INTO erasures (id, account_id, project_id, digest, address, keep_suppressions)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (project_id, digest) WHERE completed_at IS NULL DO NOTHING
        "#,
        id as _,
        account as _,
        project as _,
        digest,
        address,
        keep_suppressions,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// One of a project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ErasureId,
) -> sqlx::Result<Option<Erasure>> {
    sqlx::query_as!(
        Erasure,
        r#"
        SELECT id AS "id: ErasureId", digest, keep_suppressions, mails_removed, mails_changed, created_at, completed_at
        FROM erasures
        WHERE project_id = $1 AND id = $2
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The one that is being done for an address.
pub async fn find_unfinished(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    digest: &str,
) -> sqlx::Result<Option<Erasure>> {
    sqlx::query_as!(
        Erasure,
        r#"
        SELECT id AS "id: ErasureId", digest, keep_suppressions, mails_removed, mails_changed, created_at, completed_at
        FROM erasures
        WHERE project_id = $1 AND digest = $2 AND completed_at IS NULL
        "#,
        project as _,
        digest,
    )
    .fetch_optional(db)
    .await
}

/// One that is to be worked on.
#[derive(Debug)]
pub struct Claimed {
    /// Names it.
    pub id: ErasureId,
    /// The account.
    pub account: AccountId,
    /// The project.
    pub project: ProjectId,
    /// Tells the address, and not which.
    pub digest: String,
    /// The address, encrypted.
    pub address: Option<Vec<u8>>,
    /// Whether the address goes on to get no mail.
    pub keep_suppressions: bool,
    /// How far the mails to others have been looked through.
    pub mails_looked_until: MailId,
    /// How far what webhooks were told has been looked through.
    pub looked_until: Uuid,
}

/// Takes the oldest one after `after` that nobody works on, for so many seconds.
pub async fn claim(
    db: impl PgExecutor<'_>,
    after: ErasureId,
    seconds: f64,
) -> sqlx::Result<Option<Claimed>> {
    sqlx::query_as!(
        Claimed,
        r#"
        UPDATE erasures
        SET claimed_until = now() + make_interval(secs => $2)
        WHERE id = (
            SELECT id
            FROM erasures
            WHERE completed_at IS NULL AND id > $1 AND (claimed_until IS NULL OR claimed_until < now())
            ORDER BY id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id AS "id: ErasureId", account_id AS "account: AccountId", project_id AS "project: ProjectId", digest,
                  address, keep_suppressions, mails_looked_until AS "mails_looked_until: MailId", looked_until
        "#,
        after as _,
        seconds,
    )
    .fetch_optional(db)
    .await
}

/// Lets others work on it, and notes how far the mails to others and what webhooks were told have been looked through.
pub async fn give_back(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ErasureId,
    (mails_looked_until, looked_until): (MailId, Uuid),
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE erasures
        SET claimed_until = NULL, mails_looked_until = $3, looked_until = $4
        WHERE project_id = $1 AND id = $2
        "#,
        project as _,
        id as _,
        mails_looked_until as _,
        looked_until,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Counts mails.
pub async fn count(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ErasureId,
    (removed, changed): (i64, i64),
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE erasures
        SET mails_removed = mails_removed + $3, mails_changed = mails_changed + $4
        WHERE project_id = $1 AND id = $2
        "#,
        project as _,
        id as _,
        removed,
        changed,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Notes that nothing is left, the address itself included; nothing if somebody else has.
pub async fn complete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ErasureId,
) -> sqlx::Result<Option<Erasure>> {
    sqlx::query_as!(
        Erasure,
        r#"
        UPDATE erasures
        SET completed_at = now(), address = NULL, claimed_until = NULL
        WHERE project_id = $1 AND id = $2 AND completed_at IS NULL
        RETURNING id AS "id: ErasureId", digest, keep_suppressions, mails_removed, mails_changed, created_at, completed_at
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}
