//! Identifiers: UUIDs of version 7, which sort by the time at which they were made (RFC 9562, section 5.7).

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Defines an identifier that cannot be mistaken for another kind's.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new identifier, later in order than all that this process made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Where the identifiers that are made at this time or later begin.
            pub fn first_at(at: DateTime<Utc>) -> Self {
                let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
                Self(Uuid::from_u128(u128::from(millis) << 80))
            }

            /// When it was made, to the millisecond; nothing where it is of another version.
            pub fn made_at(self) -> Option<DateTime<Utc>> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
            }

            /// The identifier as it is stored.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// The text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid id")]
pub struct InvalidId;

id! {
    /// Names an account: the owner of projects, keys and people.
    AccountId
}
id! {
    /// Names a project: the owner of mails and of everything that belongs to them.
    ProjectId
}
id! {
    /// Names an API key. It is no part of the key's text and no secret.
    ApiKeyId
}
id! {
    /// Names a mail: what one request asked for, whatever its number of recipients.
    MailId
}
id! {
    /// Names a delivery: one mail on its way to one recipient.
    DeliveryId
}
id! {
    /// Names an event in the history of a mail.
    EventId
}
id! {
    /// Names a person.
    UserId
}
id! {
    /// Names a session of a person. It is no secret: the cookie is.
    SessionId
}
id! {
    /// Names a link that is good once. It is no secret: the token in the link is.
    OneTimeLinkId
}
id! {
    /// Names a domain that a project sends from.
    DomainId
}
id! {
    /// Names an address that a project writes from.
    SenderId
}
id! {
    /// Names a contact: somebody whom a project knows.
    ContactId
}
id! {
    /// Names a list of contacts.
    ContactListId
}
id! {
    /// Names what a project may note of its contacts.
    ContactPropertyId
}
id! {
    /// Names the wish of somebody to be forgotten.
    ErasureId
}
id! {
    /// Names an entry of the audit log.
    AuditEntryId
}
id! {
    /// Names a note about unusual use of a key.
    AlertId
}
id! {
    /// Names a suppression group. Mails name it by its short name.
    SuppressionGroupId
}
id! {
    /// Names an address that gets no mail.
    SuppressionId
}
id! {
    /// Names a webhook.
    WebhookId
}
id! {
    /// Names one thing that a webhook is told, however often it is tried.
    WebhookDeliveryId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_among_ids_and_in_them() {
        let second = chrono::Duration::seconds(1);
        let (now, id) = (Utc::now(), MailId::generate());
        assert!(MailId::first_at(now - second) < id && id < MailId::first_at(now + second));
        assert_eq!(MailId::first_at(DateTime::UNIX_EPOCH - second).as_uuid(), Uuid::nil());
        assert!((id.made_at().unwrap() - now).abs() < second);
        assert_eq!(MailId::from(Uuid::new_v4()).made_at(), None);
    }
}
