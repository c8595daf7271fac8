//! What becomes of an attempt: kept, tried again later, or an endpoint switched off.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::super::origin;
use super::{Attempt, KEPT_ANSWER, Lease};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::id::{WebhookDeliveryId, WebhookId};
use crate::domain::webhook::schedule::{GIVE_UP_AFTER, delay_after};
use crate::service::backoff::Backoff;
use crate::service::{in_time, is_refusal, try_to_commit, without_values};
use crate::store;
use crate::store::webhook_deliveries::queue::{Change, Claimed, Recorded};

/// Between tries to record while the database is away or has no room, the first time and at most.
const PAUSES_WHEN_AWAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// The end of something that is told to nobody.
pub(super) fn ended_as(delivery: &Claimed, token: Uuid, why: &str) -> Change {
    Change {
        id: delivery.id,
        token,
        webhook: delivery.webhook,
        succeeded: false,
        failed: false,
        delay_seconds: None,
        status_code: None,
        duration: None,
        answer: None,
        trouble: Some(why.to_owned()),
    }
}

/// What an attempt changes. `jitter` is between 0 and 1.
pub(super) fn change_for(lease: &Lease, attempt: Attempt, jitter: f64) -> Change {
    let delay = delay_after(lease.attempt, jitter);
    let is_too_late = Utc::now() + delay > lease.stored_at + GIVE_UP_AFTER;
    let mut change = Change {
        id: lease.id,
        token: lease.token,
        webhook: lease.webhook,
        succeeded: false,
        failed: true,
        delay_seconds: (!is_too_late).then_some(delay.as_secs_f64()),
        status_code: None,
        duration: None,
        answer: None,
        trouble: None,
    };
    let milliseconds = |took: Duration| i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
    match attempt {
        Attempt::Answered { status, body, took } => {
            change.succeeded = (200..300).contains(&status);
            change.failed = !change.succeeded;
            change.status_code = i16::try_from(status).ok();
            change.duration = Some(milliseconds(took));
            change.answer = Some(kept(&body));
            change.trouble = match status {
                200..300 => None,
                300..400 => {
                    Some(format!("The endpoint answered {status}; redirects are not followed."))
                }
                GONE => Some("The endpoint answered 410: it wants nothing any more.".into()),
                status => Some(format!("The endpoint answered {status}.")),
            };
            if change.succeeded || status == GONE {
                change.delay_seconds = None;
            }
        }
        Attempt::Unanswered { why, took } => {
            change.duration = Some(milliseconds(took));
            change.trouble = Some(why);
        }
    }
    change
}

/// "Stop": the status with which an endpoint switches its webhook off.
const GONE: u16 = 410;

/// The beginning of a body as text, without what Postgres cannot hold.
fn kept(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(KEPT_ANSWER)]);
    text.replace('\0', "\u{fffd}")
}

/// Why an endpoint is switched off after this, if it is.
fn reason_to_disable(
    change: &Change,
    recorded: &Recorded,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    if change.status_code == i16::try_from(GONE).ok() {
        return Some("The endpoint answered 410 Gone.");
    }
    let failing_for = now - recorded.failing_since?;
    match recorded.failures? {
        10.. if failing_for >= chrono::Duration::days(3) => {
            Some("The endpoint has failed for three days.")
        }
        100.. if failing_for >= chrono::Duration::days(1) => {
            Some("The endpoint has failed for a day, a hundred times in a row.")
        }
        _ => None,
    }
}

/// Records a batch, and switches off what has failed for too long, with a note in the audit log.
pub(super) async fn record_and_disable(
    db: &PgPool,
    changes: &[Change],
) -> sqlx::Result<Vec<WebhookDeliveryId>> {
    let mut transaction = db.begin().await?;
    let recorded = store::webhook_deliveries::queue::record(&mut *transaction, changes).await?;
    let now = Utc::now();
    let by_id: HashMap<_, _> = changes.iter().map(|change| (change.id, change)).collect();
    let to_disable: HashMap<WebhookId, &str> = recorded
        .iter()
        .filter_map(|recorded| {
            let change = by_id.get(&recorded.id)?;
            Some((recorded.webhook, reason_to_disable(change, recorded, now)?))
        })
        .collect();
    if !to_disable.is_empty() {
        let to_disable: Vec<_> = to_disable.into_iter().collect();
        let disabled = store::webhooks::disable(&mut *transaction, &to_disable).await?;
        for webhook in disabled {
            let reason = to_disable.iter().find(|(id, _)| *id == webhook.id).map(|(_, why)| *why);
            let entry = NewAuditEntry {
                account: webhook.account,
                project: Some(webhook.project),
                doer: Doer::server(),
                action: "webhook.disabled",
                subject: webhook.id.as_uuid(),
                subject_label: origin(&webhook.url),
                details: json!({"reason": reason}),
            };
            store::audit_log::insert(&mut *transaction, &entry).await?;
            tracing::warn!(webhook.id = %webhook.id, reason, "Switched a webhook off");
        }
    }
    try_to_commit(transaction).await?;
    Ok(recorded.into_iter().map(|recorded| recorded.id).collect())
}

/// Records a batch, however long the database is away.
pub(super) async fn record_until_stored(db: &PgPool, changes: &[Change]) -> Vec<bool> {
    let mut backoff = Backoff::new(PAUSES_WHEN_AWAY.0, PAUSES_WHEN_AWAY.1);
    loop {
        match in_time(record_and_disable(db, changes)).await {
            Ok(done) => return changes.iter().map(|change| done.contains(&change.id)).collect(),
            // One that Postgres refuses must not keep the others from being recorded.
            Err(error) if is_refusal(&error) && changes.len() > 1 => {
                let mut done = Vec::with_capacity(changes.len());
                for change in changes {
                    let alone = std::slice::from_ref(change);
                    done.extend(Box::pin(record_until_stored(db, alone)).await);
                }
                return done;
            }
            Err(error) if is_refusal(&error) => {
                let error = without_values(&error);
                tracing::error!(
                    error,
                    "What a webhook was told could not be recorded; its lease ends by itself"
                );
                return vec![false];
            }
            Err(error) => {
                let error = without_values(&error);
                tracing::warn!(error, "Could not record what webhooks were told; trying again");
                tokio::time::sleep(backoff.after_failure()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(attempt: i16, age: Duration) -> Lease {
        Lease {
            id: WebhookDeliveryId::generate(),
            token: Uuid::new_v4(),
            webhook: WebhookId::generate(),
            attempt,
            stored_at: Utc::now() - age,
        }
    }

    fn answered(status: u16) -> Attempt {
        Attempt::Answered { status, body: b"a\0b\xff".to_vec(), took: Duration::from_millis(3) }
    }

    #[test]
    fn only_2xx_is_taken_for_yes_and_only_410_for_never() {
        let fresh = lease(1, Duration::ZERO);
        for status in [200, 201, 204, 299] {
            let change = change_for(&fresh, answered(status), 0.5);
            assert!(change.succeeded && change.delay_seconds.is_none(), "{status}");
        }
        for status in [100, 301, 302, 304, 400, 404, 429, 500, 503, 999] {
            let change = change_for(&fresh, answered(status), 0.5);
            assert!(!change.succeeded && change.failed, "{status}");
            assert_eq!(change.delay_seconds, Some(5.0), "{status}");
        }
        assert_eq!(change_for(&fresh, answered(410), 0.5).delay_seconds, None);
        assert_eq!(change_for(&fresh, answered(200), 0.5).answer.unwrap(), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn after_three_days_it_is_over() {
        let old = lease(14, Duration::from_hours(71));
        let why = Attempt::Unanswered { why: "nobody".into(), took: Duration::from_secs(10) };
        let change = change_for(&old, why, 0.5);
        assert_eq!((change.delay_seconds, change.failed), (None, true));
    }

    #[test]
    fn an_endpoint_is_switched_off_when_it_asks_or_has_failed_for_long() {
        let fresh = lease(1, Duration::ZERO);
        let now = Utc::now();
        let reason = |status: u16, failures: i32, days: i64| {
            let change = change_for(&fresh, answered(status), 0.5);
            let recorded = Recorded {
                id: fresh.id,
                webhook: fresh.webhook,
                failures: Some(failures),
                failing_since: Some(now - chrono::Duration::days(days)),
            };
            reason_to_disable(&change, &recorded, now).is_some()
        };
        assert!(reason(410, 1, 0));
        assert!(reason(500, 10, 3) && reason(500, 100, 1));
        assert!(!reason(500, 9, 30) && !reason(500, 1000, 0) && !reason(500, 99, 2));
    }
}
