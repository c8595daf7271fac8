//! API keys as text: their shape, their checksum, and what of them may be shown.
//!
//! `AS_` (project) or `ASA_` (account), `test_` in test mode, then 50 characters of `0-9A-Za-z`: 12 of public id, 32 of
//! secret (190 bits from the operating system) and 6 of CRC-32 over all that came before. The checksum lets us refuse a
//! mistyped or truncated key without a look-up, and lets secret scanners know one when they see it. In another
//! [`Spelling`] only the prefix differs.

mod spelling;

use std::fmt;
use std::str::FromStr;

use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use self::spelling::{DISPLAYED, PREFIXES, Prefix};
pub use self::spelling::{Spelling, UnknownSpelling};

/// Whether a key belongs to one project or to the whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// `AS_`: works in its own project only.
    Project,
    /// `ASA_`: works in every project of its account, named by `x-project-id` in each request.
    Account,
}

impl KeyType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Project, Self::Account];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Account => "account",
        }
    }
}

/// The text names no type of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `project` or `account`")]
pub struct UnknownKeyType;

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(text: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(UnknownKeyType)
    }
}

/// Whether mail sent with a key leaves the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyMode {
    /// Sends mail.
    Live,
    /// Never sends mail: everything ends in the capture mailbox. Its limits are ten times as wide.
    Test,
}

impl KeyMode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// The text names no mode of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `live` or `test`")]
pub struct UnknownKeyMode;

impl FromStr for KeyMode {
    type Err = UnknownKeyMode;

    fn from_str(text: &str) -> Result<Self, UnknownKeyMode> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(UnknownKeyMode)
    }
}

/// The whole text of a key. It is the only type that ever holds the secret, and it leaves by one door:
/// [`ApiKeyToken::reveal`].
#[derive(Clone)]
pub struct ApiKeyToken {
    prefix: &'static Prefix,
    text: SecretString,
}

/// The text does not have the shape of an API key, or its checksum does not fit: it was mistyped or cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have the shape of an API key")]
pub struct MalformedToken;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PUBLIC_ID: usize = 12;
const SECRET: usize = 32;
const CHECKSUM: usize = 6;
const TAIL: usize = PUBLIC_ID + SECRET + CHECKSUM;

impl ApiKeyToken {
    /// Mints a key.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give: a key without it must never exist.
    pub fn generate(key_type: KeyType, mode: KeyMode) -> Self {
        Self::generate_spelled(Spelling::Native, key_type, mode)
    }

    /// Mints a key in a spelling.
    ///
    /// # Panics
    ///
    /// As [`ApiKeyToken::generate`].
    pub fn generate_spelled(spelling: Spelling, key_type: KeyType, mode: KeyMode) -> Self {
        let prefix = PREFIXES
            .iter()
            .find(|prefix| prefix.spelling == spelling && prefix.suits(key_type, mode))
            .expect("every spelling has a prefix for every kind of key");
        loop {
            let mut text = format!("{}{}", prefix.text, random_characters(PUBLIC_ID + SECRET));
            text.push_str(&checksum(&text));
            // What is shown of a key tells its spelling: `tsend_ad…` begins those of administrators.
            if Spelling::of_displayed(&text[..DISPLAYED]) == spelling {
                return Self { prefix, text: text.into() };
            }
        }
    }

    /// Whether the prefix leaves it open that this is a key of this type and mode.
    pub fn suits(&self, key_type: KeyType, mode: KeyMode) -> bool {
        self.prefix.suits(key_type, mode)
    }

    /// How it is written.
    pub fn spelling(&self) -> Spelling {
        self.prefix.spelling
    }

    /// The public half: finds the key's row, and may be logged and stored.
    pub fn public_id(&self) -> &str {
        &self.tail()[..PUBLIC_ID]
    }

    /// The secret half, as it is hashed.
    pub fn secret(&self) -> &str {
        &self.tail()[PUBLIC_ID..PUBLIC_ID + SECRET]
    }

    /// The whole key, to be shown to its owner exactly once.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    /// The first eight and the last four characters: enough to know a key again, too little to use it.
    pub fn display(&self) -> String {
        let text = self.reveal();
        format!("{}…{}", &text[..DISPLAYED], &text[text.len() - 4..])
    }

    fn tail(&self) -> &str {
        let text = self.reveal();
        &text[text.len() - TAIL..]
    }
}

impl FromStr for ApiKeyToken {
    type Err = MalformedToken;

    /// Reads a key; the prefix in any case, since an older form was `as_…`.
    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let prefix = PREFIXES
            .iter()
            .find(|prefix| {
                text.get(..prefix.text.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix.text))
            })
            .ok_or(MalformedToken)?;
        let tail = &text[prefix.text.len()..];
        if tail.len() != TAIL || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(MalformedToken);
        }

        let canonical = format!("{}{tail}", prefix.text);
        let (body, given) = canonical.split_at(canonical.len() - CHECKSUM);
        if checksum(body) != given {
            return Err(MalformedToken);
        }
        Ok(Self { prefix, text: canonical.into() })
    }
}

impl fmt::Debug for ApiKeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyToken({})", self.public_id())
    }
}

/// CRC-32 in base 62, padded to six characters: 62⁶ is just above 2³².
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Draws characters evenly: bytes past the last whole multiple of 62 are thrown away.
fn random_characters(count: usize) -> String {
    let mut drawn = String::with_capacity(count);
    let mut bytes = [0; 64];
    while drawn.len() < count {
        SysRng.try_fill_bytes(&mut bytes).expect("the operating system provides randomness");
        let fair = bytes.iter().filter(|byte| **byte < 248);
        drawn.extend(
            fair.take(count - drawn.len()).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])),
        );
    }
    drawn
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minted_key_reads_back_as_itself() {
        for spelling in Spelling::ALL {
            for (key_type, mode) in KINDS {
                let minted = ApiKeyToken::generate_spelled(spelling, key_type, mode);
                let read: ApiKeyToken = minted.reveal().parse().unwrap();

                assert_eq!(read.reveal(), minted.reveal());
                assert!(read.suits(key_type, mode));
                assert_eq!(read.spelling(), spelling);
                assert_eq!(Spelling::of_displayed(&read.display()), spelling);
                assert_eq!(read.public_id().len() + read.secret().len(), 44);
                assert_eq!(spelling.as_str().parse(), Ok(spelling));
            }
        }
    }

    const KINDS: [(KeyType, KeyMode); 4] = [
        (KeyType::Project, KeyMode::Live),
        (KeyType::Project, KeyMode::Test),
        (KeyType::Account, KeyMode::Live),
        (KeyType::Account, KeyMode::Test),
    ];

    #[test]
    fn a_native_prefix_says_what_a_key_is() {
        for ((key_type, mode), prefix) in
            KINDS.into_iter().zip(["AS_", "AS_test_", "ASA_", "ASA_test_"])
        {
            let minted = ApiKeyToken::generate(key_type, mode);
            assert!(minted.reveal().starts_with(prefix));
            let suited =
                KINDS.into_iter().filter(|(key_type, mode)| minted.suits(*key_type, *mode));
            assert_eq!(suited.collect::<Vec<_>>(), [(key_type, mode)]);
        }
    }

    #[test]
    fn a_key_in_another_spelling_is_another_text() {
        let minted =
            ApiKeyToken::generate_spelled(Spelling::Resend, KeyType::Project, KeyMode::Live);
        let respelled = minted.reveal().replacen("re_", "tsend_", 1);
        assert!(respelled.parse::<ApiKeyToken>().is_err());
    }

    #[test]
    fn the_prefix_is_read_in_any_case() {
        let minted = ApiKeyToken::generate(KeyType::Project, KeyMode::Test);
        let old_form = minted.reveal().replace("AS_test_", "as_TEST_");
        assert_eq!(old_form.parse::<ApiKeyToken>().unwrap().reveal(), minted.reveal());
    }

    #[test]
    fn what_is_shown_of_a_key_is_its_first_eight_and_last_four_characters() {
        let minted = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
        let text = minted.reveal();
        assert_eq!(minted.display(), format!("{}…{}", &text[..8], &text[text.len() - 4..]));
        assert!(!format!("{minted:?}").contains(minted.secret()));
    }

    proptest! {
        #[test]
        fn one_changed_character_is_noticed(position in 3_usize..53, other in "[0-9A-Za-z]") {
            let minted = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
            let mut altered = minted.reveal().to_owned();
            altered.replace_range(position..=position, &other);
            prop_assume!(altered != minted.reveal());
            prop_assert!(altered.parse::<ApiKeyToken>().is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(AS_|ASA_|as_test_|re_|SG\\.|tsend_admin_|sk_live_)?.{0,60}") {
            let _ = text.parse::<ApiKeyToken>();
        }
    }
}
