//! What the relay says: codes, enhanced status codes and text (RFC 5321, section 4.2; RFC 3463; RFC 2034).

use crate::domain::delivery::Reply;
use crate::domain::status_code::is_enhanced_code;

/// The longest line that is read, in bytes. RFC 5321 says 512, and some relays do not keep to it.
pub(super) const MAX_LINE: u64 = 4096;

/// The most lines in one reply.
const MAX_LINES: usize = 128;

/// One line of a reply.
pub(super) struct ReplyLine {
    code: u16,
    last: bool,
    text: String,
}

impl ReplyLine {
    /// Reads a line with its line end: `250-text`, `250 text`, or `250` alone. A bare LF is let pass, and so is text
    /// that is not UTF-8: a mail whose answer was in Latin-1 has still been answered.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3)?;
        if !matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
            return None;
        }
        let last = match rest.first() {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return None,
        };
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
        Some(Self { code, last, text: text.into_owned() })
    }
}

/// A whole reply, of one line or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerReply {
    /// The reply code, 200 to 599.
    pub code: u16,
    /// The text of each line.
    pub lines: Vec<String>,
}

/// Puts lines together until one of them is the last.
#[derive(Default)]
pub(super) struct ReplyBuilder {
    code: Option<u16>,
    lines: Vec<String>,
}

impl ReplyBuilder {
    /// Takes a line; the reply, once it is complete. `Err` where the lines do not make one.
    pub(super) fn push(&mut self, line: ReplyLine) -> Result<Option<ServerReply>, ()> {
        if self.code.is_some_and(|code| code != line.code) || self.lines.len() == MAX_LINES {
            return Err(());
        }
        self.code = Some(line.code);
        self.lines.push(line.text);
        Ok(line
            .last
            .then(|| ServerReply { code: line.code, lines: std::mem::take(&mut self.lines) }))
    }
}

impl ServerReply {
    /// Whether what was asked has been done (2xx).
    pub(super) fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether what was asked was refused, for now (4xx) or for good (5xx).
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }

    /// Whether the relay is about to close the connection (RFC 5321, section 3.8).
    pub(super) fn is_farewell(&self) -> bool {
        self.code == 421
    }

    /// The enhanced status code that the text begins with: `class.subject.detail`, whose class agrees with the reply
    /// code (RFC 2034, section 4) and whose numbers have one to three digits and no leading zero (RFC 3463, section 2).
    pub(super) fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split_ascii_whitespace().next()?;
        let class = word.split('.').next()?;
        let fits = is_enhanced_code(word) && class.parse() == Ok(self.code / 100);
        fits.then_some(word)
    }

    /// The text on one line, without the enhanced status code and without control characters.
    pub(super) fn text(&self) -> String {
        let enhanced = self.enhanced();
        let mut text = String::new();
        for line in &self.lines {
            let line = line.trim();
            let line = enhanced.and_then(|code| after_word(line, code)).unwrap_or(line);
            if !text.is_empty() && !line.is_empty() {
                text.push(' ');
            }
            text.extend(
                line.chars().map(|char| if is_unprintable(char) { '\u{FFFD}' } else { char }),
            );
        }
        text
    }

    /// The reply in the words of the domain, at most [`Reply::MAX_TEXT`] characters of it.
    pub(super) fn to_reply(&self) -> Reply {
        Reply {
            code: Some(self.code),
            enhanced: self.enhanced().map(ToOwned::to_owned),
            ..Reply::described(self.text())
        }
    }

    /// The reply with a sentence of ours instead of its text.
    pub(super) fn to_reply_saying(&self, text: impl Into<String>) -> Reply {
        Reply { text: Reply::described(text).text, ..self.to_reply() }
    }
}

/// Text is shown in a browser and on terminals: no control characters, and nothing that turns the direction of
/// writing round.
pub(in crate::mail) fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn after_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(wire: &[u8]) -> Option<ServerReply> {
        let mut builder = ReplyBuilder::default();
        for line in wire.split_inclusive(|&byte| byte == b'\n') {
            if let Some(reply) = builder.push(ReplyLine::parse(line)?).ok()? {
                return Some(reply);
            }
        }
        None
    }

    #[test]
    fn lines_are_joined() {
        let reply =
            reply(b"550-5.1.1 The account\r\n550-5.1.1  does not exist.\r\n550 5.1.1 Bye\r\n")
                .unwrap();
        assert_eq!(reply.code, 550);
        assert_eq!(reply.enhanced(), Some("5.1.1"));
        assert_eq!(reply.text(), "The account does not exist. Bye");
    }

    #[test]
    fn unusual_replies_are_understood() {
        assert_eq!(reply(b"250\r\n").unwrap().lines, [""]);
        assert_eq!(reply(b"250 \r\n").unwrap().text(), "");
        assert_eq!(reply(b"250 ok\n").unwrap().text(), "ok");
        assert_eq!(reply(b"550 n\xE4in\r\n").unwrap().text(), "n\u{FFFD}in");
    }

    #[test]
    fn other_bytes_are_no_reply() {
        for wire in [
            &b"\r\n"[..],
            b"25\r\n",
            b"250ok\r\n",
            b"650 no\r\n",
            b"150 no\r\n",
            b"2 50\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"250-one\r\n550 two\r\n",
            b"250-never ends\r\n",
            b"250 cut off",
            b"250-a\r\n".repeat(MAX_LINES + 1).as_slice(),
        ] {
            assert_eq!(reply(wire), None, "{}", String::from_utf8_lossy(wire));
        }
    }

    #[test]
    fn enhanced_codes_must_fit() {
        for (line, enhanced) in [
            ("550 5.1.1 no", Some("5.1.1")),
            ("550 5.7.509", Some("5.7.509")),
            ("450 4.2.0 later", Some("4.2.0")),
            ("250 2.0.0 ok", Some("2.0.0")),
            ("550 4.1.1 no", None),
            ("550 5.1 no", None),
            ("550 5.1.1.1 no", None),
            ("550 5.1.1234 no", None),
            ("550 5.01.1 no", None),
            ("550 5..1 no", None),
            ("550 5.1.1, no", None),
            ("550 no 5.1.1", None),
            ("354 3.0.0 go on", None),
            ("550 05.1.1 no", None),
            ("550 +5.1.1 no", None),
        ] {
            assert_eq!(
                reply(format!("{line}\r\n").as_bytes()).unwrap().enhanced(),
                enhanced,
                "{line}"
            );
        }
    }

    #[test]
    fn text_is_printable_and_bounded() {
        let hostile = format!("550 \u{1b}[31mred\u{0}\u{202E}{}\r\n", "x".repeat(900));
        let reply = reply(hostile.as_bytes()).unwrap().to_reply();
        assert!(reply.text.starts_with("\u{FFFD}[31mred\u{FFFD}\u{FFFD}xxx"), "{}", reply.text);
        assert_eq!(reply.text.chars().count(), Reply::MAX_TEXT);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(reply) = reply(&bytes) {
                prop_assert!((200..600).contains(&reply.code));
                prop_assert!(!reply.to_reply().text.contains(char::is_control));
            }
        }
    }
}
