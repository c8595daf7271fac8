//! Webhooks: where a project is told what happened to its mails, and what it is told.

pub mod endpoint;
pub mod event_type;
pub mod schedule;
pub mod secret;
pub mod telling;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use self::event_type::EventType;
use super::id::{EventId, MailId, ProjectId, WebhookDeliveryId, WebhookId};

/// The most webhooks of one project.
pub const MOST_PER_PROJECT: i64 = 100;

/// The longest `metadata`, in bytes of JSON.
pub const MAX_METADATA: usize = 4096;

/// The longest payload that a caller may give, in bytes of JSON.
pub const MAX_GIVEN: usize = 64 * 1024;

/// A webhook as it is shown: without its secret.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Names the webhook.
    pub id: WebhookId,
    /// The owner.
    pub project: ProjectId,
    /// Where it is told.
    pub url: String,
    /// What it is told.
    pub events: Vec<EventType>,
    /// Whether it is told anything.
    pub active: bool,
    /// Why the server switched it off, in words; `None` if it did not.
    pub disabled_reason: Option<String>,
    /// Attempts that failed since the last one that did not.
    pub failures: i32,
    /// Since when none has succeeded; `None` while all is well.
    pub failing_since: Option<DateTime<Utc>>,
    /// When an attempt last failed.
    pub last_failed_at: Option<DateTime<Utc>>,
    /// When an attempt last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The owner's own notes.
    pub metadata: Map<String, Value>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its owner last changed it, or the server switched it off.
    pub updated_at: DateTime<Utc>,
}

/// One thing that a webhook is told, as its log shows it.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    /// Names the delivery; the same on every attempt.
    pub id: WebhookDeliveryId,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// The event that it tells of; `None` for what a caller gave.
    pub event: Option<EventId>,
    /// The mail that it tells of.
    pub mail: Option<MailId>,
    /// The published name of what happened.
    pub kind: String,
    /// Attempts begun so far.
    pub attempts: i16,
    /// When something happens next; `None` when it is over.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether the endpoint took it.
    pub succeeded: bool,
    /// The status that the endpoint answered with last.
    pub status_code: Option<i16>,
    /// How long the last attempt took, in milliseconds.
    pub duration: Option<i32>,
    /// The beginning of what the endpoint answered last.
    pub answer: Option<String>,
    /// Why the last attempt failed, in words.
    pub trouble: Option<String>,
    /// When the endpoint took it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
}
