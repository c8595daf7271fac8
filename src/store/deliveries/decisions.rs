//! What people decide about deliveries: to try again now, or not any more.
//!
//! A held delivery has left the queue. It is known by the last thing that happened to its recipient: an attempt of which
//! nobody knows how it ended, in a mail that asked to be held then.

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{DeliveryId, EventId, MailId, ProjectId};
use crate::domain::record::OF_RECIPIENTS;

/// The most recipients of a mail: so many ids are made for what a statement may write.
const RECIPIENTS: usize = crate::domain::mail::Content::MAX_RECIPIENTS;

/// Lets nobody else decide about the mail until the transaction ends. The mail's own row is locked last, as by those
/// who record attempts.
pub async fn lock_decision(db: impl PgExecutor<'_>, mail: MailId) -> sqlx::Result<()> {
    let (high, low) = mail.as_uuid().as_u64_pair();
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", (high ^ low).cast_signed())
        .execute(db)
        .await
        .map(drop)
}

/// A delivery in the queue that is locked against every change.
#[derive(Debug)]
pub struct Locked {
    /// The delivery.
    pub id: DeliveryId,
    /// The lease of whoever works on it.
    pub lease_token: Option<Uuid>,
}

/// Locks the deliveries of a mail as they are after any wait, in order, until the transaction ends: nobody claims one
/// or records an attempt meanwhile.
pub async fn lock_of_mail(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<Vec<Locked>> {
    sqlx::query_as!(
        Locked,
        r#"
        SELECT id AS "id: DeliveryId", lease_token
        FROM deliveries
        WHERE project_id = $1 AND mail_id = $2
        ORDER BY id
        FOR UPDATE
        "#,
        project as _,
        mail as _,
    )
    .fetch_all(db)
    .await
}

/// How many deliveries a decision changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Those that were held.
    pub held: i64,
    /// Those that were in the queue, where nobody worked on them.
    pub waiting: i64,
}

/// Puts held deliveries back into the queue, due now, and brings forward those that wait for a later attempt.
pub async fn retry(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<Decided> {
    let deliveries: Vec<DeliveryId> = (0..RECIPIENTS).map(|_| DeliveryId::generate()).collect();
    let events: Vec<EventId> = (0..RECIPIENTS).map(|_| EventId::generate()).collect();
    sqlx::query_as!(
        Decided,
        r#"
        WITH latest AS (
            SELECT DISTINCT ON (position) position, type, attempt, reply
            FROM events
            WHERE mail_id = $2 AND position IS NOT NULL AND type <> ALL ($5)
            ORDER BY position, at DESC, id DESC
        ),
        held AS MATERIALIZED (
            SELECT position, attempt, reply, row_number() OVER (ORDER BY position) AS place
            FROM latest
            WHERE type = 'ambiguous'
              AND (SELECT on_ambiguous FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2) = 'hold'
              AND NOT EXISTS (SELECT FROM deliveries
                              WHERE project_id = $1 AND mail_id = $2 AND deliveries.position = latest.position)
        ),
        requeued AS (
            INSERT INTO deliveries (id, project_id, mail_id, position, hold, attempts, due_at, retried_at, last_reply)
            SELECT new.id, $1, $2, position, true, attempt, now(), now(), reply
            FROM held
            JOIN UNNEST($3::uuid[]) WITH ORDINALITY AS new (id, place) ON new.place = held.place
            RETURNING position, attempts
        ),
        -- By the clock of this moment: the transaction may have begun before another decision that it waited for.
        hastened AS (
            UPDATE deliveries
            SET due_at = now()
            WHERE project_id = $1 AND mail_id = $2 AND lease_token IS NULL AND NOT cancelled
              AND due_at > clock_timestamp()
              -- What is scheduled is sent earlier by another schedule.
              AND (SELECT status FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2) <> 'scheduled'
            RETURNING position, attempts
        ),
        tally AS MATERIALIZED (
            SELECT (SELECT count(*) FROM requeued)::smallint AS held, (SELECT count(*) FROM hastened)::smallint AS waiting
        ),
        updated AS (
            UPDATE mails
            SET pending = mails.pending + tally.held,
                held = mails.held - tally.held,
                status = CASE WHEN mails.status = 'held' THEN 'queued' ELSE mails.status END
            FROM tally
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND tally.held > 0
        ),
        history AS (
            INSERT INTO events (id, mail_id, position, type, attempt, at)
            SELECT new.id, $2, position, 'retried', attempts, clock_timestamp()
            FROM (
                SELECT position, attempts, row_number() OVER (ORDER BY position) AS place
                FROM (SELECT * FROM requeued UNION ALL SELECT * FROM hastened) AS due
            ) AS due
            JOIN UNNEST($4::uuid[]) WITH ORDINALITY AS new (id, place) ON new.place = due.place
        ),
        counted AS (
            INSERT INTO mail_changes (project_id, held)
            SELECT $1, -held FROM tally WHERE held > 0
        )
        SELECT held::bigint AS "held!", waiting::bigint AS "waiting!" FROM tally
        "#,
        project as _,
        mail as _,
        deliveries as _,
        events as _,
        OF_RECIPIENTS.as_slice() as _,
    )
    .fetch_one(db)
    .await
}

/// Gives a mail that is scheduled, and of which no recipient is being served, another time at which it is due; whether it
/// is such a mail.
pub async fn reschedule(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let moved = sqlx::query_scalar!(
        r#"
        WITH scheduled AS (
            SELECT id
            FROM mails
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND status = 'scheduled'
              AND NOT EXISTS (SELECT FROM deliveries
                              WHERE project_id = $1 AND mail_id = $2 AND (lease_token IS NOT NULL OR cancelled))
        ),
        moved AS (
            UPDATE deliveries
            SET due_at = $3
            WHERE project_id = $1 AND mail_id = $2 AND EXISTS (SELECT FROM scheduled)
            RETURNING 1
        ),
        noted AS (
            UPDATE mails
            SET details = jsonb_set(details, '{scheduledAt}', to_jsonb($4::text))
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND EXISTS (SELECT FROM moved)
        )
        SELECT count(*) > 0 AS "moved!" FROM moved
        "#,
        project as _,
        mail as _,
        at,
        at.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
    .fetch_one(db)
    .await?;
    Ok(moved)
}

/// Ends deliveries that wait or are held, and those of `withdrawn`, whose leases nobody will use. Attempts that are
/// being made may come to an end, and no other follows. `only` narrows it to some recipients, by their places.
pub async fn cancel(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    withdrawn: &[DeliveryId],
    only: Option<&[i16]>,
) -> sqlx::Result<Decided> {
    let events: Vec<EventId> = (0..RECIPIENTS).map(|_| EventId::generate()).collect();
    sqlx::query_as!(
        Decided,
        r#"
        WITH ended AS (
            DELETE FROM deliveries
            WHERE project_id = $1 AND mail_id = $2 AND (lease_token IS NULL OR id = ANY ($3))
              AND ($5::smallint[] IS NULL OR position = ANY ($5))
            RETURNING position, attempts - (lease_token IS NOT NULL)::integer AS attempt
        ),
        stopping AS (
            UPDATE deliveries
            SET cancelled = true
            WHERE project_id = $1 AND mail_id = $2 AND lease_token IS NOT NULL AND id <> ALL ($3)
              AND ($5::smallint[] IS NULL OR position = ANY ($5))
        ),
        latest AS (
            SELECT DISTINCT ON (position) position, type, attempt
            FROM events
            WHERE mail_id = $2 AND position IS NOT NULL AND type <> ALL ($6)
            ORDER BY position, at DESC, id DESC
        ),
        held AS MATERIALIZED (
            SELECT position, attempt
            FROM latest
            WHERE type = 'ambiguous' AND ($5::smallint[] IS NULL OR position = ANY ($5))
              AND (SELECT on_ambiguous FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2) = 'hold'
              AND NOT EXISTS (SELECT FROM deliveries
                              WHERE project_id = $1 AND mail_id = $2 AND deliveries.position = latest.position)
        ),
        tally AS MATERIALIZED (
            SELECT (SELECT count(*) FROM held)::smallint AS held, (SELECT count(*) FROM ended)::smallint AS waiting
        ),
        updated AS (
            UPDATE mails
            SET pending = mails.pending - tally.waiting,
                held = mails.held - tally.held,
                failed = mails.failed + tally.waiting + tally.held,
                status = CASE
                    WHEN mails.pending > tally.waiting THEN mails.status
                    WHEN mails.held > tally.held THEN 'held'
                    WHEN mails.sent > 0 THEN 'partially_sent'
                    ELSE 'cancelled'
                END
            FROM tally
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND tally.waiting + tally.held > 0
        ),
        history AS (
            INSERT INTO events (id, mail_id, position, type, attempt, at, project_id)
            SELECT new.id, $2, position, 'cancelled', attempt, clock_timestamp(), $1
            FROM (
                SELECT position, attempt, row_number() OVER (ORDER BY position) AS place
                FROM (SELECT * FROM ended UNION ALL SELECT * FROM held) AS over
            ) AS over
            JOIN UNNEST($4::uuid[]) WITH ORDINALITY AS new (id, place) ON new.place = over.place
        ),
        counted AS (
            INSERT INTO mail_changes (project_id, failed, held)
            SELECT $1, waiting + held, -held FROM tally WHERE waiting + held > 0
        )
        SELECT held::bigint AS "held!", waiting::bigint AS "waiting!" FROM tally
        "#,
        project as _,
        mail as _,
        withdrawn as _,
        events as _,
        only,
        OF_RECIPIENTS.as_slice() as _,
    )
    .fetch_one(db)
    .await
}
