//! Stores a batch of accepted mail, and finds out the truth about each of its mails.
//!
//! A connection that breaks in the middle of a commit, or says nothing any more, leaves open whether the batch was
//! stored, or will be yet: its statement may still wait for a lock, or lie in a buffer of the network. Nobody is
//! answered from a guess:
//!
//! - The ids, which are ours, are looked up. What is there was stored.
//! - What is not there is stored once more under the same ids, of which only one can be there: if this succeeds, the
//!   earlier statement never will, and if the earlier one comes first, this one fails and finds it.
//! - What is not certain when patience ends stays without an answer. A refusal would promise that nothing was stored,
//!   and nothing can hold that promise while the database is away: another node may find the mail there and deliver it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::ending::{End, end_of};
use super::{in_time, in_time_for, unavailable, without_values};
use crate::domain::id::MailId;
use crate::error::{Error, Result};
use crate::store;
use crate::store::mails::{AcceptedRow, NewMailRow, SharedBodyRow, StoredRow};

/// How long the truth about a batch is looked for.
const RESOLVE_WITHIN: Duration = Duration::from_secs(25);

/// Between looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a mail.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What its sender is told by.
    pub accepted: AcceptedRow,
    /// Whether it is this node's to deliver. What was found after a commit that broke off is not: its leases were given
    /// back.
    pub hand_over: bool,
}

/// Mails that are there.
type Stored = HashMap<MailId, StoredRow>;

/// Stores a batch, or, if one of its mails is what Postgres refuses, each of them alone.
pub(super) async fn store_all(
    db: &PgPool,
    rows: &[NewMailRow],
    lease: Duration,
) -> Result<Vec<Result<Verdict>>> {
    match store_batch(db, rows, None, lease).await {
        // Not as the batch's own error, which says that trying again may help.
        Err(Error::Internal(error)) if rows.len() == 1 => Ok(vec![Err(Error::Internal(error))]),
        Err(Error::Internal(error)) => {
            tracing::error!(%error, "A batch of {} mails was refused; storing each alone", rows.len());
            let mut verdicts = Vec::with_capacity(rows.len());
            for row in rows {
                verdicts.push(
                    store_batch(db, std::slice::from_ref(row), None, lease).await.and_then(
                        |mut verdicts| {
                            verdicts.pop().unwrap_or_else(|| {
                                Err(Error::Internal(anyhow::anyhow!("no verdict")))
                            })
                        },
                    ),
                );
            }
            Ok(verdicts)
        }
        verdicts => verdicts,
    }
}

/// Stores the mails of one request, and what they have in common: all of them or none.
pub(super) async fn store_together(
    db: &PgPool,
    rows: &[NewMailRow],
    shared: Option<&SharedBodyRow>,
    lease: Duration,
) -> Result<Vec<Verdict>> {
    let verdicts = store_batch(db, rows, shared, lease).await?;
    let mut accepted = Vec::with_capacity(verdicts.len());
    let mut refusal = None;
    for verdict in verdicts {
        match verdict {
            Ok(verdict) => accepted.push(verdict),
            // Where one end is not known, none is.
            Err(error @ Error::OutcomeUnknown(_)) => return Err(error),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        None => Ok(accepted),
        Some(error) => Err(error),
    }
}

async fn store_batch(
    db: &PgPool,
    rows: &[NewMailRow],
    shared: Option<&SharedBodyRow>,
    lease: Duration,
) -> Result<Vec<Result<Verdict>>> {
    // Nothing has begun yet, so that a failure here is a refusal.
    let mut connection = db.acquire().await.map_err(unavailable)?;
    let deadline = Instant::now() + RESOLVE_WITHIN;
    let shared_bytes = shared.map_or(0, |body| body.content.len());
    let bytes = rows.iter().map(|row| row.body.len()).sum::<usize>() + shared_bytes;
    // Whether an earlier statement may have stored them, or may do so yet.
    let mut is_in_doubt = false;
    loop {
        let accepting = store::mails::accept(&mut *connection, rows, shared, lease.as_secs_f64());
        let error = match in_time_for(bytes, accepting).await {
            Ok(accepted) if is_in_doubt => {
                return Ok(settle(&mut connection, rows, accepted).await);
            }
            Ok(accepted) => return Ok(in_order(rows, accepted)),
            Err(error) => error,
        };
        let is_late = Instant::now() > deadline;
        match end_of(&error) {
            End::RolledBack if !is_in_doubt && !is_late => continue,
            End::RolledBack | End::NotNow if !is_in_doubt => return Err(unavailable(error)),
            End::Refused if !is_in_doubt => {
                return Err(Error::Internal(anyhow::anyhow!(without_values(&error))));
            }
            _ if is_late => return Err(unknown(&error)),
            _ => {}
        }
        if !is_in_doubt {
            tracing::warn!("A commit of {} mails broke off; looking for its end", rows.len());
        }
        is_in_doubt = true;
        // Closed, and before another is asked for, or a small pool would wait for itself.
        drop(connection.detach());
        let (again, stored) = find_out(db, rows, deadline).await?;
        if !stored.is_empty() {
            return Ok(rows.iter().map(|row| verdict_after_break(row, &stored)).collect());
        }
        connection = again;
    }
}

/// Asks until the database answers which of the mails are there.
async fn find_out(
    db: &PgPool,
    rows: &[NewMailRow],
    deadline: Instant,
) -> Result<(PoolConnection<Postgres>, Stored)> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let asked = async {
            let mut connection = db.acquire().await?;
            let stored = in_time(resolve(&mut connection, rows.iter())).await;
            match stored {
                Ok(stored) => Ok((connection, stored)),
                Err(error) => {
                    drop(connection.detach());
                    Err(error)
                }
            }
        };
        match asked.await {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(unknown(&error)),
            Err(_) => {}
        }
    }
}

/// Which of the mails are there. Their leases are given back, because nobody is going to be handed them.
async fn resolve(
    connection: &mut PoolConnection<Postgres>,
    rows: impl Iterator<Item = &NewMailRow> + Clone,
) -> sqlx::Result<Stored> {
    let mails: Vec<_> = rows.clone().map(|row| (row.project, row.id)).collect();
    let ids: Vec<MailId> = mails.iter().map(|(_, id)| *id).collect();
    let stored = store::mails::existing(&mut **connection, &ids).await?;
    if !stored.is_empty() {
        for token in rows.filter_map(|row| row.lease_token) {
            store::deliveries::release_token(&mut **connection, &mails, token).await?;
        }
    }
    Ok(stored.into_iter().map(|row| (row.id, row)).collect())
}

/// The verdicts of a statement that followed one of unknown end.
async fn settle(
    connection: &mut PoolConnection<Postgres>,
    rows: &[NewMailRow],
    accepted: Vec<AcceptedRow>,
) -> Vec<Result<Verdict>> {
    // Not stored by this statement. An idempotency key may have been taken by the earlier one.
    let not_by_this: Vec<MailId> =
        accepted.iter().filter(|row| !row.stored).map(|row| row.id).collect();
    let left = rows.iter().filter(|row| not_by_this.contains(&row.id));
    let stored = in_time(resolve(connection, left)).await;
    let verdicts = rows.iter().zip(in_order(rows, accepted));
    verdicts
        .map(|(row, verdict)| match (&stored, verdict) {
            (Ok(stored), Ok(_)) if stored.contains_key(&row.id) => verdict_after_break(row, stored),
            (Err(error), Ok(verdict)) if !verdict.accepted.stored => Err(unknown(error)),
            // The earlier statement may have found the key good, and may be on its way yet.
            (_, Ok(verdict)) if !verdict.accepted.key_good => Err(Error::OutcomeUnknown(
                anyhow::anyhow!("the key ended while the end of a commit was looked for"),
            )),
            (_, verdict) => verdict,
        })
        .collect()
}

fn unknown(error: &sqlx::Error) -> Error {
    Error::OutcomeUnknown(anyhow::anyhow!(without_values(error)))
}

fn verdict_after_break(row: &NewMailRow, stored: &Stored) -> Result<Verdict> {
    let Some(found) = stored.get(&row.id) else {
        // One statement stores all of a batch or nothing: this mail's key was not good, or its idempotency key taken.
        return Err(Error::Unavailable(anyhow::anyhow!(
            "the mail was not part of the commit that broke off"
        )));
    };
    let accepted = AcceptedRow {
        id: row.id,
        key_good: true,
        stored: true,
        accepted_at: found.accepted_at,
        suppressed: found.suppressed.clone(),
    };
    Ok(Verdict { accepted, hand_over: false })
}

fn in_order(rows: &[NewMailRow], accepted: Vec<AcceptedRow>) -> Vec<Result<Verdict>> {
    let mut by_id: HashMap<MailId, AcceptedRow> =
        accepted.into_iter().map(|row| (row.id, row)).collect();
    rows.iter()
        .map(|row| {
            by_id
                .remove(&row.id)
                .map(|accepted| Verdict { hand_over: accepted.stored, accepted })
                .ok_or_else(|| Error::Internal(anyhow::anyhow!("a mail got no verdict")))
        })
        .collect()
}
