//! A message as it travels: CRLF lines, dots doubled, a lone dot at the end (RFC 5321, section 4.5.2).

/// The end of a message, the line end before the dot included. While a byte of this can have left, the message may
/// have been taken.
pub(super) const TERMINATOR: &[u8] = b"\r\n.\r\n";

/// Cuts a message into pieces for the wire, the last of which ends the message.
///
/// A bare CR or LF becomes CRLF (RFC 5321, section 2.3.8): servers that disagree about what ends a line can otherwise
/// be made to see a second message inside the first.
pub(super) struct Body<'a> {
    rest: &'a [u8],
    at_line_start: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, at_line_start: true }
    }

    /// Fills `piece`, which is emptied first, with a little more than `size` bytes at most; `true` once the piece holds
    /// the end of the message.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>, size: usize) -> bool {
        piece.clear();
        while piece.len() < size {
            let Some(&first) = self.rest.first() else {
                if !self.at_line_start {
                    piece.extend_from_slice(b"\r\n");
                }
                piece.extend_from_slice(b".\r\n");
                return true;
            };
            if self.at_line_start && first == b'.' {
                piece.push(b'.');
            }

            let room = self.rest.len().min((size - piece.len()).max(1));
            let run = self.rest[..room].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (text, rest) = self.rest.split_at(run.unwrap_or(room));
            piece.extend_from_slice(text);
            self.at_line_start = run.is_some();
            self.rest = rest;
            if self.at_line_start {
                piece.extend_from_slice(b"\r\n");
                let line_end = if rest.starts_with(b"\r\n") { 2 } else { 1 };
                self.rest = &rest[line_end..];
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(message: &[u8], size: usize) -> Vec<u8> {
        let (mut body, mut piece, mut all) = (Body::new(message), Vec::new(), Vec::new());
        loop {
            let last = body.next(&mut piece, size);
            assert!(piece.len() <= size + 5, "{} bytes in a piece of {size}", piece.len());
            all.extend_from_slice(&piece);
            if last {
                return all;
            }
        }
    }

    /// What a strict server makes of it.
    fn received(wire: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        let mut rest = wire;
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
            let (line, after) = rest.split_at(end);
            if line == b".\r\n" {
                assert!(after.is_empty(), "the message ended before its end");
                return message;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            rest = after;
        }
    }

    #[test]
    fn dots_at_line_starts_are_doubled_and_only_those() {
        for (message, expected) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a.b\r\n.c\r\n..\r\n", "a.b\r\n..c\r\n...\r\n.\r\n"),
            ("no line end", "no line end\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r\n.\r\nMAIL FROM:<b>\r\n", "a\r\n..\r\nMAIL FROM:<b>\r\n.\r\n"),
        ] {
            for size in [1, 2, 3, 64] {
                assert_eq!(String::from_utf8(wire(message.as_bytes(), size)).unwrap(), expected);
            }
        }
    }

    #[test]
    fn bare_line_ends_cannot_end_a_message() {
        for hidden in ["a\n.\nb", "a\n.\r\nb", "a\r.\rb", "a\r\n.\rb", "a\r\n.\nb", "a\r\r\n.\r\nb"]
        {
            let wire = wire(hidden.as_bytes(), 64);
            assert_eq!(wire.windows(5).position(|five| five == TERMINATOR), Some(wire.len() - 5));
            assert!(
                !wire.iter().enumerate().any(|(at, &byte)| byte == b'\n' && wire[at - 1] != b'\r')
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_received(message in r"([a.\r\n]|\r\n){0,40}", size in 1_usize..20) {
            let lines = message.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            let expected = if lines.is_empty() || lines.ends_with("\r\n") { lines } else { lines + "\r\n" };
            prop_assert_eq!(received(&wire(message.as_bytes(), size)), expected.into_bytes());
        }
    }
}
