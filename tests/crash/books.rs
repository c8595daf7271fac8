//! Holds what senders were told against what the relay took and what the server says of it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use mail_parser::MessageParser;
use serde_json::Value;

use crate::api_client::{Answer, ApiClient};
use crate::load::Sent;
use crate::smtp_server::SmtpServer;

/// What is known of one mail from all sides.
struct Entry<'a> {
    sent: &'a Sent,
    /// The Message-ID of every copy that the relay took.
    received: Vec<String>,
    /// The server's own record, if there is one.
    status: Option<String>,
    /// Whether the record shows an attempt whose end is not known.
    ambiguous: bool,
    /// Whether the relay heard of the recipient at all.
    heard: bool,
}

/// Everything that happened in a run.
pub struct Books<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Books<'a> {
    /// Looks at everything once the queue is empty.
    pub async fn new(sent: &'a [Sent], relay: &SmtpServer, client: &ApiClient) -> Self {
        let mut received: HashMap<String, Vec<String>> = HashMap::new();
        for mail in relay.received() {
            let message = MessageParser::default().parse(&mail.data).unwrap();
            let id = message.message_id().unwrap().to_owned();
            received.entry(mail.to[0].clone()).or_default().push(id);
        }
        let heard: HashSet<String> = relay
            .heard()
            .iter()
            .filter_map(|heard| {
                Some(heard.line.strip_prefix("RCPT TO:<")?.split_once('>')?.0.to_owned())
            })
            .collect();
        let stored: HashMap<String, Value> = client
            .all_mails(None)
            .await
            .into_iter()
            .map(|mail| (mail["to"].as_str().unwrap().to_owned(), mail))
            .collect();

        let mut entries = Vec::new();
        for sent in sent {
            let mail = stored.get(&sent.address);
            if let (Answer::Accepted(id), Some(mail)) = (&sent.answer, mail) {
                assert_eq!(mail["id"], **id, "one mail has two ids");
            }
            let received = received.remove(&sent.address).unwrap_or_default();
            let status = mail.map(|mail| mail["status"].as_str().unwrap().to_owned());
            let mut ambiguous = false;
            if let Some(mail) = mail
                && (received.len() != 1 || status.as_deref() != Some("sent"))
            {
                let record =
                    client.get(&format!("/v1/mails/{}", mail["id"].as_str().unwrap())).await;
                let events = record["events"].as_array().unwrap();
                ambiguous = events.iter().any(|event| event["type"] == "ambiguous");
            }
            let heard = heard.contains(&sent.address);
            entries.push(Entry { sent, received, status, ambiguous, heard });
        }
        assert!(received.is_empty(), "the relay took what nobody sent: {received:?}");
        Self { entries }
    }

    /// Fails unless every promise was kept.
    pub fn hold(&self) {
        let acknowledged = |entry: &Entry| matches!(entry.sent.answer, Answer::Accepted(_));
        let refused = |entry: &Entry| matches!(entry.sent.answer, Answer::Refused(..));
        let held = |entry: &Entry| entry.status.as_deref() == Some("held");
        self.nobody("was acknowledged and is not stored", |entry| {
            acknowledged(entry) && entry.status.is_none()
        });
        self.nobody("was acknowledged and never came", |entry| {
            acknowledged(entry) && entry.received.is_empty() && !held(entry)
        });
        self.nobody("was refused and stored all the same", |entry| {
            refused(entry) && entry.status.is_some()
        });
        self.nobody("came twice without a word about it", |entry| {
            entry.received.len() > 1 && !entry.ambiguous
        });
        self.nobody("came twice although it was to be held", |entry| {
            entry.received.len() > 1 && entry.sent.hold
        });
        self.nobody("is held although its end is known", |entry| held(entry) && !entry.ambiguous);
        self.nobody("is held although it may be repeated", |entry| held(entry) && !entry.sent.hold);
        self.nobody("did not end", |entry| {
            !matches!(entry.status.as_deref(), None | Some("sent" | "held"))
        });
        self.nobody("came with another Message-ID the second time", |entry| {
            entry.received.iter().any(|id| *id != entry.received[0])
        });
    }

    fn nobody(&self, what: &str, does: impl Fn(&Entry) -> bool) {
        let found: Vec<_> = self.entries.iter().filter(|entry| does(entry)).collect();
        let first: Vec<_> = found
            .iter()
            .take(5)
            .map(|entry| {
                let Sent { address, answer, .. } = entry.sent;
                format!("{address} ({answer:?}, {:?}, {}x)", entry.status, entry.received.len())
            })
            .collect();
        assert!(found.is_empty(), "{} mails: {what}: {}", found.len(), first.join(", "));
    }

    fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(entry)).count()
    }
}

impl fmt::Display for Books<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_held = |entry: &Entry| entry.status.as_deref() == Some("held");
        write!(
            f,
            "{} acknowledged, {} refused, {} without an answer ({} of them stored), {} received, {} doubled, \
             {} ambiguous among what was held, doubled or lost, {} held ({} of them unknown to the relay)",
            self.count(|entry| matches!(entry.sent.answer, Answer::Accepted(_))),
            self.count(|entry| matches!(entry.sent.answer, Answer::Refused(..))),
            self.count(|entry| entry.sent.answer == Answer::Silence),
            self.count(|entry| entry.sent.answer == Answer::Silence && entry.status.is_some()),
            self.count(|entry| !entry.received.is_empty()),
            self.count(|entry| entry.received.len() > 1),
            self.count(|entry| entry.ambiguous),
            self.count(is_held),
            self.count(|entry| is_held(entry) && !entry.heard),
        )
    }
}
