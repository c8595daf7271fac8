//! Accepting mail: from a checked draft to what is durable.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::preparing::{Around, Prepared, allow, author, prepare};
use super::{Accepted, Mails, suppressed};
use crate::domain::api_key::KeyMode;
use crate::domain::caller::{ApiKey, Caller};
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::idempotency::Idempotency;
use crate::domain::packing;
use crate::domain::schedule;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::committer::Submission;
use crate::service::{in_time, suppressions, unavailable};
use crate::store;
use crate::store::idempotency_keys::FirstAnswer;
use crate::store::mails::{ClaimedKey, NewMailRow};

impl Mails {
    /// Takes responsibility for a mail. When this answers, the mail, its deliveries and its idempotency record
    /// are durable; when it fails, nothing was stored.
    pub async fn send(
        &self,
        caller: &Caller,
        project: ProjectId,
        draft: Draft,
        idempotency: Option<Idempotency>,
    ) -> Result<Accepted> {
        let key = key_of(caller)?;
        let scheduled_at = draft.details.scheduled_at;
        match self.accept(key, project, draft, idempotency.as_ref()).await {
            Err(refusal) if is_final(&refusal) => {
                // What was accepted once is answered again, whatever became of its template, its time or its key since: a
                // refusal would say that no mail was made.
                let first = self.first_answer(project, idempotency.as_ref(), scheduled_at).await?;
                first.ok_or(refusal)
            }
            outcome => outcome,
        }
    }

    async fn accept(
        &self,
        key: &ApiKey,
        project: ProjectId,
        draft: Draft,
        idempotency: Option<&Idempotency>,
    ) -> Result<Accepted> {
        let scheduled_at = draft.details.scheduled_at;
        let mut draft = self.templates.fill(project, draft).await?;
        let test = draft.test || key.mode == KeyMode::Test;
        let hold = draft.on_ambiguous == OnAmbiguous::Hold;
        let details = draft.details.clone().without_what_is_off();
        check_schedule(scheduled_at)?;
        allow(key, &draft)?;
        suppressions::permit_group(&self.db, project, &draft.details).await?;
        // Test mail goes nowhere, so it needs no domain; and its keys are given to many, who are not to get signed mail.
        let signed_by = if test {
            None
        } else {
            self.domains.permit(project, author(&draft)?.address.domain()).await?
        };
        // What fetched files take is held until the mail is stored.
        let _held = if draft.remote_files.is_empty() {
            None
        } else {
            // The files of a request that came before need not be there any more.
            if let Some(first) = self.first_answer(project, idempotency, scheduled_at).await? {
                return Ok(first);
            }
            Some(self.files.fetch(project, &mut draft).await?)
        };
        let tracking = self.tracking.of(project, &draft).await?;
        let around = Around { project, tracking, signed_by };
        let Prepared { content, missing_variables, body } =
            prepare(draft, around, Arc::default()).await?;
        let recipients = content.recipients().count();

        // A claim that another request holds may end while we look at it: then it is free to be claimed.
        for _ in 0..3 {
            let id = MailId::generate();
            let handoff = self.handoff.as_ref().filter(|_| scheduled_at.is_none());
            let room = handoff
                .and_then(|handoff| handoff.reserve(packing::unpacked_length(&body), recipients));
            let row = NewMailRow {
                test,
                hold,
                bypass_suppressions: details.bypass_suppressions,
                missing_variables: missing_variables.clone(),
                details: (!details.is_empty()).then(|| details.clone()),
                body: body.clone(),
                idempotency: idempotency.map(|claim| ClaimedKey {
                    key: claim.key.as_str().to_owned(),
                    request_digest: claim.request_digest.to_vec(),
                    answer: None,
                }),
                due_at: scheduled_at,
                lease_token: room.as_ref().map(|_| Uuid::new_v4()),
                ..NewMailRow::of(id, project, key.id, &content)
            };
            let accepted = self
                .committer
                .submit(Submission { row, content: Arc::clone(&content), room })
                .await?;
            if accepted.stored {
                metrics::counter!("posthaste_mails_accepted_total").increment(1);
                return Ok(Accepted {
                    id,
                    recipients,
                    suppressed: suppressed::at(&accepted.suppressed, content.recipients()),
                    accepted_at: accepted.accepted_at,
                    scheduled_at,
                    replayed: false,
                });
            }
            if !accepted.key_good {
                return Err(Error::Unauthenticated(
                    "The API key was revoked or switched off. Use another key.",
                ));
            }
            if idempotency.is_none() {
                return Err(Error::Internal(anyhow::anyhow!(
                    "a mail without an idempotency key was not stored"
                )));
            }
            if let Some(first) = self.first_answer(project, idempotency, scheduled_at).await? {
                return Ok(first);
            }
        }
        Err(Error::Unavailable(anyhow::anyhow!(
            "the idempotency key stayed taken without an answer"
        )))
    }

    pub(super) async fn first_answer(
        &self,
        project: ProjectId,
        idempotency: Option<&Idempotency>,
        scheduled_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Accepted>> {
        let Some(first) = self.find_first(project, idempotency).await? else { return Ok(None) };
        let mut suppressed = self.suppressed_at_first(project, &[first.mail]).await?;
        Ok(Some(Accepted {
            id: first.mail,
            suppressed: suppressed.remove(&first.mail).unwrap_or_default(),
            recipients: usize::try_from(first.recipients).unwrap_or_default(),
            accepted_at: first.created_at,
            scheduled_at,
            replayed: true,
        }))
    }

    /// What the same request was answered before; a claim whose day is over is given up.
    pub(super) async fn find_first(
        &self,
        project: ProjectId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<FirstAnswer>> {
        let Some(claim) = idempotency else { return Ok(None) };
        let key = claim.key.as_str();
        let Some(first) = in_time(store::idempotency_keys::find(&self.db, project, key))
            .await
            .map_err(unavailable)?
        else {
            in_time(store::idempotency_keys::forget_if_over(&self.db, project, key))
                .await
                .map_err(unavailable)?;
            return Ok(None);
        };
        if first.request_digest != claim.request_digest {
            return Err(Error::Conflict {
                code: "IDEMPOTENCY_KEY_REUSED",
                message: "This Idempotency-Key was used for another request in the last 24 hours. Use a new key for a \
                          new mail, or repeat the first request unchanged."
                    .into(),
            });
        }
        Ok(Some(first))
    }
}

/// The key that mail is sent with.
pub(super) fn key_of(caller: &Caller) -> Result<&ApiKey> {
    caller.key().map(AsRef::as_ref).ok_or_else(|| Error::Forbidden {
        code: "API_KEY_REQUIRED",
        message: "Mail is sent with an API key; a session only looks after it.".into(),
    })
}

/// Holds a schedule to what lies ahead.
pub(super) fn check_schedule(at: Option<DateTime<Utc>>) -> Result<()> {
    let Some(at) = at else { return Ok(()) };
    schedule::check(at, Utc::now())
        .map_err(|problem| Error::Invalid(Violations::one("scheduledAt", problem.to_string())))
}

/// Whether trying again would be refused as well.
pub(super) fn is_final(refusal: &Error) -> bool {
    matches!(
        refusal,
        Error::NotFound(_)
            | Error::Forbidden { .. }
            | Error::Impossible { .. }
            | Error::Invalid(_)
            | Error::InvalidResource { .. }
    )
}
