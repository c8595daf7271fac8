//! Claims: taking what is due from the queue, as much of it as there is room for.

mod late;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::deliveries::Deliveries;
use super::handoff::{Job, Lease};
use super::room::{self, Room};
use super::{in_time_for, try_to_commit, unavailable};
use crate::domain::delivery::{Outcome, Reply};
use crate::domain::id::{DeliveryId, MailId};
use crate::domain::packing;
use crate::domain::retry::GIVE_UP_AFTER;
use crate::error::Result;
use crate::store;
use crate::store::deliveries::{Change, Claimed, Step};
use crate::store::mails::{BodyStart, WorkRow};

/// The most deliveries in one claim.
pub const CLAIM: i64 = 64;

/// So many leases may run out under one delivery. A mail whose workers die again and again may be what they die of.
const GIVE_UP_AFTER_ABANDONED: i16 = 10;

/// What a look into the queue came to.
#[derive(Debug, Default)]
pub struct Claims {
    /// What this node now works on.
    pub jobs: Vec<Job>,
    /// The content in bytes and the recipients of the next mail, for which there was no room.
    pub no_room_for: Option<(usize, usize)>,
}

/// What is due of one mail.
#[derive(Default)]
struct Due {
    leases: Vec<Lease>,
    since: Vec<(DeliveryId, DateTime<Utc>)>,
}

/// What was leased, with the room that it takes.
#[derive(Default)]
struct Portion {
    mails: Vec<(WorkRow, Vec<Lease>, OwnedSemaphorePermit)>,
    no_room_for: Option<(usize, usize)>,
}

impl Deliveries {
    /// Leases up to `limit` deliveries that are due and have room, and says of every lease that ran out before how that
    /// attempt ended: nobody knows.
    pub async fn claim(&self, limit: i64, room: &Room) -> Result<Claims> {
        // What this node works on, and what it is about to record, must not be taken for what somebody left behind.
        if self.leases.have_run_out() {
            self.renew_leases().await?;
        }
        let (token, asked) = (Uuid::new_v4(), Instant::now());
        let mut leased = Vec::new();
        let claiming = self.take(token, limit, room, &mut leased);
        let portion = match in_time_for(room::BYTES, claiming).await {
            Ok(Some(portion)) => portion,
            Ok(None) => {
                self.renew_leases().await?;
                return Ok(Claims::default());
            }
            Err(error) => {
                // It may have been committed all the same.
                self.leases.give_back_later(leased.into_iter().map(|id| (id, token)));
                return Err(unavailable(error));
            }
        };
        let mut claims = Claims { jobs: Vec::new(), no_room_for: portion.no_room_for };
        let (mut late, mut unreadable) = (HashSet::new(), Vec::new());
        for (mail, deliveries, room) in portion.mails {
            if late::is_late(&mail, &deliveries) {
                late.insert(mail.id);
            }
            // The error may quote the content, which belongs in no log.
            let Ok(content) = packing::unpack(&mail.body, mail.shared.as_deref()) else {
                unreadable.push((mail, deliveries));
                continue;
            };
            // Only what is going to be worked on is held: whatever else happens, a lease ends by itself.
            let held = self.leases.hold(&deliveries, asked);
            claims.jobs.push(Job {
                mail: mail.id,
                test: mail.test,
                starts_at: mail.starts_at,
                content: Arc::new(content),
                deliveries,
                room: Some(room),
                held: Some(held),
            });
        }
        for (mail, deliveries) in &unreadable {
            if let Err(error) = self.defer_unreadable(mail, deliveries).await {
                self.give_up(claims);
                return Err(error);
            }
        }
        if let Err(error) = self.end_what_may_not_be_sent(&mut claims.jobs, &late).await {
            self.give_up(claims);
            return Err(error);
        }
        Ok(claims)
    }

    /// Gives back what was claimed and is not going to be worked on.
    fn give_up(&self, claims: Claims) {
        let left = claims.jobs.into_iter().flat_map(|job| job.deliveries);
        self.leases.give_back_later(left.map(|lease| (lease.id, lease.token)));
    }

    /// Leaves a mail to another version of the program, which may be able to read it.
    async fn defer_unreadable(&self, mail: &WorkRow, leases: &[Lease]) -> Result<()> {
        tracing::error!(mail.id = %mail.id, "The body of mail {} cannot be read", mail.id);
        for lease in leases {
            let reply = Reply::described("The stored content of this mail cannot be read.");
            self.record(lease, mail.starts_at, Outcome::Deferred(reply), "").await?;
        }
        Ok(())
    }

    /// In one transaction, so that what cannot be read is not leased. `leased` is what may be if this fails. Nothing, if this
    /// would take what this node has in hand: then the database's clock has leapt, as it does when a machine was asleep.
    async fn take(
        &self,
        token: Uuid,
        limit: i64,
        room: &Room,
        leased: &mut Vec<DeliveryId>,
    ) -> sqlx::Result<Option<Portion>> {
        let mut transaction = self.db.begin().await?;
        let lease = self.lease().as_secs_f64();
        let claimed = store::deliveries::claim(&mut *transaction, token, lease, limit).await?;
        if claimed.is_empty() {
            transaction.rollback().await?;
            return Ok(Some(Portion::default()));
        }
        if claimed.iter().any(|delivery| delivery.abandoned && self.leases.has(delivery.id)) {
            transaction.rollback().await?;
            return Ok(None);
        }
        leased.extend(claimed.iter().map(|delivery| delivery.id));
        let abandoned = after_abandoned_attempts(&mut *transaction, &claimed, token).await?;
        if !abandoned.is_empty() {
            store::deliveries::record(&mut *transaction, &abandoned).await?;
        }
        let (mut changes, going_on) = without_the_ended(claimed, &abandoned, token);
        let (order, mut due) = by_mail(going_on, token);
        let starts = store::mails::body_starts(&mut *transaction, &order).await?;
        let lengths: HashMap<MailId, usize> =
            starts.iter().map(|body| (body.id, unpacked_length(body))).collect();

        let mut portion = Portion::default();
        let (mut rooms, mut left) = (HashMap::new(), Vec::new());
        for mail in &order {
            let Some(of_mail) = due.get(mail) else { continue };
            let Some(length) = lengths.get(mail) else {
                tracing::error!(mail.id = %mail, "Mail {mail} has deliveries but no body");
                changes.extend(of_mail.leases.iter().map(without_content));
                continue;
            };
            let recipients = of_mail.leases.len();
            // In the order in which they are due, so that no large mail is passed over for ever.
            if portion.no_room_for.is_none()
                && let Some(permit) = room.reserve(*length, recipients)
            {
                rooms.insert(*mail, permit);
            } else {
                portion.no_room_for.get_or_insert((*length, recipients));
                left.extend(of_mail.since.iter().copied());
            }
        }

        if !changes.is_empty() {
            store::deliveries::record(&mut *transaction, &changes).await?;
        }
        if !left.is_empty() {
            store::deliveries::unclaim(&mut *transaction, token, &left).await?;
        }
        let ids: Vec<MailId> = rooms.keys().copied().collect();
        for mail in store::mails::for_work(&mut *transaction, &ids).await? {
            if let (Some(of_mail), Some(room)) = (due.remove(&mail.id), rooms.remove(&mail.id)) {
                portion.mails.push((mail, of_mail.leases, room));
            }
        }
        try_to_commit(transaction).await?;
        Ok(Some(portion))
    }
}

/// What was claimed and goes on; and the ends of what somebody has asked to stop, where the attempt that was abandoned
/// has not ended it.
fn without_the_ended(
    claimed: Vec<Claimed>,
    abandoned: &[Change],
    token: Uuid,
) -> (Vec<Change>, Vec<Claimed>) {
    let ended: HashSet<DeliveryId> = abandoned
        .iter()
        .filter(|change| change.step != Step::Continues)
        .map(|change| change.id)
        .collect();
    let (cancelled, going_on): (Vec<_>, Vec<_>) = claimed
        .into_iter()
        .filter(|delivery| !ended.contains(&delivery.id))
        .partition(|delivery| delivery.cancelled);
    let ends = cancelled.iter().map(|delivery| after_cancellation(delivery, token)).collect();
    (ends, going_on)
}

/// What goes on, by mail, and the mails in the order in which they were due.
fn by_mail(mut claimed: Vec<Claimed>, token: Uuid) -> (Vec<MailId>, HashMap<MailId, Due>) {
    claimed.sort_by_key(|delivery| delivery.due_at);
    let (mut order, mut due) = (Vec::new(), HashMap::new());
    for delivery in claimed {
        let of_mail: &mut Due = due.entry(delivery.mail).or_insert_with(|| {
            order.push(delivery.mail);
            Due::default()
        });
        of_mail.since.push((delivery.id, delivery.due_at));
        of_mail.leases.push(Lease {
            id: delivery.id,
            position: delivery.position,
            attempt: delivery.attempt,
            hold: delivery.hold,
            retried_at: delivery.retried_at,
            token,
        });
    }
    (order, due)
}

/// What is written down of attempts whose leases ran out.
async fn after_abandoned_attempts(
    db: impl PgExecutor<'_>,
    claimed: &[Claimed],
    token: Uuid,
) -> sqlx::Result<Vec<Change>> {
    let abandoned: Vec<&Claimed> = claimed.iter().filter(|delivery| delivery.abandoned).collect();
    if abandoned.is_empty() {
        return Ok(Vec::new());
    }
    let mails: Vec<MailId> = abandoned.iter().map(|delivery| delivery.mail).collect();
    let starts: HashMap<MailId, DateTime<Utc>> =
        store::mails::starts(db, &mails).await?.into_iter().collect();
    let now = Utc::now();
    let is_too_late = |delivery: &Claimed| {
        let start = delivery.retried_at.or_else(|| starts.get(&delivery.mail).copied());
        start.is_some_and(|start| now > start + GIVE_UP_AFTER)
    };
    Ok(abandoned
        .into_iter()
        .filter_map(|delivery| after_abandoned_attempt(delivery, token, is_too_late(delivery)))
        .collect())
}

/// What is written down of an attempt whose lease ran out.
///
/// Without `hold` nothing was written when the attempt began, because that would cost a commit for each mail; so it is
/// not known whether it did, and the record says no more than that. With `hold`, what had not begun was not sent.
fn after_abandoned_attempt(delivery: &Claimed, token: Uuid, is_too_late: bool) -> Option<Change> {
    let may_be_out = !delivery.hold || delivery.begun;
    let is_last = delivery.times_abandoned >= GIVE_UP_AFTER_ABANDONED || is_too_late;
    let (step, event) = match (delivery.hold, may_be_out, is_last) {
        (true, true, _) => (Step::Held, "ambiguous"),
        (_, true, true) => (Step::Failed, "ambiguous"),
        (_, true, false) => (Step::Continues, "ambiguous"),
        (_, false, true) => (Step::Failed, "failed"),
        (_, false, false) => return None,
    };
    let text = match (may_be_out, is_last) {
        (true, false) => {
            "The worker stopped while it had this mail, which may have been sent or not.".to_owned()
        }
        (true, true) => format!(
            "The worker stopped while it had this mail, {} times by now; it may have been sent or not, and is not tried \
             again.",
            delivery.times_abandoned
        ),
        (false, _) => format!(
            "The worker stopped before this mail was sent, {} times by now; it is not tried again.",
            delivery.times_abandoned
        ),
    };
    Some(Change {
        id: delivery.id,
        token,
        attempt: delivery.attempt - 1,
        step,
        mail_status: if step == Step::Failed { "failed" } else { "held" },
        delay_seconds: 0.0,
        event: Some(event),
        reply: Some(Reply::described(text)),
        suppress: None,
    })
}

/// The end of a delivery that somebody asked to stop while an attempt was being made.
fn after_cancellation(delivery: &Claimed, token: Uuid) -> Change {
    Change::ended(delivery.id, token, delivery.attempt - 1, "cancelled", None)
}

fn unpacked_length(body: &BodyStart) -> usize {
    let shared = body.shared_start.as_deref().map_or(0, packing::unpacked_length);
    packing::unpacked_length(&body.start) + shared
}

fn without_content(lease: &Lease) -> Change {
    let reply = Reply::described("The content of this mail is gone.");
    Change::ended(lease.id, lease.token, lease.attempt, "failed", Some(reply))
}
