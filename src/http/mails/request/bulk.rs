//! The body of a request for many mails as it comes over the wire, and its way into the domain.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use utoipa::ToSchema;

use super::addresses::{AddressBody, Addresses};
use super::details::{Metadata, Tags, UnsubscribeBody, WrittenPriority};
use super::files::{AttachmentBody, Files};
use super::headers::Headers;
use super::variables::Variables;
use super::{Envelope, SendMailRequest};
use crate::domain::bulk::{BulkDraft, BulkMail, MAX_MAILS};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::extract::bounded_value::MAX_VALUES;

/// How much of an address is repeated in the answer that could not be read, in characters.
const LONGEST_ECHO: usize = 254;

/// A request to send the same mail to many recipients, each of whom sees only their own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkMailRequest {
    /// 1 to 100 of them.
    #[schema(value_type = Vec<BulkRecipientBody>)]
    recipients: Option<Recipients>,
    /// Whether the others get their mail when it cannot be sent to some; if not, it is sent to all or to none.
    #[schema(default = true)]
    partial: Option<bool>,
    /// The author.
    #[schema(value_type = AddressBody)]
    from: Option<Addresses>,
    /// Where answers go: one address, or a list of at most 50.
    reply_to: Option<Addresses>,
    /// At most 998 characters; may have `{{variables}}`.
    #[schema(max_length = 998, value_type = String)]
    subject: Option<String>,
    /// The HTML part; may have `{{variables}}`. It or `text` is required; both together have at most 5 MB.
    html: Option<String>,
    /// The text part; may have `{{variables}}`. Made from `html` where it is absent.
    text: Option<String>,
    /// Values of the variables: at most 1 MB. Each recipient's own come before these.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    dynamic_data: Option<Variables>,
    /// Headers of your own: at most 20.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<Headers>,
    /// Files, which everyone gets: at most 20, and 40 MB together in base64.
    #[schema(value_type = Option<Vec<AttachmentBody>>)]
    attachments: Option<Files>,
    /// What happens when the relay took the message and its answer never came: `retry` (the default) or `hold`.
    on_ambiguous: Option<String>,
    /// Ends in the capture mailbox and never leaves the server.
    test: Option<bool>,
    /// When to send it (RFC 3339), within the next 30 days; at once where it is absent.
    scheduled_at: Option<String>,
    /// Words to find the mail by: at most 20, each of 1 to 64 characters.
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Tags>,
    /// Values of your own, which webhooks tell with the mail: at most 50 texts, numbers or truth values, and 4 KB.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>)]
    metadata: Option<Metadata>,
    /// `high`, `normal` or `low`, or a number from 1 (highest) to 5.
    #[schema(value_type = Option<String>)]
    priority: Option<WrittenPriority>,
    /// Sends to suppressed addresses all the same.
    bypass_suppressions: Option<bool>,

    /// The suppression group that the mails belong to: who wants no mail of it is left out, and everybody else finds a
    /// way to unsubscribe in the mail's header.
    unsubscribe_group_id: Option<String>,

    /// Whether links in `html` lead past the server; the project's choice if nothing is said.
    tracking_click: Option<bool>,
    /// Whether an image in `html` tells when it is looked at; the project's choice if nothing is said.
    tracking_open: Option<bool>,

    #[schema(ignore)]
    unsubscribe: Option<UnsubscribeBody>,

    #[schema(ignore)]
    categories: Option<Tags>,
    /// The template that says what the request does not.
    #[schema(example = "A-abc123def456ghi789jk")]
    template_id: Option<String>,
}

/// One recipient, who gets a mail of their own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkRecipientBody {
    /// Such as `ada@example.com`.
    email: String,
    /// At most 256 characters.
    name: Option<String>,
    /// Recipients of copies. They, `bcc` and the recipient are at most 50 together.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    cc: Option<Addresses>,
    /// Recipients whom nobody else sees.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    bcc: Option<Addresses>,
    /// Values of the variables for this recipient. All recipients together have at most 20 000.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    dynamic_data: Option<Variables>,
}

/// The recipients of a request, up to the first that is too many.
#[derive(Debug, Default)]
struct Recipients {
    bodies: Vec<BulkRecipientBody>,
    values: usize,
    excess: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecipientsVisitor)
    }
}

struct RecipientsVisitor;

impl<'de> Visitor<'de> for RecipientsVisitor {
    type Value = Recipients;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of recipients")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Recipients, A::Error> {
        let mut read = Recipients::default();
        while read.bodies.len() < MAX_MAILS {
            let Some(body) = items.next_element::<BulkRecipientBody>()? else { return Ok(read) };
            read.values += body.dynamic_data.as_ref().map_or(0, Variables::count);
            read.bodies.push(body);
            if read.values > MAX_VALUES {
                return passed_over(items, "may have at most 20000 values in dynamicData together");
            }
        }
        if items.next_element::<IgnoredAny>()?.is_none() {
            return Ok(read);
        }
        passed_over(items, "may be at most 100")
    }
}

fn passed_over<'de, A: SeqAccess<'de>>(
    mut items: A,
    excess: &'static str,
) -> Result<Recipients, A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(Recipients { excess: Some(excess), ..Recipients::default() })
}

impl BulkMailRequest {
    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        let common = self.dynamic_data.as_ref().map_or(0, Variables::weight);
        let recipients = self.recipients.iter().flat_map(|recipients| &recipients.bodies);
        let own = recipients.filter_map(|body| body.dynamic_data.as_ref()).map(Variables::weight);
        common + own.sum::<usize>()
    }

    /// What is asked for, and the addresses of the recipients as they were written.
    pub fn check(self) -> Result<(BulkDraft, Vec<String>)> {
        let mut violations = Violations::default();
        let partial = self.partial.unwrap_or(true);
        let (common, recipients) = self.split();
        let recipients = recipients.unwrap_or_default();
        if let Some(excess) = recipients.excess {
            violations.add("recipients", excess);
        } else if recipients.bodies.is_empty() {
            violations.add("recipients", "is required: one recipient at least");
        }
        let common = common.without_recipients(&mut violations)?;
        if !violations.is_empty() {
            // Nobody's mail can be sent, so that everything is told at once.
            for (place, body) in recipients.bodies.into_iter().enumerate() {
                if let Err(of_recipient) = mail_of(body) {
                    violations.add_all(&format!("recipients[{place}]"), &of_recipient);
                }
            }
            return Err(Error::Invalid(violations));
        }
        let written = recipients.bodies.iter().map(|body| echo(&body.email)).collect();
        let mails = recipients.bodies.into_iter().map(mail_of).collect();
        Ok((BulkDraft { common, mails, partial }, written))
    }

    /// The mail that everyone gets, as if it were one, and the recipients.
    fn split(self) -> (SendMailRequest, Option<Recipients>) {
        let Self {
            recipients,
            partial: _,
            from,
            reply_to,
            subject,
            html,
            text,
            dynamic_data,
            headers,
            attachments,
            on_ambiguous,
            test,
            scheduled_at,
            tags,
            metadata,
            priority,
            categories,
            bypass_suppressions,
            template_id,
            unsubscribe_group_id,
            unsubscribe,
            tracking_click,
            tracking_open,
        } = self;
        let common = SendMailRequest {
            to: None,
            cc: None,
            bcc: None,
            from,
            reply_to,
            subject,
            html,
            text,
            dynamic_data,
            headers,
            attachments,
            on_ambiguous,
            test,
            scheduled_at,
            tags,
            metadata,
            priority,
            categories,
            bypass_suppressions,
            template_id,
            unsubscribe_group_id,
            unsubscribe,
            tracking_click,
            tracking_open,
        };
        (common, recipients)
    }
}

fn mail_of(body: BulkRecipientBody) -> Result<BulkMail, Violations> {
    let mut violations = Violations::default();
    let BulkRecipientBody { email, name, cc, bcc, dynamic_data } = body;
    let to = AddressBody::new(email, name).mailbox(&mut violations);
    let Envelope { cc, bcc, .. } = Envelope::read(None, cc, bcc, &mut violations);
    if cc.len() + bcc.len() >= crate::domain::mail::Content::MAX_RECIPIENTS {
        violations.add("cc", "cc and bcc may have 49 recipients together");
    }
    let data = dynamic_data.map(|variables| variables.checked("dynamicData", &mut violations));
    match to {
        Some(to) if violations.is_empty() => Ok(BulkMail { to, cc, bcc, data }),
        _ => Err(violations),
    }
}

fn echo(email: &str) -> String {
    email.trim().chars().take(LONGEST_ECHO).collect()
}
