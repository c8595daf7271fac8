//! What became of each recipient of a mail, for dialects that tell it so.

use chrono::{DateTime, Utc};

use crate::domain::address::EmailAddress;
use crate::domain::id::MailId;
use crate::domain::record::Event;
use crate::service::mails::MailDetail;

/// What became of one recipient.
pub(super) struct Delivery<'a> {
    pub(super) mail: MailId,
    /// The recipient's place in the mail.
    pub(super) position: usize,
    pub(super) recipient: &'a EmailAddress,
    /// What happened last, by the native name of its kind.
    pub(super) kind: &'a str,
    /// Attempts that came to something.
    pub(super) attempts: i16,
    pub(super) last_attempt: Option<DateTime<Utc>>,
    /// What was said when it last failed.
    pub(super) trouble: Option<&'a str>,
    pub(super) opened_at: Option<DateTime<Utc>>,
    pub(super) clicked_at: Option<DateTime<Utc>>,
}

/// Every recipient of a mail, in the order to, cc, bcc.
pub(super) fn deliveries(detail: &MailDetail) -> Vec<Delivery<'_>> {
    let recipients = detail.content.recipients().enumerate();
    recipients.map(|(position, recipient)| delivery(detail, position, recipient)).collect()
}

fn delivery<'a>(
    detail: &'a MailDetail,
    position: usize,
    recipient: &'a EmailAddress,
) -> Delivery<'a> {
    // What concerns the whole mail concerns each.
    let concerns = |event: &&Event| {
        event.position.is_none_or(|own| usize::try_from(own).is_ok_and(|own| own == position))
    };
    let own: Vec<&Event> = detail.events.iter().filter(concerns).collect();
    let last = own.iter().rev().find(|event| event.is_of_delivery());
    let attempted = own.iter().filter(|event| event.attempt > 0).max_by_key(|event| event.attempt);
    let first = |kind: &str| own.iter().find(|event| event.kind == kind).map(|event| event.at);
    let failed = |event: &&&Event| {
        ["deferred", "bounced", "failed", "suppressed", "ambiguous"].contains(&event.kind.as_str())
    };
    let trouble = last.filter(failed).and_then(|event| event.reply.as_ref());
    Delivery {
        mail: detail.summary.id,
        position,
        recipient,
        kind: last.map_or("queued", |event| event.kind.as_str()),
        attempts: attempted.map_or(0, |event| event.attempt),
        last_attempt: attempted.map(|event| event.at),
        trouble: trouble.map(|reply| reply.text.as_str()),
        opened_at: first("opened"),
        clicked_at: first("clicked"),
    }
}
