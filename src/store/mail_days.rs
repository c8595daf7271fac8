//! The tables `mail_days`, `mail_backlogs` and `mail_changes`: recipients by day and by what became of their mail.
//!
//! Statements that store and record mail add rows to `mail_changes` in their own commit. Whoever reads adds them to what
//! was added up before, in one statement, so that the sum is exact at every moment.

use chrono::NaiveDate;
use sqlx::PgExecutor;

use crate::domain::id::ProjectId;

/// Recipients on one day by what became of their mail on it.
#[derive(Clone, Copy, Debug)]
pub struct DayOfMail {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// Whose mail was accepted.
    pub accepted: i64,
    /// Whose mail the relay took.
    pub delivered: i64,
    /// Whose mail went into the capture mailbox.
    pub captured: i64,
    /// Whose mail was refused for good.
    pub bounced: i64,
    /// Who will not get it for another reason.
    pub failed: i64,
}

/// The days of some projects from one on, oldest first, without those on which nothing happened.
pub async fn list(
    db: impl PgExecutor<'_>,
    projects: &[ProjectId],
    from: NaiveDate,
) -> sqlx::Result<Vec<DayOfMail>> {
    sqlx::query_as!(
        DayOfMail,
        r#"
        SELECT day AS "day!", sum(accepted)::bigint AS "accepted!", sum(delivered)::bigint AS "delivered!",
               sum(captured)::bigint AS "captured!", sum(bounced)::bigint AS "bounced!", sum(failed)::bigint AS "failed!"
        FROM (
            SELECT day, accepted, delivered, captured, bounced, failed
            FROM mail_days
            WHERE project_id = ANY ($1) AND day >= $2
            UNION ALL
            SELECT day, accepted, delivered, captured, bounced, failed
            FROM mail_changes
            WHERE project_id = ANY ($1) AND day >= $2
        ) AS counted
        GROUP BY day
        ORDER BY day
        "#,
        projects as _,
        from,
    )
    .fetch_all(db)
    .await
}

/// Recipients whose mail is not there yet.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Still to be served.
    pub pending: i64,
    /// Waiting for a person's decision.
    pub held: i64,
}

/// How many recipients of some projects wait now.
pub async fn backlog(db: impl PgExecutor<'_>, projects: &[ProjectId]) -> sqlx::Result<Backlog> {
    sqlx::query_as!(
        Backlog,
        r#"
        SELECT coalesce(sum(pending), 0)::bigint AS "pending!", coalesce(sum(held), 0)::bigint AS "held!"
        FROM (
            SELECT pending, held FROM mail_backlogs WHERE project_id = ANY ($1)
            UNION ALL
            SELECT accepted - delivered - captured - bounced - failed - held, held
            FROM mail_changes
            WHERE project_id = ANY ($1)
        ) AS counted
        "#,
        projects as _,
    )
    .fetch_one(db)
    .await
}

/// Adds up what was left in `mail_changes`. In the order of the rows, so that two nodes never wait for each other.
pub async fn add_up(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        WITH change AS (
            DELETE FROM mail_changes RETURNING *
        ),
        on_days AS (
            INSERT INTO mail_days (project_id, day, accepted, delivered, captured, bounced, failed)
            SELECT project_id, day, sum(accepted), sum(delivered), sum(captured), sum(bounced), sum(failed)
            FROM change
            GROUP BY project_id, day
            ORDER BY project_id, day
            ON CONFLICT (project_id, day) DO UPDATE
            SET accepted = mail_days.accepted + EXCLUDED.accepted,
                delivered = mail_days.delivered + EXCLUDED.delivered,
                captured = mail_days.captured + EXCLUDED.captured,
                bounced = mail_days.bounced + EXCLUDED.bounced,
                failed = mail_days.failed + EXCLUDED.failed
        )
        INSERT INTO mail_backlogs (project_id, pending, held)
        SELECT project_id, sum(accepted - delivered - captured - bounced - failed - held), sum(held)
        FROM change
        GROUP BY project_id
        ORDER BY project_id
        ON CONFLICT (project_id) DO UPDATE
        SET pending = mail_backlogs.pending + EXCLUDED.pending, held = mail_backlogs.held + EXCLUDED.held
        "#,
    )
    .execute(db)
    .await
    .map(drop)
}
