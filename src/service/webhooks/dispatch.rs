//! Telling webhooks: leasing what is due to a worker, and recording what became of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{opened, origin};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::id::{ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::schedule::{GIVE_UP_AFTER, delay_after};
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::telling::Telling;
use crate::error::{Error, Result};
use crate::service::backoff::Backoff;
use crate::service::batch::{Batcher, Bounds};
use crate::service::deliveries::is_refusal;
use crate::service::seal::Seal;
use crate::service::{in_time, unavailable, without_values};
use crate::store;
use crate::store::webhook_deliveries::{Change, ClaimBounds, Claimed, Recorded, Turn};
use crate::store::webhooks::EndpointRow;

mod gathering;

/// Webhooks that one claim looks at.
const TURNS: i32 = 64;

/// Requests at a time from this node to an endpoint that is well.
const PER_ENDPOINT: i32 = 4;

/// Requests at a time from this node for one project, as far as claims can tell beforehand.
const PER_PROJECT: i32 = 64;

/// The most in one claim.
const CLAIM: usize = 64;

/// Nobody waits for a record; but what was sent and is not recorded is sent again if this process is killed.
const BOUNDS: Bounds = Bounds {
    batch_items: 256,
    batch_bytes: 16 * 1024 * 1024,
    waiting_bytes: usize::MAX,
    lanes: 1,
    crowd: 256,
    linger: Duration::from_millis(5),
};

/// About what a change weighs.
const CHANGE_BYTES: usize = 2048;

/// Between tries to record while the database is away or has no room, the first time and at most.
const PAUSES_WHEN_AWAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How often the same outcome may take its whole batch down. Past that its lease is left to run out.
const MOST_PANICS: usize = 3;

/// How much of an endpoint's answer is kept, in bytes.
pub const KEPT_ANSWER: usize = 1024;

/// One thing that is to be told now.
pub struct Job {
    /// The lease under which it is told.
    pub lease: Lease,
    /// Where.
    pub url: EndpointUrl,
    /// Signed with it.
    pub secret: WebhookSecret,
    /// What.
    pub telling: Telling,
    _running: Running,
}

/// The right to tell one thing once.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Names the delivery; the same on every attempt.
    pub id: WebhookDeliveryId,
    token: Uuid,
    webhook: WebhookId,
    /// The attempt, counted from one.
    pub attempt: i16,
    stored_at: DateTime<Utc>,
}

/// What one attempt came to.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The endpoint answered, with whatever status.
    Answered {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: Vec<u8>,
        /// How long it took.
        took: Duration,
    },
    /// There was no answer.
    Unanswered {
        /// Why, in words.
        why: String,
        /// How long it took to find out.
        took: Duration,
    },
}

/// The dispatching side's view of the queue.
#[derive(Clone)]
pub struct Dispatch {
    db: PgPool,
    seal: Seal,
    lease: Duration,
    records: Batcher<Change, bool>,
    state: Arc<Mutex<State>>,
}

/// Counts one request to an endpoint as long as it lives, whatever becomes of it.
struct Running {
    state: Arc<Mutex<State>>,
    webhook: WebhookId,
    project: ProjectId,
}

impl Running {
    fn begin(state: &Arc<Mutex<State>>, webhook: WebhookId, project: ProjectId) -> Self {
        let mut counts = lock(state);
        *counts.by_webhook.entry(webhook).or_default() += 1;
        *counts.by_project.entry(project).or_default() += 1;
        Self { state: Arc::clone(state), webhook, project }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut counts = lock(&self.state);
        decrement(&mut counts.by_webhook, self.webhook);
        decrement(&mut counts.by_project, self.project);
    }
}

fn decrement<K: Eq + Hash>(counts: &mut HashMap<K, i32>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() <= 0 {
            count.remove();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this node does at the moment.
#[derive(Default)]
struct State {
    /// The webhook that the last claim looked at last; whose turn is next comes after it.
    turn: Uuid,
    by_webhook: HashMap<WebhookId, i32>,
    by_project: HashMap<ProjectId, i32>,
}

impl Dispatch {
    /// Starts the recorder.
    pub fn start(
        db: PgPool,
        seal: Seal,
        lease: Duration,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let recording = db.clone();
        let records = Batcher::start(BOUNDS, tasks, stop, move |changes: Vec<Change>| {
            let db = recording.clone();
            async move { Ok(record_until_stored(&db, &changes).await) }
        });
        Self { db, seal, lease, records, state: Arc::default() }
    }

    /// Leases up to `room` things that are due, of the webhooks whose turn it is, and says whether all webhooks for
    /// which something waits have had their turn. What cannot be told is ended on the way.
    pub async fn claim(&self, room: usize) -> Result<(Vec<Job>, bool)> {
        let after = lock(&self.state).turn;
        let waiting = in_time(store::webhook_deliveries::waiting(&self.db, after, TURNS))
            .await
            .map_err(unavailable)?;
        let is_round = waiting.len() < usize::try_from(TURNS).unwrap_or(usize::MAX);
        let (turns, full) = self.bounds_of(&waiting, is_round);
        if turns.is_empty() {
            return Ok((Vec::new(), is_round));
        }
        let token = Uuid::new_v4();
        let bounds = ClaimBounds {
            lease_seconds: self.lease.as_secs_f64(),
            per_endpoint: PER_ENDPOINT,
            limit: i64::try_from(room.min(CLAIM)).unwrap_or(1),
        };
        let claiming = store::webhook_deliveries::claim(&self.db, token, &turns, &full, bounds);
        let claimed = in_time(claiming).await.map_err(unavailable)?;
        Ok((self.prepare(claimed, token).await?, is_round))
    }

    /// Records what an attempt came to, durably, and gives the lease up; `false` if it was lost meanwhile.
    pub async fn record(&self, lease: &Lease, attempt: Attempt) -> Result<bool> {
        let change = change_for(lease, attempt, rand::random());
        let mut panics = 0;
        loop {
            // An outcome is known to nobody else, so that a database that is away only delays its record.
            match self.records.submit(change.clone(), CHANGE_BYTES).await {
                Err(Error::Unavailable(_)) => {}
                Err(Error::OutcomeUnknown(_)) if panics < MOST_PANICS => panics += 1,
                recorded => return recorded,
            }
        }
    }

    /// How much each of these webhooks may take on, and the projects that have enough.
    fn bounds_of(&self, waiting: &[WebhookId], is_round: bool) -> (Vec<Turn>, Vec<ProjectId>) {
        let mut state = lock(&self.state);
        state.turn = match waiting.last() {
            Some(last) if !is_round => last.as_uuid(),
            _ => Uuid::nil(),
        };
        let running = |webhook: &WebhookId| state.by_webhook.get(webhook).copied().unwrap_or(0);
        let turns = waiting
            .iter()
            .map(|webhook| Turn { webhook: *webhook, running: running(webhook) })
            .collect();
        let full = state.by_project.iter().filter(|(_, count)| **count >= PER_PROJECT);
        (turns, full.map(|(project, _)| *project).collect())
    }

    /// Gathers what is to be told; ends what cannot be.
    async fn prepare(&self, claimed: Vec<Claimed>, token: Uuid) -> Result<Vec<Job>> {
        let webhooks: Vec<WebhookId> = claimed.iter().map(|delivery| delivery.webhook).collect();
        let endpoints =
            store::webhooks::for_work(&self.db, &webhooks).await.map_err(unavailable)?;
        let endpoints: HashMap<_, _> =
            endpoints.into_iter().map(|endpoint| (endpoint.id, endpoint)).collect();
        let (mut live, mut ended) = (Vec::new(), Vec::new());
        for delivery in claimed {
            match self.endpoint(endpoints.get(&delivery.webhook)) {
                Ok(endpoint) => live.push((delivery, endpoint)),
                Err(why) => ended.push(ended_as(&delivery, token, why)),
            }
        }
        let deliveries: Vec<&Claimed> = live.iter().map(|(delivery, _)| delivery).collect();
        let mut tellings = gathering::tellings(&self.db, &deliveries).await?;
        let mut jobs = Vec::with_capacity(live.len());
        for (delivery, (url, secret)) in live {
            match tellings.remove(&delivery.id) {
                Some(telling) => {
                    let lease = Lease {
                        id: delivery.id,
                        token,
                        webhook: delivery.webhook,
                        attempt: delivery.attempt,
                        stored_at: delivery.created_at,
                    };
                    let running = Running::begin(&self.state, delivery.webhook, delivery.project);
                    jobs.push(Job { lease, url, secret, telling, _running: running });
                }
                None => ended.push(ended_as(&delivery, token, "The mail is not kept any more.")),
            }
        }
        if !ended.is_empty() {
            record_and_disable(&self.db, &ended).await.map_err(unavailable)?;
        }
        Ok(jobs)
    }

    /// Where to tell, or why not.
    fn endpoint(
        &self,
        row: Option<&EndpointRow>,
    ) -> Result<(EndpointUrl, WebhookSecret), &'static str> {
        let row = row.ok_or("The webhook was deleted.")?;
        if !row.active {
            return Err("The webhook is switched off; replay this when it is on again.");
        }
        let url =
            EndpointUrl::parse(&row.url).map_err(|_| "The URL of the webhook is not valid.")?;
        let secret = opened(&self.seal, row.id, &row.secret).map_err(|_| {
            tracing::error!(webhook.id = %row.id, "The secret of a webhook cannot be read; was SECRET_KEY changed?");
            "The secret of the webhook cannot be read any more; make a new webhook."
        })?;
        Ok((url, secret))
    }
}

/// The end of something that is told to nobody.
fn ended_as(delivery: &Claimed, token: Uuid, why: &str) -> Change {
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
fn change_for(lease: &Lease, attempt: Attempt, jitter: f64) -> Change {
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
async fn record_and_disable(
    db: &PgPool,
    changes: &[Change],
) -> sqlx::Result<Vec<WebhookDeliveryId>> {
    let mut transaction = db.begin().await?;
    let recorded = store::webhook_deliveries::record(&mut *transaction, changes).await?;
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
    transaction.commit().await?;
    Ok(recorded.into_iter().map(|recorded| recorded.id).collect())
}

/// Records a batch, however long the database is away.
async fn record_until_stored(db: &PgPool, changes: &[Change]) -> Vec<bool> {
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
