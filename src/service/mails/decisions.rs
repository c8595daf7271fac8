//! What people decide about a mail that is not there yet: to try again now, or not any more, or at another time.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::sending::check_schedule;
use super::{MailDetail, Mails};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{DeliveryId, MailId, ProjectId};
use crate::domain::key_change::Change;
use crate::error::{Error, Result};
use crate::service::{try_to_commit, unavailable};
use crate::store;
use crate::store::deliveries::decisions::{self, Decided, Locked};

/// How often a decision is tried that met with a batch of records that waited for it in turn.
const TRIES: usize = 3;

#[derive(Clone, Copy)]
enum Decision {
    Retry,
    Cancel,
    Reschedule(DateTime<Utc>),
}

impl Mails {
    /// Tries again now: puts held deliveries back into the queue, and brings forward those that wait for their next
    /// attempt.
    pub async fn retry(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
    ) -> Result<MailDetail> {
        if self.decide(caller, project, id, Decision::Retry).await? {
            return self.find(project, id).await;
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
    ) -> Result<MailDetail> {
        if self.decide(caller, project, id, Decision::Cancel).await? {
            return self.find(project, id).await;
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
        at: Change<Option<DateTime<Utc>>>,
    ) -> Result<MailDetail> {
        let Change::Set(at) = at else { return self.find(project, id).await };
        let now = Utc::now();
        check_schedule(at)?;
        let decision = Decision::Reschedule(at.unwrap_or(now));
        if self.decide(caller, project, id, decision).await? {
            return self.find(project, id).await;
        }
        Err(Error::Conflict {
            code: "NOT_SCHEDULED",
            message: "This mail is not scheduled, or is being sent already.".into(),
        })
    }

    /// Decides, and writes it into the audit log; `false` if there was nothing to decide.
    async fn decide(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
        decision: Decision,
    ) -> Result<bool> {
        self.summary(project, id).await?;
        let mut tries = 1;
        loop {
            match self.try_to_decide(caller, project, id, decision).await {
                Err(error) if tries < TRIES && is_deadlock(&error) => tries += 1,
                decided => return decided.map_err(unavailable),
            }
        }
    }

    async fn try_to_decide(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: MailId,
        decision: Decision,
    ) -> sqlx::Result<bool> {
        let mut transaction = self.db.begin().await?;
        decisions::lock_decision(&mut *transaction, id).await?;
        let locked = decisions::lock_of_mail(&mut *transaction, project, id).await?;
        let (action, decided, being_made) = match decision {
            Decision::Retry => {
                let decided = decisions::retry(&mut *transaction, project, id).await?;
                ("mail.retried", decided, 0)
            }
            Decision::Cancel => {
                let (withdrawn, being_made) = self.withdraw(&locked);
                let decided =
                    decisions::cancel(&mut *transaction, project, id, &withdrawn, None).await?;
                ("mail.cancelled", decided, being_made)
            }
            Decision::Reschedule(at) => {
                let moved = decisions::reschedule(&mut *transaction, project, id, at).await?;
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
        store::audit_log::insert(&mut *transaction, &entry).await?;
        try_to_commit(transaction).await?;
        Ok(true)
    }

    /// Takes back what this node has leased and not begun; also says how many attempts may be being made. Of the leases
    /// of other nodes nobody knows here.
    fn withdraw(&self, locked: &[Locked]) -> (Vec<DeliveryId>, usize) {
        let leases = self.handoff.as_ref().map(super::HandOff::leases);
        let mut withdrawn = Vec::new();
        let mut being_made = 0;
        for delivery in locked {
            let Some(token) = delivery.lease_token else { continue };
            if leases.is_some_and(|leases| leases.withdraw(delivery.id, token)) {
                withdrawn.push(delivery.id);
            } else {
                being_made += 1;
            }
        }
        (withdrawn, being_made)
    }
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "40P01")
}
