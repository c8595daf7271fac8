//! Forgetting an address in one mail, whether it went there or only names it.

use sqlx::{Postgres, Transaction};

use super::Erasing;
use crate::domain::delivery::Reply;
use crate::domain::erasure::{ERASED, Forgotten, nobody};
use crate::domain::id::{EventId, MailId};
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::record::{Event, MailSummary, PendingDelivery};
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::deliveries::decisions;
use crate::store::erasing::mails::{DescribedMail, RewrittenMail};
use crate::store::erasures::Claimed;

impl Erasing {
    /// Whether a mail names the address. What cannot be read names nobody.
    pub(super) async fn names(&self, mail: DescribedMail, forgotten: &Forgotten) -> Result<bool> {
        let body = store::mails::body(&self.db, mail.id).await.map_err(unavailable)?;
        let forgetting = forgotten.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let content =
                body.and_then(|body| packing::unpack(&body.content, body.shared.as_deref()).ok());
            content.is_some_and(|content| {
                let mut left = content.clone();
                forgetting.forget_in(&mut left, 0);
                let details = mail.details.as_deref().unwrap_or_default();
                left != content || forgetting.is_named_in(details)
            })
        });
        looking.await.map_err(|error| Error::Internal(error.into()))
    }

    /// Forgets the address in a mail; `false` if an attempt to deliver it there is being made.
    pub(super) async fn forget_in_mail(
        &self,
        claimed: &Claimed,
        mail: MailId,
        forgotten: &Forgotten,
    ) -> Result<bool> {
        let project = claimed.project;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        decisions::lock_decision(&mut *transaction, mail).await.map_err(unavailable)?;
        decisions::lock_of_mail(&mut *transaction, project, mail).await.map_err(unavailable)?;
        let found = store::mails::find(&mut *transaction, project, mail).await;
        let Some(summary) = found.map_err(unavailable)? else { return Ok(true) };
        let body = store::mails::body(&mut *transaction, mail).await.map_err(unavailable)?;
        let unpacked = tokio::task::spawn_blocking(move || {
            body.and_then(|body| packing::unpack(&body.content, body.shared.as_deref()).ok())
        });
        let content = unpacked.await.map_err(|error| Error::Internal(error.into()))?;
        // Without a content nobody knows who else it was for, and it reaches nobody.
        let is_alone = content
            .as_ref()
            .is_none_or(|content| content.recipients().all(|recipient| forgotten.is(recipient)));
        let places = content.as_ref().map(|content| forgotten.places(content)).unwrap_or_default();
        let only = (!is_alone).then_some(places.as_slice());

        decisions::cancel(&mut *transaction, project, mail, &[], only)
            .await
            .map_err(unavailable)?;
        let pending = store::deliveries::of_mail(&mut *transaction, project, mail).await;
        let pending = pending.map_err(unavailable)?;
        if pending.iter().any(|delivery| is_alone || places.contains(&delivery.position)) {
            commit(transaction).await?;
            return Ok(false);
        }
        let counted = if is_alone {
            store::erasing::mails::remove(&mut *transaction, project, mail)
                .await
                .map_err(unavailable)?;
            (1, 0)
        } else {
            let forgetting = Forgetting { forgotten, mail: &summary, places: &places };
            forgetting.rewrite(&mut transaction, content, pending).await?;
            (0, 1)
        };
        store::erasures::count(&mut *transaction, project, claimed.id, counted)
            .await
            .map_err(unavailable)?;
        commit(transaction).await?;
        Ok(true)
    }
}

/// A mail that went to others too, and so stays.
struct Forgetting<'a> {
    forgotten: &'a Forgotten,
    mail: &'a MailSummary,
    /// Which of its recipients are forgotten.
    places: &'a [i16],
}

impl Forgetting<'_> {
    /// Puts nobody in the place of the address, in all that is kept of the mail.
    async fn rewrite(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        content: Option<Content>,
        pending: Vec<PendingDelivery>,
    ) -> Result<()> {
        let (project, mail) = (self.mail.project, self.mail.id);
        let (forgotten, places) = (self.forgotten, self.places);
        // Who is no recipient has the place behind the last of them.
        let behind = || content.as_ref().map_or(0, |content| content.recipients().count());
        let place = places.first().copied();
        let place = place.unwrap_or_else(|| i16::try_from(behind()).unwrap_or_default());
        let by = nobody(place).to_string();
        let forgetting = forgotten.clone();
        let rewriting = tokio::task::spawn_blocking(move || {
            content.map(|mut content| {
                forgetting.forget_in(&mut content, place);
                let subject = content.subject.as_str().to_owned();
                (subject, packing::pack(&content))
            })
        });
        let rewritten = rewriting.await.map_err(|error| Error::Internal(error.into()))?;
        let (subject, body) = rewritten.unzip();
        let details = self.mail.details.as_ref().and_then(|details| {
            let text = serde_json::to_string(details).ok()?;
            Some(forgotten.replaced(&text, ERASED).unwrap_or(text))
        });
        let rewritten = RewrittenMail {
            to_address: (self.mail.to_address == forgotten.folded()).then(|| by.clone()),
            subject: subject.unwrap_or_else(|| self.mail.subject.clone()),
            details,
            body,
            places: places.to_vec(),
        };
        let folded = forgotten.folded();
        store::erasing::mails::rewrite(&mut **transaction, project, mail, folded, &rewritten)
            .await
            .map_err(unavailable)?;
        let events = store::events::list(&mut **transaction, mail).await.map_err(unavailable)?;
        let links = scrubbed_links(forgotten, &events, places, &by);
        store::erasing::mails::rewrite_links(&mut **transaction, mail, &links)
            .await
            .map_err(unavailable)?;
        let replies: Vec<_> = events
            .into_iter()
            .filter_map(|event| Some((event.id, scrubbed(forgotten, event.reply?, &by)?)))
            .collect();
        store::erasing::mails::rewrite_replies(&mut **transaction, mail, &replies)
            .await
            .map_err(unavailable)?;
        let last: Vec<_> = pending
            .into_iter()
            .filter_map(|one| Some((one.position, scrubbed(forgotten, one.last_reply?, &by)?)))
            .collect();
        store::erasing::mails::rewrite_last_replies(&mut **transaction, project, mail, &last)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

/// A reply that does not name the address any more; nothing if it never did.
fn scrubbed(forgotten: &Forgotten, reply: Reply, by: &str) -> Option<Reply> {
    let text = forgotten.replaced(&reply.text, by)?;
    Some(Reply { text, ..reply })
}

/// What is left of the links that were followed: nothing of those that the forgotten one followed, and of others what does
/// not name the address.
fn scrubbed_links(
    forgotten: &Forgotten,
    events: &[Event],
    places: &[i16],
    by: &str,
) -> Vec<(EventId, Option<String>)> {
    let scrubbed = |event: &Event| {
        let url = event.url.as_deref()?;
        if event.position.is_some_and(|position| places.contains(&position)) {
            return Some((event.id, None));
        }
        Some((event.id, Some(forgotten.replaced(url, by)?)))
    };
    events.iter().filter_map(scrubbed).collect()
}
