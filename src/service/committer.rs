//! Takes accepted mail in: all that wait is stored in one statement, and what is stored goes to this node's delivering
//! side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::{Batcher, Bounds};
use super::handoff::{HandOff, Job, Lease};
use super::storing::{Verdict, store_all, store_together};
use crate::domain::mail::Content;
use crate::error::{Error, Result};
use crate::store::mails::{AcceptedRow, NewMailRow, SharedBodyRow};

/// One fsync for up to so many mails.
const BOUNDS: Bounds = Bounds {
    batch_items: 128,
    batch_bytes: 8 * 1024 * 1024,
    waiting_bytes: 256 * 1024 * 1024,
    lanes: 2,
    // Enough to be worth a statement of their own: it costs as much as storing some ten mails.
    crowd: 16,
    linger: Duration::ZERO,
};

/// One request with many mails at a time in each of two lanes: it makes a batch of its own.
const BULK_BOUNDS: Bounds =
    Bounds { batch_items: 1, batch_bytes: 0, crowd: 2, waiting_bytes: 128 * 1024 * 1024, ..BOUNDS };

/// A mail on its way into the database.
#[derive(Debug)]
pub struct Submission {
    /// What is stored.
    pub row: NewMailRow,
    /// What is delivered, if this node delivers it.
    pub content: Arc<Content>,
    /// The room for it on the delivering side.
    pub room: Option<OwnedSemaphorePermit>,
}

/// The mails of one request on their way into the database: all of them are stored or none is.
#[derive(Debug)]
pub struct BulkSubmission {
    /// Each with what it has of its own.
    pub mails: Vec<BulkItem>,
    /// What they have in common.
    pub shared: Option<SharedBodyRow>,
}

/// One of many mails of a request.
#[derive(Debug)]
pub struct BulkItem {
    /// What is stored.
    pub row: NewMailRow,
    /// What is delivered, and the room for it, if this node delivers it.
    pub handed_over: Option<(Arc<Content>, OwnedSemaphorePermit)>,
}

/// Where handlers hand mails in.
#[derive(Clone)]
pub struct Committer {
    batcher: Batcher<Submission, Result<AcceptedRow>>,
    bulk: Batcher<BulkSubmission, Result<Vec<AcceptedRow>>>,
}

impl Committer {
    /// Starts the writers. With a `handoff`, mails stored under a lease go straight to this node's delivering side.
    pub fn start(
        db: PgPool,
        handoff: Option<HandOff>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let (bulk_db, bulk_handoff) = (db.clone(), handoff.clone());
        let bulk =
            Batcher::start(BULK_BOUNDS, tasks, stop, move |requests: Vec<BulkSubmission>| {
                let (db, handoff) = (bulk_db.clone(), bulk_handoff.clone());
                async move {
                    let mut answers = Vec::with_capacity(requests.len());
                    for request in requests {
                        answers.push(
                            store_together_and_hand_over(&db, handoff.as_ref(), request).await,
                        );
                    }
                    Ok(answers)
                }
            });
        let batcher = Batcher::start(BOUNDS, tasks, stop, move |batch: Vec<Submission>| {
            let (db, handoff) = (db.clone(), handoff.clone());
            async move { store_and_hand_over(&db, handoff.as_ref(), batch).await }
        });
        Self { batcher, bulk }
    }

    /// Stores a mail. When this answers, it is durable or it is not there, unless the answer is
    /// [`OutcomeUnknown`](crate::error::Error::OutcomeUnknown).
    pub async fn submit(&self, submission: Submission) -> Result<AcceptedRow> {
        let bytes = submission.row.body.len() + 512;
        self.batcher.submit(submission, bytes).await?
    }

    /// The same for the mails of one request, in one transaction of their own.
    pub async fn submit_together(&self, submission: BulkSubmission) -> Result<Vec<AcceptedRow>> {
        let shared = submission.shared.as_ref().map_or(0, |body| body.content.len());
        let own: usize = submission.mails.iter().map(|mail| mail.row.body.len() + 512).sum();
        self.bulk.submit(submission, own + shared).await?
    }
}

async fn store_and_hand_over(
    db: &PgPool,
    handoff: Option<&HandOff>,
    batch: Vec<Submission>,
) -> Result<Vec<Result<AcceptedRow>>> {
    metrics::histogram!("posthaste_commit_batch_size")
        .record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
    let (rows, rest): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|submission| (submission.row, (submission.content, submission.room)))
        .unzip();
    // Without a hand-off nothing is stored under a lease.
    let lease = handoff.map_or(Duration::ZERO, HandOff::lease);
    let asked = Instant::now();
    let stored = store_all(db, &rows, lease).await;
    if let Some(handoff) = handoff {
        give_back_what_is_unknown(handoff, &rows, &stored);
    }
    let verdicts = stored?;

    if let Some(handoff) = handoff {
        for ((row, (content, room)), verdict) in rows.into_iter().zip(rest).zip(&verdicts) {
            if let Ok(verdict) = verdict {
                hand_over(handoff, &row, verdict, content, room, asked);
            }
        }
    }
    Ok(verdicts.into_iter().map(|verdict| verdict.map(|verdict| verdict.accepted)).collect())
}

async fn store_together_and_hand_over(
    db: &PgPool,
    handoff: Option<&HandOff>,
    BulkSubmission { mails, shared }: BulkSubmission,
) -> Result<Vec<AcceptedRow>> {
    let (rows, rest): (Vec<_>, Vec<_>) =
        mails.into_iter().map(|mail| (mail.row, mail.handed_over)).unzip();
    let lease = handoff.map_or(Duration::ZERO, HandOff::lease);
    let asked = Instant::now();
    let stored = store_together(db, &rows, shared.as_ref(), lease).await;
    if let (Some(handoff), Err(Error::OutcomeUnknown(_))) = (handoff, &stored) {
        for row in &rows {
            give_back(handoff, row);
        }
    }
    let verdicts = stored?;
    if let Some(handoff) = handoff {
        for ((row, rest), verdict) in rows.iter().zip(rest).zip(&verdicts) {
            if let Some((content, room)) = rest {
                hand_over(handoff, row, verdict, content, Some(room), asked);
            }
        }
    }
    Ok(verdicts.into_iter().map(|verdict| verdict.accepted).collect())
}

/// Hands a mail to this node's delivering side, if it was stored under a lease.
fn hand_over(
    handoff: &HandOff,
    row: &NewMailRow,
    Verdict { accepted, hand_over }: &Verdict,
    content: Arc<Content>,
    room: Option<OwnedSemaphorePermit>,
    asked: Instant,
) {
    let Some(token) = row.lease_token.filter(|_| *hand_over) else { return };
    let deliveries: Vec<Lease> = (0..)
        .zip(&row.recipients)
        .filter(|(position, _)| !accepted.suppressed.contains(position))
        .map(|(position, (id, _))| Lease {
            id: *id,
            position,
            attempt: 1,
            hold: row.hold,
            retried_at: None,
            token,
        })
        .collect();
    if deliveries.is_empty() {
        return;
    }
    let (mail, test, starts_at) = (row.id, row.test, accepted.accepted_at);
    let job = Job { mail, test, starts_at, content, deliveries, room, held: None };
    handoff.hand_over(job, asked);
}

/// What may have been stored and is not going to be handed over must not wait for its leases to run out.
fn give_back_what_is_unknown(
    handoff: &HandOff,
    rows: &[NewMailRow],
    stored: &Result<Vec<Result<Verdict>>>,
) {
    let is_unknown = |place: usize| match stored {
        Ok(verdicts) => matches!(verdicts.get(place), Some(Err(Error::OutcomeUnknown(_)))),
        Err(error) => matches!(error, Error::OutcomeUnknown(_)),
    };
    for (_, row) in rows.iter().enumerate().filter(|(place, _)| is_unknown(*place)) {
        give_back(handoff, row);
    }
}

fn give_back(handoff: &HandOff, row: &NewMailRow) {
    if let Some(token) = row.lease_token {
        handoff.give_back(row.recipients.iter().map(|(delivery, _)| (*delivery, token)));
    }
}
