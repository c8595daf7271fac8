//! What is remembered of a mail: its state, its deliveries and its history.

use chrono::{DateTime, Utc};

use super::delivery::Reply;
use super::id::{EventId, MailId, ProjectId};
use super::mail_details::MailDetails;

/// A mail as lists show it.
#[derive(Clone, Debug)]
pub struct MailSummary {
    /// Names the mail.
    pub id: MailId,
    /// The owner.
    pub project: ProjectId,
    /// Whether it was sent in test mode and never leaves the house.
    pub test: bool,
    /// `scheduled`, `queued`, `deferred`, `sent`, `partially_sent`, `captured`, `bounced`, `failed`, `suppressed`, `held` or
    /// `cancelled`.
    pub status: String,
    /// Recipients who are still to be served.
    pub pending: i16,
    /// Recipients whose mail was taken by the relay or captured.
    pub sent: i16,
    /// Recipients who will not get it.
    pub failed: i16,
    /// Recipients whose delivery waits for a person's decision.
    pub held: i16,
    /// The author's address.
    pub from_address: String,
    /// The author's name.
    pub from_name: Option<String>,
    /// The first recipient's address.
    pub to_address: String,
    /// The first recipient's name.
    pub to_name: Option<String>,
    /// The subject.
    pub subject: String,
    /// Variables that the templates named and the data did not have.
    pub missing_variables: Vec<String>,
    /// What else its author said of it.
    pub details: Option<MailDetails>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
}

impl MailSummary {
    /// When it was to be sent: the date in its header, and the start of the time in which it must arrive.
    pub fn starts_at(&self) -> DateTime<Utc> {
        let scheduled = self.details.as_ref().and_then(|details| details.scheduled_at);
        scheduled.unwrap_or(self.created_at)
    }
}

/// A delivery that is still to be made.
#[derive(Clone, Debug)]
pub struct PendingDelivery {
    /// The recipient's place in [`super::mail::Content::recipients`].
    pub position: i16,
    /// Attempts begun so far.
    pub attempts: i16,
    /// When something happens next.
    pub due_at: DateTime<Utc>,
    /// Whether somebody works on it now.
    pub leased: bool,
    /// Whether there is no other attempt after this one, because it was cancelled meanwhile.
    pub cancelled: bool,
    /// What the last attempt came to.
    pub last_reply: Option<Reply>,
}

/// One thing that happened to a mail.
#[derive(Clone, Debug)]
pub struct Event {
    /// Names the event.
    pub id: EventId,
    /// The recipient's place; `None` when the whole mail is meant.
    pub position: Option<i16>,
    /// `scheduled`, `queued`, `deferred`, `sent`, `captured`, `complained`, `bounced`, `failed`, `suppressed`, `ambiguous`,
    /// `retried` or `cancelled`; or one of [`OF_RECIPIENTS`].
    pub kind: String,
    /// The attempt that it came from, counted from one; zero for what was no attempt.
    pub attempt: i16,
    /// What the relay said.
    pub reply: Option<Reply>,
    /// The link that was followed.
    pub url: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Events that say what recipients did with a mail, and nothing about its delivery.
pub const OF_RECIPIENTS: [&str; 6] = [
    "opened",
    "clicked",
    "unsubscribed",
    "resubscribed",
    "group_unsubscribed",
    "group_resubscribed",
];

impl Event {
    /// Whether it was reported by another mail system after the mail had left us, and came from no attempt.
    pub fn is_reported(&self) -> bool {
        self.attempt == 0 && ["bounced", "deferred", "complained"].contains(&self.kind.as_str())
    }

    /// Whether it says how the delivery goes.
    pub fn is_of_delivery(&self) -> bool {
        !OF_RECIPIENTS.contains(&self.kind.as_str())
    }
}
