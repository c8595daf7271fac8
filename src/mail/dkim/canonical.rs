//! The form of header and body that a signature is made over: `relaxed` for both, which survives what relays do to white
//! space (RFC 6376, section 3.4).

use ring::digest::{self, Context};

/// The fields of a header, folded as they are and each with the CRLF at its end.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let goes_on = |end: usize| matches!(rest.get(end), Some(b' ' | b'\t'));
        let end = line_ends(rest).find(|end| !goes_on(*end)).unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after;
        Some(field)
    })
}

/// The places after each line feed.
fn line_ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place + 1)
}

/// Whether a field has this name, in any case.
pub(super) fn is_named(field: &[u8], name: &str) -> bool {
    name_and_value(field).0.eq_ignore_ascii_case(name.as_bytes())
}

fn name_and_value(field: &[u8]) -> (&[u8], &[u8]) {
    let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
    let value = field.get(colon + 1..).unwrap_or_default();
    (field[..colon].trim_ascii_end(), value)
}

/// Writes a field in its relaxed form (RFC 6376, section 3.4.2).
pub(super) fn write_field(out: &mut Vec<u8>, field: &[u8]) {
    let (name, value) = name_and_value(field);
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut space = false;
    for byte in value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        if matches!(byte, b' ' | b'\t') {
            space = true;
            continue;
        }
        if space && out.len() > start {
            out.push(b' ');
        }
        space = false;
        out.push(*byte);
    }
    out.extend_from_slice(b"\r\n");
}

/// SHA-256 of a body in its relaxed form (RFC 6376, section 3.4.4): every run of white space is one space, none stands at the
/// end of a line, and no empty line at the end of the body.
pub(super) fn body_hash(body: &[u8]) -> digest::Digest {
    let mut hash = Context::new(&digest::SHA256);
    let mut empty_lines = 0_usize;
    let mut relaxed = Vec::new();
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = relaxed_line(line, &mut relaxed);
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            hash.update(b"\r\n");
        }
        hash.update(line);
        hash.update(b"\r\n");
    }
    hash.finish()
}

/// The line with its white space reduced; nearly all lines of base64 and quoted-printable pass as they are.
fn relaxed_line<'a>(line: &'a [u8], room: &'a mut Vec<u8>) -> &'a [u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = line.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
    let line = &line[..end];
    let is_relaxed = !line.contains(&b'\t') && !line.windows(2).any(|two| two == b"  ");
    if is_relaxed {
        return line;
    }
    room.clear();
    for (place, byte) in line.iter().enumerate() {
        if !is_space(byte) {
            room.push(*byte);
        } else if place == 0 || !is_space(&line[place - 1]) {
            room.push(b' ');
        }
    }
    room
}
