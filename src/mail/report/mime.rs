//! As much of MIME as reports need (RFC 2045, RFC 2046): parts are slices of the message, to a bounded depth and number.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::one_line;

/// How deep parts are looked for: a report in a forwarded message in a list's footer is at the third level.
const DEEPEST: usize = 5;

/// Parts that are looked at in all.
const MOST_PARTS: usize = 64;

/// How much of one header section is read, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// The longest boundary (RFC 2046, section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// The header section of a message or a part.
pub(super) struct Head<'a>(&'a [u8]);

/// A part that has no parts.
pub(super) struct Leaf<'a> {
    /// Its type in lower case, such as `text/plain`.
    pub kind: String,
    encoding: String,
    body: &'a [u8],
}

impl Head<'_> {
    /// The first field of this name, which is given in lower case; unfolded, on one line.
    pub(super) fn get(&self, wanted: &str) -> Option<String> {
        let mut found: Option<Vec<u8>> = None;
        for line in lines(self.0) {
            if let Some(value) = &mut found {
                if !line.starts_with(b" ") && !line.starts_with(b"\t")
                    || value.len() > super::LONGEST_FIELD * 4
                {
                    break;
                }
                value.extend_from_slice(line);
            } else if let Some(colon) = line.iter().position(|byte| *byte == b':')
                && line[..colon].trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
            {
                found = Some(line[colon + 1..].to_vec());
            }
        }
        found.map(|value| one_line(&String::from_utf8_lossy(&value)))
    }
}

impl<'a> Leaf<'a> {
    /// What the part holds, its transfer encoding undone as far as it can be.
    pub(super) fn content(&self) -> Cow<'a, [u8]> {
        match self.encoding.as_str() {
            "base64" => Cow::Owned(from_base64(self.body)),
            "quoted-printable" => Cow::Owned(from_quoted_printable(self.body)),
            _ => Cow::Borrowed(self.body),
        }
    }
}

/// The lines of a text with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The header section and what is behind the first empty line.
pub(super) fn split(message: &[u8]) -> (Head<'_>, &[u8]) {
    let mut end = 0;
    for line in lines(message) {
        if without_end(line).is_empty() {
            let head = &message[..end.min(LONGEST_HEAD)];
            return (Head(head), &message[end + line.len()..]);
        }
        end += line.len();
    }
    (Head(&message[..message.len().min(LONGEST_HEAD)]), &[])
}

/// Shows every part that has no parts to `see`, in their order.
pub(super) fn walk<'a>(head: &Head<'a>, body: &'a [u8], see: &mut impl FnMut(&Leaf<'a>)) {
    let mut left = MOST_PARTS;
    walk_to(DEEPEST, &mut left, head, body, see);
}

fn walk_to<'a>(
    depth: usize,
    left: &mut usize,
    head: &Head<'_>,
    body: &'a [u8],
    see: &mut impl FnMut(&Leaf<'a>),
) {
    let content_type = head.get("content-type").unwrap_or_else(|| "text/plain".to_owned());
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !kind.starts_with("multipart/") {
        let encoding =
            head.get("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        return see(&Leaf { kind, encoding, body });
    }
    let Some(boundary) = boundary(&content_type) else { return };
    if depth == 0 {
        return;
    }
    for part in parts(body, boundary.as_bytes()) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let (head, body) = split(part);
        walk_to(depth - 1, left, &head, body, see);
    }
}

/// The parameter `boundary` of a content type, quoted or not.
fn boundary(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.match_indices("boundary").find_map(|(at, name)| {
        let before = lower[..at].trim_end().ends_with(';');
        let rest = content_type[at + name.len()..].trim_start().strip_prefix('=')?;
        before.then(|| rest.trim_start())
    })?;
    let found = match at.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?.replace('\\', ""),
        None => at.split([';', ' ']).next()?.to_owned(),
    };
    (1..=LONGEST_BOUNDARY).contains(&found.len()).then_some(found)
}

/// What stands between the lines that separate parts. The last part may lack its end.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (None, 0);
    for line in lines(body) {
        let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        if let Some(rest) = rest
            && let rest = without_end(rest).trim_ascii_end()
            && (rest.is_empty() || rest == b"--")
        {
            parts.extend(begin.map(|begin| &body[begin..at]));
            begin = rest.is_empty().then_some(at + line.len());
            if parts.len() == MOST_PARTS || begin.is_none() {
                return parts;
            }
        }
        at += line.len();
    }
    parts.extend(begin.map(|begin| &body[begin..]));
    parts
}

fn from_base64(text: &[u8]) -> Vec<u8> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mut text: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // What is cut off in the middle is read as far as it goes.
    text.truncate(text.len() / 4 * 4 + if text.len() % 4 == 1 { 0 } else { text.len() % 4 });
    GeneralPurpose::new(&STANDARD, lenient).decode(&text).unwrap_or_default()
}

fn from_quoted_printable(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(text.len());
    for line in lines(text) {
        let content = without_end(line).trim_ascii_end();
        let (content, joins) = match content.strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (content, false),
        };
        let mut bytes = content.iter();
        while let Some(byte) = bytes.next() {
            let rest = bytes.as_slice();
            match (byte, digit(rest.first()), digit(rest.get(1))) {
                (b'=', Some(high), Some(low)) => {
                    plain.extend(u8::try_from(high << 4 | low));
                    bytes = rest[2..].iter();
                }
                _ => plain.push(*byte),
            }
        }
        if !joins {
            plain.extend_from_slice(b"\r\n");
        }
    }
    plain
}
