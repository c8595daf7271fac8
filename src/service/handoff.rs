//! From the accepting side to the delivering side of one node, in memory.
//!
//! A node that also delivers stores a mail's deliveries already leased to itself and hands the mail over without going
//! through the queue. What is handed over is bounded by bytes and by number: past the bound, deliveries are stored
//! unleased, and are claimed like everyone else's.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use uuid::Uuid;

use super::room::Room;
use crate::domain::id::{DeliveryId, MailId};
use crate::domain::mail::Content;

/// A mail with the deliveries that this node holds the leases of.
#[derive(Debug)]
pub struct Job {
    /// The mail.
    pub mail: MailId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// When it was to be sent: the date in its header, and the start of the time in which it must arrive.
    pub starts_at: DateTime<Utc>,
    /// What is in it.
    pub content: Arc<Content>,
    /// Whom it goes to.
    pub deliveries: Vec<Lease>,
    /// The room that it takes up until it is dropped.
    pub room: Option<OwnedSemaphorePermit>,
    /// Keeps the leases in renewal until the job is dropped, whatever happens to it.
    pub held: Option<HeldLeases>,
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
    /// When a person decided to try again: the time in which it must arrive begins there.
    pub retried_at: Option<DateTime<Utc>>,
    /// Proves that the lease is still ours.
    pub token: Uuid,
}

/// The accepting end.
#[derive(Clone, Debug)]
pub struct HandOff {
    jobs: mpsc::UnboundedSender<Job>,
    room: Room,
    leases: Arc<Leases>,
}

/// Makes both ends.
pub fn channel(leases: Arc<Leases>) -> (HandOff, mpsc::UnboundedReceiver<Job>) {
    let (jobs, receiver) = mpsc::unbounded_channel();
    (HandOff { jobs, room: Room::default(), leases }, receiver)
}

impl HandOff {
    /// Makes room for a mail, if there is some.
    pub fn reserve(&self, content_bytes: usize, recipients: usize) -> Option<OwnedSemaphorePermit> {
        self.room.reserve(content_bytes, recipients)
    }

    /// How long the leases are that mails are stored under.
    pub fn lease(&self) -> Duration {
        self.leases.length
    }

    /// The leases of this node.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Gives back the leases of mails that may have been stored and are not handed over, as soon as the database is
    /// there.
    pub fn give_back(&self, leases: impl IntoIterator<Item = (DeliveryId, Uuid)>) {
        self.leases.give_back_later(leases);
    }

    /// Hands a mail over that was stored by a statement begun at `asked`. If that is long ago, or the delivering side is
    /// gone already, its leases are given back and others deliver it.
    pub fn hand_over(&self, mut job: Job, asked: Instant) {
        if asked.elapsed() > self.leases.length / 3 {
            return self.give_back(job.deliveries.iter().map(|lease| (lease.id, lease.token)));
        }
        job.held = Some(self.leases.hold(&job.deliveries, asked));
        if let Err(mpsc::error::SendError(job)) = self.jobs.send(job) {
            self.give_back(job.deliveries.iter().map(|lease| (lease.id, lease.token)));
        }
    }
}

/// The leases that this node holds, so that they can be renewed.
#[derive(Debug)]
pub struct Leases {
    length: Duration,
    held: Mutex<HashMap<DeliveryId, Held>>,
    /// Leases under which nothing was begun, and which were not given back yet.
    unwanted: Mutex<BTreeSet<(DeliveryId, Uuid)>>,
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
        Self { length, held: Mutex::default(), unwanted: Mutex::default() }
    }

    /// How long a lease is.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Notes leases that were taken by a statement begun at `asked`, for as long as the guard lives.
    pub fn hold(self: &Arc<Self>, leases: &[Lease], asked: Instant) -> HeldLeases {
        let until = asked + self.length;
        self.lock().extend(
            leases.iter().map(|lease| (lease.id, Held { token: lease.token, until, begun: false })),
        );
        let held = leases.iter().map(|lease| (lease.id, lease.token)).collect();
        HeldLeases { leases: Arc::clone(self), held }
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

    /// Forgets a lease that is over; one that was taken for a later attempt stays.
    pub fn drop_one(&self, id: DeliveryId, token: Uuid) {
        let mut held = self.lock();
        if held.get(&id).is_some_and(|held| held.token == token) {
            held.remove(&id);
        }
    }

    /// Notes leases under which nothing was begun, to be given back when the database is there: if they ran out, it
    /// would look as if an attempt had been broken off.
    pub fn give_back_later(&self, leases: impl IntoIterator<Item = (DeliveryId, Uuid)>) {
        self.lock_unwanted().extend(leases);
    }

    /// What is to be given back, in order. It is until [`Self::given_back`] says otherwise: while the database is asked to
    /// take it, it may still look abandoned.
    pub fn unwanted(&self) -> Vec<(DeliveryId, Uuid)> {
        self.lock_unwanted().iter().copied().collect()
    }

    /// Notes leases that the database has back.
    pub fn given_back(&self, leases: &[(DeliveryId, Uuid)]) {
        let mut unwanted = self.lock_unwanted();
        for lease in leases {
            unwanted.remove(lease);
        }
    }

    /// Whether a lease of this delivery is held, whichever.
    pub fn has(&self, id: DeliveryId) -> bool {
        self.lock().contains_key(&id)
    }

    /// Whether what is held here may look abandoned to others: its leases have run out, or are still to be given back. So it
    /// is when the database was away for long.
    pub fn have_run_out(&self) -> bool {
        let now = Instant::now();
        !self.lock_unwanted().is_empty() || self.lock().values().any(|held| held.until <= now)
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

    fn lock_unwanted(&self) -> std::sync::MutexGuard<'_, BTreeSet<(DeliveryId, Uuid)>> {
        self.unwanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps leases in renewal while it lives: those of work that nobody does any more end by themselves.
#[derive(Debug)]
pub struct HeldLeases {
    leases: Arc<Leases>,
    held: Vec<(DeliveryId, Uuid)>,
}

impl Drop for HeldLeases {
    fn drop(&mut self) {
        for (id, token) in &self.held {
            self.leases.drop_one(*id, *token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(id: DeliveryId, attempt: i16) -> Lease {
        let (position, hold, retried_at, token) = (0, false, None, Uuid::new_v4());
        Lease { id, position, attempt, hold, retried_at, token }
    }

    #[test]
    fn the_end_of_one_attempt_is_not_the_end_of_the_next() {
        let leases = Arc::new(Leases::new(Duration::from_mins(1)));
        let id = DeliveryId::generate();
        let (first, second) = (lease(id, 1), lease(id, 2));
        let held_first = leases.hold(&[first], Instant::now());
        let held_second = leases.hold(&[second], Instant::now());
        drop(held_first);
        leases.drop_one(id, first.token);
        assert_eq!(leases.held(), [(id, second.token)]);
        assert!(leases.begin(&second) && !leases.begin(&first));
        drop(held_second);
        assert!(leases.held().is_empty());
    }

    #[test]
    fn what_is_being_given_back_looks_abandoned_until_it_is_back() {
        let leases = Leases::new(Duration::from_mins(1));
        let [first, second] = [1, 2].map(|_| (DeliveryId::generate(), Uuid::new_v4()));
        assert!(!leases.have_run_out());
        leases.give_back_later([first]);
        let asked = leases.unwanted();
        assert!(asked == [first] && leases.have_run_out());
        // Comes while the database is asked.
        leases.give_back_later([second]);
        leases.given_back(&asked);
        assert!(leases.unwanted() == [second] && leases.have_run_out());
        leases.given_back(&[second]);
        assert!(!leases.have_run_out());
    }
}
