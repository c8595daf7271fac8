//! What Resend's clients read. The strictest of them want every key there, also those that are empty.

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::{Facts, names};
use super::NAMES;
use crate::domain::address::{DisplayName, Mailbox};
use crate::domain::bulk::BulkResult;
use crate::domain::id::MailId;
use crate::domain::mail_details::MailDetails;
use crate::domain::record::MailSummary;
use crate::http::wire::timestamp;
use crate::service::mails::{BulkAccepted, MailDetail};

/// The name of what was made.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// The names of several mails, and what is wrong with those that were left out.
#[derive(Debug, Serialize)]
pub(super) struct BatchBody {
    data: Vec<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<BatchError>>,
}

#[derive(Debug, Serialize)]
struct BatchError {
    index: usize,
    message: String,
}

impl BatchBody {
    /// With errors only where it was asked for all that can be sent.
    pub(super) fn new(accepted: &BulkAccepted, partial: bool) -> Self {
        let (mut data, mut errors) = (Vec::new(), Vec::new());
        for (index, result) in accepted.answer.results.iter().enumerate() {
            match result {
                BulkResult::Accepted(id) => data.push(Named { id: id.to_string() }),
                BulkResult::Refused(refusal) => {
                    let message = Facts::of(refusal).sentence(|field| names::renamed(field, NAMES));
                    errors.push(BatchError { index, message });
                }
            }
        }
        Self { data, errors: partial.then_some(errors) }
    }
}

/// A mail, or only its name after it was changed.
#[derive(Debug, Serialize)]
pub(super) struct EmailBody {
    object: &'static str,
    id: String,
    #[serde(flatten)]
    shown: Option<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    from: String,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    reply_to: Vec<String>,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    created_at: String,
    scheduled_at: Option<String>,
    last_event: &'static str,
    tags: Vec<TagBody>,
}

#[derive(Debug, Serialize)]
struct TagBody {
    name: String,
    value: String,
}

impl EmailBody {
    /// Only the name.
    pub(super) fn reference(id: MailId) -> Self {
        Self { object: "email", id: id.to_string(), shown: None }
    }
}

impl From<MailDetail> for EmailBody {
    fn from(MailDetail { summary, content, .. }: MailDetail) -> Self {
        let everyone = |mailboxes: &[Mailbox]| mailboxes.iter().map(written).collect();
        let id = summary.id;
        let shown = Shown {
            from: written(&content.from),
            to: everyone(&content.to),
            cc: everyone(&content.cc),
            bcc: everyone(&content.bcc),
            reply_to: content.reply_to.iter().map(written).collect(),
            html: content.html,
            text: content.text,
            ..Shown::of(summary)
        };
        Self { shown: Some(shown), ..Self::reference(id) }
    }
}

impl From<MailSummary> for EmailBody {
    fn from(mail: MailSummary) -> Self {
        let id = mail.id;
        Self { shown: Some(Shown::of(mail)), ..Self::reference(id) }
    }
}

impl Shown {
    /// As much as lists know: the first recipient only.
    fn of(mail: MailSummary) -> Self {
        let MailDetails { metadata, scheduled_at, .. } = mail.details.unwrap_or_default();
        Self {
            from: named(mail.from_name.as_deref(), &mail.from_address),
            to: vec![named(mail.to_name.as_deref(), &mail.to_address)],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: mail.subject,
            html: None,
            text: None,
            created_at: timestamp(mail.created_at),
            scheduled_at: scheduled_at.map(timestamp),
            last_event: last_event(&mail.status),
            tags: tags(metadata),
        }
    }
}

fn tags(metadata: Map<String, Value>) -> Vec<TagBody> {
    let words = metadata.into_iter().filter_map(|(name, value)| match value {
        Value::String(value) => Some(TagBody { name, value }),
        _ => None,
    });
    words.collect()
}

/// The word for our state. `suppressed` is among theirs, and their own client for Rust cannot read it.
fn last_event(status: &str) -> &'static str {
    match status {
        "scheduled" => "scheduled",
        "deferred" | "held" => "delivery_delayed",
        "sent" | "partially_sent" | "captured" => "delivered",
        "bounced" | "suppressed" => "bounced",
        "failed" => "failed",
        "cancelled" => "canceled",
        _ => "queued",
    }
}

fn written(mailbox: &Mailbox) -> String {
    let name = mailbox.name.as_ref().map(DisplayName::as_str);
    named(name, &mailbox.address.to_string())
}

/// As `Ada <ada@example.com>`, with quotes where the name needs them (RFC 5322, section 3.4).
fn named(name: Option<&str>, address: &str) -> String {
    let Some(name) = name else { return address.to_owned() };
    if name.contains(['"', '\\', ',', ';', ':', '<', '>', '@', '(', ')', '[', ']']) {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{escaped}\" <{address}>");
    }
    format!("{name} <{address}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_mailbox_reads_back_as_itself() {
        for text in ["ada@example.com", "Ada <ada@example.com>", r#""L, \"A\"" <ada@example.com>"#]
        {
            let mailbox: Mailbox = text.parse().unwrap();
            assert_eq!(written(&mailbox), text);
        }
    }
}
