//! What other mail systems report about mail that had left us: across `mails`, `events`, `suppressions` and what webhooks
//! are told.
//!
//! Events that come from reports have the attempt zero; those of the same kinds that come from attempts never do.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::delivery::Reply;
use crate::domain::id::{EventId, MailId, ProjectId};

/// Events of one recipient that say "not yet": past that nothing new is learnt, and whoever reports may do so for ever.
const MOST_DELAYS: i64 = 10;

/// What is asked of a mail that a report is about.
#[derive(Debug)]
pub struct ReportedMail {
    /// The owner; nil for our own mails.
    pub project: ProjectId,
    /// The first recipient, as addresses are compared.
    pub to_address: String,
}

/// The mail that a report names, whosever it is: who asks has shown that it was sent.
pub async fn reported_mail(
    db: impl PgExecutor<'_>,
    id: MailId,
) -> sqlx::Result<Option<ReportedMail>> {
    sqlx::query_as!(
        ReportedMail,
        r#"SELECT project_id AS "project: ProjectId", to_address FROM mails WHERE id = $1"#,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// What is to be written down of one report.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The owner of the mail.
    pub project: ProjectId,
    /// The mail.
    pub mail: MailId,
    /// The recipient's place.
    pub position: i16,
    /// `bounced`, `deferred` or `complained`.
    pub event: &'static str,
    /// The types that webhooks are told of it.
    pub told: Vec<&'static str>,
    /// What the other side said.
    pub reply: &'a Reply,
    /// The address to suppress from now on, and why.
    pub suppress: Option<(&'a str, &'static str)>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Whether the delivery is not over yet, as far as we know: nothing was written then.
    pub under_way: bool,
    /// Whether an event was written: not when the same was known before.
    pub noted: bool,
    /// Whether the address was suppressed by this, and not before.
    pub suppressed: bool,
}

/// Writes down what a report says: mail, history, what webhooks are told, counts and suppression, in one statement. The
/// caller holds the mail's decision (see [`super::deliveries::decisions::lock_decision`]), so that the same report twice
/// is seen.
pub async fn record(db: impl PgExecutor<'_>, entry: &Entry<'_>) -> sqlx::Result<Recorded> {
    let (address, reason) = entry.suppress.unzip();
    sqlx::query_as!(
        Recorded,
        r#"
        WITH history AS MATERIALIZED (
            SELECT type, attempt, reply, at, id, attempt = 0 AND type IN ('bounced', 'deferred', 'complained') AS reported
            FROM events
            WHERE mail_id = $2 AND position = $3
        ),
        latest AS MATERIALIZED (
            SELECT type, at FROM history WHERE NOT reported ORDER BY at DESC, id DESC LIMIT 1
        ),
        state AS MATERIALIZED (
            SELECT CASE
                       WHEN EXISTS (SELECT FROM deliveries WHERE project_id = $1 AND mail_id = $2 AND position = $3)
                           THEN 'under_way'
                       WHEN EXISTS (SELECT FROM history WHERE reported AND type = 'bounced') THEN 'over'
                       WHEN (SELECT type FROM latest) = 'sent' THEN 'sent'
                       WHEN (SELECT type FROM latest) = 'ambiguous' AND on_ambiguous = 'hold' AND held > 0 THEN 'held'
                       ELSE 'over'
                   END AS state
            FROM mails
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        ),
        news AS MATERIALIZED (
            SELECT state
            FROM state
            WHERE CASE $5
                      WHEN 'bounced' THEN state IN ('sent', 'held')
                      WHEN 'complained' THEN
                          state = 'sent' AND NOT EXISTS (SELECT FROM history WHERE reported AND type = 'complained')
                      ELSE state = 'sent'
                          AND NOT EXISTS (SELECT FROM history WHERE reported AND type = $5 AND reply = $6)
                          AND (SELECT count(*) FROM history WHERE reported AND type = $5) < $10
                  END
        ),
        updated AS (
            UPDATE mails
            SET sent = mails.sent - (news.state = 'sent')::integer,
                held = mails.held - (news.state = 'held')::integer,
                failed = mails.failed + 1,
                status = CASE
                    WHEN mails.pending > 0 THEN mails.status
                    WHEN mails.held > (news.state = 'held')::integer THEN 'held'
                    WHEN mails.sent > (news.state = 'sent')::integer THEN 'partially_sent'
                    ELSE 'bounced'
                END
            FROM news
            WHERE mails.project_id IS NOT DISTINCT FROM $1 AND mails.id = $2 AND $5 = 'bounced'
        ),
        written AS (
            INSERT INTO events (id, mail_id, position, type, reply, at, project_id)
            SELECT $4, $2, $3, $5, $6, clock_timestamp(), CASE WHEN $5 <> 'deferred' THEN $1 END
            FROM news
        ),
        told AS (
            INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, due_at)
            SELECT $1, webhooks.id, told.type, $4, $2, now()
            FROM webhooks
            JOIN UNNEST($7::text[]) AS told (type) ON told.type = ANY (events)
            WHERE project_id = $1 AND active AND EXISTS (SELECT FROM news)
        ),
        -- It comes off the day on which it was counted as delivered, and bounces today.
        uncounted AS (
            INSERT INTO mail_changes (project_id, day, delivered, held)
            SELECT $1, (at AT TIME ZONE 'UTC')::date, -(state = 'sent')::integer, -(state = 'held')::integer
            FROM news, latest
            WHERE $5 = 'bounced'
        ),
        counted AS (
            INSERT INTO mail_changes (project_id, bounced) SELECT $1, 1 FROM news WHERE $5 = 'bounced'
        ),
        suppressed AS (
            INSERT INTO suppressions (project_id, address, reason, mail_id)
            SELECT $1, $8, $9, $2 FROM state WHERE state <> 'under_way' AND $8::text IS NOT NULL
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT coalesce((SELECT state FROM state) = 'under_way', false) AS "under_way!",
               EXISTS (SELECT FROM news) AS "noted!", EXISTS (SELECT FROM suppressed) AS "suppressed!"
        "#,
        entry.project as _,
        entry.mail as _,
        entry.position,
        EventId::generate() as _,
        entry.event,
        Json(entry.reply) as _,
        &entry.told as _,
        address,
        reason,
        MOST_DELAYS,
    )
    .fetch_one(db)
    .await
}
