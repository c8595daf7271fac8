//! The names of templates, in the form that the upstream API gave them.

use std::fmt;
use std::str::FromStr;

use chrono::Utc;
use uuid::Uuid;

use crate::domain::randomness::random_bytes;

/// The digits in the order of their values, which is also that of their bytes.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What every name begins with.
const PREFIX: &str = "A-";

/// Digits behind the prefix: they hold 119 bits and a little more.
const LENGTH: usize = 20;

/// Random bits below the time: 42 bits of milliseconds and these fill what the digits hold, until the year 2109.
const RANDOM_BITS: u32 = 77;

/// Names a template: `A-` and twenty characters of the base-62 alphabet. Later ones are greater, as with all of our ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(Uuid);

/// The text names no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a template, which is `A-` and 20 letters and digits")]
pub struct InvalidTemplateId;

impl TemplateId {
    /// Draws a new name.
    pub fn generate() -> Self {
        let milliseconds = u128::try_from(Utc::now().timestamp_millis()).unwrap_or_default();
        let random = u128::from_be_bytes(random_bytes()) >> (128 - RANDOM_BITS);
        Self(Uuid::from_u128(milliseconds << RANDOM_BITS | random))
    }

    /// The name as it is stored: the same number in sixteen bytes, with none of the marks of RFC 9562.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for TemplateId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for TemplateId {
    type Err = InvalidTemplateId;

    fn from_str(text: &str) -> Result<Self, InvalidTemplateId> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == LENGTH);
        let value = |digit: u8| DIGITS.iter().position(|known| *known == digit);
        // 62²⁰ is below 2¹²⁸.
        let number = digits
            .ok_or(InvalidTemplateId)?
            .bytes()
            .try_fold(0, |number, digit| Some(number * 62 + u128::try_from(value(digit)?).ok()?));
        number.map(|number| Self(Uuid::from_u128(number))).ok_or(InvalidTemplateId)
    }
}

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_u128();
        let mut digits = [b'0'; LENGTH];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[usize::try_from(rest % 62).unwrap_or_default()];
            rest /= 62;
        }
        f.write_str(PREFIX)?;
        digits.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_the_form_of_the_upstream_api() {
        let id = TemplateId::generate();
        let text = id.to_string();
        assert_eq!((text.len(), &text[..2]), (22, "A-"));
        assert!(text[2..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        assert_eq!(text.parse(), Ok(id));
        assert_ne!(TemplateId::generate(), id);
        for bad in [
            "",
            "A-",
            "A-abc123def456ghi789j",
            "A-abc123def456ghi789j-",
            "B-abc123def456ghi789jk",
            "tmpl_abc",
        ] {
            assert_eq!(bad.parse::<TemplateId>(), Err(InvalidTemplateId), "{bad}");
        }
    }

    #[test]
    fn later_names_come_later_in_order_and_in_text() {
        let earlier = TemplateId(Uuid::from_u128(1 << RANDOM_BITS));
        let later = TemplateId(Uuid::from_u128(2 << RANDOM_BITS));
        assert!(earlier < later && earlier.to_string() < later.to_string());
        assert!(later < TemplateId::generate());
    }

    proptest! {
        #[test]
        fn every_text_that_reads_is_the_text_of_what_was_read(text in "A-[0-9A-Za-z]{20}") {
            prop_assert_eq!(text.parse::<TemplateId>().unwrap().to_string(), text);
        }
    }
}
