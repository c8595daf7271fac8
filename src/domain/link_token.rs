//! What a link in a mail says: to whom it belongs and what it is for, encrypted and authenticated.
//!
//! All that a link needs is in it, because links outlive mails: who unsubscribes a year later is still understood, and
//! nobody can make a link that leads to a place of their own. Addresses and targets are encrypted, so that neither a
//! server's log nor whoever a mail is shown to reads them.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::SecretString;
use uuid::Uuid;

use super::hmac_sha256::{derived_key, hmac_sha256};
use super::id::{MailId, ProjectId};
use super::suppression::GroupCode;

/// The longest text that is read, in bytes.
const LONGEST: usize = 4096;

/// The longest URL that a link can lead to, in bytes: encrypted and in base64 it stays below `LONGEST`.
pub const LONGEST_TARGET: usize = 2000;

/// What a link in a mail says.
#[derive(Clone, PartialEq, Eq)]
pub enum LinkToken {
    /// The recipient wants no mail any more, or chooses which.
    Unsubscribe(Unsubscribe),
    /// The mail is being looked at.
    Open(Place),
    /// A link in the mail is followed, to this URL.
    Click(Place, String),
}

/// One recipient's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The mail.
    pub mail: MailId,
    /// The recipient's place among to, cc and bcc.
    pub position: i16,
}

/// A recipient's way to unsubscribe.
#[derive(Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The message that has the link.
    pub place: Place,
    /// Whose mail it is.
    pub project: ProjectId,
    /// What the mail belongs to.
    pub group: GroupCode,
    /// The recipient, in the form in which addresses are compared.
    pub address: String,
}

/// Shows nothing: it holds an address or a target.
impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(***)")
    }
}

/// Shows nothing but what it belongs to.
impl fmt::Debug for Unsubscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsubscribe").field("group", &self.group).finish_non_exhaustive()
    }
}

/// The keys of links. All nodes have the same, as long as they have the same `SECRET_KEY`.
#[derive(Clone)]
pub struct LinkKey {
    encryption: [u8; 32],
    nonces: [u8; 32],
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(***)")
    }
}

impl LinkKey {
    /// Derives the keys, each under a label of its own.
    pub fn derive(secret_key: &SecretString) -> Self {
        Self {
            encryption: derived_key(secret_key, b"posthaste links in mails v1"),
            nonces: derived_key(secret_key, b"posthaste nonces of links in mails v1"),
        }
    }

    /// The token as it travels, in the URL-safe alphabet (RFC 4648, section 5): the same for the same, so that every
    /// attempt sends the same message. 128 bits prove that it is ours.
    ///
    /// # Panics
    ///
    /// If it were longer than the cipher can take, which are 256 GiB.
    pub fn seal(&self, token: &LinkToken) -> String {
        let (purpose, mut sealed) = written(token);
        // Drawn from what is encrypted: it repeats only where all does, which tells no more than that.
        let digest = hmac_sha256(&self.nonces, &[&[purpose], &sealed]);
        let nonce: [u8; NONCE_LEN] =
            digest[..NONCE_LEN].try_into().expect("a digest is longer than a nonce");
        self.key()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([purpose]),
                &mut sealed,
            )
            .expect("a link is far below 256 GiB");
        BASE64_URL_SAFE_NO_PAD.encode([&[purpose], nonce.as_slice(), &sealed].concat())
    }

    /// Reads a token; nothing if it is not ours, or not whole.
    pub fn open(&self, text: &str) -> Option<LinkToken> {
        // The length first, since a stranger chose it.
        if text.len() > LONGEST {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[purpose], rest) = bytes.split_first_chunk::<1>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key().open_in_place(nonce, Aad::from([purpose]), &mut plain).ok()?;
        read(purpose, opened)
    }

    fn key(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.encryption);
        LessSafeKey::new(key.expect("the key is as long as the cipher wants it"))
    }
}

/// The purpose, and the rest: the place, and what only this purpose has.
fn written(token: &LinkToken) -> (u8, Vec<u8>) {
    match token {
        LinkToken::Unsubscribe(Unsubscribe { place, project, group, address }) => {
            let mut bytes = written_place(*place);
            bytes.extend_from_slice(project.as_uuid().as_bytes());
            bytes.extend_from_slice(format!("{group}\n{address}").as_bytes());
            (b'u', bytes)
        }
        LinkToken::Open(place) => (b'o', written_place(*place)),
        LinkToken::Click(place, target) => {
            let mut bytes = written_place(*place);
            bytes.extend_from_slice(target.as_bytes());
            (b'c', bytes)
        }
    }
}

fn written_place(Place { mail, position }: Place) -> Vec<u8> {
    [mail.as_uuid().as_bytes().as_slice(), &position.to_be_bytes()].concat()
}

fn read(purpose: u8, bytes: &[u8]) -> Option<LinkToken> {
    let (mail, bytes) = bytes.split_first_chunk::<16>()?;
    let (position, bytes) = bytes.split_first_chunk::<2>()?;
    let mail = MailId::from(Uuid::from_bytes(*mail));
    let place = Place { mail, position: i16::from_be_bytes(*position) };
    match purpose {
        b'u' => {
            let (project, bytes) = bytes.split_first_chunk::<16>()?;
            let (group, address) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
            Some(LinkToken::Unsubscribe(Unsubscribe {
                place,
                project: Uuid::from_bytes(*project).into(),
                group: group.parse().ok()?,
                address: address.to_owned(),
            }))
        }
        b'o' => bytes.is_empty().then_some(LinkToken::Open(place)),
        b'c' => Some(LinkToken::Click(place, String::from_utf8(bytes.to_vec()).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> LinkKey {
        LinkKey::derive(&"one secret".into())
    }

    fn tokens() -> [LinkToken; 3] {
        let place = Place { mail: MailId::generate(), position: 49 };
        [
            LinkToken::Unsubscribe(Unsubscribe {
                place,
                project: ProjectId::generate(),
                group: GroupCode::generate(),
                address: "ada@example.org".into(),
            }),
            LinkToken::Open(place),
            LinkToken::Click(place, format!("https://example.com/?{}", "x".repeat(1970))),
        ]
    }

    #[test]
    fn a_link_reads_back_as_itself_is_always_the_same_and_tells_nothing() {
        for token in tokens() {
            let text = key().seal(&token);
            assert_eq!(key().seal(&token), text);
            assert_eq!(key().open(&text), Some(token.clone()));
            assert_eq!(LinkKey::derive(&"another secret".into()).open(&text), None);
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
            for secret in ["ada@", "example.com"] {
                assert!(!bytes.windows(secret.len()).any(|piece| piece == secret.as_bytes()));
            }
            assert!(!format!("{token:?}").contains("example"));
        }
    }

    #[test]
    fn nothing_about_a_link_can_be_changed() {
        for token in tokens() {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(key().seal(&token)).unwrap();
            for at in 0..bytes.len().min(120) {
                let mut bent = bytes.clone();
                bent[at] ^= 1;
                assert_eq!(key().open(&BASE64_URL_SAFE_NO_PAD.encode(&bent)), None);
                assert_eq!(key().open(&BASE64_URL_SAFE_NO_PAD.encode(&bytes[..at])), None);
            }
        }
    }

    #[test]
    fn a_link_of_one_purpose_is_none_of_another() {
        let [unsubscribe, open, click] = tokens().map(|token| key().seal(&token));
        for (text, purpose) in [(&unsubscribe, b'c'), (&open, b'u'), (&click, b'o')] {
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
            bytes[0] = purpose;
            assert_eq!(key().open(&BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9A-Za-z_=+/-]{0,200}|.{0,50}") {
            prop_assert_eq!(key().open(&text), None);
        }
    }
}
