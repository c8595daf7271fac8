//! Mails: accepting them and reading what became of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::committer::{Committer, Submission};
use super::domains::Domains;
use super::handoff::HandOff;
use super::{in_time, unavailable};
use crate::domain::address::Mailbox;
use crate::domain::api_key::KeyMode;
use crate::domain::caller::{ApiKey, Caller};
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::id::{DeliveryId, DomainId, MailId, ProjectId};
use crate::domain::idempotency::Idempotency;
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::record::{Event, MailSummary, PendingDelivery};
use crate::domain::subject::Subject;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::compose::{self, Identity};
use crate::mail::{plain_text, template};
use crate::store;
use crate::store::mails::NewMailRow;

pub use search::{MailFilter, MailPage};

mod decisions;
mod preview;
mod search;

/// What the sender of a mail is told.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Names the mail.
    pub id: MailId,
    /// How many recipients it has; one who is named twice counts once.
    pub recipients: usize,
    /// When it was stored.
    pub accepted_at: DateTime<Utc>,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// A mail with everything that is known of it.
#[derive(Debug)]
pub struct MailDetail {
    /// Its state.
    pub summary: MailSummary,
    /// What is in it.
    pub content: Content,
    /// Recipients who are still to be served.
    pub pending: Vec<PendingDelivery>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

/// The mails of every project.
#[derive(Clone)]
pub struct Mails {
    db: PgPool,
    committer: Committer,
    handoff: Option<HandOff>,
    domains: Domains,
}

impl Mails {
    /// Mails are stored through `committer`, and handed over through `handoff` on nodes that deliver.
    pub fn new(
        db: PgPool,
        committer: Committer,
        handoff: Option<HandOff>,
        domains: Domains,
    ) -> Self {
        Self { db, committer, handoff, domains }
    }

    /// Takes responsibility for a mail. When this answers, the mail, its deliveries, its first event and its
    /// idempotency record are durable; when it fails, nothing was stored.
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
        let test = draft.test || key.mode == KeyMode::Test;
        let hold = draft.on_ambiguous == OnAmbiguous::Hold;
        let bypass_suppressions = draft.bypass_suppressions;
        allow(key, &draft)?;
        // Test mail goes nowhere, so it needs no domain; and its keys are given to many, who are not to get signed mail.
        let signed_by = if test {
            None
        } else {
            self.domains.permit(project, draft.from.address.domain()).await?
        };
        let (content, missing_variables, body) = prepare(draft, signed_by).await?;
        let recipients = content.recipients().count();

        // A claim that another request holds may end while we look at it: then it is free to be claimed.
        for _ in 0..3 {
            let id = MailId::generate();
            let room = self
                .handoff
                .as_ref()
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
                body: body.clone(),
                idempotency: idempotency
                    .as_ref()
                    .map(|claim| (claim.key.as_str().to_owned(), claim.request_digest.to_vec())),
                lease_token: room.as_ref().map(|_| Uuid::new_v4()),
            };
            let accepted = self
                .committer
                .submit(Submission { row, content: Arc::clone(&content), room })
                .await?;
            if accepted.stored {
                metrics::counter!("posthaste_mails_accepted_total").increment(1);
                let accepted_at = accepted.accepted_at;
                return Ok(Accepted { id, recipients, accepted_at, replayed: false });
            }
            if !accepted.key_good {
                return Err(Error::Unauthenticated(
                    "The API key was revoked or switched off. Use another key.",
                ));
            }
            if let Some(first) = self.first_answer(project, idempotency.as_ref()).await? {
                return Ok(first);
            }
        }
        Err(Error::Unavailable(anyhow::anyhow!(
            "the idempotency key stayed taken without an answer"
        )))
    }

    /// One mail with its deliveries and its history.
    pub async fn find(&self, project: ProjectId, id: MailId) -> Result<MailDetail> {
        let summary = self.summary(project, id).await?;
        let body = in_time(store::mails::body(&self.db, id))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("mail"))?;
        let content = packing::unpack(&body).map_err(|error| Error::Internal(error.into()))?;
        let pending = in_time(store::deliveries::of_mail(&self.db, project, id))
            .await
            .map_err(unavailable)?;
        let events = in_time(store::events::list(&self.db, id)).await.map_err(unavailable)?;
        Ok(MailDetail { summary, content, pending, events })
    }

    /// Where a mail stands and what happened to it, without its content.
    pub async fn status(
        &self,
        project: ProjectId,
        id: MailId,
    ) -> Result<(MailSummary, Vec<Event>)> {
        let summary = self.summary(project, id).await?;
        let events = in_time(store::events::list(&self.db, id)).await.map_err(unavailable)?;
        Ok((summary, events))
    }

    /// The message that was captured for one recipient: composing is the same every time, so that its content is all
    /// that need be kept.
    pub async fn captured(&self, project: ProjectId, id: MailId, position: i16) -> Result<Vec<u8>> {
        let MailDetail { summary, content, events, .. } = self.find(project, id).await?;
        let is_captured = |event: &Event| {
            event.position == Some(position)
                && ["captured", "complained"].contains(&event.kind.as_str())
        };
        if !events.iter().any(is_captured) {
            return Err(Error::NotFound("captured message"));
        }
        let identity = Identity::of(id, &content, summary.created_at);
        let signer = self.domains.signing().signer(&content).await.map_err(Error::from)?;
        let work = move || {
            let message = compose::compose(&content, &identity)
                .map_err(|error| Error::Internal(error.into()))?;
            match signer {
                None => Ok(message),
                Some(signer) => signer
                    .sign(message, identity.date)
                    .map_err(|error| Error::Internal(error.into())),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
    }

    /// Adds up the recipients of mails by day.
    pub async fn add_up_days(&self) -> Result<()> {
        store::mail_days::add_up(&self.db).await.map_err(unavailable)
    }

    /// Forgets idempotency keys whose day is over, and measures the queue.
    pub async fn forget_what_is_over(&self) -> Result<()> {
        while store::idempotency_keys::forget_old(&self.db, 1000).await.map_err(unavailable)?
            == 1000
        {}
        let (waiting, _) =
            store::deliveries::backlog(&self.db, 100_000).await.map_err(unavailable)?;
        metrics::gauge!("posthaste_queue_depth")
            .set(f64::from(i32::try_from(waiting).unwrap_or(i32::MAX)));
        Ok(())
    }

    async fn summary(&self, project: ProjectId, id: MailId) -> Result<MailSummary> {
        in_time(store::mails::find(&self.db, project, id))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("mail"))
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
            replayed: true,
        }))
    }
}

/// Holds a mail to what its key may send, from and to whom.
fn allow(key: &ApiKey, draft: &Draft) -> Result<()> {
    let restrictions = &key.restrictions;
    if !restrictions.allow_sender(&draft.from.address) {
        let sender = draft.from.address.domain();
        return Err(Error::Forbidden {
            code: "FROM_DOMAIN_NOT_ALLOWED",
            message: format!("This API key may not send from {sender}."),
        });
    }
    let mut recipients = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    if recipients.all(|recipient| restrictions.allow_recipient(&recipient.address)) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "RECIPIENT_NOT_ALLOWED",
        message: "This API key may not send to one of the recipients.".into(),
    })
}

/// Renders and packs; off the threads that serve requests when it may take long.
async fn prepare(
    draft: Draft,
    signed_by: Option<DomainId>,
) -> Result<(Arc<Content>, Vec<String>, Vec<u8>)> {
    let text =
        draft.html.as_ref().map_or(0, String::len) + draft.text.as_ref().map_or(0, String::len);
    let takes_long = draft.data.is_some() || !draft.attachments.is_empty() || text > 64 * 1024;
    let work = move || {
        let (content, missing_variables) = render(draft, signed_by)?;
        let body = packing::pack(&content);
        Ok((Arc::new(content), missing_variables, body))
    };
    if !takes_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
}

/// Fills in the variables, and checks what only then can be checked.
fn render(draft: Draft, signed_by: Option<DomainId>) -> Result<(Content, Vec<String>)> {
    let mut violations = Violations::default();
    let mut missing = Vec::new();
    let data = draft.data.map(|given| with_defaults(given, &draft.to));

    let mut fill = |field: &str, source: String, escape: template::Escape| -> Option<String> {
        let Some(data) = &data else { return Some(source) };
        let rendered = violations.check(field, template::render(&source, data, escape))?;
        for name in rendered.missing {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        Some(rendered.text)
    };
    let subject = fill("subject", draft.subject, template::Escape::None);
    let html = draft.html.map(|source| fill("html", source, template::Escape::Html));
    let text = draft.text.map(|source| fill("text", source, template::Escape::None));
    let subject = subject.and_then(|text| violations.check("subject", Subject::parse(text)));

    let (Some(subject), true) = (subject, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let html = html.flatten();
    let text = text.flatten().or_else(|| html.as_deref().and_then(plain_text::from_html));
    let content = Content {
        from: draft.from,
        to: draft.to,
        cc: draft.cc,
        bcc: draft.bcc,
        reply_to: draft.reply_to,
        subject,
        html,
        text,
        headers: draft.headers,
        attachments: draft.attachments,
        signed_by,
    };
    Ok((content, missing))
}

/// What every mail knows without being told: `{{email}}` is the first recipient and `{{date}}` the day.
fn with_defaults(
    mut data: serde_json::Map<String, serde_json::Value>,
    to: &[Mailbox],
) -> serde_json::Map<String, serde_json::Value> {
    if let Some(first) = to.first() {
        data.entry("email").or_insert_with(|| first.address.to_string().into());
    }
    data.entry("date").or_insert_with(|| Utc::now().date_naive().to_string().into());
    data
}
