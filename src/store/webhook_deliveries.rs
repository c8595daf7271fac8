//! The table `webhook_deliveries`: what webhooks are told, and what became of it.
//!
//! Rows for what happens to mails are written by the statements that make it true: `mails::accept`, `deliveries::record`,
//! `deliveries::late::obstacles`, `bounces::record` and `engagements::record`.

use sqlx::PgExecutor;

use crate::domain::id::{ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::webhook::event_type::{EventType, TOLD};

pub mod log;
pub mod queue;

/// Why a webhook that is switched off is told nothing.
pub const SWITCHED_OFF: &str = "The webhook is switched off; replay this when it is on again.";

/// Stores something that a caller gave to be told; due now. It is no news, so that it is known by its own id.
pub async fn insert_given(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    webhook: WebhookId,
    kind: EventType,
    payload: &str,
) -> sqlx::Result<WebhookDeliveryId> {
    let id = WebhookDeliveryId::generate();
    sqlx::query!(
        r#"
        INSERT INTO webhook_deliveries (id, project_id, webhook_id, type, event_id, payload, due_at)
        VALUES ($1, $2, $3, $4, $1, $5, now())
        "#,
        id as _,
        project as _,
        webhook as _,
        kind.as_str(),
        payload,
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// Stores things of which no mail is the subject, such as what happens to contacts, for each webhook of the project that
/// asks for them: due now, and over where the webhook is switched off, for a replay. Each is a published name and the
/// `data` that is told.
pub async fn insert_for_all(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    told: &[(EventType, String)],
) -> sqlx::Result<()> {
    let (kinds, payloads): (Vec<&str>, Vec<&str>) =
        told.iter().map(|(kind, payload)| (kind.as_str(), payload.as_str())).unzip();
    sqlx::query!(
        r#"
        INSERT INTO webhook_deliveries (project_id, webhook_id, type, payload, due_at, trouble)
        SELECT $1, webhook.id, given.type, given.payload, CASE WHEN active THEN now() END, CASE WHEN NOT active THEN $4 END
        FROM UNNEST($2::text[], $3::text[]) AS given (type, payload)
        CROSS JOIN LATERAL (
            SELECT id, active
            FROM webhooks
            WHERE project_id = $1 AND given.type = ANY (events)
            OFFSET 0
        ) AS webhook
        "#,
        project as _,
        kinds as _,
        payloads as _,
        SWITCHED_OFF,
    )
    .execute(db)
    .await
    .map(drop)
}

/// What is told of which kinds of events, as two columns.
pub(super) fn told() -> (Vec<&'static str>, Vec<&'static str>) {
    TOLD.iter().map(|(kind, told)| (*kind, told.as_str())).unzip()
}
