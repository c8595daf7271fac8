//! A mail as its author asked for it, after every check has passed.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::address::{EmailAddress, Mailbox};
use super::attachment::Attachment;
use super::header::CustomHeader;
use super::id::DomainId;
use super::personal::Personal;
use super::subject::Subject;

/// Everything that the recipients see. It is immutable once accepted.
///
/// `html` and `text` are already rendered; at least one is present. Blind recipients are part of it, because they are
/// delivered to, but never of any header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The author.
    pub from: Mailbox,
    /// The recipients that everyone sees first; one at least.
    pub to: Vec<Mailbox>,
    /// The recipients of copies.
    pub cc: Vec<Mailbox>,
    /// The recipients whom nobody else sees.
    pub bcc: Vec<Mailbox>,
    /// Where answers go instead of to the author (RFC 5322, section 3.6.2); mostly empty.
    pub reply_to: Vec<Mailbox>,
    /// The subject, rendered.
    pub subject: Subject,
    /// The HTML part, rendered.
    pub html: Option<String>,
    /// The text part, rendered; made from the HTML where the author gave none.
    pub text: Option<String>,
    /// Headers of the author's own, in the author's order.
    pub headers: Vec<CustomHeader>,
    /// Files. Their bytes are stored beside the rest, not inside it.
    pub attachments: Vec<Attachment>,
    /// The domain with whose keys it is signed, decided when it is accepted, so that every attempt sends the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<DomainId>,
    /// What differs between its recipients; for most mails that is nothing, and one message serves all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
}

impl Content {
    /// The most recipients one mail may have, `to`, `cc` and `bcc` together.
    pub const MAX_RECIPIENTS: usize = 50;

    /// The most addresses that answers may go to.
    pub const MAX_REPLY_TO: usize = 50;

    /// Everyone who is to receive the mail, in the order to, cc, bcc: who is named twice receives it once. A delivery's
    /// position is an index into this.
    pub fn recipients(&self) -> impl Iterator<Item = &EmailAddress> {
        self.recipients_with_names().map(|mailbox| &mailbox.address)
    }

    /// The same, each as the first who named them did.
    pub fn recipients_with_names(&self) -> impl Iterator<Item = &Mailbox> {
        let named = self.to.iter().chain(&self.cc).chain(&self.bcc);
        let mut seen = HashSet::new();
        named.filter(move |mailbox| seen.insert(mailbox.address.folded()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailboxes(addresses: &[&str]) -> Vec<Mailbox> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn who_is_named_twice_is_one_recipient() {
        let content = Content {
            from: "shop@example.com".parse().unwrap(),
            to: mailboxes(&["Ada@example.org", "bob@bücher.example"]),
            cc: mailboxes(&["ada@EXAMPLE.org", "Ada <ada@example.net>"]),
            bcc: mailboxes(&["x@example.org", "BOB@xn--bcher-kva.example", "x@example.org"]),
            reply_to: Vec::new(),
            subject: Subject::parse("hi".to_owned()).unwrap(),
            html: None,
            text: Some("hi".to_owned()),
            headers: Vec::new(),
            attachments: Vec::new(),
            signed_by: None,
            personal: None,
        };
        let recipients: Vec<_> = content.recipients().map(ToString::to_string).collect();
        assert_eq!(
            recipients,
            ["Ada@example.org", "bob@xn--bcher-kva.example", "ada@example.net", "x@example.org"]
        );
    }
}
