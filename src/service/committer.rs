//! Stores accepted mail: all that wait in one statement, and the truth about each.
//!
//! A connection that breaks in the middle of a commit leaves open whether it happened. No caller is answered from a
//! guess: the ids, which we made, are looked up when the database is back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::{Batcher, Bounds};
use super::handoff::{HandOff, Job, Lease};
use super::{unavailable, without_values};
use crate::domain::id::MailId;
use crate::domain::mail::Content;
use crate::error::{Error, Result};
use crate::store;
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

/// How long the end of a broken commit is looked for before the callers are told that it is not known.
const RESOLVE_WITHIN: Duration = Duration::from_secs(25);

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

    /// Stores a mail; when this answers, it is durable or it is not there.
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
    let verdicts = store_all(db, &rows, lease).await?;

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
                let accepted_at = accepted.accepted_at;
                handoff.hand_over(Job {
                    mail: row.id,
                    test: row.test,
                    accepted_at,
                    content,
                    deliveries,
                    room,
                });
            }
        }
    }
    Ok(verdicts)
}

/// Stores a batch, or, if one of its mails is what Postgres refuses, each of them alone.
async fn store_all(
    db: &PgPool,
    rows: &[NewMailRow],
    lease: Duration,
) -> Result<Vec<Result<AcceptedRow>>> {
    match store_batch(db, rows, lease).await {
        // Not as the batch's own error, which says that trying again may help.
        Err(Error::Internal(error)) if rows.len() == 1 => Ok(vec![Err(Error::Internal(error))]),
        Err(Error::Internal(error)) => {
            tracing::error!(%error, "A batch of {} mails was refused; storing each alone", rows.len());
            let mut verdicts = Vec::with_capacity(rows.len());
            for row in rows {
                verdicts.push(store_batch(db, std::slice::from_ref(row), lease).await.and_then(
                    |mut verdicts| {
                        verdicts
                            .pop()
                            .unwrap_or_else(|| Err(Error::Internal(anyhow::anyhow!("no verdict"))))
                    },
                ));
            }
            Ok(verdicts)
        }
        verdicts => verdicts,
    }
}

async fn store_batch(
    db: &PgPool,
    rows: &[NewMailRow],
    lease: Duration,
) -> Result<Vec<Result<AcceptedRow>>> {
    // Nothing has begun yet, so that a failure here is a refusal.
    let mut connection = db.acquire().await.map_err(unavailable)?;
    let deadline = Instant::now() + RESOLVE_WITHIN;
    loop {
        let error = match store::mails::accept(&mut *connection, rows, lease.as_secs_f64()).await {
            Ok(accepted) => return Ok(in_order(rows, accepted)),
            Err(error) => error,
        };
        match end_of(&error) {
            End::RolledBack => {}
            End::Refused => return Err(Error::Internal(anyhow::anyhow!(without_values(&error)))),
            End::Unknown => {
                tracing::warn!("A commit of {} mails broke off; looking for its end", rows.len());
                // Given back before another is asked for, or a small pool would wait for itself.
                drop(connection);
                let (again, stored) = find_out(db, rows, deadline).await?;
                if !stored.is_empty() {
                    return Ok(rows.iter().map(|row| verdict_after_break(row, &stored)).collect());
                }
                connection = again;
            }
        }
        if Instant::now() > deadline {
            return Err(Error::Unavailable(anyhow::anyhow!(without_values(&error))));
        }
    }
}

/// What an error says of the statement it came from.
enum End {
    /// Nothing was stored, and trying again may help.
    RolledBack,
    /// Nothing was stored, nor will it be.
    Refused,
    /// It may have been stored.
    Unknown,
}

fn end_of(error: &sqlx::Error) -> End {
    let Some(code) = error.as_database_error().and_then(|error| error.code().map(String::from))
    else {
        return End::Unknown;
    };
    match code.as_str() {
        // Serialization failure, deadlock, lock time-out.
        "40001" | "40P01" | "55P03" => End::RolledBack,
        // A statement that broke off before has been committed meanwhile: its rows are there.
        "23505" => End::Unknown,
        code if code.starts_with("57") || code.starts_with("08") || code.starts_with("53") => {
            End::Unknown
        }
        _ => End::Refused,
    }
}

/// Asks until the database answers which of the mails are there.
async fn find_out(
    db: &PgPool,
    rows: &[NewMailRow],
    deadline: Instant,
) -> Result<(PoolConnection<sqlx::Postgres>, HashSet<MailId>)> {
    loop {
        let asked = async {
            let mut connection = db.acquire().await?;
            let stored = resolve(&mut connection, rows).await?;
            Ok((connection, stored))
        };
        match asked.await {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => {
                tracing::error!(
                    "The end of a commit stays unknown: the database did not come back in time"
                );
                return Err(unavailable(error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Which of the mails are there. Their leases are given back, because nobody is going to be handed them.
async fn resolve(
    connection: &mut PoolConnection<sqlx::Postgres>,
    rows: &[NewMailRow],
) -> sqlx::Result<HashSet<MailId>> {
    let ids: Vec<MailId> = rows.iter().map(|row| row.id).collect();
    let stored = store::mails::existing(&mut **connection, &ids).await?;
    if !stored.is_empty() {
        let mails: Vec<_> = rows.iter().map(|row| (row.project, row.id)).collect();
        for token in rows.iter().filter_map(|row| row.lease_token) {
            store::deliveries::release_token(&mut **connection, &mails, token).await?;
        }
    }
    Ok(stored.into_iter().collect())
}

fn verdict_after_break(row: &NewMailRow, stored: &HashSet<MailId>) -> Result<AcceptedRow> {
    if !stored.contains(&row.id) {
        return Err(Error::Unavailable(anyhow::anyhow!(
            "the mail was not part of the commit that broke off"
        )));
    }
    Ok(AcceptedRow {
        id: row.id,
        key_good: true,
        stored: true,
        accepted_at: chrono::Utc::now(),
        // Everyone: nothing is handed over in memory.
        suppressed: (0..).take(row.recipients.len()).collect(),
    })
}

fn in_order(rows: &[NewMailRow], accepted: Vec<AcceptedRow>) -> Vec<Result<AcceptedRow>> {
    let mut by_id: std::collections::HashMap<MailId, AcceptedRow> =
        accepted.into_iter().map(|row| (row.id, row)).collect();
    rows.iter()
        .map(|row| {
            by_id
                .remove(&row.id)
                .ok_or_else(|| Error::Internal(anyhow::anyhow!("a mail got no verdict")))
        })
        .collect()
}
