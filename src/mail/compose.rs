//! From a mail's content to the bytes of its message (RFC 5322, MIME).
//!
//! The same content under the same identity makes the same bytes, so that every attempt sends one and the same message.
//! Everything is 7-bit but for addresses that need SMTPUTF8. Blind recipients are in no header.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox as LettreMailbox, Message, MultiPart, SinglePart};

use crate::domain::address::Mailbox;
use crate::domain::mail::Content;

/// What makes a message this one and no other.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `local@host`, without angle brackets; the same on every attempt.
    pub message_id: String,
    /// The date in its header: when it was accepted.
    pub date: DateTime<Utc>,
}

/// The content cannot be written as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ComposeError(String);

/// A run of characters without a space that is left as it is; a header line may have 998 octets (RFC 5322, section
/// 2.1.1), and is best kept below 78.
const LONGEST_WORD: usize = 60;

/// Composes the message.
pub fn compose(content: &Content, identity: &Identity) -> Result<Vec<u8>, ComposeError> {
    let mut message = Message::builder()
        .date(identity.date.into())
        .from(mailbox(&content.from)?)
        .message_id(Some(format!("<{}>", identity.message_id)))
        .raw_header(unstructured("Subject", content.subject.as_str())?);
    for to in &content.to {
        message = message.to(mailbox(to)?);
    }
    for cc in &content.cc {
        message = message.cc(mailbox(cc)?);
    }
    if let Some(reply_to) = &content.reply_to {
        message = message.reply_to(mailbox(reply_to)?);
    }
    for header in &content.headers {
        message = message.raw_header(unstructured(header.name(), header.value())?);
    }

    let boundary = |level: &str| {
        format!("=_{level}_{}", identity.message_id.split('@').next().unwrap_or_default())
    };
    let failed = |error: lettre::error::Error| ComposeError(error.to_string());
    let message = match (bodies(content, &boundary("alternative")), content.attachments.is_empty())
    {
        (Bodies::One(part), true) => message.singlepart(part),
        (Bodies::Two(parts), true) => message.multipart(parts),
        (bodies, false) => {
            let mixed = MultiPart::mixed().boundary(boundary("mixed"));
            let mut mixed = match bodies {
                Bodies::One(part) => mixed.singlepart(part),
                Bodies::Two(parts) => mixed.multipart(parts),
            };
            for file in &content.attachments {
                mixed = mixed.singlepart(attachment(file)?);
            }
            message.multipart(mixed)
        }
    };
    Ok(message.map_err(failed)?.formatted())
}

enum Bodies {
    One(SinglePart),
    Two(MultiPart),
}

/// Text before HTML: the last part is the one that readers prefer (RFC 2046, section 5.1.4).
fn bodies(content: &Content, boundary: &str) -> Bodies {
    let plain = |text: &str| body_part(ContentType::TEXT_PLAIN, text);
    let html = |html: &str| body_part(ContentType::TEXT_HTML, html);
    match (&content.text, &content.html) {
        (Some(text), Some(source)) => {
            let alternative = MultiPart::alternative().boundary(boundary.to_owned());
            Bodies::Two(alternative.singlepart(plain(text)).singlepart(html(source)))
        }
        (None, Some(source)) => Bodies::One(html(source)),
        (text, None) => Bodies::One(plain(text.as_deref().unwrap_or_default())),
    }
}

fn body_part(content_type: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(content_type).body(text_body(text))
}

/// Text with every line ended by CRLF, in the shortest encoding that keeps it 7-bit and its lines short.
fn text_body(text: &str) -> Body {
    let mut lines = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                lines.push_str("\r\n");
            }
            '\n' => lines.push_str("\r\n"),
            c => lines.push(c),
        }
    }
    let is_plain = lines.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
        && lines.split("\r\n").all(|line| line.len() <= 78);
    let many_specials = lines.bytes().filter(|byte| !byte.is_ascii()).count() > lines.len() / 4;
    let encoding = if is_plain {
        ContentTransferEncoding::SevenBit
    } else if many_specials {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    // Only 7bit can fail, and its conditions were just checked; base64 takes anything.
    Body::new_with_encoding(lines, encoding).unwrap_or_else(|lines| {
        let encoded = Body::new_with_encoding(lines, ContentTransferEncoding::Base64);
        encoded.unwrap_or_else(|_| {
            Body::dangerous_pre_encoded(Vec::new(), ContentTransferEncoding::Base64)
        })
    })
}

fn attachment(file: &crate::domain::attachment::Attachment) -> Result<SinglePart, ComposeError> {
    let content_type =
        ContentType::parse(file.content_type()).map_err(|error| ComposeError(error.to_string()))?;
    let body = Body::new_with_encoding(file.content().to_vec(), ContentTransferEncoding::Base64)
        .map_err(|_| ComposeError("a file cannot be written in base64".into()))?;
    let part = SinglePart::builder()
        .header(ContentDisposition::attachment(file.file_name()))
        .header(content_type);
    Ok(match file.description() {
        Some(description) => {
            part.header(Description(unstructured("Content-Description", description)?)).body(body)
        }
        None => part.body(body),
    })
}

/// What a file is, in words (RFC 2045, section 8).
#[derive(Clone)]
struct Description(HeaderValue);

impl Header for Description {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Description")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Err("only written, never read".into())
    }

    fn display(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn mailbox(mailbox: &Mailbox) -> Result<LettreMailbox, ComposeError> {
    let address = lettre::Address::new(mailbox.address.local(), mailbox.address.domain())
        .map_err(|error| ComposeError(format!("an address cannot be written: {error}")))?;
    Ok(LettreMailbox::new(mailbox.name.as_ref().map(|name| name.as_str().to_owned()), address))
}

/// A header of free text. What is not ASCII, or has no spaces to fold at, becomes encoded words (RFC 2047).
fn unstructured(name: &str, value: &str) -> Result<HeaderValue, ComposeError> {
    let header = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| ComposeError(format!("the header name {name} cannot be written")))?;
    let needs_words = !value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        || value.split(' ').any(|word| word.len() > LONGEST_WORD)
        // Would be read as what it only looks like, or lose spaces at its ends.
        || value.contains("=?")
        || value.trim() != value;
    let encoded = if needs_words { encoded_words(value) } else { folded(name.len() + 2, value) };
    Ok(HeaderValue::dangerous_new_pre_encoded(header, value.to_owned(), encoded))
}

fn encoded_words(value: &str) -> String {
    // 45 bytes become 60 characters, and a word may have 75.
    let mut words = Vec::new();
    let mut word = String::new();
    for c in value.chars() {
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// Breaks lines before spaces, so that none is longer than 78 characters.
fn folded(indent: usize, value: &str) -> String {
    let mut lines = String::with_capacity(value.len() + 8);
    let mut column = indent;
    for (place, word) in value.split(' ').enumerate() {
        if place > 0 {
            // Never before an empty word: a line of spaces alone would end the header in some readers.
            if column + 1 + word.len() > 76 && !word.is_empty() {
                lines.push_str("\r\n");
                column = 0;
            }
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += word.len();
    }
    lines
}
