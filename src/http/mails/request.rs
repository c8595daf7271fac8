//! The body of a send request as it comes over the wire, and its way into the domain.

pub(in crate::http) mod addresses;
mod bulk;
mod details;
mod files;
mod headers;
pub(in crate::http) mod variables;

use serde::Deserialize;
use utoipa::ToSchema;

pub use self::addresses::AddressBody;
pub(in crate::http) use self::addresses::Addresses;
use self::addresses::mailboxes;
pub(in crate::http) use self::addresses::{answers_to, single};
pub use self::bulk::{BulkMailRequest, BulkRecipientBody};
use self::details::{
    Metadata, Tags, UnsubscribeBody, WrittenPriority, priority, tags, unsubscribe_group,
};
pub use self::files::AttachmentBody;
pub(in crate::http) use self::files::{EncodedBytes, Files, attachments, read_files};
pub(in crate::http) use self::headers::Headers;
pub(in crate::http) use self::headers::custom_headers;
pub(in crate::http) use self::variables::Variables;
use crate::domain::address::Mailbox;
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::mail::Content;
use crate::domain::mail_details::MailDetails;
use crate::domain::schedule;
use crate::domain::template::TemplateChoice;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// The most that `html` and `text` may have together, in bytes: what a body has room for beside its files.
const MAX_PARTS: usize = 5 * 1024 * 1024;

/// A request to send one mail. Unknown members are ignored; members of later versions are refused, never ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "SendMailRequest")]
pub struct SendMailRequest {
    /// The recipient, or a list of recipients.
    #[schema(value_type = Addresses)]
    pub(in crate::http) to: Option<Addresses>,
    /// Recipients of copies. `to`, `cc` and `bcc` are at most 50 together.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    pub(in crate::http) cc: Option<Addresses>,
    /// Recipients whom nobody else sees.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    pub(in crate::http) bcc: Option<Addresses>,
    /// The author; with a `templateId`, the template's own sender if it is left out.
    #[schema(value_type = AddressBody)]
    pub(in crate::http) from: Option<Addresses>,
    /// Where answers go: one address, or a list of at most 50.
    pub(in crate::http) reply_to: Option<Addresses>,
    /// The template that says what the request does not: subject, HTML, text, author and where answers go.
    #[schema(example = "A-abc123def456ghi789jk")]
    pub(in crate::http) template_id: Option<String>,
    /// At most 998 characters; may have `{{variables}}`. Required without a `templateId`.
    #[schema(max_length = 998, value_type = String)]
    pub(in crate::http) subject: Option<String>,
    /// The HTML part; may have `{{variables}}`. It or `text` or `templateId` is required; both together have at most 5 MB.
    pub(in crate::http) html: Option<String>,
    /// The text part; may have `{{variables}}`. Made from `html` where it is absent.
    pub(in crate::http) text: Option<String>,
    /// Values of the variables: at most 1 MB.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    pub(in crate::http) dynamic_data: Option<Variables>,
    /// Headers of your own: at most 20.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub(in crate::http) headers: Option<Headers>,
    /// Files: at most 20, and 40 MB together in base64.
    #[schema(value_type = Option<Vec<AttachmentBody>>)]
    pub(in crate::http) attachments: Option<Files>,
    /// What happens when the relay took the message and its answer never came: `retry` (the mail may come twice; the
    /// default) or `hold` (it waits for your decision).
    pub(in crate::http) on_ambiguous: Option<String>,
    /// Ends in the capture mailbox and never leaves the server.
    pub(in crate::http) test: Option<bool>,
    /// When to send it (RFC 3339), within the next 30 days; at once where it is absent.
    pub(in crate::http) scheduled_at: Option<String>,
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
    pub(in crate::http) bypass_suppressions: Option<bool>,

    /// The suppression group that the mail belongs to: who wants no mail of it is left out, and everybody else finds a
    /// way to unsubscribe in the mail's header.
    unsubscribe_group_id: Option<String>,

    #[schema(ignore)]
    unsubscribe: Option<UnsubscribeBody>,

    #[schema(ignore)]
    categories: Option<Tags>,
    /// Whether links in `html` lead past the server, which tells when they are followed; the project's choice if nothing is
    /// said.
    tracking_click: Option<bool>,
    /// Whether an image in `html` tells when it is looked at; the project's choice if nothing is said.
    tracking_open: Option<bool>,
}

impl SendMailRequest {
    /// A request with only what `fill` says.
    pub(in crate::http) fn with(fill: impl FnOnce(&mut Self)) -> Self {
        let mut request = Self::default();
        fill(&mut request);
        request
    }

    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        self.dynamic_data.as_ref().map_or(0, Variables::weight)
    }
}

impl TryFrom<SendMailRequest> for Draft {
    type Error = Error;

    fn try_from(mut request: SendMailRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let (to, cc, bcc) = (request.to.take(), request.cc.take(), request.bcc.take());
        let envelope = Envelope::read(to, cc, bcc, &mut violations);
        let draft = request.without_recipients(&mut violations)?;
        let Envelope { to, cc, bcc } = envelope;
        if to.is_empty() && !is_told(&violations, "to") {
            violations.add("to", "is required");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok(Self { to, cc, bcc, ..draft })
    }
}

/// Whether a field is known to be at fault, which may have left nothing behind.
fn is_told(violations: &Violations, field: &str) -> bool {
    violations.iter().any(|violation| violation.field.starts_with(field))
}

/// Whom a mail goes to.
struct Envelope {
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
}

impl Envelope {
    fn read(
        to: Option<Addresses>,
        cc: Option<Addresses>,
        bcc: Option<Addresses>,
        violations: &mut Violations,
    ) -> Self {
        let envelope = Self {
            to: mailboxes("to", to, violations),
            cc: mailboxes("cc", cc, violations),
            bcc: mailboxes("bcc", bcc, violations),
        };
        let Self { to, cc, bcc } = &envelope;
        let recipients = to.len() + cc.len() + bcc.len();
        if recipients > Content::MAX_RECIPIENTS {
            violations.add(
                "to",
                format!("to, cc and bcc may have 50 recipients together, and have {recipients}"),
            );
        }
        envelope
    }
}

impl SendMailRequest {
    /// All but the recipients. What is at fault is noted; then the draft is of no use.
    fn without_recipients(self, violations: &mut Violations) -> Result<Draft> {
        let Self { from, reply_to, subject, html, text, .. } = self;
        let from = single("from", from, violations);
        let reply_to = answers_to("replyTo", reply_to, violations);
        let template = self.template_id.filter(|id| !id.is_empty());
        let has_template = template.is_some();
        let mut subject = subject.unwrap_or_default();
        if has_template && subject.trim().is_empty() {
            subject.clear();
        } else if subject.trim().is_empty() {
            violations.add("subject", "is required");
        } else if subject.chars().count() > 998 {
            violations.add("subject", "must have at most 998 characters");
        }
        let present = |part: &Option<String>| part.as_ref().is_some_and(|text| !text.is_empty());
        if !has_template && !present(&html) && !present(&text) {
            violations.add("html", "is required, or a text or a template instead");
        }
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        if length(&html) + length(&text) > MAX_PARTS {
            let longer = if length(&html) < length(&text) { "text" } else { "html" };
            violations.add(longer, "html and text may have 5 MB together");
        }
        let data = self.dynamic_data.map(|variables| variables.checked("dynamicData", violations));
        let mut headers = custom_headers(self.headers, violations);
        let priority = priority(self.priority.as_ref(), &mut headers, violations);
        let tags = tags(self.tags, self.categories, violations);
        let metadata = self.metadata.map(|metadata| metadata.checked(violations));
        let (attachments, remote_files) =
            attachments(self.attachments.unwrap_or_default(), violations);
        let scheduled_at = self
            .scheduled_at
            .and_then(|text| violations.check("scheduledAt", schedule::parse(&text)));
        let unsubscribe_group_id =
            unsubscribe_group(self.unsubscribe_group_id, self.unsubscribe, violations);
        let on_ambiguous = on_ambiguous(self.on_ambiguous.as_deref(), violations);
        if from.is_none() && !has_template && !is_told(violations, "from") {
            violations.add("from", "is required");
        }
        let template = match template.map(|id| id.parse()) {
            Some(Ok(id)) => Some(TemplateChoice { id, version: None }),
            // What is no id names no template.
            Some(Err(_)) if violations.is_empty() => return Err(Error::NotFound("template")),
            _ => None,
        };
        Ok(Draft {
            template,
            from,
            reply_to,
            subject,
            html: html.filter(|html| !html.is_empty()),
            text: text.filter(|text| !text.is_empty()),
            data,
            headers,
            attachments,
            remote_files,
            on_ambiguous,
            test: self.test.unwrap_or_default(),
            details: MailDetails {
                unsubscribe_group_id,
                tags,
                metadata: metadata.unwrap_or_default(),
                scheduled_at,
                priority,
                tracking_open: self.tracking_open,
                tracking_click: self.tracking_click,
                bypass_suppressions: self.bypass_suppressions.unwrap_or_default(),
                ..MailDetails::default()
            },
            ..Draft::default()
        })
    }
}

/// Read here and not by `serde_json`, which does not name the field when a choice is no text.
fn on_ambiguous(chosen: Option<&str>, violations: &mut Violations) -> OnAmbiguous {
    match chosen {
        None => OnAmbiguous::default(),
        Some("retry") => OnAmbiguous::Retry,
        Some("hold") => OnAmbiguous::Hold,
        Some(_) => {
            violations.add("onAmbiguous", "must be `retry` or `hold`");
            OnAmbiguous::default()
        }
    }
}
