//! Signs messages so that receivers can tell that nobody on the way changed them (RFC 6376).
//!
//! Every message gets two signatures over the same fields: RSA with SHA-256, which every receiver understands, and Ed25519
//! with SHA-256 (RFC 8463), which some prefer. Both algorithms are deterministic, and the time in a signature is that of the
//! mail, so that every attempt sends the same bytes.

mod canonical;
mod key;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use ring::digest;

pub use self::key::{InvalidKey, NewKeys, SigningKeys};

/// Fields that are signed where they are present, and of which none may be added on the way: a second `From` would be shown by
/// some readers in place of the signed one (RFC 6376, section 8.15).
const SEALED: &[&str] = &[
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
];

/// Fields that are signed where they are present. RFC 8058, section 4 asks for the two about unsubscribing.
const SIGNED: &[&str] = &[
    "Content-Transfer-Encoding",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Where the text of a signature is folded: far below the 78 that RFC 5322, section 2.1.1 recommends.
const LINE: usize = 72;

/// The message cannot be signed: it has no end of its header, or the operating system has no randomness for the blinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message could not be signed")]
pub struct Unsigned;

/// Puts both signatures in front of a message whose lines end with CRLF.
///
/// Takes about a millisecond, nearly all of it for RSA: it belongs on a thread that may be kept busy.
pub fn sign(
    mut message: Vec<u8>,
    keys: &SigningKeys,
    at: DateTime<Utc>,
) -> Result<Vec<u8>, Unsigned> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").ok_or(Unsigned)? + 2;
    let (header, body) = (&message[..end], &message[end + 2..]);
    let fields: Vec<&[u8]> = canonical::fields(header).collect();
    let (names, signed) = chosen(&fields);
    let body_hash = BASE64_STANDARD.encode(canonical::body_hash(body));

    let mut signatures = Vec::with_capacity(1600);
    for (algorithm, selector) in keys.selectors() {
        let unfinished = signature_field(
            &[
                "v=1;",
                &format!("a={algorithm};"),
                "c=relaxed/relaxed;",
                &format!("d={};", keys.domain()),
                &format!("s={selector};"),
                &format!("t={};", at.timestamp()),
            ],
            &names,
            &body_hash,
        );
        let mut input = signed.clone();
        canonical::write_field(&mut input, unfinished.as_bytes());
        // The signature's own field comes last, and without the end of its line (RFC 6376, section 3.7).
        input.truncate(input.len() - 2);
        let signature = BASE64_STANDARD.encode(keys.sign(algorithm, &input)?);

        signatures.extend_from_slice(unfinished.as_bytes());
        write_folded(&mut signatures, &signature);
        signatures.extend_from_slice(b"\r\n");
    }
    message.splice(..0, signatures);
    Ok(message)
}

/// The names for `h=`, and the fields they choose in their canonical form: of several of one name the last comes first
/// (RFC 6376, section 5.4.2). A name once more than there are fields forbids to add one.
fn chosen(fields: &[&[u8]]) -> (Vec<&'static str>, Vec<u8>) {
    let (mut names, mut signed) = (Vec::new(), Vec::with_capacity(1024));
    for name in SEALED.iter().chain(SIGNED) {
        let of_name = fields.iter().rev().filter(|field| canonical::is_named(field, name));
        for field in of_name {
            names.push(*name);
            canonical::write_field(&mut signed, field);
        }
        if SEALED.contains(name) {
            names.push(name);
        }
    }
    (names, signed)
}

/// A `DKIM-Signature` field up to and with `b=`.
fn signature_field(tags: &[&str], names: &[&str], body_hash: &str) -> String {
    let mut field = String::with_capacity(640);
    field.push_str("DKIM-Signature:");
    let mut column = field.len();
    let mut word = |text: &str, column: &mut usize| {
        if *column + 1 + text.len() > LINE {
            field.push_str("\r\n");
            *column = 0;
        }
        field.push(' ');
        field.push_str(text);
        *column += 1 + text.len();
    };
    for tag in tags {
        word(tag, &mut column);
    }
    let last = names.len().saturating_sub(1);
    for (place, name) in names.iter().enumerate() {
        let start = if place == 0 { "h=" } else { "" };
        let end = if place == last { ";" } else { ":" };
        word(&format!("{start}{name}{end}"), &mut column);
    }
    word(&format!("bh={body_hash};"), &mut column);
    // On a line of its own, with nothing between it and its value: what stands there is not signed, and readers differ in what
    // they take away.
    field.push_str("\r\n b=");
    field
}

/// Continues the line behind ` b=`.
fn write_folded(out: &mut Vec<u8>, signature: &str) {
    for (number, piece) in signature.as_bytes().chunks(LINE - 4).enumerate() {
        if number > 0 {
            out.extend_from_slice(b"\r\n ");
        }
        out.extend_from_slice(piece);
    }
}

/// SHA-256, as both algorithms use it.
fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

#[cfg(test)]
mod tests;
