//! What an attempt changes, in one statement for many.

use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::delivery::Reply;
use crate::domain::id::{DeliveryId, EventId};
use crate::store::webhook_deliveries;

/// Where a delivery goes from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is over: the recipient's mail was taken.
    Sent,
    /// It is over: the recipient will not get it.
    Failed,
    /// It waits for a person's decision, and leaves the queue.
    Held,
    /// It is tried again after the delay.
    Later,
    /// It is tried again after the delay, and the attempt does not count.
    NotBegun,
    /// It goes on under the same lease: only the event is written.
    Continues,
}

/// What one attempt changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// The delivery.
    pub id: DeliveryId,
    /// The lease under which the attempt was made.
    pub token: Uuid,
    /// The attempt, counted from one.
    pub attempt: i16,
    /// Where the delivery goes from here.
    pub step: Step,
    /// The state that the mail takes if this was its last delivery, or at once for [`Step::Later`].
    pub mail_status: &'static str,
    /// Seconds until the next attempt.
    pub delay_seconds: f64,
    /// The event to write, if any.
    pub event: Option<&'static str>,
    /// What the other side said.
    pub reply: Option<Reply>,
    /// The address to suppress from now on.
    pub suppress: Option<String>,
}

impl Change {
    /// The end of a delivery under a lease, whose state its mail takes and which is told under the same name.
    pub fn ended(
        id: DeliveryId,
        token: Uuid,
        attempt: i16,
        how: &'static str,
        reply: Option<Reply>,
    ) -> Self {
        Self {
            id,
            token,
            attempt,
            step: Step::Failed,
            mail_status: how,
            delay_seconds: 0.0,
            event: Some(how),
            reply,
            suppress: None,
        }
    }
}

/// Records what attempts came to: queue, mail, history, what webhooks are told, and suppressions, in one statement. Answers the
/// deliveries whose lease still held; of the others nothing was changed.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn record(db: impl PgExecutor<'_>, changes: &[Change]) -> sqlx::Result<Vec<DeliveryId>> {
    let ids: Vec<DeliveryId> = changes.iter().map(|change| change.id).collect();
    let tokens: Vec<Uuid> = changes.iter().map(|change| change.token).collect();
    let attempts: Vec<i16> = changes.iter().map(|change| change.attempt).collect();
    let steps: Vec<&str> = changes.iter().map(|change| change.step.as_str()).collect();
    let statuses: Vec<&str> = changes.iter().map(|change| change.mail_status).collect();
    let delays: Vec<f64> = changes.iter().map(|change| change.delay_seconds).collect();
    let event_ids: Vec<EventId> = changes.iter().map(|_| EventId::generate()).collect();
    let events: Vec<Option<&str>> = changes.iter().map(|change| change.event).collect();
    let replies: Vec<Option<Json<&Reply>>> =
        changes.iter().map(|change| change.reply.as_ref().map(Json)).collect();
    let suppress: Vec<Option<&str>> =
        changes.iter().map(|change| change.suppress.as_deref()).collect();
    let (told_kinds, told_types) = webhook_deliveries::told();

    sqlx::query_scalar!(
        r#"
        WITH change AS (
            SELECT *
            FROM UNNEST(
                $1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::double precision[], $7::uuid[],
                $8::text[], $9::jsonb[], $10::text[]
            ) AS change (
                id, token, attempt, step, mail_status, delay, event_id, event, reply, suppress
            )
        ),
        finished AS (
            DELETE FROM deliveries
            USING change
            WHERE deliveries.id = change.id AND deliveries.id = ANY ($1) AND lease_token = token
              AND step IN ('sent', 'failed', 'held')
            RETURNING deliveries.id, project_id, mail_id, position
        ),
        kept AS (
            UPDATE deliveries
            SET lease_token = CASE WHEN step = 'continues' THEN lease_token END,
                begun_at = NULL,
                due_at = CASE
                    WHEN step = 'continues' THEN due_at
                    -- Whoever claims it next ends it.
                    WHEN cancelled THEN now()
                    ELSE now() + make_interval(secs => delay)
                END,
                attempts = attempts - (step = 'not_begun')::integer,
                last_reply = coalesce(change.reply, last_reply)
            FROM change
            WHERE deliveries.id = change.id AND deliveries.id = ANY ($1) AND lease_token = token
              AND step IN ('later', 'not_begun', 'continues')
            RETURNING deliveries.id, project_id, mail_id, position
        ),
        done AS MATERIALIZED (
            SELECT change.*, touched.project_id, touched.mail_id, touched.position
            FROM change
            JOIN (SELECT * FROM finished UNION ALL SELECT * FROM kept) AS touched ON touched.id = change.id
        ),
        tally AS (
            SELECT mail_id,
                   count(*) FILTER (WHERE step = 'sent') AS sent,
                   count(*) FILTER (WHERE step = 'failed') AS failed,
                   count(*) FILTER (WHERE step = 'held') AS held,
                   max(mail_status) FILTER (WHERE step = 'sent') AS sent_status,
                   max(mail_status) FILTER (WHERE step = 'failed') AS failed_status
            FROM done
            WHERE step <> 'continues'
            GROUP BY mail_id
        ),
        updated AS (
            UPDATE mails
            SET pending = mails.pending - (tally.sent + tally.failed + tally.held),
                sent = mails.sent + tally.sent,
                failed = mails.failed + tally.failed,
                held = mails.held + tally.held,
                status = CASE
                    WHEN mails.pending > tally.sent + tally.failed + tally.held
                        THEN CASE
                            WHEN tally.sent + tally.failed + tally.held = 0 THEN 'deferred'
                            WHEN mails.status = 'scheduled' THEN 'queued'
                            ELSE mails.status
                        END
                    WHEN mails.held + tally.held > 0 THEN 'held'
                    WHEN mails.sent + tally.sent > 0 AND mails.failed + tally.failed > 0 THEN 'partially_sent'
                    WHEN mails.sent + tally.sent > 0
                        THEN coalesce(tally.sent_status, CASE WHEN test THEN 'captured' ELSE 'sent' END)
                    ELSE coalesce(tally.failed_status, 'failed')
                END
            FROM tally
            WHERE mails.id = tally.mail_id AND mails.id = ANY (ARRAY(SELECT mail_id FROM tally))
        ),
        history AS (
            INSERT INTO events (id, mail_id, position, type, attempt, reply, project_id)
            SELECT event_id, mail_id, position, event, attempt, reply,
                   CASE WHEN event NOT IN ('sent', 'deferred') THEN project_id END
            FROM done
            WHERE event IS NOT NULL
        ),
        -- Found first, so that a project without webhooks costs a look into an index.
        subscriber AS MATERIALIZED (
            SELECT DISTINCT project_id
            FROM webhooks
            WHERE project_id = ANY (ARRAY(SELECT project_id FROM done)) AND active
        ),
        told AS (
            INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, due_at)
            SELECT done.project_id, subscription.id, subscription.type, event_id, mail_id, now()
            FROM done
            CROSS JOIN LATERAL (
                SELECT webhooks.id, told.type
                FROM webhooks
                JOIN UNNEST($11::text[], $12::text[]) AS told (event, type)
                  ON told.event = done.event AND told.type = ANY (events)
                WHERE project_id = done.project_id AND active
                OFFSET 0
            ) AS subscription
            WHERE event IS NOT NULL AND project_id = ANY (ARRAY(SELECT project_id FROM subscriber))
        ),
        counted AS (
            INSERT INTO mail_changes (project_id, delivered, captured, bounced, failed, held)
            SELECT project_id,
                   count(*) FILTER (WHERE step = 'sent' AND mail_status = 'sent'),
                   count(*) FILTER (WHERE step = 'sent' AND mail_status <> 'sent'),
                   count(*) FILTER (WHERE step = 'failed' AND mail_status = 'bounced'),
                   count(*) FILTER (WHERE step = 'failed' AND mail_status <> 'bounced'),
                   count(*) FILTER (WHERE step = 'held')
            FROM done
            WHERE step IN ('sent', 'failed', 'held')
            GROUP BY project_id
        ),
        suppressed AS (
            INSERT INTO suppressions (project_id, address, reason, mail_id)
            SELECT project_id, suppress, 'bounce', mail_id
            FROM done
            WHERE suppress IS NOT NULL
            ORDER BY project_id, suppress
            ON CONFLICT DO NOTHING
        )
        SELECT id AS "id!: DeliveryId" FROM done
        "#,
        ids as _,
        &tokens,
        &attempts,
        steps as _,
        statuses as _,
        &delays,
        event_ids as _,
        events as _,
        replies as _,
        suppress as _,
        told_kinds as _,
        told_types as _,
    )
    .fetch_all(db)
    .await
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Later => "later",
            Self::NotBegun => "not_begun",
            Self::Continues => "continues",
        }
    }
}
