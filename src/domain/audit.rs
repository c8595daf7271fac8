//! What was done to keys, projects and people: who, what, when, from where.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::caller::{Actor, Caller};
use super::id::{AccountId, AuditEntryId, ProjectId};

/// Who did it, as the log keeps it: the words stay true when the key or the person is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doer {
    /// `api_key`, `user`, `command_line`, `server`, or `holder` for whoever reported a leaked key.
    pub kind: &'static str,
    /// The key's or the person's id.
    pub id: Option<Uuid>,
    /// In words: a key's name and display key, or a person's address.
    pub label: String,
    /// Where the request came from.
    pub from: Option<IpAddr>,
}

impl Doer {
    /// The caller of a request.
    pub fn of(caller: &Caller) -> Self {
        let from = Some(caller.from);
        match &caller.actor {
            Actor::Key(key) => Self {
                kind: "api_key",
                id: Some(key.id.as_uuid()),
                label: format!("{} ({})", key.name, key.display_key),
                from,
            },
            Actor::Person(person) => Self {
                kind: "user",
                id: Some(person.id.as_uuid()),
                label: person.email.clone(),
                from,
            },
        }
    }

    /// Whoever may run commands on the machine.
    pub fn command_line() -> Self {
        Self { kind: "command_line", id: None, label: "command line".into(), from: None }
    }

    /// The server by itself.
    pub fn server() -> Self {
        Self { kind: "server", id: None, label: "Posthaste".into(), from: None }
    }

    /// Somebody without an account of ours, who holds what was reported.
    pub fn holder(from: IpAddr) -> Self {
        Self { kind: "holder", id: None, label: "holder of the key".into(), from: Some(from) }
    }
}

/// One thing that is about to be done, for the log.
#[derive(Clone, Debug)]
pub struct NewAuditEntry {
    /// Whose log.
    pub account: AccountId,
    /// The project concerned, if it is one.
    pub project: Option<ProjectId>,
    /// Who.
    pub doer: Doer,
    /// What: `noun.verb`, such as `api_key.created`.
    pub action: &'static str,
    /// To what: its id.
    pub subject: Uuid,
    /// To what, in words: its name.
    pub subject_label: String,
    /// What changed, never a secret: an object.
    pub details: Value,
}

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Names the entry; sorts by time.
    pub id: AuditEntryId,
    /// The project concerned, if it is one.
    pub project: Option<ProjectId>,
    /// See [`Doer::kind`].
    pub actor_kind: String,
    /// The key's or the person's id.
    pub actor_id: Option<Uuid>,
    /// Who, in words.
    pub actor: String,
    /// From which address.
    pub from_ip: Option<String>,
    /// What: `noun.verb`.
    pub action: String,
    /// To what: its id.
    pub subject_id: Uuid,
    /// To what, in words.
    pub subject: String,
    /// What changed.
    pub details: Value,
    /// When.
    pub created_at: DateTime<Utc>,
}
