//! Lists of suppressions, and how long they are.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{ProjectId, SuppressionId};
use crate::domain::suppression::{GroupCode, Reason, Suppression};

/// How many entries a search by a piece of an address looks at, newest first.
const LOOKED_AT: i64 = 100_000;

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
        self.id.map_or(first, |id| id.max(first))
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

/// Defines lists and counts of entries: each narrows by what its own index, and no other, is in order of, and then by the
/// rest. Entries of deleted groups are kept, and not shown.
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
