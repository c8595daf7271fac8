//! HMAC-SHA-256 (RFC 2104): proves that a message is ours, and makes keys out of `SECRET_KEY`.

use ring::hmac::{Context, HMAC_SHA256, Key};
use secrecy::{ExposeSecret, SecretString};

/// The code of a message, which may come in parts, under a key of any length.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::with_key(&Key::new(HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut code = [0; 32];
    code.copy_from_slice(context.sign().as_ref());
    code
}

/// The key for one purpose, which its label names: who learns it knows neither `SECRET_KEY` nor the key for another.
pub fn derived_key(secret_key: &SecretString, label: &[u8]) -> [u8; 32] {
    hmac_sha256(secret_key.expose_secret().as_bytes(), &[label])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, section 4.3.
    const CODE: [u8; 32] = [
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75,
        0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec,
        0x38, 0x43,
    ];

    #[test]
    fn codes_are_those_of_the_standard_however_the_message_comes() {
        assert_eq!(hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"]), CODE);
        assert_eq!(hmac_sha256(b"Jefe", &[b"what do ya ", b"", b"want for nothing?"]), CODE);
        assert_eq!(derived_key(&"Jefe".into(), b"what do ya want for nothing?"), CODE);
    }
}
