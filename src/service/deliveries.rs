//! Deliveries: leasing them to a worker, and recording what became of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::batch::{Batcher, Bounds};
use super::handoff::{Job, Lease, Leases};
use super::{unavailable, without_values};
use crate::domain::delivery::{Outcome, Reply};
use crate::domain::id::{DeliveryId, MailId};
use crate::domain::packing;
use crate::domain::retry::{GIVE_UP_AFTER, delay_after};
use crate::error::{Error, Result};
use crate::store;
use crate::store::deliveries::{Change, Claimed, Step};

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

/// The most deliveries in one claim.
pub const CLAIM: i64 = 64;

/// Between tries to record while the database is away.
const PAUSE_WHEN_AWAY: Duration = Duration::from_millis(250);

/// The delivering side's view of the queue.
#[derive(Clone)]
pub struct Deliveries {
    db: PgPool,
    leases: Arc<Leases>,
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

    /// Leases up to `limit` deliveries that are due, and says of every lease that ran out before how that attempt ended: nobody knows.
    pub async fn claim(&self, limit: i64) -> Result<Vec<Job>> {
        let token = Uuid::new_v4();
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let claimed =
            store::deliveries::claim(&mut *transaction, token, self.lease().as_secs_f64(), limit)
                .await
                .map_err(unavailable)?;
        let abandoned: Vec<Change> = claimed
            .iter()
            .filter_map(|delivery| after_abandoned_attempt(delivery, token))
            .collect();
        if !abandoned.is_empty() {
            store::deliveries::record(&mut *transaction, &abandoned).await.map_err(unavailable)?;
        }
        // After those, which may have the same deliveries.
        let cancelled: Vec<Change> = claimed
            .iter()
            .filter(|delivery| delivery.cancelled && !is_held_now(delivery))
            .map(|delivery| after_cancellation(delivery, token))
            .collect();
        if !cancelled.is_empty() {
            store::deliveries::record(&mut *transaction, &cancelled).await.map_err(unavailable)?;
        }
        let mut leases: HashMap<MailId, Vec<Lease>> = HashMap::new();
        for delivery in claimed {
            if !delivery.cancelled && !is_held_now(&delivery) {
                leases.entry(delivery.mail).or_default().push(Lease {
                    id: delivery.id,
                    position: delivery.position,
                    attempt: delivery.attempt,
                    hold: delivery.hold,
                    token,
                });
            }
        }
        // In the same transaction: what cannot be read is not leased.
        let ids: Vec<MailId> = leases.keys().copied().collect();
        let mails = store::mails::for_work(&mut *transaction, &ids).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;

        // Only what is going to be worked on is held: whatever else happens, a lease ends by itself.
        let mut jobs = Vec::with_capacity(mails.len());
        for mail in mails {
            match (packing::unpack(&mail.body), leases.remove(&mail.id)) {
                (Ok(content), Some(deliveries)) => {
                    self.leases.hold(&deliveries);
                    jobs.push(Job {
                        mail: mail.id,
                        test: mail.test,
                        accepted_at: mail.created_at,
                        content: Arc::new(content),
                        deliveries,
                        room: None,
                    });
                }
                // The error may quote the content, which belongs in no log.
                (Err(_), _) => {
                    tracing::error!(mail.id = %mail.id, "The body of mail {} cannot be read", mail.id);
                }
                (Ok(_), None) => {}
            }
        }
        for mail in leases.keys() {
            tracing::error!(mail.id = %mail, "Mail {mail} has deliveries but no body");
        }
        Ok(jobs)
    }

    /// Writes down that an attempt goes onto the wire, where that must be known afterwards; `false` if it must not,
    /// because the lease is lost.
    pub async fn begin(&self, lease: &Lease) -> Result<bool> {
        // Somebody else may have taken over, and send what we would send as well.
        if !self.leases.begin(lease) {
            return Ok(false);
        }
        if !lease.hold {
            return Ok(true);
        }
        store::deliveries::begin(&self.db, lease.id, lease.token).await.map_err(unavailable)
    }

    /// Records what an attempt came to, durably, and gives the lease up; `false` if it was lost meanwhile.
    ///
    /// `recipient` is what a hard bounce suppresses.
    pub async fn record(
        &self,
        lease: &Lease,
        accepted_at: DateTime<Utc>,
        outcome: Outcome,
        recipient: &str,
    ) -> Result<bool> {
        let change = change_for(lease, accepted_at, outcome, recipient, rand::random());
        loop {
            // An outcome is known to nobody else, so that a database that is away only delays its record.
            match self.records.submit(change.clone(), CHANGE_BYTES).await {
                Err(Error::Unavailable(_)) => {}
                recorded => {
                    self.leases.drop_one(lease.id);
                    return recorded;
                }
            }
        }
    }

    /// Gives leases back whose attempts never began.
    pub async fn release(&self, leases: &[Lease]) -> Result<()> {
        let held: Vec<_> = leases.iter().map(|lease| (lease.id, lease.token)).collect();
        for (id, _) in &held {
            self.leases.drop_one(*id);
        }
        store::deliveries::release(&self.db, &held).await.map_err(unavailable)
    }

    /// Stops renewing these leases when the guard is dropped, whatever happened meanwhile.
    pub fn hold_until_dropped(&self, leases: &[Lease]) -> HeldLeases {
        HeldLeases {
            leases: Arc::clone(&self.leases),
            ids: leases.iter().map(|lease| lease.id).collect(),
        }
    }

    /// How long a lease is.
    pub fn lease(&self) -> Duration {
        self.leases.length()
    }

    /// Lengthens every lease that this node holds, and lets go of those that it has lost.
    pub async fn renew_leases(&self) -> Result<()> {
        let held = self.leases.held();
        for some in held.chunks(1000) {
            let asked = Instant::now();
            let renewed = store::deliveries::renew(&self.db, some, self.lease().as_secs_f64())
                .await
                .map_err(unavailable)?;
            self.leases.renewed(some, &renewed.into_iter().collect(), asked);
        }
        Ok(())
    }
}

/// Keeps leases in renewal while it lives.
pub struct HeldLeases {
    leases: Arc<Leases>,
    ids: Vec<DeliveryId>,
}

impl Drop for HeldLeases {
    fn drop(&mut self) {
        for id in &self.ids {
            self.leases.drop_one(*id);
        }
    }
}

/// Records a batch, however long the database is away.
async fn record_until_stored(db: &PgPool, changes: &[Change]) -> Vec<bool> {
    loop {
        match store::deliveries::record(db, changes).await {
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
                tokio::time::sleep(PAUSE_WHEN_AWAY).await;
            }
        }
    }
}

/// Whether the statement will be refused however often it is tried: not for want of a connection, of room or of luck.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    let passing = ["08", "25", "40", "53", "55", "57"];
    code.is_some_and(|code| !passing.iter().any(|class| code.starts_with(class)))
}

/// Whether the abandoned attempt leaves the decision to a person.
fn is_held_now(delivery: &Claimed) -> bool {
    delivery.abandoned && delivery.hold && delivery.begun
}

/// The end of a delivery that somebody asked to stop while an attempt was being made.
fn after_cancellation(delivery: &Claimed, token: Uuid) -> Change {
    Change {
        id: delivery.id,
        token,
        attempt: delivery.attempt - 1,
        step: Step::Failed,
        mail_status: "cancelled",
        delay_seconds: 0.0,
        event: Some("cancelled"),
        reply: None,
        suppress: None,
    }
}

fn after_abandoned_attempt(delivery: &Claimed, token: Uuid) -> Option<Change> {
    if !delivery.abandoned || (delivery.hold && !delivery.begun) {
        return None;
    }
    let text = "The worker stopped during this attempt; the mail may have been sent.";
    Some(Change {
        id: delivery.id,
        token,
        attempt: delivery.attempt - 1,
        step: if delivery.hold { Step::Held } else { Step::Continues },
        mail_status: "held",
        delay_seconds: 0.0,
        event: Some("ambiguous"),
        reply: Some(Reply::described(text)),
        suppress: None,
    })
}

/// What an outcome changes. `jitter` is between 0 and 1.
fn change_for(
    lease: &Lease,
    accepted_at: DateTime<Utc>,
    outcome: Outcome,
    recipient: &str,
    jitter: f64,
) -> Change {
    let delay = delay_after(lease.attempt, jitter);
    let too_late = Utc::now() + delay > accepted_at + GIVE_UP_AFTER;
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
