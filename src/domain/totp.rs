//! Codes of a second factor that change with time (RFC 6238), and those that stand in for it when it is lost.
//!
//! SHA-1, six digits and thirty seconds: the only choice that every authenticator app knows.

use std::fmt;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::randomness::random_bytes;

/// The alphabet of RFC 4648, section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// How long a code is shown, in seconds.
const STEP: i64 = 30;

/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;

/// What server and app share: 160 bits, as long as the hash (RFC 4226, section 4).
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; 20]);

impl TotpSecret {
    /// Draws a secret from the operating system's randomness.
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// The secret as it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The secret, to be encrypted.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as it is typed: 32 characters.
    pub fn base32(&self) -> String {
        let bits = |index: usize| (self.0[index / 8] >> (7 - index % 8)) & 1;
        (0..32)
            .map(|group| (0..5).fold(0, |value, bit| value << 1 | bits(group * 5 + bit)))
            .map(|value| char::from(BASE32[usize::from(value)]))
            .collect()
    }

    /// What apps read from a picture: `otpauth://totp/…`, for the account of this name at this installation.
    pub fn uri(&self, installation: &str, name: &str) -> String {
        let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let (installation, name) = (escaped(installation), escaped(name));
        let secret = self.base32();
        format!(
            "otpauth://totp/{installation}:{name}?secret={secret}&issuer={installation}&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The code of a time step.
    pub fn code(&self, step: i64) -> String {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let hash = sign(&key, &step.to_be_bytes());
        let hash = hash.as_ref();
        let offset = usize::from(hash[19] & 0xf);
        let number = (0..4).fold(0_u32, |number, at| number << 8 | u32::from(hash[offset + at]))
            & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// The time step that a code belongs to: the present one, or the one before or after it, since clocks differ (RFC
    /// 6238, section 5.2). Spaces in it are no matter.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let now = step_at(now);
        // All three are compared, so that the time taken does not tell which it was.
        [now - 1, now, now + 1].into_iter().fold(None, |found, step| {
            let is_it: bool = self.code(step).as_bytes().ct_eq(code.as_bytes()).into();
            if is_it { Some(step) } else { found }
        })
    }
}

/// The time step of a moment.
pub fn step_at(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(STEP)
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(***)")
    }
}

/// A code that stands in once for a lost second factor: 80 random bits as `xxxx-xxxx-xxxx-xxxx`.
#[derive(Clone)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// Draws a code from the operating system's randomness.
    pub fn generate() -> Self {
        let bytes: [u8; 16] = random_bytes();
        let mut text = String::with_capacity(19);
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % 4 == 0 {
                text.push('-');
            }
            // Five of a byte's bits are as random as all of them.
            let _ =
                write!(text, "{}", char::from(BASE32[usize::from(byte & 31)].to_ascii_lowercase()));
        }
        Self(text)
    }

    /// The code as it is shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the code, which is what is stored, however it was typed; nothing for what cannot be a code.
    pub fn digest_of(typed: &str) -> Option<[u8; 32]> {
        let plain: String = typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(17)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let is_one = plain.len() == 16
            && plain.bytes().all(|byte| BASE32.contains(&byte.to_ascii_uppercase()));
        is_one.then(|| Sha256::digest(plain).into())
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfcs() {
        // RFC 4226, appendix D.
        let counted = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(counted) {
            assert_eq!(known().code(step), code);
        }
        // RFC 6238, appendix B, the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(known().code(step_at(at(seconds))), code);
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_step_late() {
        let now = at(1_234_567_890);
        let step = step_at(now);
        for near in [step - 1, step, step + 1] {
            assert_eq!(known().step_of(&known().code(near), now), Some(near));
        }
        for far in [step - 2, step + 2] {
            assert_eq!(known().step_of(&known().code(far), now), None);
        }
        assert_eq!(known().step_of(" 005 924 ", now), Some(step));
        for wrong in ["", "005925", "0059240", "5924", "٠٠٥٩٢٤"] {
            assert_eq!(known().step_of(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_typed_in_base32() {
        assert_eq!(known().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = known().uri("Posthaste", "ada+x@example.com");
        assert!(
            uri.starts_with("otpauth://totp/Posthaste:ada%2Bx%40example%2Ecom?secret=GEZD"),
            "{uri}"
        );
        assert_eq!(format!("{:?}", known()), "TotpSecret(***)");
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let code = RecoveryCode::generate();
        let digest = RecoveryCode::digest_of(code.reveal()).unwrap();
        let sloppy = code.reveal().replace('-', " ").to_uppercase();
        assert_eq!(RecoveryCode::digest_of(&sloppy), Some(digest));
        assert_eq!(code.reveal().len(), 19);
        for other in ["", "123456", RecoveryCode::generate().reveal(), &"a".repeat(17)] {
            assert_ne!(RecoveryCode::digest_of(other), Some(digest));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic(text in "(?s).{0,40}") {
            prop_assert!(RecoveryCode::digest_of(&text).is_none() || text.len() >= 16);
            let _ = known().step_of(&text, at(0));
        }
    }
}
