//! The table `webhook_deliveries`: what webhooks are told, and what became of it.
//!
//! Rows for what happens to mails are written by the statements that make it true: `mails::accept` and
//! `deliveries::record`.

use sqlx::PgExecutor;

use crate::domain::id::{ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::webhook::event_type::{EventType, TOLD};

pub mod log;
pub mod queue;

/// Stores something that a caller gave to be told; due now.
pub async fn insert_given(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    kind: EventType,
    payload: &str,
) -> sqlx::Result<WebhookDeliveryId> {
    sqlx::query_scalar!(
        r#"
        INSERT INTO webhook_deliveries (project_id, webhook_id, type, payload, due_at)
        VALUES ($1, $2, $3, $4, now())
        RETURNING id AS "id: WebhookDeliveryId"
        "#,
        project as _,
        webhook as _,
        kind.as_str(),
        payload,
    )
    .fetch_one(db)
    .await
}

/// Stores things of which no mail is the subject, such as what happens to contacts, for each webhook of the project that
/// asks for them; due now. Each is a published name and the `data` that is told.
pub async fn insert_for_all(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    told: &[(EventType, String)],
) -> sqlx::Result<()> {
    let (kinds, payloads): (Vec<&str>, Vec<&str>) =
        told.iter().map(|(kind, payload)| (kind.as_str(), payload.as_str())).unzip();
    sqlx::query!(
        r#"
        INSERT INTO webhook_deliveries (project_id, webhook_id, type, payload, due_at)
        SELECT $1, webhook.id, given.type, given.payload, now()
        FROM UNNEST($2::text[], $3::text[]) AS given (type, payload)
        CROSS JOIN LATERAL (
            SELECT id
            FROM webhooks
            WHERE project_id = $1 AND active AND given.type = ANY (events)
            OFFSET 0
        ) AS webhook
        "#,
        project as _,
        kinds as _,
        payloads as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// What is told of which kinds of events, as two columns.
pub(super) fn told() -> (Vec<&'static str>, Vec<&'static str>) {
    TOLD.iter().map(|(kind, told)| (*kind, told.as_str())).unzip()
}
