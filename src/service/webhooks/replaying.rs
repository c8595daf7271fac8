//! Telling webhooks once more, or what a caller gives.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{Webhooks, write_down};
use crate::domain::caller::Caller;
use crate::domain::id::{MailId, ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::schedule::LONGEST_AHEAD;
use crate::domain::violations::Violations;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::service::{commit, in_time, unavailable};
use crate::store;
use crate::store::webhook_deliveries::log::{Page, Span};

/// The most that one replay of a span of time tells.
pub const MOST_REPLAYED: i64 = 10_000;

/// Events of a mail that come later than this after it was to be sent are not found by a replay of their time. Attempts end
/// after a day; only people who decide about held mail, and readers, take longer.
const LATE_EVENTS: chrono::Duration = chrono::Duration::days(4);

/// Mails that one statement of a replay looks at.
const PAGE: i64 = 5000;

/// How long one replay looks for what it is to tell; well within the time that its caller waits.
const LONGEST_LOOK: Duration = Duration::from_secs(20);

/// What a replay of a span of time came to.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// How much is told once more.
    pub queued: i64,
    /// Whether that is all; if not, shorter spans tell the rest.
    pub complete: bool,
}

impl Webhooks {
    /// Tells a webhook what the caller gives, as if it had happened.
    pub async fn resend(
        &self,
        project: ProjectId,
        id: WebhookId,
        kind: EventType,
        data: &Map<String, Value>,
    ) -> Result<WebhookDeliveryId> {
        let webhook = self.find_active(project, id).await?;
        if !webhook.events.contains(&kind) {
            return Err(Error::Impossible {
                code: "WEBHOOK_NOT_SUBSCRIBED",
                message: format!("Webhook is not subscribed to this event: {}", kind.as_str()),
            });
        }
        let payload = Value::Object(data.clone()).to_string();
        // Not in Postgres, whatever the encoding.
        if payload.contains("\\u0000") {
            let violations = Violations::one("data", "must not contain the character U+0000");
            return Err(Error::InvalidResource { message: "The payload is not valid", violations });
        }
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let telling =
            store::webhook_deliveries::insert_given(&mut *transaction, project, id, kind, &payload);
        let told = in_time(telling).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(told)
    }

    /// Tells an entry of the log once more. Receivers that know its `webhook-id` see that it is a repetition.
    pub async fn replay(
        &self,
        project: ProjectId,
        id: WebhookId,
        entry: WebhookDeliveryId,
    ) -> Result<WebhookDeliveryId> {
        self.find_active(project, id).await?;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let repeating =
            store::webhook_deliveries::log::repeat(&mut *transaction, project, id, entry);
        let repeated = in_time(repeating).await.map_err(unavailable)?;
        let repeated = repeated.ok_or(Error::NotFound("webhook delivery"))?;
        commit(transaction).await?;
        Ok(repeated)
    }

    /// Tells once more what happened in a span of time, whether the webhook was told before, was switched off, or, as far
    /// as mails are concerned, was not there yet.
    pub async fn replay_span(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: WebhookId,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Replayed> {
        let webhook = self.find_active(project, id).await?;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let replayed = repeat(&mut transaction, project, id, Span { from, to }).await?;
        let details = json!({
            "from": from, "to": to, "queued": replayed.queued, "complete": replayed.complete,
        });
        let subject = (id, webhook.url.as_str());
        write_down(&mut transaction, caller, project, "webhook.replayed", subject, details).await?;
        commit(transaction).await?;
        Ok(replayed)
    }

    async fn find_active(&self, project: ProjectId, id: WebhookId) -> Result<Webhook> {
        let webhook = self.find(project, id).await?;
        if webhook.active {
            return Ok(webhook);
        }
        Err(Error::Impossible {
            code: "WEBHOOK_INACTIVE",
            message: "The webhook is switched off; switch it on with `isActive` first.".into(),
        })
    }
}

/// Stores what is to be told once more: first what no mail is the subject of, then mails from the oldest on.
async fn repeat(
    transaction: &mut PgConnection,
    project: ProjectId,
    webhook: WebhookId,
    span: Span,
) -> Result<Replayed> {
    let started = Instant::now();
    let repeating = store::webhook_deliveries::log::repeat_payloads(
        &mut *transaction,
        project,
        webhook,
        span,
        MOST_REPLAYED,
    );
    let mut queued = in_time(repeating).await.map_err(unavailable)?;
    // Mail may have been scheduled long before anything happened to it.
    let mut after = MailId::first_at(span.from - LONGEST_AHEAD - LATE_EVENTS);
    let end = MailId::first_at(span.to);
    while queued < MOST_REPLAYED {
        if started.elapsed() > LONGEST_LOOK {
            return Ok(Replayed { queued, complete: false });
        }
        let page = Page { after, end, mails: PAGE, told: MOST_REPLAYED - queued };
        let repeating = store::webhook_deliveries::log::repeat_span(
            &mut *transaction,
            project,
            webhook,
            span,
            page,
        );
        let repeated = in_time(repeating).await.map_err(unavailable)?;
        queued += repeated.queued;
        let Some(last) = repeated.last else { return Ok(Replayed { queued, complete: true }) };
        after = last;
    }
    Ok(Replayed { queued, complete: false })
}
