//! What webhooks can be told, by the published names of the upstream API.

use std::str::FromStr;

/// Defines the event types with their published names.
macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// One kind of thing that a webhook can be told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType {
            $($(#[$doc])* $name,)+
        }

        impl EventType {
            /// Every event type that there is.
            pub const ALL: &[EventType] = &[$(EventType::$name,)+];

            /// The published name, such as `email.bounced`.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$name => $text,)+ }
            }
        }
    };
}

event_types! {
    /// The relay took the mail, or it was captured.
    EmailSent = "email.sent",
    /// The same: nobody tells us more than the relay, which says `250` when it takes responsibility.
    EmailDelivered = "email.delivered",
    /// It did not arrive yet, and is tried again.
    EmailDeferred = "email.deferred",
    /// It will not arrive: it was refused, its time was over, or its recipient is suppressed.
    EmailBounced = "email.bounced",
    /// Nobody knows whether an attempt succeeded. The upstream API has no such event.
    EmailAmbiguous = "email.ambiguous",
    /// The recipient called it spam.
    EmailSpamReported = "email.spam_reported",
    /// The recipient opened it.
    EmailOpened = "email.opened",
    /// The recipient followed a link in it.
    EmailClicked = "email.clicked",
    /// The recipient wants no mail any more.
    EmailUnsubscribed = "email.unsubscribed",
    /// The recipient wants no mail of a group any more.
    EmailGroupUnsubscribed = "email.group_unsubscribed",
    /// The recipient wants mail of a group again.
    EmailGroupResubscribed = "email.group_resubscribed",
    /// A mail came in. Nothing tells of this yet, as of all that follow.
    EmailReceived = "email.received",
    /// A contact was made.
    ContactCreated = "contact.created",
    /// A contact was changed.
    ContactUpdated = "contact.updated",
    /// A contact was deleted.
    ContactDeleted = "contact.deleted",
    /// The relay took the mail, told as Resend tells it, as are all that follow.
    ResendSent = "resend.email.sent",
    /// The same.
    ResendDelivered = "resend.email.delivered",
    /// It is to be sent later. The native API has no such event.
    ResendScheduled = "resend.email.scheduled",
    /// It did not arrive yet, and is tried again.
    ResendDelayed = "resend.email.delivery_delayed",
    /// It was refused.
    ResendBounced = "resend.email.bounced",
    /// Its time was over.
    ResendFailed = "resend.email.failed",
    /// Its recipient is suppressed.
    ResendSuppressed = "resend.email.suppressed",
    /// The recipient called it spam.
    ResendComplained = "resend.email.complained",
    /// The recipient opened it.
    ResendOpened = "resend.email.opened",
    /// The recipient followed a link in it.
    ResendClicked = "resend.email.clicked",
}

/// What the names of types begin with that are told in the shape of Resend's API.
const OF_RESEND: &str = "resend.";

/// What is told when something happens to a mail: the kinds of events in its history, and the types that webhooks ask
/// for. What is not here is told to nobody.
pub const TOLD: &[(&str, EventType)] = &[
    ("sent", EventType::EmailSent),
    ("sent", EventType::EmailDelivered),
    ("captured", EventType::EmailSent),
    ("captured", EventType::EmailDelivered),
    ("complained", EventType::EmailSent),
    ("complained", EventType::EmailDelivered),
    ("complained", EventType::EmailSpamReported),
    ("deferred", EventType::EmailDeferred),
    ("bounced", EventType::EmailBounced),
    ("failed", EventType::EmailBounced),
    ("suppressed", EventType::EmailBounced),
    ("ambiguous", EventType::EmailAmbiguous),
    ("opened", EventType::EmailOpened),
    ("clicked", EventType::EmailClicked),
    ("sent", EventType::ResendSent),
    ("sent", EventType::ResendDelivered),
    ("captured", EventType::ResendSent),
    ("captured", EventType::ResendDelivered),
    ("complained", EventType::ResendSent),
    ("complained", EventType::ResendDelivered),
    ("complained", EventType::ResendComplained),
    ("scheduled", EventType::ResendScheduled),
    ("deferred", EventType::ResendDelayed),
    ("bounced", EventType::ResendBounced),
    ("failed", EventType::ResendFailed),
    ("suppressed", EventType::ResendSuppressed),
    ("opened", EventType::ResendOpened),
    ("clicked", EventType::ResendClicked),
];

/// What Resend calls a type that is told as it tells it; nothing of other types.
pub fn resend_name(published: &str) -> Option<&str> {
    published.strip_prefix(OF_RESEND)
}

impl EventType {
    /// The first type that is told of a kind of event; it goes by the event's own id.
    pub fn first_of(kind: &str) -> Option<Self> {
        TOLD.iter().find(|(told, _)| *told == kind).map(|(_, first)| *first)
    }

    /// The type that Resend calls so, to be told as it tells it.
    pub fn of_resend(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| resend_name(kind.as_str()) == Some(name))
    }
}

/// The text names no event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an event type; email.delivered and email.bounced are two of them")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(text: &str) -> Result<Self, UnknownEventType> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownEventType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_reads_back_from_its_name() {
        for kind in EventType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("email.*".parse::<EventType>(), Err(UnknownEventType));
    }

    #[test]
    fn types_of_resend_are_found_by_their_names_there() {
        assert_eq!(EventType::of_resend("email.complained"), Some(EventType::ResendComplained));
        assert_eq!(EventType::of_resend("email.spam_reported"), None);
        assert_eq!(EventType::of_resend("email.received"), None);
        assert_eq!(resend_name("email.sent"), None);
    }

    #[test]
    fn a_mail_that_left_the_house_is_told_as_sent_first() {
        for kind in ["sent", "captured", "complained"] {
            assert_eq!(EventType::first_of(kind), Some(EventType::EmailSent));
        }
        assert_eq!(EventType::first_of("queued"), None);
    }
}
