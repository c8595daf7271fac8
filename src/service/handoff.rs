//! From the accepting side to the delivering side of one node, in memory.
//!
//! A node that also delivers stores a mail's deliveries already leased to itself and hands the mail over without going
//! through the queue. What is handed over is bounded by bytes and by number: past the bound, deliveries are stored
//! unleased, and are claimed like everyone else's.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use uuid::Uuid;

use crate::domain::id::{DeliveryId, MailId};
use crate::domain::mail::Content;

/// What may be handed over and not yet delivered, in KiB of content.
const BUDGET_KIB: usize = 64 * 1024;

/// The least that a delivery counts, in KiB: bounds their number as well.
const LEAST_KIB: usize = 8;

/// A mail with the deliveries that this node holds the leases of.
#[derive(Debug)]
pub struct Job {
    /// The mail.
    pub mail: MailId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// What is in it.
    pub content: Arc<Content>,
    /// Whom it goes to.
    pub deliveries: Vec<Lease>,
    /// The room that it takes up until it is dropped.
    pub room: Option<OwnedSemaphorePermit>,
}

/// One delivery that this node may attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The delivery.
    pub id: DeliveryId,
    /// The recipient's place among to, cc and bcc.
    pub position: i16,
    /// The attempt that the lease is for, counted from one.
    pub attempt: i16,
    /// Whether it stops when the end of an attempt is not known.
    pub hold: bool,
    /// Proves that the lease is still ours.
    pub token: Uuid,
}

/// The accepting end.
#[derive(Clone, Debug)]
pub struct HandOff {
    jobs: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
    leases: Arc<Leases>,
}

/// Makes both ends.
pub fn channel(leases: Arc<Leases>) -> (HandOff, mpsc::UnboundedReceiver<Job>) {
    let (jobs, receiver) = mpsc::unbounded_channel();
    (HandOff { jobs, room: Arc::new(Semaphore::new(BUDGET_KIB)), leases }, receiver)
}

impl HandOff {
    /// Makes room for a mail, if there is some.
    pub fn reserve(&self, content_bytes: usize, recipients: usize) -> Option<OwnedSemaphorePermit> {
        let kib = (content_bytes / 1024).max(recipients * LEAST_KIB);
        Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(kib).ok()?).ok()
    }

    /// How long the leases are that mails are stored under.
    pub fn lease(&self) -> Duration {
        self.leases.length
    }

    /// The leases of this node.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Hands a stored mail over. If the delivering side is gone already, its leases run out and others deliver it.
    pub fn hand_over(&self, job: Job) {
        self.leases.hold(&job.deliveries);
        if let Err(mpsc::error::SendError(job)) = self.jobs.send(job) {
            for lease in &job.deliveries {
                self.leases.drop_one(lease.id);
            }
        }
    }
}

/// The leases that this node holds, so that they can be renewed.
#[derive(Debug)]
pub struct Leases {
    length: Duration,
    held: Mutex<HashMap<DeliveryId, Held>>,
}

/// A lease and how long it is certainly ours: what is not renewed in time may be somebody else's by now.
#[derive(Clone, Copy, Debug)]
struct Held {
    token: Uuid,
    until: Instant,
    /// Whether an attempt is being made under it.
    begun: bool,
}

impl Leases {
    /// None yet. `length` is how long a worker may hold a delivery before another may take it over. Leases in use are
    /// renewed three times in this time, so that a slow relay costs no lease, and a dead worker's end soon.
    pub fn new(length: Duration) -> Self {
        Self { length, held: Mutex::default() }
    }

    /// How long a lease is.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Notes leases that were taken just now, by a statement that took less than a tenth of their length.
    pub fn hold(&self, leases: &[Lease]) {
        let until = Instant::now() + self.length * 9 / 10;
        self.lock().extend(
            leases.iter().map(|lease| (lease.id, Held { token: lease.token, until, begun: false })),
        );
    }

    /// Notes that an attempt begins; `false` if it must not, because the lease is not certainly ours any more.
    pub fn begin(&self, lease: &Lease) -> bool {
        let mut held = self.lock();
        let held = held
            .get_mut(&lease.id)
            .filter(|held| held.token == lease.token && held.until > Instant::now());
        held.map(|held| held.begun = true).is_some()
    }

    /// Takes a lease away from whoever has it here, unless an attempt has begun; whether it did.
    pub fn withdraw(&self, id: DeliveryId, token: Uuid) -> bool {
        let mut held = self.lock();
        let is_idle = held.get(&id).is_some_and(|held| held.token == token && !held.begun);
        if is_idle {
            held.remove(&id);
        }
        is_idle
    }

    /// Notes which of the leases that were asked for at `asked` were renewed; the others are lost.
    pub fn renewed(
        &self,
        asked_for: &[(DeliveryId, Uuid)],
        renewed: &HashSet<DeliveryId>,
        asked: Instant,
    ) {
        let mut held = self.lock();
        for (id, token) in asked_for {
            if renewed.contains(id) {
                if let Some(lease) = held.get_mut(id).filter(|lease| lease.token == *token) {
                    lease.until = asked + self.length;
                }
            } else if held.get(id).is_some_and(|lease| lease.token == *token) {
                held.remove(id);
            }
        }
    }

    /// Forgets a lease that is over.
    pub fn drop_one(&self, id: DeliveryId) {
        self.lock().remove(&id);
    }

    /// All that are held now, in order, so that statements about them never wait for each other.
    pub fn held(&self) -> Vec<(DeliveryId, Uuid)> {
        let mut held: Vec<_> = self.lock().iter().map(|(id, held)| (*id, held.token)).collect();
        held.sort_unstable();
        held
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeliveryId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
