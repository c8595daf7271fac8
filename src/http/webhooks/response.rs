//! The answers about webhooks as they go over the wire, in the shapes of the upstream API.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::request::Page;
use crate::domain::id::{AccountId, WebhookDeliveryId};
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::{Webhook, WebhookDelivery};
use crate::http::wire::timestamp;
use crate::service::webhooks::Replayed;

/// What stands in place of a secret.
const HIDDEN: &str = "***hidden***";

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    /// Names it.
    id: String,
    /// The account.
    organization_id: String,
    /// The project.
    project_id: String,
    /// Where it is told.
    url: String,
    /// `whsec_…` when it was just made, and otherwise hidden.
    secret: String,
    /// What it is told.
    events: Vec<&'static str>,
    /// Whether it is told anything.
    is_active: bool,
    /// `active` or `inactive`.
    status: &'static str,
    /// Why the server switched it off; null if it did not.
    disabled_reason: Option<String>,
    /// Attempts that failed since the last one that did not.
    failure_count: i32,
    /// Since when none has succeeded; null while all is well.
    failing_since: Option<String>,
    /// When an attempt last failed.
    last_failed_at: Option<String>,
    /// When an attempt last succeeded.
    last_success_at: Option<String>,
    /// The same.
    last_delivered_at: Option<String>,
    /// Notes of your own.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
}

impl WebhookBody {
    /// A webhook of this account, its secret hidden.
    pub fn new(webhook: Webhook, account: AccountId) -> Self {
        let last_success_at = webhook.last_success_at.map(timestamp);
        Self {
            id: webhook.id.to_string(),
            organization_id: account.to_string(),
            project_id: webhook.project.to_string(),
            url: webhook.url,
            secret: HIDDEN.into(),
            events: webhook.events.iter().map(|event| event.as_str()).collect(),
            is_active: webhook.active,
            status: if webhook.active { "active" } else { "inactive" },
            disabled_reason: webhook.disabled_reason,
            failure_count: webhook.failures,
            failing_since: webhook.failing_since.map(timestamp),
            last_failed_at: webhook.last_failed_at.map(timestamp),
            last_delivered_at: last_success_at.clone(),
            last_success_at,
            metadata: webhook.metadata,
            created_at: timestamp(webhook.created_at),
            updated_at: timestamp(webhook.updated_at),
        }
    }
}

/// A webhook that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedWebhookBody {
    /// The webhook, with its secret.
    webhook: WebhookBody,
}

impl CreatedWebhookBody {
    /// A webhook of this account that shows its secret.
    pub fn new(webhook: Webhook, account: AccountId, secret: &WebhookSecret) -> Self {
        let secret = secret.reveal().to_owned();
        Self { webhook: WebhookBody { secret, ..WebhookBody::new(webhook, account) } }
    }
}

/// A page of webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookListBody {
    /// Newest first.
    webhooks: Vec<WebhookBody>,
    /// How many there are on all pages.
    total: i64,
    /// Which page this is, from 1.
    page: i64,
    /// How many are on a page.
    limit: i64,
    /// How many pages there are.
    total_pages: i64,
}

impl WebhookListBody {
    /// A page of all these.
    pub fn new(all: Vec<Webhook>, account: AccountId, page: Page) -> Self {
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let shown = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let webhooks = all.into_iter().skip(skipped).take(shown);
        Self {
            webhooks: webhooks.map(|webhook| WebhookBody::new(webhook, account)).collect(),
            total,
            page: page.number,
            limit: page.limit,
            total_pages: pages(total, page),
        }
    }
}

/// A page of what webhooks were told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookLogBody {
    /// Newest first.
    logs: Vec<WebhookLogEntry>,
    /// How many there are on all pages; past 10 000 they are not counted.
    total: i64,
    /// Which page this is, from 1.
    page: i64,
    /// How many are on a page.
    limit: i64,
    /// How many pages there are.
    total_pages: i64,
}

impl WebhookLogBody {
    /// A page of the log of one webhook.
    pub fn new(webhook: &Webhook, entries: Vec<WebhookDelivery>, total: i64, page: Page) -> Self {
        let logs = entries.into_iter().map(|entry| WebhookLogEntry::new(webhook, entry));
        Self::of(logs.collect(), total, page)
    }

    /// A page of what several webhooks were told.
    pub fn of_several(entries: Vec<(Webhook, WebhookDelivery)>, total: i64, page: Page) -> Self {
        let logs =
            entries.into_iter().map(|(webhook, entry)| WebhookLogEntry::new(&webhook, entry));
        Self::of(logs.collect(), total, page)
    }

    fn of(logs: Vec<WebhookLogEntry>, total: i64, page: Page) -> Self {
        Self { logs, total, page: page.number, limit: page.limit, total_pages: pages(total, page) }
    }
}

/// One thing that a webhook was told, or is to be told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookLogEntry {
    #[serde(rename = "_id")]
    upstream_id: String,
    id: String,
    webhook_id: String,
    project_id: String,
    event: String,
    /// The event in the history of the mail; null for what no mail is the subject of, and for what a caller gave.
    event_id: Option<String>,
    email_id: Option<String>,
    url: String,
    /// `pending`, `delivered` or `failed`.
    status: &'static str,
    status_code: Option<i16>,
    success: bool,
    attempts: i16,
    /// Milliseconds that the last attempt took.
    duration: Option<i32>,
    /// Why the last attempt failed, in words.
    error: Option<String>,
    /// The beginning of what the endpoint answered; 1 KB at most.
    response: Option<String>,
    next_attempt_at: Option<String>,
    delivered_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl WebhookLogEntry {
    fn new(webhook: &Webhook, entry: WebhookDelivery) -> Self {
        let status = match (entry.due_at, entry.succeeded) {
            (Some(_), _) => "pending",
            (None, true) => "delivered",
            (None, false) => "failed",
        };
        Self {
            upstream_id: entry.id.to_string(),
            id: entry.id.to_string(),
            webhook_id: webhook.id.to_string(),
            project_id: webhook.project.to_string(),
            event: entry.kind,
            event_id: entry.event.map(|event| event.to_string()),
            email_id: entry.mail.map(|mail| mail.to_string()),
            url: webhook.url.clone(),
            status,
            status_code: entry.status_code,
            success: entry.succeeded,
            attempts: entry.attempts,
            duration: entry.duration,
            error: entry.trouble,
            response: entry.answer,
            next_attempt_at: entry.due_at.map(timestamp),
            delivered_at: entry.delivered_at.map(timestamp),
            created_at: timestamp(entry.created_at),
            updated_at: timestamp(entry.updated_at),
        }
    }
}

/// Something that is told soon.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobBody {
    /// Its entry in the log, and its `X-Webhook-Delivery-Id`.
    job_id: String,
}

impl JobBody {
    /// The entry in the log.
    pub fn new(id: WebhookDeliveryId) -> Self {
        Self { job_id: id.to_string() }
    }
}

/// What a replay of a span of time came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedBody {
    /// How much is told once more: 10 000 at most.
    queued: i64,
    /// Whether that is all. If not, shorter spans tell the rest; where even they do not, the project has more mail of the month
    /// before than one request looks through.
    complete: bool,
}

impl From<Replayed> for ReplayedBody {
    fn from(Replayed { queued, complete }: Replayed) -> Self {
        Self { queued, complete }
    }
}

/// The secret of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretBody {
    /// `whsec_` and 32 hexadecimal digits.
    secret: String,
}

impl SecretBody {
    /// The secret, to be shown.
    pub fn new(secret: &WebhookSecret) -> Self {
        Self { secret: secret.reveal().to_owned() }
    }
}

/// The end of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedBody {
    /// Always `true`.
    success: bool,
    /// One sentence.
    message: &'static str,
}

impl DeletedBody {
    /// The one that there is.
    #[expect(clippy::new_without_default, reason = "nobody asks for a default end")]
    pub fn new() -> Self {
        Self { success: true, message: "Webhook deleted successfully" }
    }
}

fn pages(total: i64, page: Page) -> i64 {
    (total + page.limit - 1) / page.limit
}
