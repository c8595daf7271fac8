//! What webhooks are still to be told: claimed, told, recorded.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::SWITCHED_OFF;
use crate::domain::id::{EventId, MailId, ProjectId, WebhookDeliveryId, WebhookId};

/// Why a deleted webhook is told nothing.
const DELETED: &str = "The webhook was deleted.";

/// Why those of a deleted project are told nothing.
const PROJECT_DELETED: &str = "The project was deleted.";

/// The longest that an endpoint which fails is left alone, in seconds.
const LONGEST_REST: f64 = 300.0;

/// The webhooks after `after`, in the order of their ids, for which something waits, due or not: at most `limit`.
pub async fn waiting(
    db: impl PgExecutor<'_>,
    after: Uuid,
    limit: i32,
) -> sqlx::Result<Vec<WebhookId>> {
    sqlx::query_scalar!(
        r#"
        -- From one webhook to the next along the index, however much waits for each.
        WITH RECURSIVE waiting AS (
            (
                SELECT webhook_id, 1 AS place
                FROM webhook_deliveries
                WHERE due_at IS NOT NULL AND webhook_id > $1
                ORDER BY webhook_id, due_at
                LIMIT 1
            )
            UNION ALL
            (
                SELECT next.webhook_id, waiting.place + 1
                FROM waiting
                CROSS JOIN LATERAL (
                    SELECT webhook_id
                    FROM webhook_deliveries
                    WHERE due_at IS NOT NULL AND webhook_id > waiting.webhook_id
                    ORDER BY webhook_id, due_at
                    LIMIT 1
                ) AS next
                WHERE waiting.place < $2
            )
        )
        SELECT webhook_id AS "webhook_id!: WebhookId" FROM waiting ORDER BY place
        "#,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// How much of an endpoint this node may take on.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The webhook.
    pub webhook: WebhookId,
    /// Requests that are being made to it.
    pub running: i32,
}

/// Bounds of a claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimBounds {
    /// Seconds until others may take over.
    pub lease_seconds: f64,
    /// Requests at a time to an endpoint that is well. One that fails, and one of which nothing good is known yet, gets
    /// one.
    pub per_endpoint: i32,
    /// Deliveries in this claim.
    pub limit: i64,
}

/// A delivery that the caller now holds the lease of.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// The owner.
    pub project: ProjectId,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// The published name of what happened.
    pub kind: String,
    /// What it tells of.
    pub event: Option<EventId>,
    /// Its mail.
    pub mail: Option<MailId>,
    /// What a caller gave to be told.
    pub payload: Option<String>,
    /// The attempt that this lease is for, counted from one.
    pub attempt: i16,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// Ends what is due for those of these webhooks that are switched off or gone, or whose project is: they are told nothing
/// any more. At most `limit` for each; answers how many.
pub async fn end_of_gone(
    db: impl PgExecutor<'_>,
    webhooks: &[WebhookId],
    limit: i64,
) -> sqlx::Result<u64> {
    let ended = sqlx::query!(
        r#"
        WITH gone AS MATERIALIZED (
            SELECT turn.webhook_id,
                   CASE WHEN webhooks.id IS NULL THEN $3 WHEN projects.id IS NULL THEN $4 ELSE $5 END AS why
            FROM UNNEST($1::uuid[]) AS turn (webhook_id)
            LEFT JOIN webhooks ON webhooks.id = turn.webhook_id AND webhooks.id = ANY ($1)
            LEFT JOIN LATERAL (
                SELECT id FROM projects WHERE id = webhooks.project_id AND deleted_at IS NULL OFFSET 0
            ) AS projects ON true
            WHERE webhooks.id IS NULL OR NOT active OR projects.id IS NULL
        ),
        due AS MATERIALIZED (
            SELECT delivery.id
            FROM gone
            CROSS JOIN LATERAL (
                SELECT id
                FROM webhook_deliveries
                WHERE webhook_id = gone.webhook_id AND due_at <= now()
                ORDER BY due_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            ) AS delivery
        )
        UPDATE webhook_deliveries
        SET lease_token = NULL, due_at = NULL, succeeded = false, status_code = NULL, duration = NULL, answer = NULL,
            trouble = (SELECT why FROM gone WHERE gone.webhook_id = webhook_deliveries.webhook_id), updated_at = now()
        WHERE id = ANY (ARRAY(SELECT id FROM due))
        "#,
        webhooks as _,
        limit,
        DELETED,
        PROJECT_DELETED,
        SWITCHED_OFF,
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected())
}

/// Leases what is due for these webhooks, as much as each may be told now. A lease that has run out is due as well.
pub async fn claim(
    db: impl PgExecutor<'_>,
    token: Uuid,
    turns: &[Turn],
    full_projects: &[ProjectId],
    bounds: ClaimBounds,
) -> sqlx::Result<Vec<Claimed>> {
    let ids: Vec<WebhookId> = turns.iter().map(|turn| turn.webhook).collect();
    let running: Vec<i32> = turns.iter().map(|turn| turn.running).collect();
    sqlx::query_as!(
        Claimed,
        r#"
        WITH turn AS MATERIALIZED (
            SELECT turn.webhook_id, running,
                   CASE
                       -- What is switched off or gone is told nothing, see `end_of_gone`.
                       WHEN webhooks.id IS NULL OR NOT active THEN 0
                       WHEN project_id = ANY ($6) OR rests_until > now() THEN 0
                       WHEN failures > 0 OR last_success_at IS NULL THEN greatest(1 - running, 0)
                       ELSE greatest($5 - running, 0)
                   END AS room
            FROM UNNEST($3::uuid[], $4::integer[]) AS turn (webhook_id, running)
            LEFT JOIN webhooks ON webhooks.id = turn.webhook_id AND webhooks.id = ANY ($3)
        ),
        due AS MATERIALIZED (
            SELECT id
            FROM (
                SELECT delivery.id, running + row_number() OVER (PARTITION BY turn.webhook_id) AS place
                FROM turn
                CROSS JOIN LATERAL (
                    SELECT id
                    FROM webhook_deliveries
                    WHERE webhook_id = turn.webhook_id AND due_at <= now()
                    ORDER BY due_at
                    LIMIT turn.room
                    FOR UPDATE SKIP LOCKED
                ) AS delivery
            ) AS delivery
            -- One for each before another for anybody, and who is served less before who is served more.
            ORDER BY place, random()
            LIMIT $7
        )
        UPDATE webhook_deliveries
        SET attempts = attempts + 1, lease_token = $1, due_at = now() + make_interval(secs => $2)
        FROM due
        WHERE webhook_deliveries.id = due.id AND webhook_deliveries.id = ANY (ARRAY(SELECT id FROM due))
        RETURNING webhook_deliveries.id AS "id: WebhookDeliveryId", project_id AS "project: ProjectId",
                  webhook_id AS "webhook: WebhookId", type AS kind, event_id AS "event: EventId",
                  mail_id AS "mail: MailId", payload, attempts AS attempt, created_at
        "#,
        token,
        bounds.lease_seconds,
        ids as _,
        &running,
        bounds.per_endpoint,
        full_projects as _,
        bounds.limit,
    )
    .fetch_all(db)
    .await
}

/// What one attempt came to.
#[derive(Clone, Debug)]
pub struct Change {
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// The lease under which the attempt was made.
    pub token: Uuid,
    /// Whom it was for.
    pub webhook: WebhookId,
    /// Whether the endpoint took it.
    pub succeeded: bool,
    /// Whether the endpoint failed; not so when it was not asked at all.
    pub failed: bool,
    /// Seconds until the next attempt; `None` when there is none.
    pub delay_seconds: Option<f64>,
    /// The status that the endpoint answered with.
    pub status_code: Option<i16>,
    /// How long it took, in milliseconds.
    pub duration: Option<i32>,
    /// The beginning of what it answered.
    pub answer: Option<String>,
    /// Why it failed, in words.
    pub trouble: Option<String>,
}

/// A delivery whose lease still held when it was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// Whom it was for.
    pub webhook: WebhookId,
    /// Attempts in a row that its endpoint has failed by now.
    pub failures: Option<i32>,
    /// Since when.
    pub failing_since: Option<DateTime<Utc>>,
}

/// Records what attempts came to, and what that says of their endpoints, in one statement. Answers the deliveries whose
/// lease still held; of the others nothing was changed.
pub async fn record(db: impl PgExecutor<'_>, changes: &[Change]) -> sqlx::Result<Vec<Recorded>> {
    let ids: Vec<WebhookDeliveryId> = changes.iter().map(|change| change.id).collect();
    let tokens: Vec<Uuid> = changes.iter().map(|change| change.token).collect();
    let succeeded: Vec<bool> = changes.iter().map(|change| change.succeeded).collect();
    let failed: Vec<bool> = changes.iter().map(|change| change.failed).collect();
    let delays: Vec<Option<f64>> = changes.iter().map(|change| change.delay_seconds).collect();
    let statuses: Vec<Option<i16>> = changes.iter().map(|change| change.status_code).collect();
    let durations: Vec<Option<i32>> = changes.iter().map(|change| change.duration).collect();
    let answers: Vec<Option<&str>> =
        changes.iter().map(|change| change.answer.as_deref()).collect();
    let troubles: Vec<Option<&str>> =
        changes.iter().map(|change| change.trouble.as_deref()).collect();
    sqlx::query_as!(
        Recorded,
        r#"
        WITH change AS (
            SELECT *
            FROM UNNEST(
                $1::uuid[], $2::uuid[], $3::boolean[], $4::boolean[], $5::double precision[], $6::smallint[],
                $7::integer[], $8::text[], $9::text[]
            ) AS change (id, token, succeeded, failed, delay, status_code, duration, answer, trouble)
        ),
        recorded AS (
            UPDATE webhook_deliveries
            SET lease_token = NULL,
                due_at = now() + make_interval(secs => change.delay),
                succeeded = change.succeeded,
                status_code = change.status_code,
                duration = change.duration,
                answer = change.answer,
                trouble = change.trouble,
                delivered_at = CASE WHEN change.succeeded THEN now() END,
                updated_at = now()
            FROM change
            WHERE webhook_deliveries.id = change.id AND webhook_deliveries.id = ANY ($1) AND lease_token = change.token
            RETURNING webhook_deliveries.id, webhook_id, change.succeeded, change.failed
        ),
        tally AS MATERIALIZED (
            SELECT webhook_id, bool_or(succeeded) AS succeeded, count(*) FILTER (WHERE failed)::integer AS failed
            FROM recorded
            GROUP BY webhook_id
            HAVING bool_or(succeeded) OR bool_or(failed)
        ),
        updated AS (
            UPDATE webhooks
            SET failures = CASE WHEN tally.succeeded THEN 0 ELSE failures + tally.failed END,
                failing_since = CASE WHEN NOT tally.succeeded THEN coalesce(failing_since, now()) END,
                rests_until = CASE
                    WHEN NOT tally.succeeded
                        THEN now() + make_interval(secs => least(power(2, least(failures, 20)), $10::double precision))
                END,
                last_failed_at = CASE WHEN tally.failed > 0 THEN now() ELSE last_failed_at END,
                last_success_at = CASE WHEN tally.succeeded THEN now() ELSE last_success_at END
            FROM tally
            WHERE webhooks.id = tally.webhook_id AND webhooks.id = ANY (ARRAY(SELECT webhook_id FROM tally))
            RETURNING webhooks.id, failures, failing_since
        )
        SELECT recorded.id AS "id!: WebhookDeliveryId", webhook_id AS "webhook!: WebhookId", updated.failures AS "failures?",
               updated.failing_since AS "failing_since?"
        FROM recorded
        LEFT JOIN updated ON updated.id = webhook_id
        "#,
        ids as _,
        &tokens,
        &succeeded,
        &failed,
        delays as _,
        statuses as _,
        durations as _,
        answers as _,
        troubles as _,
        LONGEST_REST,
    )
    .fetch_all(db)
    .await
}
