//! Forgetting an address in what a project has beside mails: its contact, kept answers, and what webhooks are told.

use serde_json::{Value, json};

use super::{Erasing, ROWS};
use crate::domain::erasure::{ERASED, Forgotten};
use crate::domain::id::{ProjectId, WebhookDeliveryId};
use crate::domain::webhook::event_type::EventType;
use crate::error::Result;
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::erasing::idempotency_keys::KeptAnswer;
use crate::store::erasing::webhook_deliveries::{DeliveryTexts, Parts};

impl Erasing {
    /// Removes the contact, of which webhooks are told by its id alone.
    pub(super) async fn forget_contact(&self, project: ProjectId, folded: &str) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let emails = [folded.to_owned()];
        let gone = store::contacts::delete_by_emails(&mut *transaction, project, &emails).await;
        let told: Vec<_> = gone
            .map_err(unavailable)?
            .into_iter()
            .map(|contact| {
                let data =
                    json!({"contactId": contact.id.to_string(), "email": null, "name": null});
                (EventType::ContactDeleted, data.to_string())
            })
            .collect();
        if !told.is_empty() {
            store::webhook_deliveries::insert_for_all(&mut *transaction, project, &told)
                .await
                .map_err(unavailable)?;
        }
        commit(transaction).await
    }

    /// Takes the address out of the answers that repeated requests get again. The requests go on to be known: a repetition
    /// must not send again.
    pub(super) async fn forget_in_answers(
        &self,
        project: ProjectId,
        forgotten: &Forgotten,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let found =
                store::erasing::idempotency_keys::list(&self.db, project, &after, ROWS).await;
            let found = found.map_err(unavailable)?;
            let Some(last) = found.last() else { return Ok(()) };
            after.clone_from(&last.key);
            let rewritten: Vec<_> = found
                .into_iter()
                .filter_map(|KeptAnswer { key, answer }| {
                    let answer = forgotten.replaced(answer.as_deref()?, ERASED)?;
                    Some(KeptAnswer { key, answer: Some(answer) })
                })
                .collect();
            if !rewritten.is_empty() {
                let rewriting =
                    store::erasing::idempotency_keys::rewrite(&self.db, project, &rewritten);
                rewriting.await.map_err(unavailable)?;
            }
        }
    }

    /// Looks at some webhook deliveries after `after`, past or to come: those about the address go, and others that name it
    /// say something else. Answers how far that was; nothing at the end.
    pub(super) async fn forget_in_webhook_deliveries(
        &self,
        project: ProjectId,
        after: uuid::Uuid,
        forgotten: &Forgotten,
    ) -> Result<Option<uuid::Uuid>> {
        let until = store::erasing::webhook_deliveries::end_of_batch(&self.db, after, ROWS).await;
        let Some(until) = until.map_err(unavailable)? else { return Ok(None) };
        let (local, domain) = forgotten.parts();
        let parts = Parts { local, domain };
        let told = store::erasing::webhook_deliveries::that_may_name(
            &self.db,
            project,
            (after, until),
            parts,
        )
        .await;
        let (gone, rewritten) = without_the_address(forgotten, told.map_err(unavailable)?);
        if !gone.is_empty() {
            store::erasing::webhook_deliveries::remove(&self.db, project, &gone)
                .await
                .map_err(unavailable)?;
        }
        if !rewritten.is_empty() {
            let rewriting =
                store::erasing::webhook_deliveries::rewrite(&self.db, project, &rewritten);
            rewriting.await.map_err(unavailable)?;
        }
        Ok(Some(until))
    }
}

/// Which of these are about the address, and what is left of others that name it.
fn without_the_address(
    forgotten: &Forgotten,
    told: Vec<DeliveryTexts>,
) -> (Vec<WebhookDeliveryId>, Vec<DeliveryTexts>) {
    let (mut gone, mut rewritten) = (Vec::new(), Vec::new());
    for one in told {
        if one.payload.as_deref().is_some_and(|payload| is_about(forgotten, payload)) {
            gone.push(one.id);
            continue;
        }
        let scrubbed = |text: &Option<String>| {
            text.as_deref().and_then(|text| forgotten.replaced(text, ERASED))
        };
        let (payload, answer) = (scrubbed(&one.payload), scrubbed(&one.answer));
        let trouble = scrubbed(&one.trouble);
        if payload.is_some() || answer.is_some() || trouble.is_some() {
            rewritten.push(DeliveryTexts {
                id: one.id,
                payload: payload.or(one.payload),
                answer: answer.or(one.answer),
                trouble: trouble.or(one.trouble),
            });
        }
    }
    (gone, rewritten)
}

/// Whether a payload is about the address: one of its members is just that.
fn is_about(forgotten: &Forgotten, payload: &str) -> bool {
    let members: serde_json::Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    let mut addresses = members.values().filter_map(Value::as_str);
    addresses.any(|text| text.parse().is_ok_and(|address| forgotten.is(&address)))
}
