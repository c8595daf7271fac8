//! One mail in full, as it goes over the wire: its content, its deliveries in words, its history.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::details::DetailsView;
use super::response::AddressView;
use crate::domain::address::Mailbox;
use crate::domain::delivery::Reply;
use crate::domain::engagement::Tally;
use crate::domain::personal::with_tags;
use crate::domain::record::{Event, PendingDelivery};
use crate::http::wire::timestamp;
use crate::service::mails::MailDetail;

/// One mail with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailBody {
    id: String,
    project_id: String,
    status: String,
    test: bool,
    from: AddressView,
    to: Vec<AddressView>,
    cc: Vec<AddressView>,
    bcc: Vec<AddressView>,
    reply_to: Option<AddressView>,
    subject: String,
    html: Option<String>,
    text: Option<String>,
    attachments: Vec<AttachmentView>,
    /// Variables that the templates named and `dynamicData` did not have; they were left empty.
    missing_variables: Vec<String>,
    /// One for each recipient; one who is named twice has one.
    deliveries: Vec<DeliveryView>,
    /// Oldest first.
    events: Vec<EventView>,
    created_at: String,
    #[serde(flatten)]
    details: DetailsView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttachmentView {
    file_name: String,
    content_type: String,
    size: usize,
}

/// One mail on its way to one recipient.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryView {
    recipient: String,
    /// `scheduled`, `queued`, `sending`, `deferred`, or how it ended.
    status: String,
    attempts: i16,
    /// When something happens next; null when it is over.
    next_attempt_at: Option<String>,
    /// Why the mail is not there yet, or how it ended, in words.
    explanation: String,
    last_reply: Option<ReplyView>,
    /// What the recipient did with it; only where that is tracked and something was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    engagement: Option<EngagementView>,
}

/// How often a message was opened and its links were followed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EngagementView {
    opens: i64,
    clicks: i64,
    /// Opened by programs: scanners, and proxies that fetch images whether anybody reads the mail or not.
    automated_opens: i64,
    /// Followed by programs, or within a second of the delivery.
    automated_clicks: i64,
}

impl EngagementView {
    fn of(position: i16, tallies: &[Tally]) -> Option<Self> {
        let mut view = None;
        for tally in tallies.iter().filter(|tally| tally.position == position) {
            let view: &mut Self = view.get_or_insert_default();
            let count = match (tally.kind.as_str(), tally.automated) {
                ("opened", false) => &mut view.opens,
                ("opened", true) => &mut view.automated_opens,
                (_, false) => &mut view.clicks,
                (_, true) => &mut view.automated_clicks,
            };
            *count += tally.times;
        }
        view
    }
}

/// What the relay said, or what kept it from saying anything.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReplyView {
    code: Option<u16>,
    enhanced_code: Option<String>,
    text: String,
}

impl From<&Reply> for ReplyView {
    fn from(Reply { code, enhanced, text }: &Reply) -> Self {
        Self { code: *code, enhanced_code: enhanced.clone(), text: text.clone() }
    }
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventView {
    id: String,
    r#type: String,
    /// Null when the whole mail is meant.
    recipient: Option<String>,
    attempt: i16,
    reply: Option<ReplyView>,
    /// The link that was followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    at: String,
}

impl MailBody {
    /// The mail as it stands at `now`.
    pub fn new(
        MailDetail { summary, content, pending, events, engagements }: MailDetail,
        now: DateTime<Utc>,
    ) -> Self {
        let recipients: Vec<String> = content.recipients().map(ToString::to_string).collect();
        let deliveries = (0..)
            .zip(&recipients)
            .map(|(position, recipient)| {
                let view = match pending.iter().find(|delivery| delivery.position == position) {
                    Some(delivery) => DeliveryView::under_way(recipient, delivery, now),
                    None => DeliveryView::over(recipient, position, &events),
                };
                DeliveryView { engagement: EngagementView::of(position, &engagements), ..view }
            })
            .collect();
        let views = |mailboxes: &[Mailbox]| mailboxes.iter().map(AddressView::from).collect();
        let events = events.iter().map(|event| EventView::new(event, &recipients)).collect();
        Self {
            id: summary.id.to_string(),
            project_id: summary.project.to_string(),
            status: summary.status,
            test: summary.test,
            from: AddressView::from(&content.from),
            to: views(&content.to),
            cc: views(&content.cc),
            bcc: views(&content.bcc),
            reply_to: content.reply_to.as_ref().map(AddressView::from),
            subject: content.subject.as_str().to_owned(),
            attachments: content
                .attachments
                .iter()
                .map(|file| AttachmentView {
                    file_name: file.file_name().to_owned(),
                    content_type: file.content_type().to_owned(),
                    size: file.content_length(),
                })
                .collect(),
            html: content.html.map(with_tags),
            text: content.text.map(with_tags),
            missing_variables: summary.missing_variables,
            deliveries,
            events,
            created_at: timestamp(summary.created_at),
            details: summary.details.into(),
        }
    }
}

impl DeliveryView {
    fn under_way(recipient: &str, delivery: &PendingDelivery, now: DateTime<Utc>) -> Self {
        let is_scheduled = !delivery.leased
            && delivery.attempts == 0
            && delivery.last_reply.is_none()
            && delivery.due_at > now;
        let (status, explanation) = if delivery.leased {
            let explanation = if delivery.due_at > now {
                let after =
                    if delivery.cancelled { " It was cancelled, so none follows." } else { "" };
                format!("Attempt {} is being made now.{after}", delivery.attempts)
            } else {
                "The worker that had it stopped; another one takes over.".to_owned()
            };
            ("sending", explanation)
        } else if let Some(reply) = &delivery.last_reply {
            let wait = (delivery.due_at - now).num_seconds().max(0);
            let code = reply.code.map_or(String::new(), |code| format!(" ({code})"));
            (
                "deferred",
                format!(
                    "Not taken yet{code}: {} The next attempt comes in {wait} s.",
                    sentence(&reply.text)
                ),
            )
        } else {
            ("queued", "Waits for its first attempt, which comes at once.".to_owned())
        };
        let (status, explanation) = if is_scheduled {
            let at = timestamp(delivery.due_at);
            ("scheduled", format!("Is scheduled: its first attempt comes at {at}."))
        } else {
            (status, explanation)
        };
        Self {
            recipient: recipient.to_owned(),
            status: status.to_owned(),
            attempts: delivery.attempts,
            next_attempt_at: Some(timestamp(delivery.due_at)),
            explanation,
            last_reply: delivery.last_reply.as_ref().map(ReplyView::from),
            engagement: None,
        }
    }

    fn over(recipient: &str, position: i16, events: &[Event]) -> Self {
        let of_recipient = || {
            let is_its = |event: &&Event| event.position == Some(position);
            events.iter().filter(is_its).filter(|event| event.is_of_delivery())
        };
        // What is said of a mail on its way beyond the relay changes nothing about where it stands with us.
        let changes = |event: &&Event| !event.is_reported() || event.kind == "bounced";
        let last = of_recipient().rfind(changes);
        let kind = last.map_or("queued", |event| event.kind.as_str());
        let came_back = last.is_some_and(Event::is_reported);
        let status = if kind == "ambiguous" { "held" } else { kind };
        let said = last
            .and_then(|event| event.reply.as_ref())
            .map(|reply| sentence(&reply.text))
            .unwrap_or_default();
        let explanation = match status {
            "sent" => {
                let reported = of_recipient().rfind(|event| event.is_reported());
                let reported = reported.map_or_else(String::new, reported_since);
                format!("The relay took responsibility for it. {said} {reported}")
            }
            "captured" => "It is in the capture mailbox and left this server nowhere.".to_owned(),
            "complained" => {
                "It is in the capture mailbox; the address plays a complaint.".to_owned()
            }
            "bounced" if came_back => {
                format!("The relay took responsibility for it, and then it came back: {said}")
            }
            "bounced" => format!("It was refused for good: {said}"),
            "suppressed" => {
                "The address is on the suppression list, so nothing was sent.".to_owned()
            }
            "held" => format!("It may have been sent or not, and waits for your decision: {said}"),
            "cancelled" => "It was cancelled; nothing more is sent.".to_owned(),
            "failed" => format!("It could not be delivered within 24 hours: {said}"),
            _ => "Nothing is known yet.".to_owned(),
        };
        Self {
            recipient: recipient.to_owned(),
            status: status.to_owned(),
            attempts: of_recipient().map(|event| event.attempt).max().unwrap_or_default(),
            next_attempt_at: None,
            explanation: explanation.trim_end().to_owned(),
            last_reply: last.and_then(|event| event.reply.as_ref()).map(ReplyView::from),
            engagement: None,
        }
    }
}

/// What another mail system said about a mail that had been taken.
fn reported_since(event: &Event) -> String {
    let said = event.reply.as_ref().map(|reply| sentence(&reply.text)).unwrap_or_default();
    if event.kind == "complained" {
        said
    } else {
        format!("It was still under way when last heard of: {said}")
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl EventView {
    fn new(event: &Event, recipients: &[String]) -> Self {
        let place = event.position.and_then(|position| usize::try_from(position).ok());
        Self {
            id: event.id.to_string(),
            r#type: event.kind.clone(),
            recipient: place.and_then(|place| recipients.get(place).cloned()),
            attempt: event.attempt,
            reply: event.reply.as_ref().map(ReplyView::from),
            url: event.url.clone(),
            at: timestamp(event.at),
        }
    }
}
