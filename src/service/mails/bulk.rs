//! Accepting many mails of one request: all that can be sent, or all of them, in one transaction.

mod preparing;

use std::collections::HashMap;
use std::sync::Arc;

use self::preparing::{Circumstances, PreparedBulk, prepare};
use super::Mails;
use super::preparing::{Around, allow_sender, author};
use super::sending::is_final;
use super::suppressed::{self, Suppressed};
use crate::domain::api_key::KeyMode;
use crate::domain::bulk::{BulkAnswer, BulkDraft, BulkResult};
use crate::domain::caller::Caller;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::idempotency::Idempotency;
use crate::error::{Error, Result};
use crate::service::committer::{BulkItem, BulkSubmission};
use crate::service::suppressions;
use crate::store::mails::ClaimedKey;

/// What the sender of many mails is told.
#[derive(Clone, Debug)]
pub struct BulkAccepted {
    /// What became of each.
    pub answer: BulkAnswer,
    /// Those who get none of a mail, because they were suppressed when it was stored.
    pub suppressed: Suppressed,
    /// When they were stored.
    pub accepted_at: chrono::DateTime<chrono::Utc>,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

impl Mails {
    /// Takes responsibility for many mails, as [`Mails::send`] does for one: in one transaction. Those that cannot be
    /// sent are left out and told of, unless the caller wants all or none.
    pub async fn send_bulk(
        &self,
        caller: &Caller,
        project: ProjectId,
        mut draft: BulkDraft,
        idempotency: Option<Idempotency>,
    ) -> Result<BulkAccepted> {
        let key = super::sending::key_of(caller)?;
        let scheduled_at = draft.common.details.scheduled_at;
        if let Err(refusal) = super::sending::check_schedule(scheduled_at) {
            // The same request may have come before its time was over.
            return match self.first_bulk_answer(project, idempotency.as_ref()).await? {
                Some(first) => Ok(first),
                None => Err(refusal),
            };
        }
        draft.common = match self.templates.fill(project, draft.common).await {
            Ok(common) => common,
            Err(refusal) if is_final(&refusal) => {
                // What was accepted once is answered again, whatever became of its template since.
                let first = self.first_bulk_answer(project, idempotency.as_ref()).await?;
                return first.ok_or(refusal);
            }
            Err(error) => return Err(error),
        };
        allow_sender(key, &draft.common)?;
        suppressions::permit_group(&self.db, project, &draft.common.details).await?;
        let test = draft.common.test || key.mode == KeyMode::Test;
        let signed_by = if test {
            None
        } else {
            self.domains.permit(project, author(&draft.common)?.address.domain()).await?
        };
        // What fetched files take is held until the mails are stored.
        let _held = if draft.common.remote_files.is_empty() {
            None
        } else {
            if let Some(first) = self.first_bulk_answer(project, idempotency.as_ref()).await? {
                return Ok(first);
            }
            Some(self.files.fetch(project, &mut draft.common).await?)
        };
        let tracking = self.tracking.of(project, &draft.common).await?;
        let around = Around { project, tracking, signed_by };
        let handoff = self.handoff.clone().filter(|_| scheduled_at.is_none());
        let key = Arc::new(key.clone());
        let circumstances = Circumstances { project, key, test, around, handoff };
        let PreparedBulk { mails, shared, answer } = prepare(draft, circumstances).await?;
        self.store_together(project, BulkSubmission { mails, shared }, answer, idempotency).await
    }

    /// Stores all of them or none, unless the same request did so before.
    pub(super) async fn store_together(
        &self,
        project: ProjectId,
        mut submission: BulkSubmission,
        answer: BulkAnswer,
        idempotency: Option<Idempotency>,
    ) -> Result<BulkAccepted> {
        claim(&mut submission.mails, idempotency.as_ref(), &answer);
        let recipients = submission.mails.iter().map(|mail| {
            let addresses = mail.row.recipients.iter().map(|(_, address)| address.clone());
            (mail.row.id, addresses.collect())
        });
        let recipients: HashMap<MailId, Vec<String>> = recipients.collect();
        let accepted = self.committer.submit_together(submission).await?;
        let Some(first) = accepted.first() else {
            return Err(Error::Internal(anyhow::anyhow!("no mail of a request got a verdict")));
        };
        if first.stored {
            metrics::counter!("posthaste_mails_accepted_total").increment(accepted.len() as u64);
            let accepted_at = first.accepted_at;
            let suppressed = suppressed::of_accepted(&accepted, recipients);
            return Ok(BulkAccepted { answer, suppressed, accepted_at, replayed: false });
        }
        if !first.key_good {
            return Err(Error::Unauthenticated(
                "The API key was revoked or switched off. Use another key.",
            ));
        }
        match self.first_bulk_answer(project, idempotency.as_ref()).await? {
            Some(first) => Ok(first),
            None => Err(Error::Unavailable(anyhow::anyhow!(
                "the idempotency key was given up while it was looked at"
            ))),
        }
    }

    pub(super) async fn first_bulk_answer(
        &self,
        project: ProjectId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<BulkAccepted>> {
        let Some(first) = self.find_first(project, idempotency).await? else { return Ok(None) };
        let Some(answer) = first.answer else {
            return Err(Error::Internal(anyhow::anyhow!("a bulk request has no answer")));
        };
        let mails: Vec<MailId> = answer
            .results
            .iter()
            .filter_map(|result| match result {
                BulkResult::Accepted(id) => Some(*id),
                BulkResult::Refused(_) => None,
            })
            .collect();
        let suppressed = self.suppressed_at_first(project, &mails).await?;
        Ok(Some(BulkAccepted { answer, suppressed, accepted_at: first.created_at, replayed: true }))
    }
}

/// Lets the first mail claim the idempotency key for all.
fn claim(mails: &mut [BulkItem], idempotency: Option<&Idempotency>, answer: &BulkAnswer) {
    let (Some(claim), [leader, others @ ..]) = (idempotency, mails) else { return };
    leader.row.idempotency = Some(ClaimedKey {
        key: claim.key.as_str().to_owned(),
        request_digest: claim.request_digest.to_vec(),
        answer: Some(answer.clone()),
    });
    for other in others {
        other.row.first = Some(leader.row.id);
    }
}
