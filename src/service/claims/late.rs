//! Mail that leaves long after it was accepted: what was true then is looked at once more.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::Utc;

use super::super::deliveries::Deliveries;
use super::super::handoff::{Job, Lease};
use super::super::{in_time, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::delivery::Reply;
use crate::domain::id::{DeliveryId, MailId};
use crate::error::Result;
use crate::store;
use crate::store::deliveries::Change;
use crate::store::deliveries::late::{DueRow, Obstacle};
use crate::store::mails::WorkRow;

/// For so long what was known when a mail was accepted is taken for true. Mail that leaves in this time pays nothing.
const FRESH: Duration = Duration::from_mins(1);

/// Whether a mail is no longer as good as just accepted: it was scheduled, is not tried for the first time, or waited.
pub(super) fn is_late(mail: &WorkRow, leases: &[Lease]) -> bool {
    mail.scheduled
        || mail.starts_at + FRESH < Utc::now()
        || leases.iter().any(|lease| lease.attempt > 1)
}

impl Deliveries {
    /// Ends those deliveries of late mails whose recipients have been suppressed, or whose projects were deleted, since
    /// the mail was accepted.
    pub(super) async fn end_what_may_not_be_sent(
        &self,
        jobs: &mut Vec<Job>,
        late: &HashSet<MailId>,
    ) -> Result<()> {
        let late_jobs = jobs.iter().filter(|job| late.contains(&job.mail));
        let due: Vec<DueRow> = late_jobs.flat_map(due_of).collect();
        if due.is_empty() {
            return Ok(());
        }
        let finding = store::deliveries::late::obstacles(&self.db, &due);
        let found: HashMap<DeliveryId, Obstacle> =
            in_time(finding).await.map_err(unavailable)?.into_iter().collect();
        if found.is_empty() {
            return Ok(());
        }
        let ended: Vec<Change> = jobs
            .iter()
            .flat_map(|job| &job.deliveries)
            .filter_map(|lease| Some(end(lease, *found.get(&lease.id)?)))
            .collect();
        in_time(store::deliveries::record(&self.db, &ended)).await.map_err(unavailable)?;
        for change in &ended {
            self.leases.drop_one(change.id, change.token);
        }
        for job in jobs.iter_mut() {
            job.deliveries.retain(|lease| !found.contains_key(&lease.id));
        }
        jobs.retain(|job| !job.deliveries.is_empty());
        Ok(())
    }
}

fn end(lease: &Lease, obstacle: Obstacle) -> Change {
    let (status, reply) = match obstacle {
        Obstacle::Suppressed => ("suppressed", None),
        Obstacle::ProjectDeleted => {
            ("cancelled", Some("The project was deleted before this mail was sent."))
        }
    };
    // No attempt was made.
    let attempt = lease.attempt - 1;
    Change::ended(lease.id, lease.token, attempt, status, reply.map(Reply::described))
}

fn due_of(job: &Job) -> Vec<DueRow> {
    let recipients: Vec<String> = job.content.recipients().map(EmailAddress::folded).collect();
    let row = |lease: &Lease| {
        let place = usize::try_from(lease.position).ok()?;
        let address = recipients.get(place)?.clone();
        Some(DueRow { delivery: lease.id, mail: job.mail, address })
    };
    job.deliveries.iter().filter_map(row).collect()
}
