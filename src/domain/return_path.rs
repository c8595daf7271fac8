//! Addresses that bounces come back to, each of which says whose mail it was (variable envelope return paths, VERP).

use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::hmac_sha256::hmac_sha256;
use super::id::MailId;

/// What every local part of ours begins with.
const PREFIX: &str = "b-";

/// Base32 (RFC 4648, section 6) in lower case, because hosts on the way may change the case of a local part.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The mail's id, and the recipient's place.
const NAMED: usize = 16 + 1;

/// Half of an HMAC-SHA-256 (RFC 2104, section 5): nobody guesses 128 bits over the network.
const PROOF: usize = 16;

/// Characters for these bytes, five bits each.
const ENCODED: usize = ((NAMED + PROOF) * 8).div_ceil(5);

/// One delivery, as its return path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    /// The mail.
    pub mail: MailId,
    /// The recipient's place in [`super::mail::Content::recipients`].
    pub position: i16,
}

impl ReturnPath {
    /// The local part of the address: 55 of the 64 octets that there may be (RFC 5321, section 4.5.3.1.1). Only who has
    /// the key makes one that [`ReturnPath::read`] takes.
    ///
    /// # Panics
    ///
    /// Never: a mail has 50 recipients at most.
    pub fn local_part(self, key: &[u8; 32]) -> String {
        let named = self.named();
        let mut text = String::with_capacity(PREFIX.len() + ENCODED);
        text.push_str(PREFIX);
        encode(&mut text, &[named.as_slice(), &proof(key, &named)].concat());
        text
    }

    /// Reads the local part of an address, in any case; nothing if it was not made with this key.
    pub fn read(local_part: &str, key: &[u8; 32]) -> Option<Self> {
        // The length first, since a stranger chose it.
        if local_part.len() != PREFIX.len() + ENCODED || !local_part.is_ascii() {
            return None;
        }
        let local_part = local_part.to_ascii_lowercase();
        let bytes = decode(local_part.strip_prefix(PREFIX)?)?;
        let (named, found) = bytes.split_first_chunk::<NAMED>()?;
        if !bool::from(proof(key, named).as_slice().ct_eq(found)) {
            return None;
        }
        let (mail, position) = named.split_first_chunk::<16>()?;
        let mail = MailId::from(Uuid::from_bytes(*mail));
        Some(Self { mail, position: position.first().copied()?.into() })
    }

    /// Whether a local part has the form of ours, whoever made it.
    pub fn resembles(local_part: &str) -> bool {
        local_part.len() == PREFIX.len() + ENCODED
            && local_part
                .get(..PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    }

    fn named(self) -> [u8; NAMED] {
        let mut named = [0; NAMED];
        named[..16].copy_from_slice(self.mail.as_uuid().as_bytes());
        named[16] = u8::try_from(self.position).expect("a mail has 50 recipients at most");
        named
    }
}

fn proof(key: &[u8; 32], named: &[u8; NAMED]) -> [u8; PROOF] {
    let mut half = [0; PROOF];
    half.copy_from_slice(&hmac_sha256(key, &[named])[..PROOF]);
    half
}

fn encode(text: &mut String, bytes: &[u8]) {
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
}

/// Reads what [`encode`] writes, and nothing else: what is left over at the end must be zero.
fn decode(text: &str) -> Option<[u8; NAMED + PROOF]> {
    let (mut held, mut bits) = (0_u32, 0);
    let mut bytes = [0; NAMED + PROOF];
    let mut places = bytes.iter_mut();
    for char in text.bytes() {
        let five = ALPHABET.iter().position(|known| *known == char)?;
        held = held << 5 | u32::try_from(five).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *places.next()? = (held >> bits & 255) as u8;
        }
    }
    (held & ((1 << bits) - 1) == 0 && places.next().is_none()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn a_return_path_reads_back_however_hosts_write_it() {
        for position in [0, 1, 49] {
            let path = ReturnPath { mail: MailId::generate(), position };
            let text = path.local_part(&KEY);
            assert_eq!(text.len(), 55);
            assert!(
                format!("{text}@bounces.example.com")
                    .parse::<crate::domain::address::EmailAddress>()
                    .is_ok()
            );
            assert_eq!(ReturnPath::read(&text, &KEY), Some(path));
            assert_eq!(ReturnPath::read(&text.to_uppercase(), &KEY), Some(path));
            assert_eq!(ReturnPath::read(&text, &[8; 32]), None);
        }
    }

    #[test]
    fn no_other_character_makes_another_return_path() {
        let text = ReturnPath { mail: MailId::generate(), position: 3 }.local_part(&KEY);
        for at in 0..text.len() {
            for other in ALPHABET {
                let mut bent = text.clone().into_bytes();
                if bent[at] != *other {
                    bent[at] = *other;
                    assert_eq!(ReturnPath::read(std::str::from_utf8(&bent).unwrap(), &KEY), None);
                }
            }
            assert_eq!(ReturnPath::read(&text[..at], &KEY), None);
        }
        assert_eq!(ReturnPath::read(&format!("{text}a"), &KEY), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "b-[a-z2-7A-Z1890]{53}|.{0,70}") {
            prop_assert_eq!(ReturnPath::read(&text, &KEY), None);
        }
    }
}
