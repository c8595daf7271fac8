//! The answers about mails as they go over the wire.

use serde::Serialize;
use utoipa::ToSchema;

use super::details::DetailsView;
use crate::domain::address::Mailbox;
use crate::domain::record::{Event, MailSummary};
use crate::http::wire::Success;
pub(in crate::http) use crate::http::wire::timestamp;
use crate::service::mails::{Accepted, MailPage};

/// Every state that a mail can be in.
pub const STATUSES: &[&str] = &[
    "scheduled",
    "queued",
    "deferred",
    "sent",
    "partially_sent",
    "captured",
    "bounced",
    "failed",
    "suppressed",
    "held",
    "cancelled",
];

const QUEUED: &str = "Email queued successfully.";

impl Success<SendMailBody> {
    /// The answer to a send.
    pub fn sent(data: SendMailBody) -> Self {
        Self::of(data).saying(QUEUED)
    }
}

/// What sending answers: all that clients of the upstream API have ever read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendMailBody {
    /// Names the mail.
    email_id: String,
    /// Always the same sentence.
    message: &'static str,
    /// to, cc and bcc together; who is named twice gets the mail once.
    total_recipients: usize,
    /// `queued`, or `scheduled`; `suppressed` where nobody is left to send it to.
    status: &'static str,
    /// When the mail was stored.
    queued_at: String,
    /// Recipients who get none, because they are suppressed; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<String>,
}

impl From<Accepted> for SendMailBody {
    fn from(accepted: Accepted) -> Self {
        let Accepted { id, recipients, suppressed, accepted_at, scheduled_at, replayed: _ } =
            accepted;
        let status = match scheduled_at {
            _ if suppressed.len() == recipients => "suppressed",
            Some(_) => "scheduled",
            None => "queued",
        };
        Self {
            email_id: id.to_string(),
            message: QUEUED,
            total_recipients: recipients,
            status,
            queued_at: timestamp(accepted_at),
            suppressed,
        }
    }
}

/// A page of mails.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailListBody {
    /// Newest first. There may be fewer than `limit` before the last page, when few of very many pass the filter.
    mails: Vec<MailListItem>,
    /// Whether another page follows.
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

impl From<MailPage> for MailListBody {
    fn from(MailPage { mails, next }: MailPage) -> Self {
        Self {
            mails: mails.into_iter().map(MailListItem::from).collect(),
            has_more: next.is_some(),
            next_cursor: next.map(|id| id.to_string()),
        }
    }
}

/// A mail in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MailListItem {
    id: String,
    status: String,
    from: String,
    to: String,
    subject: String,
    test: bool,
    recipients: RecipientCounts,
    tags: Vec<String>,
    /// When it is, or was, to be sent; null for at once.
    scheduled_at: Option<String>,
    created_at: String,
}

/// Recipients by where their deliveries stand.
#[derive(Debug, Serialize, ToSchema)]
struct RecipientCounts {
    pending: i16,
    sent: i16,
    failed: i16,
    held: i16,
}

impl From<MailSummary> for MailListItem {
    fn from(mail: MailSummary) -> Self {
        let details = mail.details.unwrap_or_default();
        Self {
            id: mail.id.to_string(),
            status: mail.status,
            from: mail.from_address,
            to: mail.to_address,
            subject: mail.subject,
            test: mail.test,
            recipients: RecipientCounts {
                pending: mail.pending,
                sent: mail.sent,
                failed: mail.failed,
                held: mail.held,
            },
            tags: details.tags,
            scheduled_at: details.scheduled_at.map(timestamp),
            created_at: timestamp(mail.created_at),
        }
    }
}

/// An address with the name of its owner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AddressView {
    email: String,
    name: Option<String>,
}

impl From<&Mailbox> for AddressView {
    fn from(mailbox: &Mailbox) -> Self {
        Self {
            email: mailbox.address.to_string(),
            name: mailbox.name.as_ref().map(|name| name.as_str().to_owned()),
        }
    }
}

/// Where a mail stands, in the shape of the upstream API.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailStatusBody {
    id: String,
    project_id: String,
    status: String,
    subject: String,
    recipient: AddressView,
    sender: AddressView,
    sent_at: Option<String>,
    /// Told by later mail systems; not known to this version.
    delivered_at: Option<String>,
    /// When a recipient opened it for the first time, and not a program; null where that is not tracked.
    opened_at: Option<String>,
    /// The same for the links in it.
    clicked_at: Option<String>,
    bounced_at: Option<String>,
    #[serde(flatten)]
    details: DetailsView,
}

impl MailStatusBody {
    /// Where a mail stands by its history, oldest first.
    pub fn new(mail: MailSummary, events: &[Event]) -> Self {
        let first = |kinds: &[&str]| {
            events
                .iter()
                .find(|event| kinds.contains(&event.kind.as_str()))
                .map(|event| timestamp(event.at))
        };
        Self {
            id: mail.id.to_string(),
            project_id: mail.project.to_string(),
            recipient: AddressView { email: mail.to_address, name: mail.to_name },
            sender: AddressView { email: mail.from_address, name: mail.from_name },
            status: mail.status,
            subject: mail.subject,
            sent_at: first(&["sent", "captured", "complained"]),
            delivered_at: None,
            opened_at: first(&["opened"]),
            clicked_at: first(&["clicked"]),
            bounced_at: first(&["bounced"]),
            details: mail.details.into(),
        }
    }
}
