//! What webhooks were told: looked at, told again, forgotten.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::told;
use crate::domain::id::{EventId, MailId, ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::webhook::WebhookDelivery;

/// A page of a webhook's log, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<WebhookDelivery>> {
    sqlx::query_as!(
        WebhookDelivery,
        r#"
        SELECT id AS "id: WebhookDeliveryId", webhook_id AS "webhook: WebhookId",
               CASE WHEN payload IS NULL THEN event_id END AS "event: EventId", mail_id AS "mail: MailId", type AS kind,
               attempts, due_at, succeeded, status_code, duration, answer, trouble,
               delivered_at, created_at, updated_at
        FROM webhook_deliveries
        WHERE project_id = $1 AND webhook_id = $2
        ORDER BY id DESC
        LIMIT $3 OFFSET $4
        "#,
        project as _,
        webhook as _,
        limit,
        offset,
    )
    .fetch_all(db)
    .await
}

/// How long a webhook's log is, counted up to `most`.
pub async fn count(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    most: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM (SELECT FROM webhook_deliveries WHERE project_id = $1 AND webhook_id = $2 ORDER BY id DESC LIMIT $3) AS latest
        "#,
        project as _,
        webhook as _,
        most,
    )
    .fetch_one(db)
    .await
}

/// A page of what webhooks that are there were told of a mail, newest first.
pub async fn of_mail(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<WebhookDelivery>> {
    sqlx::query_as!(
        WebhookDelivery,
        r#"
        SELECT id AS "id: WebhookDeliveryId", webhook_id AS "webhook: WebhookId", event_id AS "event: EventId",
               mail_id AS "mail: MailId", type AS kind, attempts, due_at, succeeded, status_code, duration, answer, trouble,
               delivered_at, created_at, updated_at
        FROM webhook_deliveries
        -- `IS NOT DISTINCT FROM` leaves only the index by mails to look into, whatever the plan was made on.
        WHERE project_id IS NOT DISTINCT FROM $1 AND mail_id = $2
          AND EXISTS (SELECT FROM webhooks WHERE webhooks.id = webhook_id OFFSET 0)
        ORDER BY created_at DESC, id DESC
        LIMIT $3 OFFSET $4
        "#,
        project as _,
        mail as _,
        limit,
        offset,
    )
    .fetch_all(db)
    .await
}

/// How much webhooks that are there were told of a mail.
pub async fn count_of_mail(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM webhook_deliveries
        WHERE project_id IS NOT DISTINCT FROM $1 AND mail_id = $2
          AND EXISTS (SELECT FROM webhooks WHERE webhooks.id = webhook_id OFFSET 0)
        "#,
        project as _,
        mail as _,
    )
    .fetch_one(db)
    .await
}

/// Stores an entry of the log once more, to be told now; nothing if there is no such entry.
pub async fn repeat(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    id: WebhookDeliveryId,
) -> sqlx::Result<Option<WebhookDeliveryId>> {
    sqlx::query_scalar!(
        r#"
        INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, payload, due_at)
        SELECT project_id, webhook_id, type, coalesce(event_id, id), mail_id, payload, now()
        FROM webhook_deliveries
        WHERE project_id = $1 AND webhook_id = $2 AND id = $3
        RETURNING id AS "id: WebhookDeliveryId"
        "#,
        project as _,
        webhook as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// A span of time, from its beginning until before its end.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From then on.
    pub from: DateTime<Utc>,
    /// Until before then.
    pub to: DateTime<Utc>,
}

/// Some mails of a project, in the order of their ids.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The first of them comes after this one.
    pub after: MailId,
    /// They come before this one.
    pub end: MailId,
    /// At most so many.
    pub mails: i64,
    /// At most so much is told of them.
    pub told: i64,
}

/// What came of a page.
#[derive(Clone, Copy, Debug)]
pub struct Repeated {
    /// The last mail that was looked at; nothing where there was none.
    pub last: Option<MailId>,
    /// How much is told once more.
    pub queued: i64,
}

/// Stores what happened in a span of time to mails of a page once more, to be told now, whether it was told before or not.
pub async fn repeat_span(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    span: Span,
    page: Page,
) -> sqlx::Result<Repeated> {
    let (kinds, types) = told();
    sqlx::query_as!(
        Repeated,
        r#"
        WITH looked AS MATERIALIZED (
            SELECT id, created_at, details ? 'scheduledAt' AND status <> 'suppressed' AS scheduled
            FROM mails
            WHERE project_id = $1 AND id > $3 AND id < $4
            ORDER BY id
            LIMIT $9
        ),
        repeated AS (
            INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, due_at)
            SELECT $1, $2, told.type, happened.id, looked.id, now()
            FROM looked
            CROSS JOIN LATERAL (
                SELECT id, type, attempt, at
                FROM events
                WHERE events.mail_id = looked.id AND at >= $5 AND at < $6
                UNION ALL
                -- What the mail's own row says, see `events::find`.
                SELECT looked.id, 'scheduled', 0::smallint, looked.created_at
                WHERE looked.scheduled AND looked.created_at >= $5 AND looked.created_at < $6
                ORDER BY at, id
                OFFSET 0
            ) AS happened
            JOIN UNNEST($7::text[], $8::text[]) AS told (event, type)
              ON told.event = happened.type
             -- One that was reported came after the mail had been sent, which another event tells.
             AND (told.event <> 'complained' OR happened.attempt > 0 OR told.type IN ('email.spam_reported', 'resend.email.complained'))
            WHERE told.type = ANY ((SELECT events FROM webhooks WHERE project_id = $1 AND id = $2)::text[])
            ORDER BY looked.id
            LIMIT $10
            RETURNING 1
        )
        SELECT (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS "last: MailId",
               (SELECT count(*) FROM repeated) AS "queued!"
        "#,
        project as _,
        webhook as _,
        page.after as _,
        page.end as _,
        span.from,
        span.to,
        kinds as _,
        types as _,
        page.mails,
        page.told,
    )
    .fetch_one(db)
    .await
}

/// Stores what happened in a span of time to others than mails once more, oldest first: at most `limit`, of what the
/// webhook was told or would have been told if it had not been switched off.
pub async fn repeat_payloads(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    span: Span,
    limit: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        WITH repeated AS (
            INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, payload, due_at)
            SELECT project_id, webhook_id, type, id, payload, now()
            FROM webhook_deliveries
            WHERE project_id IS NOT DISTINCT FROM $1 AND webhook_id = $2 AND id >= $3 AND id < $4
              -- The others repeat one of these, or were given by a caller.
              AND payload IS NOT NULL AND event_id IS NULL
              AND type = ANY ((SELECT events FROM webhooks WHERE project_id = $1 AND id = $2)::text[])
            ORDER BY id
            LIMIT $5
            RETURNING 1
        )
        SELECT count(*) AS "count!" FROM repeated
        "#,
        project as _,
        webhook as _,
        WebhookDeliveryId::first_at(span.from) as _,
        WebhookDeliveryId::first_at(span.to) as _,
        limit,
    )
    .fetch_one(db)
    .await
}

/// Forgets what was over before `before`, at most `limit` rows, oldest first; says how many it were.
pub async fn forget(
    db: impl PgExecutor<'_>,
    before: WebhookDeliveryId,
    limit: i64,
) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM webhook_deliveries
        WHERE id = ANY (ARRAY(SELECT id FROM webhook_deliveries WHERE id < $1 AND due_at IS NULL ORDER BY id LIMIT $2))
          AND due_at IS NULL
        "#,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
