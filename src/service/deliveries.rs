//! Deliveries: leasing them to a worker, and recording what became of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::batch::{Batcher, Bounds};
use super::handoff::{Lease, Leases};
use super::{in_time, is_refusal, unavailable, without_values};
use crate::domain::delivery::Outcome;
use crate::domain::retry::{GIVE_UP_AFTER, delay_after};
use crate::error::{Error, Result};
use crate::store;
use crate::store::deliveries::{Change, Step};

/// Nobody waits for a record, so each statement is given the time to gather some. The time is short, because what was
/// sent and is not recorded is sent again if this process is killed.
const BOUNDS: Bounds = Bounds {
    batch_items: 256,
    batch_bytes: 16 * 1024 * 1024,
    waiting_bytes: usize::MAX,
    lanes: 2,
    crowd: 256,
    linger: Duration::from_millis(5),
};

/// About what a change weighs.
const CHANGE_BYTES: usize = 1024;

/// Between tries to record while the database is away or has no room, the first time and at most.
const PAUSES_WHEN_AWAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How often the same outcome may take its whole batch down. Past that its lease is left to run out.
const MOST_PANICS: usize = 3;

/// The delivering side's view of the queue.
#[derive(Clone)]
pub struct Deliveries {
    pub(super) db: PgPool,
    pub(super) leases: Arc<Leases>,
    records: Batcher<Change, bool>,
}

impl Deliveries {
    /// Starts the recorder.
    pub fn start(
        db: PgPool,
        leases: Arc<Leases>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let recording = db.clone();
        let records = Batcher::start(BOUNDS, tasks, stop, move |changes: Vec<Change>| {
            let db = recording.clone();
            async move { Ok(record_until_stored(&db, &changes).await) }
        });
        Self { db, leases, records }
    }

    /// Writes down that an attempt goes onto the wire, where that must be known afterwards; `false` if it must not,
    /// because the lease is lost.
    pub async fn begin(&self, lease: &Lease) -> Result<bool> {
        // Somebody else may have taken over, and send what we would send as well.
        if !self.leases.begin(lease) {
            // If nobody has, it is given back: what runs out looks as if its attempt had been broken off.
            self.leases.give_back_later([(lease.id, lease.token)]);
            return Ok(false);
        }
        if !lease.hold {
            return Ok(true);
        }
        in_time(store::deliveries::begin(&self.db, lease.id, lease.token))
            .await
            .map_err(unavailable)
    }

    /// Records what an attempt came to, durably, and gives the lease up; `false` if it was lost meanwhile.
    ///
    /// `recipient` is what a hard bounce suppresses.
    pub async fn record(
        &self,
        lease: &Lease,
        starts_at: DateTime<Utc>,
        outcome: Outcome,
        recipient: &str,
    ) -> Result<bool> {
        let change = change_for(lease, starts_at, outcome, recipient, rand::random());
        let mut panics = 0;
        loop {
            // An outcome is known to nobody else, so that a database that is away only delays its record. Whatever was
            // recorded already has no lease, and is not recorded twice.
            match self.records.submit(change.clone(), CHANGE_BYTES).await {
                Err(Error::Unavailable(_)) => {}
                Err(Error::OutcomeUnknown(_)) if panics < MOST_PANICS => panics += 1,
                recorded => {
                    self.leases.drop_one(lease.id, lease.token);
                    return recorded;
                }
            }
        }
    }

    /// Gives leases back whose attempts never began: now, or as soon as the database is there.
    pub async fn release(&self, leases: &[Lease]) -> Result<()> {
        for lease in leases {
            self.leases.drop_one(lease.id, lease.token);
        }
        self.leases.give_back_later(leases.iter().map(|lease| (lease.id, lease.token)));
        self.give_back_unwanted().await
    }

    /// Gives back what could not be given back before.
    pub async fn give_back_unwanted(&self) -> Result<()> {
        let unwanted = self.leases.unwanted();
        if unwanted.is_empty() {
            return Ok(());
        }
        in_time(store::deliveries::release(&self.db, &unwanted)).await.map_err(unavailable)?;
        self.leases.given_back(&unwanted);
        Ok(())
    }

    /// How long a lease is.
    pub fn lease(&self) -> Duration {
        self.leases.length()
    }

    /// Lengthens every lease that this node holds, and lets go of those that it has lost or does not want.
    pub async fn renew_leases(&self) -> Result<()> {
        let held = self.leases.held();
        for some in held.chunks(1000) {
            let asked = Instant::now();
            let renewing = store::deliveries::renew(&self.db, some, self.lease().as_secs_f64());
            let renewed = in_time(renewing).await.map_err(unavailable)?;
            self.leases.renewed(some, &renewed.into_iter().collect(), asked);
        }
        self.give_back_unwanted().await
    }
}

/// Records a batch, however long the database is away.
async fn record_until_stored(db: &PgPool, changes: &[Change]) -> Vec<bool> {
    let mut backoff = Backoff::new(PAUSES_WHEN_AWAY.0, PAUSES_WHEN_AWAY.1);
    loop {
        match in_time(store::deliveries::record(db, changes)).await {
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
                tracing::error!(error, "An outcome was refused; its lease ends by itself");
                return vec![false];
            }
            Err(error) => {
                let error = without_values(&error);
                tracing::warn!(error, "Could not record {} outcomes; trying again", changes.len());
                tokio::time::sleep(backoff.after_failure()).await;
            }
        }
    }
}

/// What an outcome changes. `jitter` is between 0 and 1.
fn change_for(
    lease: &Lease,
    starts_at: DateTime<Utc>,
    outcome: Outcome,
    recipient: &str,
    jitter: f64,
) -> Change {
    let delay = delay_after(lease.attempt, jitter);
    let too_late = Utc::now() + delay > lease.retried_at.unwrap_or(starts_at) + GIVE_UP_AFTER;
    let mut change = Change {
        id: lease.id,
        token: lease.token,
        attempt: lease.attempt,
        step: Step::Sent,
        mail_status: "sent",
        delay_seconds: delay.as_secs_f64(),
        event: Some("sent"),
        reply: None,
        suppress: None,
    };
    match outcome {
        Outcome::Sent(reply) => change.reply = Some(reply),
        Outcome::Captured | Outcome::Complained => {
            change.mail_status = "captured";
            change.event =
                Some(if outcome == Outcome::Complained { "complained" } else { "captured" });
        }
        Outcome::Suppressed => {
            (change.step, change.mail_status, change.event) =
                (Step::Failed, "suppressed", Some("suppressed"));
        }
        Outcome::Rejected { reply, hard_bounce } => {
            (change.step, change.mail_status, change.event) =
                (Step::Failed, "bounced", Some("bounced"));
            change.reply = Some(reply);
            change.suppress = hard_bounce.then(|| recipient.to_lowercase());
        }
        Outcome::Ambiguous(reply) if lease.hold => {
            (change.step, change.mail_status, change.event) =
                (Step::Held, "held", Some("ambiguous"));
            change.reply = Some(reply);
        }
        Outcome::Ambiguous(reply) if too_late => {
            (change.step, change.mail_status, change.event) =
                (Step::Failed, "failed", Some("ambiguous"));
            change.reply = Some(reply);
        }
        Outcome::Deferred(reply) | Outcome::NotAttempted(reply) if too_late => {
            (change.step, change.mail_status, change.event) =
                (Step::Failed, "failed", Some("failed"));
            change.reply = Some(reply);
        }
        Outcome::Deferred(reply) => {
            (change.step, change.event, change.reply) =
                (Step::Later, Some("deferred"), Some(reply));
        }
        Outcome::Ambiguous(reply) => {
            (change.step, change.event, change.reply) =
                (Step::Later, Some("ambiguous"), Some(reply));
        }
        Outcome::NotAttempted(reply) => {
            (change.step, change.event, change.reply) = (Step::NotBegun, None, Some(reply));
        }
    }
    change
}
