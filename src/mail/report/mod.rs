//! What other mail systems report about our mail: that it did not arrive (RFC 3464, and what older systems write
//! instead), or that its recipient called it spam (RFC 5965).
//!
//! Everything in it was written by strangers. It is parsed here and not by a library because a parser for all of MIME
//! builds all of a message in memory, however deep it is nested; here parts are slices of what came, looked through a
//! bounded number of times.

mod delivery_status;
mod feedback;
mod mime;
mod notice;
pub mod ses;

use self::mime::Leaf;
use super::transport::is_unprintable;
use crate::domain::delivery::Reply;

/// How much of a report is looked at, in bytes: what matters stands before the original message, or at its beginning.
pub const MOST_READ: usize = 512 * 1024;

/// Characters that are kept of one field.
const LONGEST_FIELD: usize = 1000;

/// A report about one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is said.
    pub verdict: Verdict,
    /// The recipients that it names, as they are named: to whom the mail went first, and where it got.
    pub recipients: Vec<String>,
    /// Addresses in it that may be our return path.
    pub return_paths: Vec<String>,
    /// The `Message-ID` of the original, without its brackets.
    pub message_id: Option<String>,
}

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The mail did not arrive and never will.
    Failed {
        /// Why.
        reply: Reply,
        /// Whether nothing sent to this address will ever arrive.
        condemns_the_address: bool,
    },
    /// It did not arrive yet, and is tried again by whoever reports.
    Delayed(Reply),
    /// The recipient called it spam.
    Complaint(Reply),
    /// Nothing that concerns us: it arrived, or its recipient said that it is no spam.
    Fine,
}

/// How a text without a report of its own may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// As a notice of a system that writes no reports: only where it came to a return path of ours, since it says in words
    /// alone whose mail it is about.
    Read,
    /// Not at all.
    Ignored,
}

/// Reads a message that may be a report; nothing if it is none. Of longer ones the first [`MOST_READ`] bytes count.
pub fn read(message: &[u8], notices: Notices) -> Option<Report> {
    let message = &message[..message.len().min(MOST_READ)];
    let (head, body) = mime::split(message);
    let mut parts = Parts::default();
    mime::walk(&head, body, &mut |leaf| parts.take(leaf));

    let mut report = if let Some(found) = parts.feedback.as_deref().and_then(feedback::read) {
        found
    } else if let Some(found) = parts.status.as_deref().and_then(delivery_status::read) {
        found
    } else if notices == Notices::Read {
        notice::read(&head, parts.text.as_deref().unwrap_or_default())?
    } else {
        return None;
    };

    for name in ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"] {
        report.return_paths.extend(head.get(name).iter().flat_map(|text| addresses(text)));
    }
    if let Some(original) = &parts.original {
        let (original, _) = mime::split(original);
        report.message_id = original.get("message-id").and_then(|text| bare_id(&text));
        report
            .return_paths
            .extend(original.get("return-path").iter().flat_map(|text| addresses(text)));
    }
    report.return_paths.truncate(MOST_ADDRESSES);
    Some(report)
}

/// Addresses that are compared with ours.
const MOST_ADDRESSES: usize = 50;

/// The parts that matter, the first of each kind.
#[derive(Default)]
struct Parts {
    status: Option<String>,
    feedback: Option<String>,
    original: Option<Vec<u8>>,
    text: Option<String>,
}

impl Parts {
    fn take(&mut self, leaf: &Leaf<'_>) {
        let text = || Some(String::from_utf8_lossy(&leaf.content()).into_owned());
        match leaf.kind.as_str() {
            "message/delivery-status" | "message/global-delivery-status"
                if self.status.is_none() =>
            {
                self.status = text();
            }
            "message/feedback-report" if self.feedback.is_none() => self.feedback = text(),
            "message/rfc822"
            | "message/global"
            | "message/global-headers"
            | "message/rfc822-headers"
            | "text/rfc822-headers"
                if self.original.is_none() =>
            {
                self.original = Some(leaf.content().into_owned());
            }
            "text/plain" if self.text.is_none() => self.text = text(),
            _ => {}
        }
    }
}

/// What looks like addresses in a field: with or without names, with or without brackets.
fn addresses(text: &str) -> impl Iterator<Item = String> {
    let separates = |char: char| {
        char.is_whitespace() || matches!(char, '<' | '>' | ',' | ';' | '"' | '(' | ')')
    };
    text.split(separates)
        .filter(|word| word.len() > 2 && word.contains('@'))
        .take(MOST_ADDRESSES)
        .map(ToOwned::to_owned)
}

/// `<id@host>` without its brackets.
fn bare_id(text: &str) -> Option<String> {
    let bare = text.trim().strip_prefix('<')?.split('>').next()?;
    Some(bare.to_owned())
}

/// A text on one line, without what no terminal should be shown, and not too long.
fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .take(LONGEST_FIELD)
        .map(|char| if char.is_whitespace() || !is_unprintable(char) { char } else { '\u{FFFD}' })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The fields of a block as RFC 5322 writes them, in their order: names in lower case, folded lines joined.
fn fields(block: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) =
                fields.last_mut().filter(|(_, value)| value.len() < LONGEST_FIELD)
            {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            if fields.len() == MOST_FIELDS {
                break;
            }
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    for (_, value) in &mut fields {
        *value = one_line(value);
    }
    fields
}

/// Fields of one block that are read.
const MOST_FIELDS: usize = 100;

fn field<'a>(fields: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// The address behind its type, as in `rfc822; ada@example.org` (RFC 3464, section 2.3.1), without brackets.
fn typed_address(text: &str) -> Option<String> {
    let address = text.split_once(';').map_or(text, |(_, address)| address);
    let address = address.trim().trim_matches(['<', '>']).trim();
    (address.contains('@')).then(|| address.to_owned())
}

#[cfg(test)]
mod tests;
