//! What one request to an endpoint says, before it is written as JSON.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::domain::delivery::Reply;
use crate::domain::id::{EventId, MailId, WebhookDeliveryId};
use crate::domain::mail_details::MailDetails;

use super::event_type::EventType;

/// One thing that is told.
#[derive(Clone, Debug)]
pub struct Telling {
    /// By what receivers know that they were told before: the same on every attempt and in every replay.
    pub id: String,
    /// The published name of what happened.
    pub kind: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub subject: TellingSubject,
}

/// What is told of.
#[derive(Clone, Debug)]
pub enum TellingSubject {
    /// Something that happened to a mail.
    Mail(Box<MailTelling>),
    /// What a caller gave.
    Given(Map<String, Value>),
}

/// Something that happened to a mail on its way to one recipient.
#[derive(Clone, Debug)]
pub struct MailTelling {
    /// The mail.
    pub mail: MailId,
    /// The author's address.
    pub from: String,
    /// The recipient's address; `None` when it is not known any more.
    pub to: Option<String>,
    /// The recipient's name.
    pub to_name: Option<String>,
    /// The subject.
    pub subject: String,
    /// Whether the mail was a test.
    pub test: bool,
    /// The kind of event in the history of the mail.
    pub event: String,
    /// What the relay said.
    pub reply: Option<Reply>,
    /// When the mail will be given up.
    pub expires_at: DateTime<Utc>,
    /// What else its author said of it.
    pub details: MailDetails,
}

/// By what receivers know a thing that they were told: the event's id, with the type's last word behind it where one
/// event is told as several types, and the delivery's own id where there is no event. Never with a full stop, which
/// would end the id in what is signed (Standard Webhooks, "Signature scheme").
pub fn telling_id(
    event: Option<(EventId, &str)>,
    kind: &str,
    delivery: WebhookDeliveryId,
) -> String {
    let Some((event, history_kind)) = event else { return delivery.to_string() };
    if EventType::first_of(history_kind).is_none_or(|first| first.as_str() == kind) {
        return event.to_string();
    }
    let last = kind.rsplit('.').next().unwrap_or_default();
    format!("{event}-{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_one_event_has_an_id_of_its_own_that_stays() {
        let (event, delivery) = (EventId::generate(), WebhookDeliveryId::generate());
        let id = |history_kind, kind| telling_id(Some((event, history_kind)), kind, delivery);
        assert_eq!(id("bounced", "email.bounced"), event.to_string());
        assert_eq!(id("sent", "email.sent"), event.to_string());
        assert_eq!(id("sent", "email.delivered"), format!("{event}-delivered"));
        assert_eq!(id("complained", "email.spam_reported"), format!("{event}-spam_reported"));
        assert_eq!(telling_id(None, "email.sent", delivery), delivery.to_string());
        assert!(!id("sent", "email.delivered").contains('.'));
    }
}
