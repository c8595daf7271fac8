//! Webhooks: made, changed and looked at by their owners.

use chrono::{Duration, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool};

use super::seal::Seal;
use super::{commit, unavailable};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{MailId, ProjectId, WebhookDeliveryId, WebhookId};
use crate::domain::violations::Violations;
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::event_type::EventType;
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::{MOST_PER_PROJECT, Webhook, WebhookDelivery};
use crate::error::{Error, Result};
use crate::outbound::Guard;
use crate::store;
use crate::store::webhooks::NewWebhook;

pub use crate::store::webhooks::Update as WebhookUpdate;

pub mod dispatch;
mod owners;
mod replaying;

pub use owners::Owners;
pub use replaying::{MOST_REPLAYED, Replayed};

/// How long what was told is remembered, and so the furthest that a replay goes back.
pub const KEPT: Duration = Duration::days(7);

/// A log is counted so far; nobody turns more pages.
pub const MOST_COUNTED: i64 = 10_000;

/// Rows that are forgotten by one statement.
const FORGET: i64 = 1000;

/// What a webhook is to be.
#[derive(Debug)]
pub struct WebhookDraft {
    /// Where it is told.
    pub url: EndpointUrl,
    /// What it is told; not empty.
    pub events: Vec<EventType>,
    /// The owner's own notes.
    pub metadata: Map<String, Value>,
}

/// The webhooks of all projects.
#[derive(Clone)]
pub struct Webhooks {
    db: PgPool,
    seal: Seal,
    guard: Guard,
}

impl Webhooks {
    /// The webhooks kept in `db`, their secrets under `seal`. Addresses that `guard` does not let pass are refused as
    /// soon as they are named.
    pub fn new(db: PgPool, seal: Seal, guard: Guard) -> Self {
        Self { db, seal, guard }
    }

    /// Makes a webhook; answers it with its secret, which is not shown again but by [`Webhooks::reveal`].
    pub async fn create(
        &self,
        caller: &Caller,
        project: ProjectId,
        draft: WebhookDraft,
    ) -> Result<(Webhook, WebhookSecret)> {
        self.check(&draft.url)?;
        let (id, secret) = (WebhookId::generate(), WebhookSecret::generate());
        let new = NewWebhook {
            id,
            project,
            url: draft.url.as_url().to_string(),
            secret: self.seal.seal(&owner(id), secret.reveal().as_bytes()),
            events: draft.events,
            metadata: draft.metadata,
        };
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        if !store::webhooks::insert(&mut *transaction, &new).await.map_err(unavailable)? {
            return Err(Error::Impossible {
                code: "WEBHOOK_LIMIT_REACHED",
                message: format!(
                    "A project has at most {MOST_PER_PROJECT} webhooks; delete one first."
                ),
            });
        }
        let details = json!({"events": names(&new.events)});
        write_down(&mut transaction, caller, project, "webhook.created", (id, &new.url), details)
            .await?;
        let made = store::webhooks::find(&mut *transaction, project, id).await;
        let webhook = made.map_err(unavailable)?.ok_or(Error::NotFound("webhook"))?;
        commit(transaction).await?;
        Ok((webhook, secret))
    }

    /// One webhook of a project.
    pub async fn find(&self, project: ProjectId, id: WebhookId) -> Result<Webhook> {
        let found = store::webhooks::find(&self.db, project, id).await.map_err(unavailable)?;
        found.ok_or(Error::NotFound("webhook"))
    }

    /// The webhooks of a project, newest first; there are a hundred at most.
    pub async fn list(&self, project: ProjectId, active: Option<bool>) -> Result<Vec<Webhook>> {
        store::webhooks::list(&self.db, project, active).await.map_err(unavailable)
    }

    /// Changes a webhook. What waits for one that is switched off is not told; a replay tells it later.
    pub async fn update(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: WebhookId,
        url: Option<EndpointUrl>,
        mut update: WebhookUpdate,
    ) -> Result<Webhook> {
        if let Some(url) = url {
            self.check(&url)?;
            update.url = Some(url.as_url().to_string());
        }
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let webhook = store::webhooks::update(&mut *transaction, project, id, &update)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("webhook"))?;
        let details = json!({
            "url": update.url.is_some(),
            "events": update.events.as_deref().map(names),
            "isActive": update.active,
            "metadata": update.metadata.is_some(),
        });
        let subject = (id, webhook.url.as_str());
        write_down(&mut transaction, caller, project, "webhook.updated", subject, details).await?;
        commit(transaction).await?;
        Ok(webhook)
    }

    /// Deletes a webhook: nothing more is told, what waits included, but for requests that are being made.
    pub async fn delete(&self, caller: &Caller, project: ProjectId, id: WebhookId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let url = store::webhooks::delete(&mut *transaction, project, id)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("webhook"))?;
        write_down(&mut transaction, caller, project, "webhook.deleted", (id, &url), json!({}))
            .await?;
        commit(transaction).await
    }

    /// Shows the secret of a webhook, and writes down who saw it.
    pub async fn reveal(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: WebhookId,
    ) -> Result<WebhookSecret> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (sealed, url) = store::webhooks::secret(&mut *transaction, project, id)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("webhook"))?;
        let secret = opened(&self.seal, id, &sealed).map_err(Error::Internal)?;
        let subject = (id, url.as_str());
        write_down(
            &mut transaction,
            caller,
            project,
            "webhook.secret_revealed",
            subject,
            json!({}),
        )
        .await?;
        commit(transaction).await?;
        Ok(secret)
    }

    /// Gives a webhook another secret, which signs all that is told from then on.
    pub async fn rotate(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: WebhookId,
    ) -> Result<WebhookSecret> {
        let secret = WebhookSecret::generate();
        let sealed = self.seal.seal(&owner(id), secret.reveal().as_bytes());
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let url = store::webhooks::set_secret(&mut *transaction, project, id, &sealed)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("webhook"))?;
        let action = "webhook.secret_rotated";
        write_down(&mut transaction, caller, project, action, (id, &url), json!({})).await?;
        commit(transaction).await?;
        Ok(secret)
    }

    /// A page of the log of a webhook, newest first, and how long the log is, counted up to [`MOST_COUNTED`].
    pub async fn log(
        &self,
        project: ProjectId,
        id: WebhookId,
        limit: i64,
        offset: i64,
    ) -> Result<(Webhook, Vec<WebhookDelivery>, i64)> {
        let webhook = self.find(project, id).await?;
        let entries = store::webhook_deliveries::log::list(&self.db, project, id, limit, offset);
        let entries = entries.await.map_err(unavailable)?;
        let count = store::webhook_deliveries::log::count(&self.db, project, id, MOST_COUNTED);
        Ok((webhook, entries, count.await.map_err(unavailable)?))
    }

    /// A page of what webhooks were told of a mail, newest first, each with the webhook; and how much that is.
    pub async fn log_of_mail(
        &self,
        project: ProjectId,
        mail: MailId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<(Webhook, WebhookDelivery)>, i64)> {
        let known = store::mails::find(&self.db, project, mail).await.map_err(unavailable)?;
        known.ok_or(Error::NotFound("mail"))?;
        let webhooks = self.list(project, None).await?;
        let entries =
            store::webhook_deliveries::log::of_mail(&self.db, project, mail, limit, offset);
        let entries = entries.await.map_err(unavailable)?;
        let count = store::webhook_deliveries::log::count_of_mail(&self.db, project, mail);
        let total = count.await.map_err(unavailable)?;
        let with_webhook = |entry: WebhookDelivery| {
            let webhook = webhooks.iter().find(|webhook| webhook.id == entry.webhook)?;
            Some((webhook.clone(), entry))
        };
        Ok((entries.into_iter().filter_map(with_webhook).collect(), total))
    }

    /// Forgets what was told long ago.
    pub async fn forget_what_is_over(&self) -> Result<()> {
        let before = WebhookDeliveryId::first_at(Utc::now() - KEPT);
        loop {
            let forgotten = store::webhook_deliveries::log::forget(&self.db, before, FORGET)
                .await
                .map_err(unavailable)?;
            if forgotten < FORGET.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// Names that mean a private address are found out when they are connected to.
    fn check(&self, url: &EndpointUrl) -> Result<()> {
        if url.address().is_none_or(|address| self.guard.permits(address)) {
            return Ok(());
        }
        Err(Error::InvalidResource {
            message: "A valid webhook URL is required",
            violations: Violations::one(
                "url",
                "is at a private or reserved address, which this server does not connect to; its operator can open \
                 networks with OUTBOUND_ALLOW",
            ),
        })
    }
}

/// Whom a secret belongs to, for its seal.
fn owner(id: WebhookId) -> Vec<u8> {
    [b"webhook ".as_slice(), id.as_uuid().as_bytes()].concat()
}

/// Opens the secret of a webhook.
fn opened(seal: &Seal, id: WebhookId, sealed: &[u8]) -> anyhow::Result<WebhookSecret> {
    let text = String::from_utf8(seal.open(&owner(id), sealed)?)?;
    Ok(WebhookSecret::parse(text)?)
}

fn names(events: &[EventType]) -> Vec<&'static str> {
    events.iter().map(|event| event.as_str()).collect()
}

/// The origin of a URL, which is all of it that the audit log keeps: paths of webhooks are often secrets.
fn origin(url: &str) -> String {
    EndpointUrl::parse(url)
        .map(|url| url.as_url().origin().ascii_serialization())
        .unwrap_or_default()
}

async fn write_down(
    transaction: &mut PgConnection,
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    (id, url): (WebhookId, &str),
    details: Value,
) -> Result<()> {
    let entry = NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: id.as_uuid(),
        subject_label: origin(url),
        details,
    };
    store::audit_log::insert(transaction, &entry).await.map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_opened_for_its_webhook_alone() {
        let seal = Seal::derive(&"a secret key".into());
        let (id, secret) = (WebhookId::generate(), WebhookSecret::generate());
        let sealed = seal.seal(&owner(id), secret.reveal().as_bytes());
        assert_eq!(opened(&seal, id, &sealed).unwrap().reveal(), secret.reveal());
        assert!(opened(&seal, WebhookId::generate(), &sealed).is_err());
    }
}
