//! Passwords that people choose.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password that is good enough to be somebody's: 10 to 256 characters, none of those that everybody tries first.
///
/// No rule about kinds of characters: length is what counts, and such rules make people write passwords down (NIST SP
/// 800-63B, section 5.1.1.2).
#[derive(Clone)]
pub struct Password(SecretString);

/// Why a text cannot be somebody's password; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Too short or too long.
    #[error(
        "must have 10 to 256 characters; three or four unrelated words are easy to keep in mind"
    )]
    Length,
    /// Everybody tries it.
    #[error("is one of those that are tried first; choose another")]
    Common,
    /// Everybody who knows the person tries it.
    #[error("must not be made of your own address; choose another")]
    Own,
}

impl Password {
    /// The shortest, in characters.
    pub const MIN_CHARACTERS: usize = 10;

    /// The longest, in characters: hashing takes no notable time for it.
    pub const MAX_CHARACTERS: usize = 256;

    /// Takes a new password of the person with this address.
    pub fn choose(text: SecretString, address: &str) -> Result<Self, InvalidPassword> {
        let given = text.expose_secret();
        // No character has more than four bytes.
        if given.len() > 4 * Self::MAX_CHARACTERS {
            return Err(InvalidPassword::Length);
        }
        if !(Self::MIN_CHARACTERS..=Self::MAX_CHARACTERS).contains(&given.chars().count()) {
            return Err(InvalidPassword::Length);
        }
        let plain = given.to_lowercase();
        if is_common(&plain) {
            return Err(InvalidPassword::Common);
        }
        let address = address.to_lowercase();
        let own = address.split('@').chain([address.as_str()]);
        if own.filter(|part| part.len() >= 4).any(|part| is_little_more_than(&plain, part)) {
            return Err(InvalidPassword::Own);
        }
        Ok(Self(text))
    }

    /// The password, to be hashed.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// Beginnings of the most common passwords of ten characters and more; those with a few digits or signs behind them are
/// as common.
const COMMON: &[&str] = &[
    "0123456789",
    "0987654321",
    "111222333",
    "1122334455",
    "123123123",
    "1234512345",
    "1234554321",
    "123456789",
    "123qweasd",
    "12qwaszx",
    "147258369",
    "1q2w3e4r",
    "1qaz2wsx",
    "789456123",
    "987654321",
    "abcd1234",
    "abcdefghij",
    "administrator",
    "adminadmin",
    "asdfasdf",
    "asdfghjkl",
    "baseball",
    "basketball",
    "bitteaendern",
    "changeme",
    "charlie",
    "computer",
    "correcthorsebatterystaple",
    "football",
    "geheim",
    "iloveyou",
    "letmein",
    "liverpool",
    "michelle",
    "mypassword",
    "p@ssw0rd",
    "p@ssword",
    "pa$$word",
    "passw0rd",
    "passwort",
    "password",
    "postgres",
    "posthaste",
    "princess",
    "q1w2e3r4",
    "qazwsxedc",
    "qwer1234",
    "qwertyuiop",
    "qwerty",
    "qwertz",
    "samantha",
    "secret",
    "starwars",
    "sunshine",
    "superman",
    "testtest",
    "trustno1",
    "unknown",
    "welcome",
    "whatever",
    "zaq12wsx",
    "zxcvbnm",
];

fn is_common(plain: &str) -> bool {
    COMMON.iter().any(|common| is_little_more_than(plain, common))
        || repeats(plain)
        || climbs(plain)
}

/// Whether the text is this, with up to five more characters before or behind it, or this twice.
fn is_little_more_than(text: &str, core: &str) -> bool {
    let is_short = |rest: &str| rest.chars().count() <= 5 || rest == core;
    text.strip_prefix(core).is_some_and(is_short) || text.strip_suffix(core).is_some_and(is_short)
}

/// Whether the text is one to four characters, over and over.
fn repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=4).any(|period| characters.iter().zip(&characters[period..]).all(|(a, b)| a == b))
}

/// Whether each character follows on the one before, or each precedes it.
fn climbs(text: &str) -> bool {
    let steps = |by: i64| {
        let codes = text.chars().map(|c| i64::from(u32::from(c)));
        codes.clone().zip(codes.skip(1)).all(|(one, next)| next - one == by)
    };
    steps(1) || steps(-1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(text: &str) -> Result<(), InvalidPassword> {
        Password::choose(text.into(), "ada.lovelace@example.com").map(drop)
    }

    #[test]
    fn length_is_what_counts() {
        for good in ["horse staple", "ein ganz anderes", "пароль не простой", "zebra-9-cloud"]
        {
            assert_eq!(choose(good), Ok(()), "{good}");
        }
        assert_eq!(choose("nine char"), Err(InvalidPassword::Length));
        let long = "word and ".repeat(28) + "1234";
        assert_eq!(choose(&long), Ok(()));
        assert_eq!(choose(&(long + "5")), Err(InvalidPassword::Length));
        assert_eq!(choose(&"ä".repeat(1 << 20)), Err(InvalidPassword::Length));
    }

    #[test]
    fn what_everybody_tries_is_refused() {
        for common in [
            "password123",
            "Password2026!",
            "1234567890",
            "qwertyuiop",
            "letmeinletmein",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcdefghijklm",
            "0987654321",
            "posthaste1",
            "!!!!welcome",
        ] {
            assert_eq!(choose(common), Err(InvalidPassword::Common), "{common}");
        }
    }

    #[test]
    fn the_own_address_is_refused_and_longer_ones_around_it_are_not() {
        for own in ["ada.lovelace", "Ada.Lovelace@example.com", "ada.lovelace2026", "example.com1"]
        {
            assert_eq!(choose(own), Err(InvalidPassword::Own), "{own}");
        }
        assert_eq!(choose("ada.lovelace wrote the first program"), Ok(()));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_check_panic(text in "(?s).{0,300}", address in "(?s).{0,40}") {
            let _ = Password::choose(text.as_str().into(), &address);
        }
    }
}
