//! The inside of encoded words (RFC 2047): what characters become, and how many fit.

/// How many bytes of the text, in whole characters, fit into `room` once they are encoded.
pub(super) fn longest_prefix(text: &str, room: usize, as_q: bool) -> usize {
    let mut used = 0;
    for (place, character) in text.char_indices() {
        let fits = if as_q {
            used += q_length(character);
            used <= room
        } else {
            (place + character.len_utf8()).div_ceil(3) * 4 <= room
        };
        if !fits {
            return place;
        }
    }
    text.len()
}

/// Whether a character stands for itself in an encoded word, in phrases too (RFC 2047, section 5, rule 3).
fn is_literal_in_q(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!*+-/".contains(character)
}

/// How many characters a character becomes in the encoding `q`.
pub(super) fn q_length(character: char) -> usize {
    if character == ' ' || is_literal_in_q(character) { 1 } else { 3 * character.len_utf8() }
}

/// A text in the encoding `q` (RFC 2047, section 4.2), in the alphabet that phrases allow.
pub(super) fn q_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if character == ' ' {
            encoded.push('_');
        } else if is_literal_in_q(character) {
            encoded.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                push_escaped(&mut encoded, '=', byte);
            }
        }
    }
    encoded
}

/// Writes an octet as `=E9` or `%E9`.
pub(super) fn push_escaped(encoded: &mut String, mark: char, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    encoded.push(mark);
    encoded.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
}
