//! The table `deliveries`: the queue.
//!
//! A row stands for one recipient who is still to be served. Whoever works on it holds a lease: a token that every
//! later statement repeats, so that a worker who lost its lease changes nothing (a fencing token).
//!
//! Statements are planned while the tables are as good as empty, and those plans stay in use while the tables grow. So
//! whatever joins a table of ours is also held to the ids in question: then every plan reaches the rows by an index.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::delivery::Reply;
use crate::domain::id::{DeliveryId, MailId, ProjectId};
use crate::domain::record::PendingDelivery;

pub mod decisions;
pub mod late;
mod recording;

pub use self::recording::{Change, Step, record};

/// A delivery that the caller now holds the lease of.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are columns")]
pub struct Claimed {
    /// The delivery.
    pub id: DeliveryId,
    /// Its mail.
    pub mail: MailId,
    /// The recipient's place.
    pub position: i16,
    /// Whether it stops when the end of an attempt is not known.
    pub hold: bool,
    /// The attempt that this lease is for, counted from one.
    pub attempt: i16,
    /// Whether another lease ran out before this one: the end of that attempt is not known.
    pub abandoned: bool,
    /// Whether the abandoned attempt was written down as begun; only held deliveries are.
    pub begun: bool,
    /// How many leases have run out so far.
    pub times_abandoned: i16,
    /// When it had been due.
    pub due_at: DateTime<Utc>,
    /// Whether somebody asked to stop during the last attempt, so that there must be no other.
    pub cancelled: bool,
    /// When a person decided to try again what was held.
    pub retried_at: Option<DateTime<Utc>>,
}

/// Leases deliveries that are due, longest due first. A lease that has run out is due as well.
pub async fn claim(
    db: impl PgExecutor<'_>,
    token: Uuid,
    lease_seconds: f64,
    limit: i64,
) -> sqlx::Result<Vec<Claimed>> {
    sqlx::query_as!(
        Claimed,
        r#"
        WITH due AS (
            SELECT id, due_at AS was_due_at, lease_token IS NOT NULL AS abandoned, begun_at IS NOT NULL AS begun
            FROM deliveries
            WHERE due_at <= now()
            ORDER BY due_at
            LIMIT $3
            FOR UPDATE SKIP LOCKED
        )
        UPDATE deliveries
        SET attempts = attempts + 1, lease_token = $1, due_at = now() + make_interval(secs => $2),
            times_abandoned = times_abandoned + due.abandoned::integer
        FROM due
        WHERE deliveries.id = due.id AND deliveries.id = ANY (ARRAY(SELECT id FROM due))
        RETURNING deliveries.id AS "id: DeliveryId", mail_id AS "mail: MailId", position, hold, attempts AS attempt,
                  abandoned AS "abandoned!", begun AS "begun!", times_abandoned, was_due_at AS "due_at!", cancelled,
                  retried_at
        "#,
        token,
        lease_seconds,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Takes claims back, as if they had not been made: in the order in which they were due.
pub async fn unclaim(
    db: impl PgExecutor<'_>,
    token: Uuid,
    claims: &[(DeliveryId, DateTime<Utc>)],
) -> sqlx::Result<()> {
    let (ids, due): (Vec<DeliveryId>, Vec<DateTime<Utc>>) = claims.iter().copied().unzip();
    sqlx::query!(
        r#"
        UPDATE deliveries
        SET lease_token = NULL, due_at = claim.due_at, attempts = attempts - 1
        FROM UNNEST($1::uuid[], $2::timestamptz[]) AS claim (id, due_at)
        WHERE deliveries.id = claim.id AND deliveries.id = ANY ($1) AND lease_token = $3
        "#,
        ids as _,
        &due,
        token,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Lengthens leases, and says which of them were still held.
pub async fn renew(
    db: impl PgExecutor<'_>,
    held: &[(DeliveryId, Uuid)],
    lease_seconds: f64,
) -> sqlx::Result<Vec<DeliveryId>> {
    let (ids, tokens): (Vec<DeliveryId>, Vec<Uuid>) = held.iter().copied().unzip();
    sqlx::query_scalar!(
        r#"
        UPDATE deliveries
        SET due_at = now() + make_interval(secs => $3)
        FROM UNNEST($1::uuid[], $2::uuid[]) AS held (id, token)
        WHERE deliveries.id = held.id AND deliveries.id = ANY ($1) AND lease_token = held.token
        RETURNING deliveries.id AS "id: DeliveryId"
        "#,
        ids as _,
        &tokens,
        lease_seconds,
    )
    .fetch_all(db)
    .await
}

/// Writes down that an attempt goes onto the wire; `false` if the lease was lost, and then it must not.
pub async fn begin(db: impl PgExecutor<'_>, id: DeliveryId, token: Uuid) -> sqlx::Result<bool> {
    let begun = sqlx::query!(
        "UPDATE deliveries SET begun_at = now() WHERE id = $1 AND lease_token = $2",
        id as _,
        token,
    )
    .execute(db)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// The deliveries of a mail that are still to be made.
pub async fn of_mail(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<Vec<PendingDelivery>> {
    let rows = sqlx::query!(
        r#"
        SELECT position, attempts, due_at, lease_token IS NOT NULL AS "leased!", cancelled,
               last_reply AS "last_reply: Json<Reply>"
        FROM deliveries
        WHERE project_id = $1 AND mail_id = $2
        ORDER BY position
        "#,
        project as _,
        mail as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PendingDelivery {
            position: row.position,
            attempts: row.attempts,
            due_at: row.due_at,
            leased: row.leased,
            cancelled: row.cancelled,
            last_reply: row.last_reply.map(|Json(reply)| reply),
        })
        .collect())
}

/// How many deliveries wait, counted up to `limit`, and since when the oldest has been due. What is scheduled for later
/// waits for nothing but its time, and does not count.
pub async fn backlog(
    db: impl PgExecutor<'_>,
    limit: i64,
) -> sqlx::Result<(i64, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) AS "waiting!", min(due_at) AS oldest
        FROM (
            SELECT due_at, attempts, lease_token
            FROM deliveries
            -- Longer than any attempt waits for the next one.
            WHERE due_at <= now() + interval '2 hours'
            ORDER BY due_at
            LIMIT $1
        ) AS waiting
        WHERE due_at <= now() OR attempts > 0 OR lease_token IS NOT NULL
        "#,
        limit,
    )
    .fetch_one(db)
    .await?;
    Ok((row.waiting, row.oldest))
}

/// Gives leases back whose attempts never began, so that others may claim them at once.
pub async fn release(db: impl PgExecutor<'_>, held: &[(DeliveryId, Uuid)]) -> sqlx::Result<()> {
    let (ids, tokens): (Vec<DeliveryId>, Vec<Uuid>) = held.iter().copied().unzip();
    sqlx::query!(
        r#"
        UPDATE deliveries
        SET lease_token = NULL, due_at = now(), attempts = attempts - 1
        FROM UNNEST($1::uuid[], $2::uuid[]) AS held (id, token)
        WHERE deliveries.id = held.id AND deliveries.id = ANY ($1) AND lease_token = held.token
        "#,
        ids as _,
        &tokens,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Gives back whatever of these mails was leased under a token, before any attempt.
pub async fn release_token(
    db: impl PgExecutor<'_>,
    mails: &[(ProjectId, MailId)],
    token: Uuid,
) -> sqlx::Result<()> {
    let (projects, mails): (Vec<ProjectId>, Vec<MailId>) = mails.iter().copied().unzip();
    sqlx::query!(
        r#"
        UPDATE deliveries
        SET lease_token = NULL, due_at = now(), attempts = attempts - 1
        WHERE project_id = ANY ($1) AND mail_id = ANY ($2) AND lease_token = $3
        "#,
        projects as _,
        mails as _,
        token,
    )
    .execute(db)
    .await
    .map(drop)
}
