//! What a key may do: permissions in the form `noun:verb`, and the presets that people choose from.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Defines the permissions with their published names.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// One thing that a key may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl Permission {
            /// Every permission that there is.
            pub const ALL: &[Permission] = &[$(Permission::$name,)+];

            /// The published name, such as `mails:send`.
            pub fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $text,)+ }
            }
        }
    };
}

permissions! {
    /// Sends mail.
    MailsSend = "mails:send",
    /// Reads mails, their states and their histories.
    MailsRead = "mails:read",
    /// Reads domains and what became of their DNS records.
    DomainsRead = "domains:read",
    /// Adds, verifies and removes domains.
    DomainsWrite = "domains:write",
    /// Reads senders.
    SendersRead = "senders:read",
    /// Adds and removes senders.
    SendersWrite = "senders:write",
    /// Reads contacts, their lists and their properties.
    ContactsRead = "contacts:read",
    /// Makes, changes and removes contacts, their lists and their properties.
    ContactsWrite = "contacts:write",
    /// Erases all that is known of a recipient.
    RecipientsErase = "recipients:erase",
    /// Reads keys, never their secrets.
    KeysRead = "keys:read",
    /// Makes, changes and revokes keys.
    KeysWrite = "keys:write",
    /// Reads projects.
    ProjectsRead = "projects:read",
    /// Makes, changes and deletes projects.
    ProjectsWrite = "projects:write",
    /// Reads who belongs to the account.
    UsersRead = "users:read",
    /// Invites people, changes their roles and lets them go.
    UsersWrite = "users:write",
    /// Reads the audit log.
    AuditRead = "audit:read",
    /// Reads webhooks and their logs, never their secrets.
    WebhooksRead = "webhooks:read",
    /// Makes, changes, replays and deletes webhooks, and reveals their secrets.
    WebhooksWrite = "webhooks:write",
    /// Reports bounces and complaints about mails.
    BouncesWrite = "bounces:write",
    /// Reads who gets no mail, and the groups of mail that can be wanted or not.
    SuppressionsRead = "suppressions:read",
    /// Suppresses addresses, lets them have mail again, and manages the groups.
    SuppressionsWrite = "suppressions:write",
    /// Reads templates and their versions, and shows what they would make.
    TemplatesRead = "templates:read",
    /// Makes, changes, publishes and deletes templates.
    TemplatesWrite = "templates:write",
}

impl Permission {
    /// Whether it changes nothing.
    pub fn is_read(self) -> bool {
        self.as_str().ends_with(":read")
    }
}

/// The text names no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a permission or a preset; the presets are full_access, sending_access and read_only"
)]
pub struct UnknownPermission;

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text)
            .ok_or(UnknownPermission)
    }
}

/// The names of all presets, the widest first.
pub const PRESETS: [&str; 3] = ["full_access", "sending_access", "read_only"];

/// Reads a preset (`full_access`, `sending_access`, `read_only`) or the name of a single permission.
pub fn preset(name: &str) -> Result<Vec<Permission>, UnknownPermission> {
    let chosen: fn(&Permission) -> bool = match name {
        "full_access" => |_| true,
        "sending_access" => |permission| *permission == Permission::MailsSend,
        "read_only" => |permission| permission.is_read(),
        single => return Ok(vec![single.parse()?]),
    };
    Ok(Permission::ALL.iter().copied().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_reads_back_from_its_name() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
        }
    }

    #[test]
    fn reading_changes_nothing_and_sending_only_sends() {
        assert!(
            preset("read_only")
                .unwrap()
                .iter()
                .all(|permission| permission.as_str().ends_with(":read"))
        );
        assert_eq!(preset("sending_access").unwrap(), [Permission::MailsSend]);
        assert_eq!(preset("everything"), Err(UnknownPermission));
    }
}
