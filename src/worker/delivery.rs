//! Delivers: what the accepting side of this node hands over, and whatever else is due.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::address::EmailAddress;
use crate::domain::delivery::{Outcome, Reply};
use crate::domain::mail::Content;
use crate::domain::rehearsal;
use crate::error::Result;
use crate::mail::compose::{self, Identity};
use crate::mail::transport::circuit::Permit;
use crate::mail::transport::{Circuit, SmtpTransport};
use crate::service::deliveries::{CLAIM, Deliveries};
use crate::service::handoff::{Job, Lease};
use crate::service::signing::{NoKeys, Signer, Signing};

/// Between looks at the queue when nothing was due. Fresh mail does not wait for it: it is handed over in memory.
const IDLE: Duration = Duration::from_secs(1);

/// Mails being worked on at once. Their number on the wire is bounded by the pool of connections; this bounds memory.
const MAILS_AT_ONCE: usize = 256;

/// Where mail goes.
pub enum Destination {
    /// To a relay, over SMTP, unless it is test mail.
    Relay(Box<Relay>),
    /// Into the capture mailbox, all of it.
    CaptureMailbox,
}

/// The relay, and what is known of how it does.
pub struct Relay {
    transport: SmtpTransport,
    /// Knows when the relay is down.
    circuit: Circuit,
    /// What kept the last attempt from reaching it, for those who wait.
    trouble: Mutex<Reply>,
}

impl Relay {
    /// A relay of which nothing bad is known yet.
    pub fn new(transport: SmtpTransport) -> Self {
        Self { transport, circuit: Circuit::default(), trouble: Mutex::default() }
    }
}

/// Delivers mails until asked to stop.
#[derive(Clone)]
pub struct DeliveryWorker {
    deliveries: Deliveries,
    destination: Arc<Destination>,
    signing: Signing,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl DeliveryWorker {
    /// A worker for one node. Its attempts run on `tasks`, which the stop waits for.
    pub fn new(
        deliveries: Deliveries,
        destination: Destination,
        signing: Signing,
        tasks: TaskTracker,
    ) -> Self {
        let places = Arc::new(Semaphore::new(MAILS_AT_ONCE));
        Self { deliveries, destination: Arc::new(destination), signing, places, tasks }
    }

    /// Delivers what is handed over. When asked to stop, what has not begun goes back into the queue.
    pub async fn run_handed_over(
        self,
        mut jobs: mpsc::UnboundedReceiver<Job>,
        stop: CancellationToken,
    ) {
        while let Some(Some(job)) = stop.run_until_cancelled(jobs.recv()).await {
            self.start(job, &stop).await;
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
        while !stop.is_cancelled() {
            let found = self.claim_and_start(&stop).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "Could not look into the queue");
                0
            });
            if found == 0 {
                stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
            }
        }
    }

    async fn claim_and_start(&self, stop: &CancellationToken) -> Result<usize> {
        if self.places.available_permits() == 0 {
            return Ok(0);
        }
        // A relay that is down would only send everything back: one delivery a second finds out when it is up again.
        let is_down =
            matches!(&*self.destination, Destination::Relay(relay) if relay.circuit.is_open());
        if is_down {
            stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
        }
        let jobs = self.deliveries.claim(if is_down { 1 } else { CLAIM }).await?;
        let found = jobs.len();
        for job in jobs {
            self.start(job, stop).await;
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
            tracing::warn!(%error, "Could not give {} leases back; they end by themselves", leases.len());
        }
    }

    async fn deliver(&self, mut job: Job, stop: &CancellationToken) {
        // If this panics, the leases end by themselves instead of being renewed for ever.
        let _held = self.deliveries.hold_until_dropped(&job.deliveries);
        let identity = Identity::of(job.mail, &job.content, job.accepted_at);
        let content = Arc::clone(&job.content);
        let composed = match self.signing.signer(&content).await {
            Err(no_keys) => Err(Unwritable::NoKeys(no_keys)),
            Ok(None) if content.attachments.is_empty() => write(&content, &identity, None),
            Ok(signer) => {
                let work = move || write(&content, &identity, signer.as_ref());
                match tokio::task::spawn_blocking(work).await {
                    Ok(composed) => composed,
                    // The error has the words of the panic, which may quote the mail.
                    Err(_) => {
                        return tracing::error!(mail.id = %job.mail, "Composing a mail panicked");
                    }
                }
            }
        };
        let message = Arc::new(composed);

        let leases = std::mem::take(&mut job.deliveries);
        let job = Arc::new(job);
        if let [lease] = leases[..] {
            return self.deliver_one(&job, lease, &message, stop).await;
        }
        let mut attempts = tokio::task::JoinSet::new();
        for lease in leases {
            let (worker, job, message) = (self.clone(), Arc::clone(&job), Arc::clone(&message));
            let stop = stop.clone();
            attempts.spawn(async move { worker.deliver_one(&job, lease, &message, &stop).await });
        }
        attempts.join_all().await;
    }

    async fn deliver_one(
        &self,
        job: &Job,
        lease: Lease,
        message: &Result<Vec<u8>, Unwritable>,
        stop: &CancellationToken,
    ) {
        let place = usize::try_from(lease.position).unwrap_or(usize::MAX);
        let Some(recipient) = job.content.recipients().nth(place) else {
            return tracing::error!(mail.id = %job.mail, "A delivery of mail {} has no recipient", job.mail);
        };
        let outcome = match message {
            Ok(bytes) => self.attempt(job, lease, recipient, bytes, stop).await,
            Err(unwritable) => Some(unwritable.outcome()),
        };
        let Some(outcome) = outcome else { return };
        metrics::counter!("posthaste_deliveries_total", "outcome" => name(&outcome)).increment(1);
        tracing::debug!(mail.id = %job.mail, attempt = lease.attempt, outcome = name(&outcome), "Attempted a delivery");
        match self.deliveries.record(&lease, job.accepted_at, outcome, &recipient.to_string()).await
        {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(mail.id = %job.mail, "Lost the lease of a delivery before its end was recorded");
            }
            Err(error) => {
                tracing::error!(mail.id = %job.mail, %error, "Could not record a delivery");
            }
        }
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
        let Relay { transport, circuit, trouble } = &**relay;
        if let Permit::Wait(_) = circuit.permit(Instant::now()) {
            let known = trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Some(Outcome::NotAttempted(known));
        }
        // Whoever waits for a connection has sent nothing, and must not be taken for somebody who may have.
        let Some(turn) = stop.run_until_cancelled(transport.turn()).await else {
            self.give_back(&[lease]).await;
            return None;
        };
        let outcome = match turn {
            Ok(turn) => {
                match self.deliveries.begin(&lease).await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(_) => {
                        return Some(Outcome::NotAttempted(Reply::described(
                            "The attempt could not be written down first.",
                        )));
                    }
                }
                turn.deliver(&job.content.from.address, recipient, message).await
            }
            Err(outcome) => outcome,
        };
        let was_open = circuit.is_open();
        if let Outcome::NotAttempted(reply) = &outcome {
            circuit.record(false, Instant::now());
            trouble.lock().unwrap_or_else(PoisonError::into_inner).clone_from(reply);
        } else {
            circuit.record(true, Instant::now());
        }
        let is_open = circuit.is_open();
        if is_open && !was_open {
            tracing::warn!(
                "The relay cannot be reached; mail waits, and goes on by itself (`posthaste doctor` says why)"
            );
        } else if was_open && !is_open {
            tracing::info!("The relay can be reached again");
        }
        metrics::gauge!("posthaste_circuit_open").set(f64::from(u8::from(is_open)));
        Some(outcome)
    }
}

/// Why there is no message to send.
enum Unwritable {
    /// The content cannot be written as one.
    Content(String),
    /// There is nothing to sign it with.
    NoKeys(NoKeys),
}

impl Unwritable {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Content(problem) => Outcome::Rejected {
                reply: Reply::described(format!(
                    "The mail cannot be written as a message: {problem}"
                )),
                hard_bounce: false,
            },
            Self::NoKeys(no_keys) => {
                let reply = Reply::described(no_keys.to_string());
                match no_keys {
                    NoKeys::Away => Outcome::NotAttempted(reply),
                    NoKeys::Unreadable => Outcome::Deferred(reply),
                    NoKeys::Destroyed => Outcome::Rejected { reply, hard_bounce: false },
                }
            }
        }
    }
}

/// Writes the message, and signs it if its domain does.
fn write(
    content: &Content,
    identity: &Identity,
    signer: Option<&Signer>,
) -> Result<Vec<u8>, Unwritable> {
    let message = compose::compose(content, identity)
        .map_err(|error| Unwritable::Content(error.to_string()))?;
    let Some(signer) = signer else { return Ok(message) };
    signer.sign(message, identity.date).map_err(|error| Unwritable::Content(error.to_string()))
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
