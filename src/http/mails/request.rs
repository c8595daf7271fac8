//! The body of a send request as it comes over the wire, and its way into the domain.

pub(in crate::http) mod addresses;
mod files;
mod headers;
pub(in crate::http) mod variables;

use serde::Deserialize;
use utoipa::ToSchema;

pub use self::addresses::AddressBody;
pub(in crate::http) use self::addresses::Addresses;
use self::addresses::{mailboxes, single};
pub use self::files::AttachmentBody;
use self::files::attachments;
pub(in crate::http) use self::files::{EncodedBytes, Files, read_files};
pub(in crate::http) use self::headers::Headers;
use self::headers::custom_headers;
pub(in crate::http) use self::variables::Variables;
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::mail::Content;
use crate::domain::mail_details::MailDetails;
use crate::domain::schedule;
use crate::domain::suppression::GroupCode;
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
    #[schema(value_type = AddressBody)]
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
    /// Where answers go.
    #[schema(value_type = Option<AddressBody>)]
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
    /// Sends to suppressed addresses all the same.
    pub(in crate::http) bypass_suppressions: Option<bool>,

    /// The suppression group that the mail belongs to: who wants no mail of it is left out, and everybody else finds a
    /// way to unsubscribe in the mail's header.
    unsubscribe_group_id: Option<String>,
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

    fn try_from(request: SendMailRequest) -> Result<Self> {
        let mut violations = Violations::default();

        let SendMailRequest { to, cc, bcc, from, reply_to, subject, html, text, .. } = request;
        let to = mailboxes("to", to, &mut violations);
        let cc = mailboxes("cc", cc, &mut violations);
        let bcc = mailboxes("bcc", bcc, &mut violations);
        let from = single("from", from, &mut violations);
        let reply_to = single("replyTo", reply_to, &mut violations);
        let recipients = to.len() + cc.len() + bcc.len();
        if recipients > Content::MAX_RECIPIENTS {
            violations.add(
                "to",
                format!("to, cc and bcc may have 50 recipients together, and have {recipients}"),
            );
        }
        let template = request.template_id.filter(|id| !id.is_empty());
        let has_template = template.is_some();
        let template = template.map(|id| {
            // What is no id names no template.
            id.parse().map_err(|_| Error::NotFound("template"))
        });
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
            violations.add("html", "either templateId or html or text is required");
        }
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        if length(&html) + length(&text) > MAX_PARTS {
            let longer = if length(&html) < length(&text) { "text" } else { "html" };
            violations.add(longer, "html and text may have 5 MB together");
        }
        let data = request.dynamic_data.map(|variables| variables.checked(&mut violations));
        let headers = custom_headers(request.headers, &mut violations);
        let attachments = attachments(request.attachments.unwrap_or_default(), &mut violations);
        let scheduled_at = request
            .scheduled_at
            .and_then(|text| violations.check("scheduledAt", schedule::parse(&text)));
        let unsubscribe_group_id = request
            .unsubscribe_group_id
            .filter(|text| !text.trim().is_empty())
            .and_then(|text| violations.check("unsubscribeGroupId", text.parse::<GroupCode>()))
            .map(String::from);
        let on_ambiguous = on_ambiguous(request.on_ambiguous.as_deref(), &mut violations);

        // A field at fault may have left nothing behind.
        let is_told = |violations: &Violations, field: &str| {
            violations.iter().any(|violation| violation.field.starts_with(field))
        };
        if from.is_none() && !has_template && !is_told(&violations, "from") {
            violations.add("from", "is required");
        }
        if to.is_empty() && !is_told(&violations, "to") {
            violations.add("to", "is required");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let template = template.transpose()?.map(|id| TemplateChoice { id, version: None });
        Ok(Self {
            template,
            from,
            to,
            cc,
            bcc,
            reply_to,
            subject,
            html: html.filter(|html| !html.is_empty()),
            text: text.filter(|text| !text.is_empty()),
            data,
            headers,
            attachments,
            on_ambiguous,
            test: request.test.unwrap_or_default(),
            bypass_suppressions: request.bypass_suppressions.unwrap_or_default(),
            details: MailDetails {
                unsubscribe_group_id,
                scheduled_at,
                tracking_open: request.tracking_open,
                tracking_click: request.tracking_click,
                ..MailDetails::default()
            },
            ..Self::default()
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
