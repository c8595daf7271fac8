//! Accepting mail: from a checked draft to what is durable.

use std::sync::Arc;

use chrono::Utc;
use uuid::Uuid;

use super::preparing::{Around, Prepared, allow, author, prepare};
use super::{Accepted, Mails};
use crate::domain::api_key::KeyMode;
use crate::domain::caller::Caller;
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::id::{DeliveryId, MailId, ProjectId};
use crate::domain::idempotency::Idempotency;
use crate::domain::packing;
use crate::domain::schedule;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::committer::Submission;
use crate::service::{in_time, suppressions, unavailable};
use crate::store;
use crate::store::mails::NewMailRow;

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
        let key = caller.key().ok_or_else(|| Error::Forbidden {
            code: "API_KEY_REQUIRED",
            message: "Mail is sent with an API key; a session only looks after it.".into(),
        })?;
        let draft = match self.templates.fill(project, draft).await {
            Ok(draft) => draft,
            Err(refusal) => {
                // What was accepted once is answered again, whatever became of its template since.
                return match (&refusal, &idempotency) {
                    (
                        Error::NotFound(_) | Error::Impossible { .. } | Error::Invalid(_),
                        Some(_),
                    ) => self.first_answer(project, idempotency.as_ref()).await?.ok_or(refusal),
                    _ => Err(refusal),
                };
            }
        };
        let test = draft.test || key.mode == KeyMode::Test;
        let hold = draft.on_ambiguous == OnAmbiguous::Hold;
        let bypass_suppressions = draft.bypass_suppressions;
        let mut details = draft.details.clone();
        // What is off needs no room in every row.
        details.tracking_open = details.tracking_open.filter(|on| *on);
        details.tracking_click = details.tracking_click.filter(|on| *on);
        let scheduled_at = details.scheduled_at;
        if let Some(at) = scheduled_at
            && let Err(problem) = schedule::check(at, Utc::now())
        {
            // The same request may have come before its time was over.
            if idempotency.is_some()
                && let Some(first) = self.first_answer(project, idempotency.as_ref()).await?
            {
                return Ok(Accepted { scheduled_at, ..first });
            }
            return Err(Error::Invalid(Violations::one("scheduledAt", problem.to_string())));
        }
        allow(key, &draft)?;
        suppressions::permit_group(&self.db, project, &draft.details).await?;
        // Test mail goes nowhere, so it needs no domain; and its keys are given to many, who are not to get signed mail.
        let signed_by = if test {
            None
        } else {
            self.domains.permit(project, author(&draft)?.address.domain()).await?
        };
        let tracking = self.tracking.of(project, &draft).await?;
        let around = Around { project, tracking, signed_by };
        let Prepared { content, missing_variables, body } = prepare(draft, around).await?;
        let recipients = content.recipients().count();

        // A claim that another request holds may end while we look at it: then it is free to be claimed.
        for _ in 0..3 {
            let id = MailId::generate();
            let handoff = self.handoff.as_ref().filter(|_| scheduled_at.is_none());
            let room = handoff
                .and_then(|handoff| handoff.reserve(packing::unpacked_length(&body), recipients));
            let row = NewMailRow {
                id,
                project,
                key: key.id,
                test,
                hold,
                bypass_suppressions,
                from_address: content.from.address.to_string(),
                from_name: content.from.name.as_ref().map(|name| name.as_str().to_owned()),
                to_name: content
                    .to
                    .first()
                    .and_then(|first| Some(first.name.as_ref()?.as_str().to_owned())),
                recipients: content
                    .recipients()
                    .map(|address| (DeliveryId::generate(), address.folded()))
                    .collect(),
                subject: content.subject.as_str().to_owned(),
                missing_variables: missing_variables.clone(),
                details: (!details.is_empty()).then(|| details.clone()),
                body: body.clone(),
                idempotency: idempotency
                    .as_ref()
                    .map(|claim| (claim.key.as_str().to_owned(), claim.request_digest.to_vec())),
                due_at: scheduled_at,
                lease_token: room.as_ref().map(|_| Uuid::new_v4()),
            };
            let accepted = self
                .committer
                .submit(Submission { row, content: Arc::clone(&content), room })
                .await?;
            if accepted.stored {
                metrics::counter!("posthaste_mails_accepted_total").increment(1);
                let accepted_at = accepted.accepted_at;
                return Ok(Accepted { id, recipients, accepted_at, scheduled_at, replayed: false });
            }
            if !accepted.key_good {
                return Err(Error::Unauthenticated(
                    "The API key was revoked or switched off. Use another key.",
                ));
            }
            if let Some(first) = self.first_answer(project, idempotency.as_ref()).await? {
                return Ok(Accepted { scheduled_at, ..first });
            }
        }
        Err(Error::Unavailable(anyhow::anyhow!(
            "the idempotency key stayed taken without an answer"
        )))
    }

    async fn first_answer(
        &self,
        project: ProjectId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Accepted>> {
        let Some(claim) = idempotency else {
            return Err(Error::Internal(anyhow::anyhow!(
                "a mail without an idempotency key was not stored"
            )));
        };
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
        Ok(Some(Accepted {
            id: first.mail,
            recipients: usize::try_from(first.recipients).unwrap_or_default(),
            accepted_at: first.created_at,
            scheduled_at: None,
            replayed: true,
        }))
    }
}
