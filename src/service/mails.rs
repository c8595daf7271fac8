//! Mails: accepting them and reading what became of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use self::tracking::TrackingChoices;
use super::committer::Committer;
use super::domains::Domains;
use super::handoff::HandOff;
use super::templates::Templates;
use super::{in_time, unavailable};
use crate::domain::engagement::Tally;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::links::Links;
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::record::{Event, MailSummary, PendingDelivery};
use crate::error::{Error, Result};
use crate::mail::compose::{self, Identity, Recipient};
use crate::store;

pub use bulk::BulkAccepted;
pub use decisions::MailAfter;
pub use fetching::Files;
pub use search::{MailFilter, MailPage};
pub use trying::Trial;

mod bulk;
mod decisions;
mod fetching;
mod pictures;
mod preparing;
mod preview;
pub(super) mod rendering;
mod repeating;
mod search;
mod sending;
mod several;
mod suppressed;
mod tracking;
mod trying;

/// What the sender of a mail is told.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Names the mail.
    pub id: MailId,
    /// How many recipients it has; one who is named twice counts once.
    pub recipients: usize,
    /// Those of them who get none, because they were suppressed when it was stored; in the form in which addresses are
    /// compared.
    pub suppressed: Vec<String>,
    /// When it was stored.
    pub accepted_at: DateTime<Utc>,
    /// When it is to be sent, if not at once.
    pub scheduled_at: Option<DateTime<Utc>>,
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
    /// How often recipients opened it and followed its links.
    pub engagements: Vec<Tally>,
}

/// The mails of every project.
#[derive(Clone)]
pub struct Mails {
    db: PgPool,
    committer: Committer,
    handoff: Option<HandOff>,
    /// One pointer, because these are copied for every request.
    domains: Arc<Domains>,
    files: Files,
    links: Links,
    tracking: Arc<TrackingChoices>,
    templates: Templates,
}

impl Mails {
    /// Mails are stored through `committer`, and handed over through `handoff` on nodes that deliver. What they name by
    /// URL comes through `files`; `links` are those in captured messages.
    pub fn new(
        db: PgPool,
        committer: Committer,
        handoff: Option<HandOff>,
        domains: Domains,
        files: Files,
        links: Links,
    ) -> Self {
        let tracking = Arc::new(TrackingChoices::new(db.clone()));
        let templates = Templates::new(db.clone());
        Self {
            db,
            committer,
            handoff,
            domains: Arc::new(domains),
            files,
            links,
            tracking,
            templates,
        }
    }

    /// One mail with its deliveries and its history.
    pub async fn find(&self, project: ProjectId, id: MailId) -> Result<MailDetail> {
        let summary = self.summary(project, id).await?;
        let content = self.content(id).await?;
        let pending = in_time(store::deliveries::of_mail(&self.db, project, id))
            .await
            .map_err(unavailable)?;
        let events = in_time(store::events::list(&self.db, id)).await.map_err(unavailable)?;
        let engagements = match &content.personal {
            Some(personal) if personal.track_opens || personal.track_clicks => {
                let counted = store::engagements::of_mail(&self.db, project, id);
                in_time(counted).await.map_err(unavailable)?
            }
            _ => Vec::new(),
        };
        Ok(MailDetail { summary, content, pending, events, engagements })
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
                && !event.is_reported()
                && ["captured", "complained"].contains(&event.kind.as_str())
        };
        if !events.iter().any(is_captured) {
            return Err(Error::NotFound("captured message"));
        }
        let identity = Identity::of(id, &content, summary.starts_at());
        let signer = self.domains.signing().signer(&content).await.map_err(Error::from)?;
        let links = self.links.clone();
        let work = move || {
            let recipient = Recipient { links: &links, mail: id, position };
            let message = compose::compose_for(&recipient, &content, &identity)
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

    /// What is in a mail, which must be known to be in the project.
    async fn content(&self, id: MailId) -> Result<Content> {
        let body = in_time(store::mails::body(&self.db, id))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("mail"))?;
        packing::unpack(&body.content, body.shared.as_deref())
            .map_err(|error| Error::Internal(error.into()))
    }

    async fn summary(&self, project: ProjectId, id: MailId) -> Result<MailSummary> {
        in_time(store::mails::find(&self.db, project, id))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("mail"))
    }
}
