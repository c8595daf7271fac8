//! What people decide about a mail that is not there yet: to try again now, or not any more, or at another time.
//!
//! Whoever decides about a mail must be one who could have sent it, or a restricted key would send what it may not by
//! hastening the mail of another; and is shown its content only where that may be read.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::preparing::{may_send_from, may_send_to};
use super::sending::check_schedule;
use super::{MailDetail, Mails};
use crate::domain::address::EmailAddress;
use crate::domain::api_key::KeyMode;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{DeliveryId, MailId, ProjectId};
use crate::domain::permission::Permission;
use crate::domain::record::{Event, MailSummary};
use crate::error::{Error, Result};
use crate::service::handoff::Leases;
use crate::service::{commit, in_time, is_deadlock, unavailable};
use crate::store;
use crate::store::deliveries::decisions::{self, Decided, Locked};

/// How often a decision is tried that met with a batch of records that waited for it in turn.
const TRIES: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Retry,
    Cancel,
    Reschedule(DateTime<Utc>),
}

/// A mail after a decision, as far as whoever decided may see it.
#[derive(Debug)]
pub enum MailAfter {
    /// All of it.
    Readable(Box<MailDetail>),
    /// For those who may not read mail: no more than where it stands is to be told.
    Unreadable(Box<MailSummary>, Vec<Event>),
}

impl MailAfter {
    /// Where it stands.
    pub fn summary(&self) -> &MailSummary {
        match self {
            Self::Readable(detail) => &detail.summary,
            Self::Unreadable(summary, _) => summary,
        }
    }

    /// What happened to it, oldest first.
    pub fn events(&self) -> &[Event] {
        match self {
            Self::Readable(detail) => &detail.events,
            Self::Unreadable(_, events) => events,
        }
    }
}

impl Mails {
    /// Tries again now: puts held deliveries back into the queue, and brings forward those that wait for their next
    /// attempt.
    pub async fn retry(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
    ) -> Result<MailAfter> {
        if self.decide(caller, project, id, Decision::Retry).await? {
            return self.after(caller, project, id).await;
        }
        Err(Error::Conflict {
            code: "NOTHING_TO_RETRY",
            message: "No recipient of this mail is held or waits for a later attempt. What is over is sent again as a \
                      new mail."
                .into(),
        })
    }

    /// Stops: what waits or is held is never sent. An attempt that is being made at this moment may come to an end, and
    /// none follows it.
    pub async fn cancel(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
    ) -> Result<MailAfter> {
        if self.decide(caller, project, id, Decision::Cancel).await? {
            return self.after(caller, project, id).await;
        }
        Err(Error::Conflict {
            code: "NOTHING_TO_CANCEL",
            message: "No recipient of this mail is held or still to be served.".into(),
        })
    }

    /// Sends a scheduled mail at another time, or now; as long as it is not being sent.
    pub async fn reschedule(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
        at: Option<DateTime<Utc>>,
    ) -> Result<MailAfter> {
        check_schedule(at)?;
        let decision = Decision::Reschedule(at.unwrap_or_else(Utc::now));
        if self.decide(caller, project, id, decision).await? {
            return self.after(caller, project, id).await;
        }
        Err(Error::Conflict {
            code: "NOT_SCHEDULED",
            message: "This mail is not scheduled, or is being sent already.".into(),
        })
    }

    async fn after(&self, caller: &Caller, project: ProjectId, id: MailId) -> Result<MailAfter> {
        if caller.may(Permission::MailsRead) {
            let detail = self.find(project, id).await.map_err(Error::after_the_deed)?;
            return Ok(MailAfter::Readable(Box::new(detail)));
        }
        let (summary, events) = self.status(project, id).await.map_err(Error::after_the_deed)?;
        Ok(MailAfter::Unreadable(Box::new(summary), events))
    }

    /// Decides, and writes it into the audit log; `false` if there was nothing to decide.
    async fn decide(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
        decision: Decision,
    ) -> Result<bool> {
        let mail = self.summary(project, id).await?;
        self.hold_to_key(caller, &mail, decision).await?;
        let mut withdrawn = Withdrawn::new(self.handoff.as_ref().map(super::HandOff::leases));
        let mut tries = 1;
        loop {
            let mut transaction = self.db.begin().await.map_err(unavailable)?;
            let deciding = decide_in(&mut transaction, caller, &mail, decision, &mut withdrawn);
            match in_time(deciding).await {
                Ok(true) => {
                    commit(transaction).await?;
                    withdrawn.are_ended();
                    return Ok(true);
                }
                Ok(false) => return Ok(false),
                Err(error) if tries < TRIES && is_deadlock(&error) => tries += 1,
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// Holds a key to what it could have sent itself; what it only stops needs no domain any more.
    async fn hold_to_key(
        &self,
        caller: &Caller,
        mail: &MailSummary,
        decision: Decision,
    ) -> Result<()> {
        let Some(key) = caller.key() else { return Ok(()) };
        if key.mode == KeyMode::Test && !mail.test {
            return Err(Error::Forbidden {
                code: "LIVE_KEY_REQUIRED",
                message:
                    "This mail is not a test, and this API key is in test mode. Use a live key."
                        .into(),
            });
        }
        if key.restrictions.domains.is_some() || key.restrictions.recipients.is_some() {
            let content = self.content(mail.id).await?;
            may_send_from(key, &content.from.address)?;
            may_send_to(key, content.recipients())?;
        }
        if decision == Decision::Cancel || mail.test {
            return Ok(());
        }
        let from: EmailAddress = mail.from_address.parse().map_err(|_| {
            Error::Internal(anyhow::anyhow!("the stored author of a mail cannot be read"))
        })?;
        self.domains.permit(mail.project, from.domain()).await.map(drop)
    }
}

async fn decide_in(
    transaction: &mut Transaction<'_, Postgres>,
    caller: &Caller,
    mail: &MailSummary,
    decision: Decision,
    withdrawn: &mut Withdrawn<'_>,
) -> sqlx::Result<bool> {
    let (project, id) = (mail.project, mail.id);
    decisions::lock_decision(&mut **transaction, id).await?;
    let locked = decisions::lock_of_mail(&mut **transaction, project, id).await?;
    let (action, decided, being_made) = match decision {
        Decision::Retry => {
            let decided = decisions::retry(&mut **transaction, project, id).await?;
            ("mail.retried", decided, 0)
        }
        Decision::Cancel => {
            let (idle, being_made) = withdrawn.take(&locked);
            let decided = decisions::cancel(&mut **transaction, project, id, &idle, None).await?;
            ("mail.cancelled", decided, being_made)
        }
        Decision::Reschedule(at) => {
            let moved = decisions::reschedule(&mut **transaction, project, id, at).await?;
            ("mail.rescheduled", Decided { held: 0, waiting: i64::from(moved) }, 0)
        }
    };
    let details = match decision {
        Decision::Reschedule(at) => json!({"scheduledAt": at}),
        _ => json!({"held": decided.held, "waiting": decided.waiting, "beingMade": being_made}),
    };
    if decided.held + decided.waiting == 0 && being_made == 0 {
        return Ok(false);
    }
    let entry = NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: id.as_uuid(),
        subject_label: id.to_string(),
        details,
    };
    store::audit_log::insert(&mut **transaction, &entry).await?;
    Ok(true)
}

/// Leases of this node under which nothing had begun. Nobody works under them any more, so that those whose deliveries
/// were not ended after all, whatever kept them from it, are given back.
struct Withdrawn<'a> {
    leases: Option<&'a Leases>,
    taken: Vec<(DeliveryId, Uuid)>,
}

impl<'a> Withdrawn<'a> {
    fn new(leases: Option<&'a Leases>) -> Self {
        Self { leases, taken: Vec::new() }
    }

    /// Takes back what this node has leased and not begun; also says how many attempts may be being made. Of the leases
    /// of other nodes nobody knows here.
    fn take(&mut self, locked: &[Locked]) -> (Vec<DeliveryId>, usize) {
        let mut idle = Vec::new();
        let mut being_made = 0;
        for delivery in locked {
            let Some(token) = delivery.lease_token else { continue };
            let lease = (delivery.id, token);
            // An earlier try, which was rolled back, may have taken it.
            if self.taken.contains(&lease) {
                idle.push(delivery.id);
            } else if self.leases.is_some_and(|leases| leases.withdraw(delivery.id, token)) {
                self.taken.push(lease);
                idle.push(delivery.id);
            } else {
                being_made += 1;
            }
        }
        (idle, being_made)
    }

    fn are_ended(mut self) {
        self.taken.clear();
    }
}

impl Drop for Withdrawn<'_> {
    fn drop(&mut self) {
        if let Some(leases) = self.leases {
            leases.give_back_later(self.taken.drain(..));
        }
    }
}
