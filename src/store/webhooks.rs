//! The table `webhooks`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::{AccountId, ProjectId, WebhookId};
use crate::domain::webhook::event_type::EventType;
use crate::domain::webhook::{MOST_PER_PROJECT, Webhook};

/// A webhook that is about to be stored.
#[derive(Debug)]
pub struct NewWebhook {
    /// Names it.
    pub id: WebhookId,
    /// The owner.
    pub project: ProjectId,
    /// Where it is told.
    pub url: String,
    /// Its secret, encrypted.
    pub secret: Vec<u8>,
    /// What it is told.
    pub events: Vec<EventType>,
    /// The owner's own notes.
    pub metadata: Map<String, Value>,
}

struct Row {
    id: WebhookId,
    project: ProjectId,
    url: String,
    events: Vec<String>,
    active: bool,
    disabled_reason: Option<String>,
    failures: i32,
    failing_since: Option<DateTime<Utc>>,
    last_failed_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    metadata: Json<Map<String, Value>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            project: row.project,
            url: row.url,
            events: row.events.iter().filter_map(|name| name.parse().ok()).collect(),
            active: row.active,
            disabled_reason: row.disabled_reason,
            failures: row.failures,
            failing_since: row.failing_since,
            last_failed_at: row.last_failed_at,
            last_success_at: row.last_success_at,
            metadata: row.metadata.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Makes a webhook, unless its project is deleted or has as many as it may.
pub async fn insert(db: impl PgExecutor<'_>, webhook: &NewWebhook) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"
        INSERT INTO webhooks (id, project_id, url, secret, events, metadata)
        SELECT $1, id, $3, $4, $5, $6
        FROM projects
        WHERE id = $2 AND deleted_at IS NULL AND (SELECT count(*) FROM webhooks WHERE project_id = $2) < $7
        "#,
        webhook.id as _,
        webhook.project as _,
        webhook.url,
        webhook.secret,
        names(&webhook.events) as _,
        Json(&webhook.metadata) as _,
        MOST_PER_PROJECT,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Finds a webhook, as long as it belongs to the project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: WebhookId,
) -> sqlx::Result<Option<Webhook>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: WebhookId", project_id AS "project: ProjectId", url, events, active, disabled_reason, failures,
               failing_since, last_failed_at, last_success_at, metadata AS "metadata: Json<Map<String, Value>>",
               created_at, updated_at
        FROM webhooks
        WHERE project_id = $1 AND id = $2
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Webhook::from))
}

/// All webhooks of a project, newest first; only those that are active or only the others, if one is asked for.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    active: Option<bool>,
) -> sqlx::Result<Vec<Webhook>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: WebhookId", project_id AS "project: ProjectId", url, events, active, disabled_reason, failures,
               failing_since, last_failed_at, last_success_at, metadata AS "metadata: Json<Map<String, Value>>",
               created_at, updated_at
        FROM webhooks
        WHERE project_id = $1 AND ($2::boolean IS NULL OR active = $2)
        ORDER BY id DESC
        "#,
        project as _,
        active,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Webhook::from).collect())
}

/// What is to be different of a webhook; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Where it is told.
    pub url: Option<String>,
    /// What it is told.
    pub events: Option<Vec<EventType>>,
    /// Whether it is told anything.
    pub active: Option<bool>,
    /// The owner's own notes.
    pub metadata: Option<Map<String, Value>>,
}

/// Changes a webhook. One that is switched on or gets another URL begins with a clean record.
pub async fn update(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: WebhookId,
    update: &Update,
) -> sqlx::Result<Option<Webhook>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        UPDATE webhooks
        SET url = coalesce($3, url),
            events = coalesce($4, events),
            metadata = coalesce($5, metadata),
            active = coalesce($6, active),
            disabled_reason = CASE WHEN $6 THEN NULL ELSE disabled_reason END,
            failures = CASE WHEN $6 OR $3 <> url THEN 0 ELSE failures END,
            failing_since = CASE WHEN $6 OR $3 <> url THEN NULL ELSE failing_since END,
            rests_until = CASE WHEN $6 OR $3 <> url THEN NULL ELSE rests_until END,
            updated_at = now()
        WHERE project_id = $1 AND id = $2
        RETURNING id AS "id: WebhookId", project_id AS "project: ProjectId", url, events, active, disabled_reason,
                  failures, failing_since, last_failed_at, last_success_at,
                  metadata AS "metadata: Json<Map<String, Value>>", created_at, updated_at
        "#,
        project as _,
        id as _,
        update.url,
        update.events.as_deref().map(names) as _,
        update.metadata.as_ref().map(Json) as _,
        update.active,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Webhook::from))
}

/// Deletes a webhook; answers its URL, for the log. What waits for it is ended by whoever claims it next.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: WebhookId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "DELETE FROM webhooks WHERE project_id = $1 AND id = $2 RETURNING url",
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The encrypted secret of a webhook, and its URL.
pub async fn secret(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: WebhookId,
) -> sqlx::Result<Option<(Vec<u8>, String)>> {
    let row = sqlx::query!(
        "SELECT secret, url FROM webhooks WHERE project_id = $1 AND id = $2",
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.secret, row.url)))
}

/// Gives a webhook another secret, encrypted; answers where it is told, if there is such a webhook.
pub async fn set_secret(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: WebhookId,
    secret: &[u8],
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        UPDATE webhooks
        SET secret = $3, updated_at = now()
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        RETURNING url
        "#,
        project as _,
        id as _,
        secret,
    )
    .fetch_optional(db)
    .await
}

/// What is needed to tell a webhook something.
#[derive(Debug)]
pub struct EndpointRow {
    /// The webhook.
    pub id: WebhookId,
    /// Where it is told.
    pub url: String,
    /// Its secret, encrypted.
    pub secret: Vec<u8>,
    /// Whether it and its project are still there to be told anything.
    pub active: bool,
}

/// The endpoints of these webhooks.
pub async fn for_work(
    db: impl PgExecutor<'_>,
    ids: &[WebhookId],
) -> sqlx::Result<Vec<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        r#"
        SELECT id AS "id: WebhookId", url, secret,
               active AND EXISTS (SELECT FROM projects WHERE projects.id = project_id AND deleted_at IS NULL OFFSET 0)
               AS "active!"
        FROM webhooks
        WHERE id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// A webhook that was switched off, for the audit log.
#[derive(Debug)]
pub struct Disabled {
    /// The webhook.
    pub id: WebhookId,
    /// Its account.
    pub account: AccountId,
    /// Its project.
    pub project: ProjectId,
    /// Where it was told.
    pub url: String,
}

/// Switches webhooks off, each for its reason, unless they are off already.
pub async fn disable(
    db: impl PgExecutor<'_>,
    webhooks: &[(WebhookId, &str)],
) -> sqlx::Result<Vec<Disabled>> {
    let (ids, reasons): (Vec<WebhookId>, Vec<&str>) = webhooks.iter().copied().unzip();
    sqlx::query_as!(
        Disabled,
        r#"
        UPDATE webhooks
        SET active = false, disabled_reason = reason, owners_told = false, updated_at = now()
        FROM UNNEST($1::uuid[], $2::text[]) AS disabled (id, reason)
        WHERE webhooks.id = disabled.id AND webhooks.id = ANY ($1) AND active
        RETURNING webhooks.id AS "id: WebhookId", project_id AS "project: ProjectId", url,
                  (SELECT account_id FROM projects WHERE projects.id = project_id) AS "account!: AccountId"
        "#,
        ids as _,
        reasons as _,
    )
    .fetch_all(db)
    .await
}

/// A webhook that was switched off, of which nobody has been told yet.
#[derive(Debug)]
pub struct Untold {
    /// The owner of its project.
    pub account: AccountId,
    /// What its project is called.
    pub project_name: String,
    /// Where it was told.
    pub url: String,
    /// Why it was switched off.
    pub reason: String,
}

/// Takes some webhooks that were switched off, to tell those who are responsible, in the transaction that tells them.
/// One that was deleted or switched on again meanwhile is of no interest any more.
pub async fn take_untold(db: impl PgExecutor<'_>, limit: i64) -> sqlx::Result<Vec<Untold>> {
    sqlx::query_as!(
        Untold,
        r#"
        WITH told AS (
            UPDATE webhooks
            SET owners_told = true
            WHERE id = ANY (ARRAY(SELECT id FROM webhooks WHERE NOT owners_told ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
            RETURNING project_id, url, CASE WHEN NOT active THEN disabled_reason END AS reason
        )
        SELECT account_id AS "account: AccountId", name AS project_name, url AS "url!", reason AS "reason!"
        FROM told
        JOIN projects ON projects.id = told.project_id AND deleted_at IS NULL
        WHERE reason IS NOT NULL
        "#,
        limit,
    )
    .fetch_all(db)
    .await
}

fn names(events: &[EventType]) -> Vec<&'static str> {
    events.iter().map(|event| event.as_str()).collect()
}
