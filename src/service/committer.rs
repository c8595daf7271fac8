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
use super::storing::store_all;
use crate::domain::mail::Content;
use crate::error::{Error, Result};
use crate::store::mails::{AcceptedRow, NewMailRow};

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

/// Where handlers hand mails in.
#[derive(Clone)]
pub struct Committer {
    batcher: Batcher<Submission, Result<AcceptedRow>>,
}

impl Committer {
    /// Starts the writers. With a `handoff`, mails stored under a lease go straight to this node's delivering side.
    pub fn start(
        db: PgPool,
        handoff: Option<HandOff>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let batcher = Batcher::start(BOUNDS, tasks, stop, move |batch: Vec<Submission>| {
            let (db, handoff) = (db.clone(), handoff.clone());
            async move { store_and_hand_over(&db, handoff.as_ref(), batch).await }
        });
        Self { batcher }
    }

    /// Stores a mail. When this answers, it is durable or it is not there, unless the answer is
    /// [`OutcomeUnknown`](crate::error::Error::OutcomeUnknown).
    pub async fn submit(&self, submission: Submission) -> Result<AcceptedRow> {
        let bytes = submission.row.body.len() + 512;
        self.batcher.submit(submission, bytes).await?
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
            if let (Ok(accepted), Some(token)) = (verdict, row.lease_token)
                && accepted.stored
            {
                let deliveries: Vec<Lease> = (0..)
                    .zip(&row.recipients)
                    .filter(|(position, _)| !accepted.suppressed.contains(position))
                    .map(|(position, (id, _))| Lease {
                        id: *id,
                        position,
                        attempt: 1,
                        hold: row.hold,
                        token,
                    })
                    .collect();
                if deliveries.is_empty() {
                    continue;
                }
                let starts_at = accepted.accepted_at;
                let (mail, test) = (row.id, row.test);
                let job = Job { mail, test, starts_at, content, deliveries, room };
                handoff.hand_over(job, asked);
            }
        }
    }
    Ok(verdicts)
}

/// What may have been stored and is not going to be handed over must not wait for its leases to run out.
fn give_back_what_is_unknown(
    handoff: &HandOff,
    rows: &[NewMailRow],
    stored: &Result<Vec<Result<AcceptedRow>>>,
) {
    let is_unknown = |place: usize| match stored {
        Ok(verdicts) => matches!(verdicts.get(place), Some(Err(Error::OutcomeUnknown(_)))),
        Err(error) => matches!(error, Error::OutcomeUnknown(_)),
    };
    for (_, row) in rows.iter().enumerate().filter(|(place, _)| is_unknown(*place)) {
        if let Some(token) = row.lease_token {
            handoff.give_back(row.recipients.iter().map(|(delivery, _)| (*delivery, token)));
        }
    }
}
