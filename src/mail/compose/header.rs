//! Header fields: what is not plain ASCII becomes encoded words, and long lines are folded.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::encoded_word::{longest_prefix, push_escaped, q_encoded, q_length};
use crate::domain::address::Mailbox;

/// Where lines are folded, where they can be (RFC 5322, section 2.1.1), and where they end at the latest if they hold
/// an encoded word (RFC 2047, section 2).
const PREFERRED_LINE: usize = 76;

/// A word of more characters becomes encoded words, which can be folded: with the longest name before it, a line must
/// keep below 998.
const LONGEST_WORD: usize = 900;

/// The most characters between the frame of an encoded word: 75 with it (RFC 2047, section 2).
const ENCODED_WORD: usize = 75 - FRAME;

/// `=?utf-8?q?` and `?=`.
const FRAME: usize = 12;

/// A field whose value is written as it is.
pub(super) fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    for piece in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// A field of free text (RFC 5322, section 2.2.1).
pub(super) fn unstructured(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut field = Field::begin(out, name);
    let value = value.trim_matches(' ');
    if is_plain(value) {
        field.fold(value);
    } else {
        field.encoded_words(value);
    }
    field.end();
}

/// A field of addresses (RFC 5322, section 3.4), left out where there are none.
pub(super) fn addresses<'a>(
    out: &mut Vec<u8>,
    name: &str,
    mailboxes: impl IntoIterator<Item = &'a Mailbox>,
) {
    let mut mailboxes = mailboxes.into_iter().peekable();
    if mailboxes.peek().is_none() {
        return;
    }
    let mut field = Field::begin(out, name);
    while let Some(Mailbox { address, name }) = mailboxes.next() {
        let comma = if mailboxes.peek().is_some() { "," } else { "" };
        let address = match name {
            None => format!("{address}{comma}"),
            Some(name) => {
                field.phrase(name.as_str());
                format!("<{address}>{comma}")
            }
        };
        field.word(&address);
    }
    field.end();
}

/// The content type and the name of an attached file (RFC 2183).
///
/// A name that is more than plain ASCII is written by RFC 2231, and once more as encoded words in the content type, as
/// Thunderbird and Apple Mail do, for readers who know only those. A plain `filename` beside the other would be shown
/// instead of it by some.
pub(super) fn attachment(
    out: &mut Vec<u8>,
    content_type: &str,
    disposition: &str,
    file_name: &str,
) {
    let is_safe = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
    // Some readers decode words in a plain name too, which could bring another extension to light.
    if file_name.bytes().all(is_safe) && !file_name.contains("=?") {
        line(out, "Content-Type", content_type);
        line(out, "Content-Disposition", &format!("{disposition};\r\n filename=\"{file_name}\""));
        return;
    }
    let mut words = Vec::new();
    Field { out: &mut words, column: 0, is_empty: true }.encoded_words(file_name);
    let words = String::from_utf8_lossy(words.trim_ascii_start());
    line(out, "Content-Type", &format!("{content_type};\r\n name=\"{words}\""));

    let mut value = String::from(disposition);
    let pieces = percent_encoded(file_name);
    for (number, piece) in pieces.iter().enumerate() {
        let section = if pieces.len() > 1 { format!("*{number}*") } else { "*".into() };
        let charset = if number == 0 { "utf-8''" } else { "" };
        value.extend([";\r\n filename", &*section, "=", charset, piece]);
    }
    line(out, "Content-Disposition", &value);
}

/// The text in pieces of at most 50 characters (RFC 2231, section 4), none of which ends within a character.
fn percent_encoded(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for character in text.chars() {
        let mut encoded = String::with_capacity(12);
        if character.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(character) {
            encoded.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                push_escaped(&mut encoded, '%', byte);
            }
        }
        match pieces.last_mut() {
            Some(piece) if piece.len() + encoded.len() <= 50 => piece.push_str(&encoded),
            _ => pieces.push(encoded),
        }
    }
    pieces
}

/// Whether a text can stand as it is. What looks like an encoded word may not: it would be read as what it says.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains("=?")
        && words(text).all(|word| word.len() <= LONGEST_WORD)
}

/// The pieces of a text between which a line may be folded, without the space that a fold comes before.
///
/// That is at single spaces only: where there are several, some readers keep fewer of them after a fold.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let bytes = text.as_bytes();
        let is_single = |place: &usize| {
            bytes.get(place + 1) != Some(&b' ') && (*place == 0 || bytes[place - 1] != b' ')
        };
        let end = text.match_indices(' ').map(|(place, _)| place).find(is_single);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// A field that is being written, and how far its line has got.
struct Field<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    is_empty: bool,
}

impl<'a> Field<'a> {
    fn begin(out: &'a mut Vec<u8>, name: &str) -> Self {
        let mut field = Self { out, column: 0, is_empty: true };
        field.push(name);
        field.push(":");
        field
    }

    fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    fn new_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// Writes a word after a space, on a line of its own if this one is full.
    fn word(&mut self, word: &str) {
        // Not before the first: some readers take a field whose first line is empty for an empty field.
        if !self.is_empty && self.column + 1 + word.len() > PREFERRED_LINE {
            self.new_line();
        }
        self.push(" ");
        self.push(word);
        self.is_empty = false;
    }

    /// Writes a plain text, keeping its spaces.
    fn fold(&mut self, text: &str) {
        for word in words(text).filter(|word| !word.is_empty()) {
            self.word(word);
        }
    }

    /// Writes the name before an address: atoms, a quoted string, or encoded words (RFC 5322, section 3.2.5).
    fn phrase(&mut self, name: &str) {
        let is_atom = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
                })
        };
        if !is_plain(name) {
            self.encoded_words(name);
        } else if name.split(' ').all(is_atom) {
            self.fold(name);
        } else {
            self.word(&format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }

    /// Writes a text as encoded words (RFC 2047) after a space, in the shorter of their two encodings.
    fn encoded_words(&mut self, text: &str) {
        let in_q: usize = text.chars().map(q_length).sum();
        let as_q = in_q <= text.len().div_ceil(3) * 4;
        let mut rest = text;
        while !rest.is_empty() {
            // Room for a few characters at least, or else the line is as good as full.
            if self.column + 1 + FRAME + 20 > PREFERRED_LINE {
                self.new_line();
            }
            let room = (PREFERRED_LINE - self.column - 1 - FRAME).min(ENCODED_WORD);
            let (word, after) = rest.split_at(longest_prefix(rest, room, as_q));
            rest = after;
            let encoded = if as_q { q_encoded(word) } else { BASE64_STANDARD.encode(word) };
            self.push(if as_q { " =?utf-8?q?" } else { " =?utf-8?b?" });
            self.push(&encoded);
            self.push("?=");
            self.is_empty = false;
            if !rest.is_empty() {
                self.new_line();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(value: &str) -> String {
        let mut out = Vec::new();
        unstructured(&mut out, "Subject", value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_text_stays_readable() {
        assert_eq!(subject("Your receipt"), "Subject: Your receipt\r\n");
        assert_eq!(subject(""), "Subject:\r\n");
        assert_eq!(
            subject("Many greetings, Käthe"),
            "Subject: =?utf-8?q?Many_greetings=2C_K=C3=A4the?=\r\n"
        );
        assert_eq!(subject("東京"), "Subject: =?utf-8?b?5p2x5Lqs?=\r\n");
        let link = format!("https://example.com/{}", "x".repeat(200));
        assert_eq!(
            subject(&link),
            format!("Subject: {link}\r\n"),
            "a word that is not too long stays whole"
        );
    }

    #[test]
    fn folding_loses_no_space() {
        let text = format!("{}a  {}   end and so on", "word ".repeat(30), "x".repeat(80));
        let folded = subject(&text);
        assert_eq!(folded.replace("\r\n", ""), format!("Subject: {text}"));
        assert!(folded.lines().count() == 5 && !folded.contains("\n  "), "{folded}");
    }

    #[test]
    fn controls_cannot_leave_their_field() {
        let folded = subject("a\r\nBcc: x@example.com\0");
        assert_eq!(folded, "Subject: =?utf-8?b?YQ0KQmNjOiB4QGV4YW1wbGUuY29tAA==?=\r\n");
    }

    #[test]
    fn encoded_words_and_their_lines_are_short() {
        for text in [
            "ü".repeat(998),
            "東".repeat(998),
            "🙂a".repeat(499),
            "x".repeat(998),
            "=?".repeat(499),
        ] {
            for line in subject(&text).trim_end().split("\r\n") {
                assert!(line.len() <= 76, "{line}");
                let word = line.trim_start_matches("Subject:").trim_start();
                assert!(
                    word.is_empty() || (word.starts_with("=?utf-8?") && word.len() <= 75),
                    "{line}"
                );
            }
        }
    }
}
