//! The body of a send request as it comes over the wire, and its way into the domain.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::address::{DisplayName, EmailAddress, InvalidMailbox, Mailbox};
use crate::domain::attachment::{self, Attachment};
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::header::{self, CustomHeader};
use crate::domain::mail::Content;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};

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
    /// The HTML part; may have `{{variables}}`. It or `text` is required.
    html: Option<String>,
    /// The text part; may have `{{variables}}`. Made from `html` where it is absent.
    text: Option<String>,
    /// Values of the variables.
    dynamic_data: Option<Map<String, Value>>,
    /// Headers of your own: at most 20.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<Headers>,
    /// Files: at most 20, and 40 MB together in base64.
    attachments: Option<Vec<AttachmentBody>>,
    /// What happens when the relay took the message and its answer never came: `retry` (the mail may come twice; the
    /// default) or `hold` (it waits for your decision).
    on_ambiguous: Option<String>,
    /// Ends in the capture mailbox and never leaves the server.
    test: Option<bool>,
    /// Sends to suppressed addresses all the same.
    bypass_suppressions: Option<bool>,

    #[schema(ignore)]
    template_id: Option<Value>,
    #[schema(ignore)]
    unsubscribe_group_id: Option<Value>,
    #[schema(ignore)]
    tracking_click: Option<bool>,
    #[schema(ignore)]
    tracking_open: Option<bool>,
    #[schema(ignore)]
    scheduled_at: Option<Value>,
}

/// An address with the name of its owner.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddressBody {
    /// Such as `ada@example.com`.
    email: String,
    /// At most 256 characters.
    name: Option<String>,
}

/// A file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentBody {
    /// What the recipient sees; `filename` is read as well.
    #[serde(alias = "filename")]
    file_name: Option<String>,
    /// The bytes, in base64.
    content: Option<String>,
    /// Guessed from the file name where it is absent.
    content_type: Option<String>,
    /// What it is, in words.
    description: Option<String>,
    #[schema(ignore)]
    file_url: Option<Value>,
}

/// One address or several: an object, a list of objects, or text such as `Ada <ada@example.com>`.
#[derive(Debug)]
struct Addresses {
    written: Vec<Written>,
    is_list: bool,
}

/// One address in one of the forms that it may have.
#[derive(Debug)]
enum Written {
    Object(AddressBody),
    Text(String),
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AddressesVisitor)
    }
}

struct AddressesVisitor;

impl<'de> Visitor<'de> for AddressesVisitor {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"email\": \"ada@example.com\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Addresses, E> {
        Ok(Addresses { written: vec![Written::Text(text.to_owned())], is_list: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Addresses, A::Error> {
        let body = AddressBody::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Addresses { written: vec![Written::Object(body)], is_list: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> std::result::Result<Addresses, A::Error> {
        let mut written = Vec::new();
        while let Some(mut one) = items.next_element::<Addresses>()? {
            if one.is_list {
                return Err(de::Error::custom("must not be a list within a list"));
            }
            written.append(&mut one.written);
            if written.len() > 10 * Content::MAX_RECIPIENTS {
                return Err(de::Error::custom(
                    "has far too many entries: a mail may have 50 recipients",
                ));
            }
        }
        Ok(Addresses { written, is_list: true })
    }
}

/// Headers in the order in which they were written. A name that comes twice is refused, and not silently merged.
#[derive(Debug)]
struct Headers(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header names with text values")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut members: A,
    ) -> std::result::Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(member) = members.next_entry()? {
            if headers.len() > 5 * header::MAX_HEADERS {
                return Err(de::Error::custom(
                    "has far too many members: a mail may have 20 headers",
                ));
            }
            headers.push(member);
        }
        Ok(Headers(headers))
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
        let headers = custom_headers(request.headers, &mut violations);
        let attachments = attachments(request.attachments.unwrap_or_default(), &mut violations);
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
                data: request.dynamic_data,
                headers,
                attachments,
                on_ambiguous,
                test: request.test.unwrap_or_default(),
                bypass_suppressions: request.bypass_suppressions.unwrap_or_default(),
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
    for (field, given) in [
        ("templateId", request.template_id.is_some()),
        ("unsubscribeGroupId", request.unsubscribe_group_id.is_some()),
        ("scheduledAt", request.scheduled_at.is_some()),
        ("trackingClick", request.tracking_click == Some(true)),
        ("trackingOpen", request.tracking_open == Some(true)),
    ] {
        if given {
            violations.add(field, LATER);
        }
    }
}

fn mailboxes(
    field: &str,
    addresses: Option<Addresses>,
    violations: &mut Violations,
) -> Vec<Mailbox> {
    let Some(Addresses { written, is_list }) = addresses else { return Vec::new() };
    let mut read = Vec::with_capacity(written.len());
    for (place, one) in written.into_iter().enumerate() {
        let path = if is_list { format!("{field}[{place}]") } else { field.to_owned() };
        read.extend(match one {
            Written::Object(body) => mailbox_of_object(&path, body, violations),
            Written::Text(text) => mailbox_of_text(&path, &text, violations),
        });
    }
    read
}

fn mailbox_of_object(
    path: &str,
    AddressBody { email, name }: AddressBody,
    violations: &mut Violations,
) -> Option<Mailbox> {
    let address = violations.check(format!("{path}.email"), email.trim().parse::<EmailAddress>());
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.map(|name| violations.check(format!("{path}.name"), DisplayName::parse(name)));
    if name == Some(None) {
        return None;
    }
    Some(Mailbox::new(address?, name.flatten()))
}

fn mailbox_of_text(path: &str, text: &str, violations: &mut Violations) -> Option<Mailbox> {
    let mailbox = text.parse::<Mailbox>();
    let part = if matches!(mailbox, Err(InvalidMailbox::Name(_))) { "name" } else { "email" };
    violations.check(format!("{path}.{part}"), mailbox)
}

fn single(
    field: &str,
    addresses: Option<Addresses>,
    violations: &mut Violations,
) -> Option<Mailbox> {
    let addresses = addresses?;
    if addresses.written.len() != 1 {
        violations.add(field, "must be one address");
        return None;
    }
    mailboxes(field, Some(addresses), violations).pop()
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

fn custom_headers(headers: Option<Headers>, violations: &mut Violations) -> Vec<CustomHeader> {
    let Some(Headers(headers)) = headers else { return Vec::new() };
    let mut read = Vec::with_capacity(headers.len().min(header::MAX_HEADERS));
    for (name, value) in headers {
        let field = format!(
            "headers.{}",
            name.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
        );
        read.extend(violations.check(field, CustomHeader::new(name, value)));
    }
    violations.check("headers", header::check_together(&read));
    read
}

fn attachments(bodies: Vec<AttachmentBody>, violations: &mut Violations) -> Vec<Attachment> {
    if bodies.len() > attachment::MAX_ATTACHMENTS {
        violations.add("attachments", "at most 20 files may be attached");
        return Vec::new();
    }
    let encoded: usize =
        bodies.iter().filter_map(|body| body.content.as_ref()).map(String::len).sum();
    if encoded > attachment::MAX_ENCODED_BYTES {
        violations.add("attachments", "must have at most 40 MB together in base64");
        return Vec::new();
    }
    let mut read = Vec::with_capacity(bodies.len());
    for (place, body) in bodies.into_iter().enumerate() {
        let path = format!("attachments[{place}]");
        if body.file_url.is_some() {
            violations.add(
                format!("{path}.fileUrl"),
                "is not supported by this version yet; send `content` in base64",
            );
            continue;
        }
        let (Some(file_name), Some(content)) = (body.file_name, body.content) else {
            violations.add(path, "must have a fileName and a content in base64");
            continue;
        };
        let name =
            violations.check(format!("{path}.fileName"), attachment::FileName::parse(file_name));
        let kind = body.content_type.filter(|kind| !kind.trim().is_empty());
        let kind = kind.map(|kind| {
            violations.check(format!("{path}.contentType"), attachment::ContentType::parse(&kind))
        });
        let content =
            violations.check(format!("{path}.content"), attachment::decode_base64(&content));
        let described = body.description.map(|text| {
            violations.check(format!("{path}.description"), attachment::Description::parse(text))
        });
        if let (Some(name), None | Some(Some(_)), Some(content), None | Some(Some(_))) =
            (name, &kind, content, &described)
        {
            read.push(Attachment::new(name, kind.flatten(), described.flatten(), content));
        }
    }
    read
}
