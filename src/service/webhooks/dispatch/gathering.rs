//! Gathers what is told of events: from the event, its mail, and for recipients after the first the mail's content.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::PgPool;

use crate::domain::id::{EventId, MailId, WebhookDeliveryId};
use crate::domain::mail::Content;
use crate::domain::mailbox::Mailbox;
use crate::domain::packing;
use crate::domain::record::Event;
use crate::domain::retry::GIVE_UP_AFTER;
use crate::domain::webhook::telling::{MailTelling, Telling, TellingSubject, telling_id};
use crate::error::{Error, Result};
use crate::service::unavailable;
use crate::store;
use crate::store::mails::ToldRow;
use crate::store::webhook_deliveries::queue::Claimed;

/// What each of these deliveries tells. It is missing for those whose event is not kept any more.
pub(super) async fn tellings(
    db: &PgPool,
    deliveries: &[&Claimed],
) -> Result<HashMap<WebhookDeliveryId, Telling>> {
    let of_mails = deliveries.iter().filter(|delivery| delivery.payload.is_none());
    let event_ids: Vec<EventId> = of_mails.filter_map(|delivery| delivery.event).collect();
    let mail_ids: Vec<MailId> = deliveries.iter().filter_map(|delivery| delivery.mail).collect();
    let (events, mails) = if event_ids.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        (
            store::events::find(db, &mail_ids, &event_ids).await.map_err(unavailable)?,
            store::mails::for_telling(db, &mail_ids).await.map_err(unavailable)?,
        )
    };
    let events: HashMap<EventId, Event> =
        events.into_iter().map(|event| (event.id, event)).collect();
    let mails: HashMap<MailId, ToldRow> = mails.into_iter().map(|mail| (mail.id, mail)).collect();

    let mut recipients = Recipients::new(db);
    let mut tellings = HashMap::new();
    for delivery in deliveries {
        let (at, id, subject) = match (&delivery.payload, delivery.event, delivery.mail) {
            (Some(payload), known, _) => {
                // A repetition has the id and the time of what it repeats.
                let first = known.map_or(delivery.id, |known| known.as_uuid().into());
                let at = first.made_at().unwrap_or(delivery.created_at);
                (at, telling_id(None, &delivery.kind, first), given(payload))
            }
            (None, Some(event), Some(mail)) => {
                let (Some(event), Some(mail)) = (events.get(&event), mails.get(&mail)) else {
                    continue;
                };
                let to = recipients.at(mail, event.position.unwrap_or_default()).await?;
                let known = Some((event.id, event.kind.as_str()));
                let id = telling_id(known, &delivery.kind, delivery.id);
                (event.at, id, told_of(event, mail, to))
            }
            _ => continue,
        };
        tellings.insert(delivery.id, Telling { id, kind: delivery.kind.clone(), at, subject });
    }
    Ok(tellings)
}

fn given(payload: &str) -> TellingSubject {
    let data: Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    TellingSubject::Given(data)
}

fn told_of(event: &Event, mail: &ToldRow, to: Option<(String, Option<String>)>) -> TellingSubject {
    let (to, to_name) = to.unzip();
    let expires_at: DateTime<Utc> = mail.starts_at + GIVE_UP_AFTER;
    TellingSubject::Mail(Box::new(MailTelling {
        mail: mail.id,
        from: mail.from_address.clone(),
        to,
        to_name: to_name.flatten(),
        subject: mail.subject.clone(),
        test: mail.test,
        event: event.kind.clone(),
        reply: event.reply.clone(),
        url: event.url.clone(),
        expires_at,
        details: mail.details.clone().unwrap_or_default(),
    }))
}

/// Who the recipients of mails are, of which the content alone knows all; each is read once.
struct Recipients<'a> {
    db: &'a PgPool,
    known: HashMap<MailId, Vec<(String, Option<String>)>>,
}

impl<'a> Recipients<'a> {
    fn new(db: &'a PgPool) -> Self {
        Self { db, known: HashMap::new() }
    }

    async fn at(
        &mut self,
        mail: &ToldRow,
        position: i16,
    ) -> Result<Option<(String, Option<String>)>> {
        if position == 0 {
            return Ok(Some((mail.to_address.clone(), mail.to_name.clone())));
        }
        if !self.known.contains_key(&mail.id) {
            let body = store::mails::own_body(self.db, mail.id).await.map_err(unavailable)?;
            // A content may be large, and take as long to unpack.
            let unpacked = tokio::task::spawn_blocking(move || {
                body.and_then(|body| packing::unpack(&body, None).ok()).map(|content| all(&content))
            });
            let all = unpacked.await.map_err(|error| Error::Internal(error.into()))?;
            self.known.insert(mail.id, all.unwrap_or_default());
        }
        let place = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(self.known.get(&mail.id).and_then(|all| all.get(place)).cloned())
    }
}

fn all(content: &Content) -> Vec<(String, Option<String>)> {
    let described = |mailbox: &Mailbox| {
        let name = mailbox.name.as_ref().map(|name| name.as_str().to_owned());
        (mailbox.address.to_string(), name)
    };
    content.recipients_with_names().map(described).collect()
}
