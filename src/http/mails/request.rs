//! The body of a send request as it comes over the wire, and its way into the domain.

mod addresses;
mod files;
mod headers;
mod variables;

use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

pub use self::addresses::AddressBody;
use self::addresses::{Addresses, mailboxes, single};
pub use self::files::AttachmentBody;
use self::files::{Files, attachments};
use self::headers::{Headers, custom_headers};
use self::variables::Variables;
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::mail::Content;
use crate::domain::mail_details::MailDetails;
use crate::domain::schedule;
use crate::domain::suppression::GroupCode;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// The most that `html` and `text` may have together, in bytes: what a body has room for beside its files.
const MAX_PARTS: usize = 5 * 1024 * 1024;

/// A request to send one mail. Unknown members are ignored; members of later versions are refused, never ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "SendMailRequest")]
pub struct SendMailRequest {
    /// The recipient, or a list of recipients.
    #[schema(value_type = AddressBody)]
    to: Option<Addresses>,
    /// Recipients of copies. `to`, `cc` and `bcc` are at most 50 together.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    cc: Option<Addresses>,
    /// Recipients whom nobody else sees.
    #[schema(value_type = Option<Vec<AddressBody>>)]
    bcc: Option<Addresses>,
    /// The author.
    #[schema(value_type = AddressBody)]
    from: Option<Addresses>,
    /// Where answers go.
    #[schema(value_type = Option<AddressBody>)]
    reply_to: Option<Addresses>,
    /// At most 998 characters; may have `{{variables}}`.
    #[schema(max_length = 998, value_type = String)]
    subject: Option<String>,
    /// The HTML part; may have `{{variables}}`. It or `text` is required; both together have at most 5 MB.
    html: Option<String>,
    /// The text part; may have `{{variables}}`. Made from `html` where it is absent.
    text: Option<String>,
    /// Values of the variables: at most 1 MB.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    dynamic_data: Option<Variables>,
    /// Headers of your own: at most 20.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<Headers>,
    /// Files: at most 20, and 40 MB together in base64.
    #[schema(value_type = Option<Vec<AttachmentBody>>)]
    attachments: Option<Files>,
    /// What happens when the relay took the message and its answer never came: `retry` (the mail may come twice; the
    /// default) or `hold` (it waits for your decision).
    on_ambiguous: Option<String>,
    /// Ends in the capture mailbox and never leaves the server.
    test: Option<bool>,
    /// When to send it (RFC 3339), within the next 30 days; at once where it is absent.
    scheduled_at: Option<String>,
    /// Sends to suppressed addresses all the same.
    bypass_suppressions: Option<bool>,

    /// The suppression group that the mail belongs to: who wants no mail of it is left out, and everybody else finds a
    /// way to unsubscribe in the mail's header.
    unsubscribe_group_id: Option<String>,
    /// Whether links in `html` lead past the server, which tells when they are followed; the project's choice if nothing is
    /// said.
    tracking_click: Option<bool>,
    /// Whether an image in `html` tells when it is looked at; the project's choice if nothing is said.
    tracking_open: Option<bool>,

    #[schema(ignore)]
    template_id: Option<IgnoredAny>,
}

impl SendMailRequest {
    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        self.dynamic_data.as_ref().map_or(0, Variables::weight)
    }
}

impl TryFrom<SendMailRequest> for Draft {
    type Error = Error;

    fn try_from(request: SendMailRequest) -> Result<Self> {
        let mut violations = Violations::default();
        refuse_what_is_not_there_yet(&request, &mut violations);

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
        let subject = subject.unwrap_or_default();
        if subject.trim().is_empty() {
            violations.add("subject", "is required");
        } else if subject.chars().count() > 998 {
            violations.add("subject", "must have at most 998 characters");
        }
        let present = |part: &Option<String>| part.as_ref().is_some_and(|text| !text.is_empty());
        if !present(&html) && !present(&text) {
            violations.add("html", "either html or text is required");
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

        match from {
            Some(from) if violations.is_empty() && !to.is_empty() => Ok(Self {
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
            }),
            from => {
                if from.is_none()
                    && !violations.iter().any(|violation| violation.field.starts_with("from"))
                {
                    violations.add("from", "is required");
                }
                if to.is_empty()
                    && !violations.iter().any(|violation| violation.field.starts_with("to"))
                {
                    violations.add("to", "is required");
                }
                Err(Error::Invalid(violations))
            }
        }
    }
}

fn refuse_what_is_not_there_yet(request: &SendMailRequest, violations: &mut Violations) {
    const LATER: &str = "is not supported by this version yet; leave it out";
    for (field, given) in [("templateId", request.template_id.is_some())] {
        if given {
            violations.add(field, LATER);
        }
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
