//! Telling webhooks: leasing what is due to a worker, and recording what became of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::opened;
use crate::domain::id::{ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::telling::Telling;
use crate::error::{Error, Result};
use crate::service::batch::{Batcher, Bounds};
use crate::service::seal::Seal;
use crate::service::{in_time, unavailable};
use crate::store;
use crate::store::webhook_deliveries::queue::{Change, ClaimBounds, Claimed, Turn};
use crate::store::webhooks::EndpointRow;

mod gathering;
mod recording;

use self::recording::{change_for, ended_as, record_and_disable, record_until_stored};

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

/// The most that is ended in one claim for each webhook that is switched off or gone.
const ENDED: i64 = 250;

/// About what a change weighs.
const CHANGE_BYTES: usize = 2048;

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

/// What one look at the queue found.
pub struct Found {
    /// What is to be told now.
    pub jobs: Vec<Job>,
    /// How much was ended, since it cannot be told.
    pub ended: usize,
    /// Whether all webhooks for which something waits have had their turn.
    pub is_round: bool,
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

    /// Leases up to `room` things that are due, of the webhooks whose turn it is. What cannot be told is ended on the way.
    pub async fn claim(&self, room: usize) -> Result<Found> {
        let after = lock(&self.state).turn;
        let waiting = in_time(store::webhook_deliveries::queue::waiting(&self.db, after, TURNS))
            .await
            .map_err(unavailable)?;
        let is_round = waiting.len() < usize::try_from(TURNS).unwrap_or(usize::MAX);
        let (turns, full) = self.bounds_of(&waiting, is_round);
        if turns.is_empty() {
            return Ok(Found { jobs: Vec::new(), ended: 0, is_round });
        }
        let ended = store::webhook_deliveries::queue::end_of_gone(&self.db, &waiting, ENDED);
        let ended = in_time(ended).await.map_err(unavailable)?;
        let token = Uuid::new_v4();
        let bounds = ClaimBounds {
            lease_seconds: self.lease.as_secs_f64(),
            per_endpoint: PER_ENDPOINT,
            limit: i64::try_from(room.min(CLAIM)).unwrap_or(1),
        };
        let claiming =
            store::webhook_deliveries::queue::claim(&self.db, token, &turns, &full, bounds);
        let claimed = in_time(claiming).await.map_err(unavailable)?;
        let (jobs, unfit) = self.prepare(claimed, token).await?;
        let ended = usize::try_from(ended).unwrap_or(usize::MAX).saturating_add(unfit);
        Ok(Found { jobs, ended, is_round })
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

    /// Gathers what is to be told; ends what cannot be, and says how much that is.
    async fn prepare(&self, claimed: Vec<Claimed>, token: Uuid) -> Result<(Vec<Job>, usize)> {
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
        Ok((jobs, ended.len()))
    }

    /// Where to tell, or why not.
    fn endpoint(
        &self,
        row: Option<&EndpointRow>,
    ) -> Result<(EndpointUrl, WebhookSecret), &'static str> {
        let row = row.ok_or("The webhook was deleted.")?;
        if !row.active {
            return Err(store::webhook_deliveries::SWITCHED_OFF);
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
