//! Bodies in encodings that are 7-bit and keep lines short (RFC 2045, section 6), and the multiparts around them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The octets that make a full line of base64: 76 characters.
const OCTETS_A_LINE: usize = 57;

/// Where a line of quoted-printable is broken: 76 characters with the `=` that says so.
const LONGEST_LINE: usize = 75;

/// The header of a multipart, in place of a body's.
pub(super) fn open_multipart(out: &mut Vec<u8>, subtype: &str, boundary: &str) {
    out.extend_from_slice(
        format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"\r\n").as_bytes(),
    );
}

/// The header of a multipart whose first part, of the type `root`, is shown with the others (RFC 2387, section 3.1).
pub(super) fn open_related(out: &mut Vec<u8>, root: &str, boundary: &str) {
    out.extend_from_slice(
        format!(
            "Content-Type: multipart/related; type=\"{root}\";\r\n boundary=\"{boundary}\"\r\n"
        )
        .as_bytes(),
    );
}

/// The line before a part. The line break before it belongs to it, and not to the part that it ends.
pub(super) fn next_part(out: &mut Vec<u8>, boundary: &str) {
    out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
}

/// The line after the last part.
pub(super) fn close_multipart(out: &mut Vec<u8>, boundary: &str) {
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
}

/// A text with its headers, in the encoding that is shorter. Its line breaks, of whatever kind, become CRLF.
pub(super) fn text(out: &mut Vec<u8>, content_type: &str, text: &str) {
    let escaped = text.bytes().filter(|byte| !is_literal(*byte)).count();
    let readable = escaped < text.len() / 5 + 1;
    let encoding = if readable { "quoted-printable" } else { "base64" };
    let headers = format!(
        "Content-Type: {content_type}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    out.extend_from_slice(headers.as_bytes());
    if readable {
        quoted_printable(out, text.as_bytes());
    } else {
        base64_lines(out, &with_crlf(text));
    }
}

/// A file's encoding header and its bytes.
pub(super) fn file(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
    base64_lines(out, content);
}

fn base64_lines(out: &mut Vec<u8>, content: &[u8]) {
    for (number, line) in content.chunks(OCTETS_A_LINE).enumerate() {
        if number > 0 {
            out.extend_from_slice(b"\r\n");
        }
        let start = out.len();
        out.resize(start + line.len().div_ceil(3) * 4, 0);
        BASE64_STANDARD
            .encode_slice(line, &mut out[start..])
            .expect("base64 takes four characters for every three octets begun");
    }
}

fn with_crlf(text: &str) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len() + text.len() / 32);
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        lines.extend_from_slice(&rest[..place]);
        lines.extend_from_slice(b"\r\n");
        rest = &rest[place + line_break_length(&rest[place..])..];
    }
    lines.extend_from_slice(rest);
    lines
}

/// The length of the line break that `rest` begins with: one for CR and for LF, two for CRLF, none elsewhere.
fn line_break_length(rest: &[u8]) -> usize {
    match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// Whether quoted-printable leaves an octet as it is, where its line goes on. Line breaks count as such.
fn is_literal(byte: u8) -> bool {
    matches!(byte, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n')
}

fn quoted_printable(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        quoted_line(out, &rest[..end]);
        if end == rest.len() {
            return;
        }
        out.extend_from_slice(b"\r\n");
        rest = &rest[end + line_break_length(&rest[end..])..];
    }
}

/// One line of text, in as many lines as it takes.
fn quoted_line(out: &mut Vec<u8>, line: &[u8]) {
    let mut column = 0;
    let mut rest = line;
    while !rest.is_empty() {
        // A dot or a "From " that begins a line is doubled or marked by some hosts, which a signature does not survive.
        let starts_badly = column == 0 && (rest[0] == b'.' || rest.starts_with(b"From "));
        let room = LONGEST_LINE - column;
        let mut literal = if starts_badly {
            0
        } else {
            rest.iter().take(room).take_while(|byte| is_literal(**byte)).count()
        };
        // Space at the end of a line is lost on the way (RFC 2045, section 6.7, rule 3).
        if literal == rest.len() && matches!(rest[literal - 1], b' ' | b'\t') {
            literal -= 1;
        }
        out.extend_from_slice(&rest[..literal]);
        column += literal;
        rest = &rest[literal..];

        let Some(&next) = rest.first() else { return };
        let must_escape =
            !is_literal(next) || starts_badly || (rest.len() == 1 && matches!(next, b' ' | b'\t'));
        if column + if must_escape { 3 } else { 1 } > LONGEST_LINE {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        } else if must_escape {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[
                b'=',
                DIGITS[usize::from(next >> 4)],
                DIGITS[usize::from(next & 15)],
            ]);
            column += 3;
            rest = &rest[1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        quoted_printable(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_hosts_on_the_way_change_is_escaped() {
        assert_eq!(quoted("a b\n.\nFrom x\n.."), "a b\r\n=2E\r\n=46rom x\r\n=2E.");
        assert_eq!(quoted("end \r\ntab\t"), "end=20\r\ntab=09");
        assert_eq!(quoted("1=1 é\0\u{7f}"), "1=3D1 =C3=A9=00=7F");
        assert_eq!(quoted("a\rb\r\n\nc"), "a\r\nb\r\n\r\nc");
    }

    #[test]
    fn no_line_is_longer_than_76_characters() {
        for text in [
            "x".repeat(1000),
            "é".repeat(400),
            "a é".repeat(300),
            ".".repeat(200),
            "From ".repeat(99),
        ] {
            let quoted = quoted(&text);
            assert!(
                quoted.lines().all(|line| line.len() <= 76 && !line.starts_with('.')),
                "{quoted}"
            );
        }
    }

    #[test]
    fn the_shorter_encoding_is_taken() {
        let encoding = |body: &str| {
            let mut out = Vec::new();
            text(&mut out, "text/plain", body);
            String::from_utf8(out).unwrap().contains("base64")
        };
        assert!(!encoding("") && !encoding("Many greetings from Köln"));
        assert!(encoding("こんにちは"));
    }
}
