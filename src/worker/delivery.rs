//! Delivers: what the accepting side of this node hands over, and whatever else is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::address::EmailAddress;
use crate::domain::delivery::{Outcome, Reply};
use crate::domain::links::Links;
use crate::domain::rehearsal;
use crate::error::Result;
use crate::service::backoff::Backoff;
use crate::service::claims::CLAIM;
use crate::service::deliveries::Deliveries;
use crate::service::handoff::{Job, Lease};
use crate::service::restart;
use crate::service::return_paths::ReturnPaths;
use crate::service::room::Room;
use crate::service::signing::Signing;

mod composing;

use self::composing::{Unwritable, compose};
pub use super::destination::{Destination, Relay};

/// Between looks at the queue when nothing was due. Fresh mail does not wait for it: it is handed over in memory.
const IDLE: Duration = Duration::from_secs(1);

/// Between looks at the queue when the database is away or has no room, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Mails being worked on at once. Their number on the wire is bounded by the pool of connections; this bounds memory.
const MAILS_AT_ONCE: usize = 256;

/// Messages that are one recipient's alone, all together, in KiB: each is composed when there is room for it.
const OWN_MESSAGES_KIB: usize = 128 * 1024;

/// Delivers mails until asked to stop.
#[derive(Clone)]
pub struct DeliveryWorker {
    deliveries: Deliveries,
    destination: Arc<Destination>,
    signing: Signing,
    return_paths: Option<ReturnPaths>,
    links: Links,
    places: Arc<Semaphore>,
    /// For messages that are one recipient's alone, in KiB.
    room: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl DeliveryWorker {
    /// A worker for one node. Its attempts run on `tasks`, which the stop waits for.
    pub fn new(
        deliveries: Deliveries,
        destination: Destination,
        signing: Signing,
        links: Links,
        tasks: TaskTracker,
    ) -> Self {
        let places = Arc::new(Semaphore::new(MAILS_AT_ONCE));
        let room = Arc::new(Semaphore::new(OWN_MESSAGES_KIB));
        let destination = Arc::new(destination);
        let return_paths = None;
        Self { deliveries, destination, signing, return_paths, links, places, room, tasks }
    }

    /// Lets bounces come back to these addresses instead of to the author.
    #[must_use]
    pub fn with_return_paths(self, return_paths: ReturnPaths) -> Self {
        Self { return_paths: Some(return_paths), ..self }
    }

    /// Delivers what is handed over. When asked to stop, what has not begun goes back into the queue.
    pub async fn run_handed_over(
        self,
        jobs: mpsc::UnboundedReceiver<Job>,
        stop: CancellationToken,
    ) {
        let jobs = Arc::new(Mutex::new(jobs));
        restart::whenever_it_panics("deliver what is handed over", move || {
            let (worker, jobs, stop) = (self.clone(), Arc::clone(&jobs), stop.clone());
            async move { worker.take_handed_over(&mut *jobs.lock().await, &stop).await }
        })
        .await;
    }

    async fn take_handed_over(
        &self,
        jobs: &mut mpsc::UnboundedReceiver<Job>,
        stop: &CancellationToken,
    ) {
        while let Some(Some(job)) = stop.run_until_cancelled(jobs.recv()).await {
            self.start(job, stop).await;
        }
        jobs.close();
        let mut left = Vec::new();
        while let Ok(job) = jobs.try_recv() {
            left.extend(job.deliveries);
        }
        self.give_back(&left).await;
    }

    /// Delivers what is due in the queue: second attempts, and what other nodes left behind or have no time for.
    pub async fn run_queue(self, stop: CancellationToken) {
        let room = Room::default();
        restart::whenever_it_panics("deliver what is due", move || {
            let (worker, room, stop) = (self.clone(), room.clone(), stop.clone());
            async move { worker.follow_queue(&room, &stop).await }
        })
        .await;
    }

    async fn follow_queue(&self, room: &Room, stop: &CancellationToken) {
        let mut backoff = Backoff::new(IDLE, LONGEST_PAUSE);
        // Grows as long as all goes well: what is too much for the database should not be asked for again and again.
        let mut limit = 1;
        while !stop.is_cancelled() {
            let pause = match self.claim_and_start(limit, room, stop).await {
                Ok(found) => {
                    backoff.reset();
                    limit = (limit * 2).min(CLAIM);
                    if found == 0 { IDLE } else { Duration::ZERO }
                }
                Err(error) => {
                    limit = 1;
                    let pause = backoff.after_failure();
                    tracing::warn!(cause = %error.for_log(), "Could not look into the queue; looking again in {pause:.1?}");
                    pause
                }
            };
            if !pause.is_zero() {
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
    }

    /// Says how much was found, started or not.
    async fn claim_and_start(
        &self,
        limit: i64,
        room: &Room,
        stop: &CancellationToken,
    ) -> Result<usize> {
        if self.places.available_permits() == 0 {
            return Ok(0);
        }
        // A relay that is down would only send everything back: one delivery a second finds out when it is up again.
        let is_down = matches!(&*self.destination, Destination::Relay(relay) if relay.is_down());
        if is_down {
            stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
        }
        let claims = self.deliveries.claim(if is_down { 1 } else { limit }, room).await?;
        let found = claims.jobs.len() + usize::from(claims.no_room_for.is_some());
        for job in claims.jobs {
            self.start(job, stop).await;
        }
        if let Some((bytes, recipients)) = claims.no_room_for {
            stop.run_until_cancelled(room.wait_for(bytes, recipients)).await;
        }
        Ok(found)
    }

    async fn start(&self, job: Job, stop: &CancellationToken) {
        let place = Arc::clone(&self.places).acquire_owned();
        let Some(Ok(place)) = stop.run_until_cancelled(place).await else {
            return self.give_back(&job.deliveries).await;
        };
        let (worker, stop) = (self.clone(), stop.clone());
        self.tasks.spawn(async move {
            worker.deliver(job, &stop).await;
            drop(place);
        });
    }

    async fn give_back(&self, leases: &[Lease]) {
        if leases.is_empty() {
            return;
        }
        if let Err(error) = self.deliveries.release(leases).await {
            tracing::warn!(cause = %error.for_log(), "Could not give {} leases back yet", leases.len());
        }
    }

    async fn deliver(&self, mut job: Job, stop: &CancellationToken) {
        // One message for all, or one for each when it is sent: those together may be fifty times as much.
        let message = match job.content.personal {
            None => Arc::new(Some(self.compose(&job, None).await)),
            Some(_) => Arc::new(None),
        };

        let leases = std::mem::take(&mut job.deliveries);
        let job = Arc::new(job);
        if let [lease] = leases[..] {
            return self.deliver_one(&job, lease, (*message).as_ref(), stop).await;
        }
        let mut attempts = tokio::task::JoinSet::new();
        for lease in leases {
            let (worker, job, message) = (self.clone(), Arc::clone(&job), Arc::clone(&message));
            let stop = stop.clone();
            attempts.spawn(async move {
                worker.deliver_one(&job, lease, (*message).as_ref(), &stop).await;
            });
        }
        attempts.join_all().await;
    }

    async fn deliver_one(
        &self,
        job: &Job,
        lease: Lease,
        message: Option<&Result<Vec<u8>, Unwritable>>,
        stop: &CancellationToken,
    ) {
        let place = usize::try_from(lease.position).unwrap_or(usize::MAX);
        let Some(recipient) = job.content.recipients().nth(place) else {
            return tracing::error!(mail.id = %job.mail, "A delivery of mail {} has no recipient", job.mail);
        };
        let (own, room);
        let message = if let Some(message) = message {
            room = None;
            message
        } else {
            let waiting = self.room_for(job);
            let Some(permit) = stop.run_until_cancelled(waiting).await else {
                return self.give_back(&[lease]).await;
            };
            room = permit;
            own = self.compose(job, Some(lease.position)).await;
            &own
        };
        let outcome = match message {
            Ok(bytes) => self.attempt(job, lease, recipient, bytes, stop).await,
            Err(unwritable) => Some(unwritable.outcome()),
        };
        drop(room);
        let Some(outcome) = outcome else { return };
        metrics::counter!("posthaste_deliveries_total", "outcome" => name(&outcome)).increment(1);
        tracing::debug!(mail.id = %job.mail, attempt = lease.attempt, outcome = name(&outcome), "Attempted a delivery");
        match self.deliveries.record(&lease, job.starts_at, outcome, &recipient.to_string()).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(mail.id = %job.mail, "Lost the lease of a delivery before its end was recorded");
            }
            Err(error) => {
                tracing::error!(mail.id = %job.mail, cause = %error.for_log(), "Could not record a delivery");
            }
        }
    }

    /// Room for one recipient's own message.
    async fn room_for(&self, job: &Job) -> Option<OwnedSemaphorePermit> {
        let files: usize = job.content.attachments.iter().map(|file| file.content().len()).sum();
        let texts = job.content.html.as_ref().map_or(0, String::len)
            + job.content.text.as_ref().map_or(0, String::len);
        // In base64, and copied once more when it is signed.
        let kib = (files + texts) * 3 / 1024 + 16;
        let kib = u32::try_from(kib.min(OWN_MESSAGES_KIB)).unwrap_or(u32::MAX);
        // Never closed; and if it were, to go on would do no harm.
        Arc::clone(&self.room).acquire_many_owned(kib).await.ok()
    }

    async fn compose(&self, job: &Job, position: Option<i16>) -> Result<Vec<u8>, Unwritable> {
        let message =
            compose(job, &self.signing, position.map(|at| (self.links.clone(), at))).await;
        if let Err(Unwritable::Panicked) = message {
            tracing::error!(mail.id = %job.mail, "Composing a mail panicked");
        }
        message
    }

    /// One attempt; or nothing, if the lease was lost before it began, or given back because we stop.
    async fn attempt(
        &self,
        job: &Job,
        lease: Lease,
        recipient: &EmailAddress,
        message: &[u8],
        stop: &CancellationToken,
    ) -> Option<Outcome> {
        let Destination::Relay(relay) = &*self.destination else {
            return Some(rehearsal::outcome(recipient, lease.attempt));
        };
        if job.test {
            return Some(rehearsal::outcome(recipient, lease.attempt));
        }
        if let Err(outcome) = relay.permit() {
            return Some(outcome);
        }
        // Whoever waits for a connection has sent nothing, and must not be taken for somebody who may have.
        let connecting = async { relay.transport.turn().await?.connect().await };
        let Some(connected) = stop.run_until_cancelled(connecting).await else {
            self.give_back(&[lease]).await;
            return None;
        };
        let outcome = match connected {
            Ok(ready) => match self.deliveries.begin(&lease).await {
                Ok(true) => {
                    let paths = self.return_paths.as_ref();
                    let path = paths.and_then(|paths| paths.of(job.mail, lease.position));
                    let from = path.as_ref().unwrap_or(&job.content.from.address);
                    ready.deliver(from, recipient, message).await
                }
                Ok(false) => {
                    relay.note(None);
                    return None;
                }
                Err(_) => {
                    relay.note(None);
                    let reply = Reply::described("The attempt could not be written down first.");
                    return Some(Outcome::NotAttempted(reply));
                }
            },
            Err(outcome) => outcome,
        };
        relay.note(match &outcome {
            Outcome::NotAttempted(reply) => Some(reply),
            _ => None,
        });
        Some(outcome)
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent(_) => "sent",
        Outcome::Captured => "captured",
        Outcome::Complained => "complained",
        Outcome::Suppressed => "suppressed",
        Outcome::Deferred(_) => "deferred",
        Outcome::Rejected { .. } => "bounced",
        Outcome::Ambiguous(_) => "ambiguous",
        Outcome::NotAttempted(_) => "not_attempted",
    }
}
