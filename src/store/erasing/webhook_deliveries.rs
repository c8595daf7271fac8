//! What takes one recipient out of what webhooks were told, or are to be told.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{ProjectId, WebhookDeliveryId};

/// Parts of an address that every text has which names it, in lower case, by which such texts are looked for. Others have
/// them too.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Of what stands before the `@`.
    pub local: &'a str,
    /// Of what stands behind it.
    pub domain: &'a str,
}

/// The texts of one webhook delivery, past or to come, which may name an address.
#[derive(Debug)]
pub struct DeliveryTexts {
    /// Names it.
    pub id: WebhookDeliveryId,
    /// What is told, unless that is an event of a mail.
    pub payload: Option<String>,
    /// What the endpoint answered.
    pub answer: Option<String>,
    /// Why an attempt failed, in words.
    pub trouble: Option<String>,
}

/// The last of up to `limit` webhook deliveries after `after`, whatever project they are of; nothing at the end.
pub async fn end_of_batch(
    db: impl PgExecutor<'_>,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        r#"
        SELECT id
        FROM (SELECT id FROM webhook_deliveries WHERE id > $1 ORDER BY id LIMIT $2) AS looked
        ORDER BY id DESC
        LIMIT 1
        "#,
        after,
        limit,
    )
    .fetch_optional(db)
    .await
}

/// The webhook deliveries of a project that may name an address, after `after` and up to `until`.
pub async fn that_may_name(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    (after, until): (Uuid, Uuid),
    parts: Parts<'_>,
) -> sqlx::Result<Vec<DeliveryTexts>> {
    sqlx::query_as!(
        DeliveryTexts,
        r#"
        SELECT id AS "id: WebhookDeliveryId", payload, answer, trouble
        FROM webhook_deliveries
        WHERE project_id IS NOT DISTINCT FROM $1 AND id > $2 AND id <= $3
          AND position($4 IN lower(concat_ws(' ', payload, answer, trouble) COLLATE "C")) > 0
          AND position($5 IN lower(concat_ws(' ', payload, answer, trouble) COLLATE "C")) > 0
        ORDER BY id
        "#,
        project as _,
        after,
        until,
        parts.local,
        parts.domain,
    )
    .fetch_all(db)
    .await
}

/// Removes webhook deliveries, past or to come.
pub async fn remove(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    ids: &[WebhookDeliveryId],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY ($2)",
        project as _,
        ids as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Writes the texts of webhook deliveries anew.
pub async fn rewrite(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    rewritten: &[DeliveryTexts],
) -> sqlx::Result<()> {
    let ids: Vec<WebhookDeliveryId> = rewritten.iter().map(|texts| texts.id).collect();
    let payloads: Vec<Option<&str>> =
        rewritten.iter().map(|texts| texts.payload.as_deref()).collect();
    let answers: Vec<Option<&str>> =
        rewritten.iter().map(|texts| texts.answer.as_deref()).collect();
    let troubles: Vec<Option<&str>> =
        rewritten.iter().map(|texts| texts.trouble.as_deref()).collect();
    sqlx::query!(
        r#"
        UPDATE webhook_deliveries
        SET payload = given.payload, answer = given.answer, trouble = given.trouble
        FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::text[]) AS given (id, payload, answer, trouble)
        WHERE webhook_deliveries.project_id IS NOT DISTINCT FROM $1
          AND webhook_deliveries.id = given.id AND webhook_deliveries.id = ANY ($2)
        "#,
        project as _,
        ids as _,
        payloads as _,
        answers as _,
        troubles as _,
    )
    .execute(db)
    .await
    .map(drop)
}
