//! Accepting several mails of one request, each with everything of its own, in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Utc;
use uuid::Uuid;

use super::preparing::{Around, Prepared, allow, author, prepare};
use super::sending::{check_schedule, key_of};
use super::{BulkAccepted, Mails};
use crate::domain::api_key::KeyMode;
use crate::domain::bulk::{BulkAnswer, BulkResult, Refusal};
use crate::domain::caller::{ApiKey, Caller};
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::idempotency::Idempotency;
use crate::domain::packing;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::template::Steps;
use crate::service::committer::{BulkItem, BulkSubmission};
use crate::service::suppressions;
use crate::store::mails::NewMailRow;

/// The most recipients of all mails of a request together.
const MAX_RECIPIENTS: usize = 5000;

impl Mails {
    /// Takes responsibility for several mails, as [`Mails::send`] does for one: in one transaction.
    ///
    /// With `partial`, those that cannot be sent are left out and told of, also if that is every one of them; without it,
    /// the first that cannot be sent refuses all.
    pub async fn send_each(
        &self,
        caller: &Caller,
        project: ProjectId,
        drafts: Vec<Result<Draft>>,
        partial: bool,
        idempotency: Option<Idempotency>,
    ) -> Result<BulkAccepted> {
        let key = key_of(caller)?;
        let (batch_id, steps) = (Uuid::now_v7(), Arc::default());
        let (mut mails, mut results) = (Vec::new(), Vec::with_capacity(drafts.len()));
        for (place, draft) in drafts.into_iter().enumerate() {
            let prepared = match draft {
                Err(refusal) => Err(refusal),
                Ok(draft) => self.prepare_one(key, project, batch_id, &steps, draft).await,
            };
            let error = match prepared {
                Ok(mail) => {
                    results.push(BulkResult::Accepted(mail.row.id));
                    mails.push(mail);
                    continue;
                }
                Err(error) => error,
            };
            let Some(refusal) = refusal_of(&error).filter(|_| partial) else {
                // The same request may have come while all of it could be sent.
                let first = self.first_bulk_answer(project, idempotency.as_ref()).await?;
                return first.ok_or_else(|| placed(error, place));
            };
            results.push(BulkResult::Refused(refusal));
        }
        let recipients: usize = mails.iter().map(|mail| mail.row.recipients.len()).sum();
        if recipients > MAX_RECIPIENTS {
            let problem = format!("may be {MAX_RECIPIENTS} in one request, and are {recipients}");
            return Err(Error::Invalid(Violations::one("recipients", problem)));
        }
        let answer = BulkAnswer { batch_id, results };
        if mails.is_empty() {
            let first = self.first_bulk_answer(project, idempotency.as_ref()).await?;
            let suppressed = HashMap::new();
            let nothing =
                BulkAccepted { answer, suppressed, accepted_at: Utc::now(), replayed: false };
            return Ok(first.unwrap_or(nothing));
        }
        let submission = BulkSubmission { mails, shared: None };
        self.store_together(project, submission, answer, idempotency.as_ref()).await
    }

    async fn prepare_one(
        &self,
        key: &ApiKey,
        project: ProjectId,
        batch_id: Uuid,
        steps: &Arc<Steps>,
        draft: Draft,
    ) -> Result<BulkItem> {
        let draft = self.templates.fill(project, draft).await?;
        let scheduled_at = draft.details.scheduled_at;
        check_schedule(scheduled_at)?;
        allow(key, &draft)?;
        suppressions::permit_group(&self.db, project, &draft.details).await?;
        if !draft.remote_files.is_empty() {
            let problem =
                "may name no URLs where several mails are sent at once; send their contents";
            return Err(Error::Invalid(Violations::one("attachments", problem)));
        }
        let test = draft.test || key.mode == KeyMode::Test;
        let signed_by = if test {
            None
        } else {
            self.domains.permit(project, author(&draft)?.address.domain()).await?
        };
        let hold = draft.on_ambiguous == OnAmbiguous::Hold;
        let tracking = self.tracking.of(project, &draft).await?;
        let mut details = draft.details.clone().without_what_is_off();
        details.batch_id = Some(batch_id);
        let around = Around { project, tracking, signed_by };
        let Prepared { content, missing_variables, body } =
            prepare(draft, around, Arc::clone(steps)).await?;
        let handoff = self.handoff.as_ref().filter(|_| scheduled_at.is_none());
        let room = handoff.and_then(|handoff| {
            handoff.reserve(packing::unpacked_length(&body), content.recipients().count())
        });
        let row = NewMailRow {
            test,
            hold,
            bypass_suppressions: details.bypass_suppressions,
            missing_variables,
            details: Some(details),
            body,
            due_at: scheduled_at,
            lease_token: room.as_ref().map(|_| Uuid::new_v4()),
            ..NewMailRow::of(MailId::generate(), project, key.id, &content)
        };
        Ok(BulkItem { row, handed_over: room.map(|room| (content, room)) })
    }
}

/// What is told of a mail that is left out; nothing where the cause is not in the mail.
fn refusal_of(error: &Error) -> Option<Refusal> {
    let (code, violations) = match error {
        Error::Invalid(violations) => ("VALIDATION_FAILED", violations.clone()),
        Error::Forbidden { code, .. } | Error::Impossible { code, .. } => {
            (*code, Violations::default())
        }
        Error::NotFound("template") => ("TEMPLATE_NOT_FOUND", Violations::default()),
        _ => return None,
    };
    Some(Refusal { code: code.to_owned(), message: error.to_string(), violations })
}

/// The same error, its fields named by the place of their mail.
fn placed(error: Error, place: usize) -> Error {
    let Error::Invalid(violations) = error else { return error };
    let mut placed = Violations::default();
    placed.add_all(&format!("[{place}]"), &violations);
    Error::Invalid(placed)
}
