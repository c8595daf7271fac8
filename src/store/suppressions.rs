//! The table `suppressions`: who gets no mail.
//!
//! `mails::accept` and `deliveries::late::obstacles` look into it; `deliveries::record` and `bounces::record` add to it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{MailId, ProjectId, SuppressionId};
use crate::domain::suppression::{GroupCode, Reason, Suppression};

/// How many entries a search by a piece of an address looks at, newest first.
const LOOKED_AT: i64 = 100_000;

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

/// What a list of entries is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this group.
    pub group: Option<GroupCode>,
    /// Only those with this reason.
    pub reason: Option<Reason>,
    /// Only this address, in the form in which addresses are compared.
    pub address: Option<String>,
    /// Only addresses that have this in them, in lower case.
    pub part: Option<String>,
    /// Only those made at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Only those made at this time or earlier.
    pub to: Option<DateTime<Utc>>,
    /// Only those before this one, in the order newest first.
    pub before: Option<SuppressionId>,
    /// Only those newer than this one.
    pub newer_than: Option<SuppressionId>,
    /// Only this one.
    pub id: Option<SuppressionId>,
}

/// Which part of a list, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// How many are passed over.
    pub skipped: i64,
    /// How many are wanted at most.
    pub limit: i64,
}

/// Defines lists and counts of entries: each narrows by what its own index, and no other, is in order of, and
/// then by the rest. Entries of
/// deleted groups are kept, and not shown.
macro_rules! lists {
    ($($list:ident, $count:ident: $narrowed:literal),+ $(,)?) => {
        $(
            async fn $list(
                db: impl PgExecutor<'_>,
                project: ProjectId,
                filter: &Filter,
                stretch: Stretch,
            ) -> sqlx::Result<Vec<Suppression>> {
                sqlx::query_as!(
                    Suppression,
                    r#"
                    SELECT id AS "id!: SuppressionId", address AS "address!", group_id AS "group!", reason AS "reason!",
                           created_at AS "created_at!", updated_at AS "updated_at!"
                    FROM (
                        SELECT *
                        FROM suppressions
                        WHERE "# + $narrowed + r#"
                          AND id >= $4 AND id <= $5
                          AND group_id <> ALL (ARRAY(SELECT group_id FROM suppression_groups
                                                     WHERE project_id = $1 AND deleted_at IS NOT NULL))
                          AND created_at >= coalesce($6, '-infinity'::timestamptz)
                          AND created_at <= coalesce($7, 'infinity'::timestamptz)
                          AND reason = coalesce($8, reason)
                        ORDER BY id DESC
                        LIMIT $10
                    ) AS entry
                    WHERE address = coalesce($2, address) AND group_id = coalesce($3, group_id)
                      AND position(coalesce($9, '') IN address) > 0
                    ORDER BY id DESC
                    OFFSET $11
                    LIMIT $12
                    "#,
                    project as _,
                    filter.address,
                    filter.group.as_ref().map(GroupCode::as_str),
                    filter.first() as _,
                    filter.last() as _,
                    filter.from,
                    filter.to,
                    filter.reason.map(Reason::as_str),
                    filter.part,
                    filter.looked_at(),
                    stretch.skipped,
                    stretch.limit,
                )
                .fetch_all(db)
                .await
            }

            async fn $count(
                db: impl PgExecutor<'_>,
                project: ProjectId,
                filter: &Filter,
            ) -> sqlx::Result<i64> {
                sqlx::query_scalar!(
                    r#"
                    SELECT count(*) AS "count!"
                    FROM (
                        SELECT *
                        FROM suppressions
                        WHERE "# + $narrowed + r#"
                          AND id >= $4 AND id <= $5
                          AND group_id <> ALL (ARRAY(SELECT group_id FROM suppression_groups
                                                     WHERE project_id = $1 AND deleted_at IS NOT NULL))
                          AND created_at >= coalesce($6, '-infinity'::timestamptz)
                          AND created_at <= coalesce($7, 'infinity'::timestamptz)
                          AND reason = coalesce($8, reason)
                        ORDER BY id DESC
                        LIMIT $10
                    ) AS entry
                    WHERE address = coalesce($2, address) AND group_id = coalesce($3, group_id)
                      AND position(coalesce($9, '') IN address) > 0
                    "#,
                    project as _,
                    filter.address,
                    filter.group.as_ref().map(GroupCode::as_str),
                    filter.first() as _,
                    filter.last() as _,
                    filter.from,
                    filter.to,
                    filter.reason.map(Reason::as_str),
                    filter.part,
                    filter.looked_at(),
                )
                .fetch_one(db)
                .await
            }
        )+
    };
}

lists! {
    of_project, count_of_project: "project_id::text = $1::uuid::text",
    of_group, count_of_group: "project_id::text || group_id = $1::uuid::text || $3",
    of_address, count_of_address: "project_id = $1 AND address = $2",
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

/// Entries of a project, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    filter: &Filter,
    stretch: Stretch,
) -> sqlx::Result<Vec<Suppression>> {
    match (&filter.address, &filter.group) {
        (Some(_), _) => of_address(db, project, filter, stretch).await,
        (None, Some(_)) => of_group(db, project, filter, stretch).await,
        (None, None) => of_project(db, project, filter, stretch).await,
    }
}

/// How many entries of a project there are. Of those that are looked for by a piece of their address, only the newest
/// 100 000 are looked at.
pub async fn count(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    filter: &Filter,
) -> sqlx::Result<i64> {
    match (&filter.address, &filter.group) {
        (Some(_), _) => count_of_address(db, project, filter).await,
        (None, Some(_)) => count_of_group(db, project, filter).await,
        (None, None) => count_of_project(db, project, filter).await,
    }
}

impl Filter {
    /// Where the entries of the time begin: their ids sort by it.
    fn first(&self) -> SuppressionId {
        let first = SuppressionId::first_at(self.from.unwrap_or(DateTime::UNIX_EPOCH));
        let newer = self.newer_than.map(|id| id.as_uuid().as_u128().saturating_add(1));
        let newer = newer.map(|id| SuppressionId::from(uuid::Uuid::from_u128(id)));
        [self.id, newer].into_iter().flatten().fold(first, SuppressionId::max)
    }

    /// Where they end. An id is made a little later than the beginning of its transaction.
    fn last(&self) -> SuppressionId {
        let end = self.to.and_then(|to| to.checked_add_signed(chrono::TimeDelta::minutes(10)));
        let last = end.map_or_else(|| uuid::Uuid::max().into(), SuppressionId::first_at);
        let older = self.before.map(|id| id.as_uuid().as_u128().saturating_sub(1));
        let older = older.map(|id| SuppressionId::from(uuid::Uuid::from_u128(id)));
        [self.id, older].into_iter().flatten().fold(last, SuppressionId::min)
    }

    fn looked_at(&self) -> i64 {
        if self.part.is_some() { LOOKED_AT } else { i64::MAX }
    }
}
