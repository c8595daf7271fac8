//! The table `suppressions`: who gets no mail.
//!
//! `mails::accept` and `deliveries::late::obstacles` look into it; `deliveries::record` and `bounces::record` add to it.

mod listing;

use sqlx::PgExecutor;

pub use self::listing::{Filter, Stretch, count, list};
use crate::domain::id::{MailId, ProjectId, SuppressionId};
use crate::domain::suppression::{GroupCode, Reason, Suppression};

/// Suppresses addresses, which are in the form in which they are compared; for how many that was new.
///
/// Who is on the list stays there for the reason that is known, but that a bounce makes way for the owner's own word:
/// otherwise that would be lost when the bounce is forgiven.
pub async fn add(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    group: &GroupCode,
    addresses: &[String],
    reason: Reason,
    mail: Option<MailId>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        WITH added AS (
            INSERT INTO suppressions AS known (project_id, group_id, address, reason, mail_id)
            SELECT DISTINCT $1::uuid, $2, address, $4, $5::uuid
            FROM UNNEST($3::text[]) AS given (address)
            -- In order, so that two requests never wait for each other.
            ORDER BY address
            ON CONFLICT (project_id, address, group_id) DO UPDATE
            SET reason = excluded.reason, updated_at = now()
            WHERE known.reason = 'bounce' AND excluded.reason = 'unsubscribe'
            RETURNING 1
        )
        SELECT count(*) AS "added!" FROM added
        "#,
        project as _,
        group.as_str(),
        addresses,
        reason.as_str(),
        mail as _,
    )
    .fetch_one(db)
    .await
}

/// Lets addresses have mail again: of one group, or, without one, of all; how many entries were taken away.
pub async fn remove(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    group: Option<&GroupCode>,
    addresses: &[String],
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        DELETE FROM suppressions
        WHERE ctid = ANY (ARRAY(
            SELECT entry.ctid
            FROM UNNEST($2::text[]) AS given
            -- OFFSET 0 makes it a look-up for each address: in one, it may be planned to read all of the project.
            CROSS JOIN LATERAL (
                SELECT ctid
                FROM suppressions
                WHERE project_id = $1 AND address = given AND group_id = coalesce($3, group_id)
                OFFSET 0
            ) AS entry))
        "#,
        project as _,
        addresses,
        group.map(GroupCode::as_str),
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Takes back that the owner of an address wanted no mail of a group; whether that was so. What anybody else said stays.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    group: &GroupCode,
    address: &str,
) -> sqlx::Result<bool> {
    let taken_back = sqlx::query!(
        r#"
        DELETE FROM suppressions
        WHERE project_id = $1 AND address = $2 AND group_id = $3 AND reason = 'unsubscribe'
        "#,
        project as _,
        address,
        group.as_str(),
    )
    .execute(db)
    .await?;
    Ok(taken_back.rows_affected() > 0)
}

/// What a recipient can choose: a group of the project, and what keeps the recipient from its mail.
#[derive(Debug)]
pub struct Choice {
    /// The group.
    pub group: GroupCode,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Why the recipient gets no mail of it; nothing if that is not so.
    pub reason: Option<String>,
}

/// What a recipient can choose: the active groups of a project, and `named`, even if it was deleted, in the order of
/// their names.
pub async fn choices(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    named: &GroupCode,
    address: &str,
) -> sqlx::Result<Vec<Choice>> {
    sqlx::query_as!(
        Choice,
        r#"
        SELECT suppression_groups.group_id AS "group: GroupCode", name, description,
               (SELECT reason
                FROM suppressions
                WHERE suppressions.project_id = $1 AND address = $3
                  AND suppressions.group_id = suppression_groups.group_id) AS reason
        FROM suppression_groups
        WHERE project_id = $1 AND ((active AND deleted_at IS NULL) OR suppression_groups.group_id = $2)
        ORDER BY lower(name), id
        "#,
        project as _,
        named.as_str(),
        address,
    )
    .fetch_all(db)
    .await
}

/// Why an address gets no mail of a project at all; nothing if it does.
pub async fn reason(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    address: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT reason FROM suppressions WHERE project_id = $1 AND address = $2 AND group_id = $3",
        project as _,
        address,
        GroupCode::GLOBAL,
    )
    .fetch_optional(db)
    .await
}

/// What keeps these addresses from all mail of a project: the entry, and the mail that it came of, if it was one. The
/// addresses are in the form in which they are compared.
pub async fn of_addresses(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    addresses: &[String],
) -> sqlx::Result<Vec<(Suppression, Option<MailId>)>> {
    let found = sqlx::query!(
        r#"
        SELECT entry.id AS "id: SuppressionId", entry.address, group_id, reason, mail_id AS "mail: MailId", created_at,
               updated_at
        FROM UNNEST($2::text[]) AS given (address)
        CROSS JOIN LATERAL (
            SELECT *
            FROM suppressions
            WHERE project_id = $1 AND address = given.address AND group_id = $3
            OFFSET 0
        ) AS entry
        "#,
        project as _,
        addresses,
        GroupCode::GLOBAL,
    )
    .fetch_all(db)
    .await?;
    let entries = found.into_iter().map(|row| {
        let entry = Suppression {
            id: row.id,
            address: row.address,
            group: row.group_id,
            reason: row.reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        (entry, row.mail)
    });
    Ok(entries.collect())
}
