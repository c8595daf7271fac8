//! From a mail's content to the bytes of its message (RFC 5322, MIME).
//!
//! The same content under the same identity makes the same bytes, so that every attempt sends one and the same message.
//! Everything is 7-bit, but for addresses that need SMTPUTF8 (RFC 6531). Blind recipients are in no header.
//!
//! It is written out here rather than by lettre's builder, which reorders headers, refuses some addresses that relays
//! take, folds no long word, and takes six times as long.

mod body;
mod encoded_word;
mod header;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::attachment::{Attachment, Disposition};
use crate::domain::content_id::ContentId;
use crate::domain::id::MailId;
use crate::domain::mail::Content;
use crate::mail::personal::Parts;
pub use crate::mail::personal::Recipient;

/// What makes a message this one and no other.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `local@host` in ASCII, without angle brackets; the same on every attempt.
    pub message_id: String,
    /// The date in its header: when it was to be sent.
    pub date: DateTime<Utc>,
}

impl Identity {
    /// The identity of a mail's message: the same on every attempt, and whenever it is looked at.
    pub fn of(mail: MailId, content: &Content, starts_at: DateTime<Utc>) -> Self {
        let message_id = format!("{mail}@{}", content.from.address.domain());
        Self { message_id, date: starts_at }
    }
}

/// The content cannot be written as a message. The values of the domain rule this out; it is here for content that was
/// stored by something else.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ComposeError(String);

/// Composes the message that is the same for all recipients. Every line ends with CRLF and has 998 octets at most (RFC
/// 5322, section 2.1.1).
pub fn compose(content: &Content, identity: &Identity) -> Result<Vec<u8>, ComposeError> {
    compose_parts(content, identity, &Parts::of_all(content))
}

/// Composes the message of one recipient, where they differ.
pub fn compose_for(
    recipient: &Recipient<'_>,
    content: &Content,
    identity: &Identity,
) -> Result<Vec<u8>, ComposeError> {
    compose_parts(content, identity, &Parts::of_one(content, recipient))
}

fn compose_parts(
    content: &Content,
    identity: &Identity,
    parts: &Parts<'_>,
) -> Result<Vec<u8>, ComposeError> {
    let mut out = Vec::with_capacity(expected_length(content, parts));
    write_headers(&mut out, content, identity)?;
    if let Some(link) = &parts.unsubscribe {
        // RFC 2369, section 3.2, and RFC 8058, section 3.1: programs ask with one request, and nobody is asked again.
        header::line(&mut out, "List-Unsubscribe", &format!("<{link}>"));
        header::line(&mut out, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    }

    let boundaries = Boundaries::of(identity);
    // Without HTML there is nothing that a file could be a part of.
    let is_within = |file: &&Attachment| parts.html.is_some() && file.is_part_of_html();
    let (within, beside): (Vec<_>, Vec<_>) = content.attachments.iter().partition(is_within);
    if beside.is_empty() {
        write_related(&mut out, parts, &within, &boundaries)?;
    } else {
        body::open_multipart(&mut out, "mixed", &boundaries.mixed);
        body::next_part(&mut out, &boundaries.mixed);
        write_related(&mut out, parts, &within, &boundaries)?;
        for file in beside {
            body::next_part(&mut out, &boundaries.mixed);
            write_attachment(&mut out, file)?;
        }
        body::close_multipart(&mut out, &boundaries.mixed);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

/// Room for the whole message in most cases: base64 takes 78 octets for 57, quoted-printable a little more than it
/// is given.
fn expected_length(content: &Content, parts: &Parts<'_>) -> usize {
    let length = |part: &Option<Cow<'_, str>>| part.as_ref().map_or(0, |part| part.len());
    let bodies = length(&parts.text) + length(&parts.html);
    let files: usize =
        content.attachments.iter().map(|file| file.content().len() / 57 * 78 + 1024).sum();
    let recipients = content.to.len() + content.cc.len() + content.reply_to.len();
    2048 + bodies + bodies / 8 + files + recipients * 64
}

fn write_headers(
    out: &mut Vec<u8>,
    content: &Content,
    identity: &Identity,
) -> Result<(), ComposeError> {
    let Identity { message_id, date } = identity;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'<' && byte != b'>';
    if message_id.is_empty() || message_id.len() > 900 || !message_id.bytes().all(is_plain) {
        return Err(ComposeError("the message id is not local@host in ASCII".into()));
    }

    header::line(out, "Date", &date.format("%a, %d %b %Y %H:%M:%S +0000").to_string());
    header::addresses(out, "From", [&content.from]);
    header::addresses(out, "Reply-To", &content.reply_to);
    header::addresses(out, "To", &content.to);
    header::addresses(out, "Cc", &content.cc);
    header::unstructured(out, "Subject", content.subject.as_str());
    header::line(out, "Message-ID", &format!("<{message_id}>"));
    header::line(out, "MIME-Version", "1.0");
    for custom in &content.headers {
        let name = custom.name();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            || !(1..=76).contains(&name.len())
        {
            return Err(ComposeError(
                "a header's name is not 1 to 76 letters, digits and hyphens".into(),
            ));
        }
        header::unstructured(out, name, custom.value());
    }
    Ok(())
}

/// The bodies with the files that are parts of the HTML (RFC 2387).
fn write_related(
    out: &mut Vec<u8>,
    parts: &Parts<'_>,
    within: &[&Attachment],
    boundaries: &Boundaries,
) -> Result<(), ComposeError> {
    if within.is_empty() {
        write_bodies(out, parts, boundaries);
        return Ok(());
    }
    let root = if parts.text.is_some() { "multipart/alternative" } else { "text/html" };
    body::open_related(out, root, &boundaries.related);
    body::next_part(out, &boundaries.related);
    write_bodies(out, parts, boundaries);
    for file in within {
        body::next_part(out, &boundaries.related);
        write_attachment(out, file)?;
    }
    body::close_multipart(out, &boundaries.related);
    Ok(())
}

/// Text before HTML: the last part is the one that readers prefer (RFC 2046, section 5.1.4).
fn write_bodies(out: &mut Vec<u8>, parts: &Parts<'_>, boundaries: &Boundaries) {
    match (&parts.text, &parts.html) {
        (Some(text), Some(html)) => {
            body::open_multipart(out, "alternative", &boundaries.alternative);
            body::next_part(out, &boundaries.alternative);
            body::text(out, "text/plain", text);
            body::next_part(out, &boundaries.alternative);
            body::text(out, "text/html", html);
            body::close_multipart(out, &boundaries.alternative);
        }
        (None, Some(html)) => body::text(out, "text/html", html),
        (text, None) => body::text(out, "text/plain", text.as_deref().unwrap_or_default()),
    }
}

fn write_attachment(out: &mut Vec<u8>, file: &Attachment) -> Result<(), ComposeError> {
    let content_type = file.content_type();
    if content_type.len() > 900 || !content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(ComposeError(
            "the content type of a file is not one short line of ASCII".into(),
        ));
    }
    let disposition = match file.disposition() {
        Disposition::Attachment => "attachment",
        Disposition::Inline => "inline",
    };
    header::attachment(out, content_type, disposition, file.file_name());
    if let Some(id) = file.content_id() {
        let id = ContentId::parse(id.as_str())
            .map_err(|problem| ComposeError(format!("the content id of a file {problem}")))?;
        header::line(out, "Content-ID", &format!("<{}>", id.as_str()));
    }
    if let Some(description) = file.description().filter(|text| !text.trim().is_empty()) {
        header::unstructured(out, "Content-Description", description);
    }
    body::file(out, file.content());
    Ok(())
}

/// What separates the parts: the same on every attempt, and nothing that could stand in a part.
///
/// Bodies are quoted-printable or base64, in neither of which `=` is ever followed by `_` (RFC 2045, sections 6.7 and
/// 6.8). The digest keeps them apart from those of another message that is quoted whole.
struct Boundaries {
    mixed: String,
    related: String,
    alternative: String,
}

impl Boundaries {
    fn of(identity: &Identity) -> Self {
        let digest = Sha256::digest(identity.message_id.as_bytes());
        let mut unique = String::with_capacity(32);
        for byte in &digest[..16] {
            unique.push(char::from(b'a' + (byte >> 4)));
            unique.push(char::from(b'a' + (byte & 15)));
        }
        Self {
            mixed: format!("=_mixed_{unique}"),
            related: format!("=_related_{unique}"),
            alternative: format!("=_alternative_{unique}"),
        }
    }
}
