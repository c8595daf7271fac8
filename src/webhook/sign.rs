//! The two signatures of a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::hmac_sha256::hmac_sha256;
use crate::domain::webhook::secret::WebhookSecret;

/// The upstream's: 64 hexadecimal digits of HMAC-SHA-256 over the body, under the whole text of the secret. It says
/// nothing of when it was made, so that it cannot tell a request that is sent again by somebody else.
pub fn upstream(secret: &WebhookSecret, body: &[u8]) -> String {
    let digest = hmac_sha256(secret.upstream_key(), &[body]);
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hexadecimal).collect()
}

/// That of Standard Webhooks: `v1,` and the base64 of HMAC-SHA-256 over id, time and body, under what the secret decodes
/// to. `timestamp` is in seconds since 1970.
pub fn standard(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let timestamp = timestamp.to_string();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    Some(format!("v1,{}", STANDARD.encode(hmac_sha256(&secret.standard_key()?, &parts))))
}

fn hexadecimal(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> WebhookSecret {
        WebhookSecret::parse(text.into()).unwrap()
    }

    #[test]
    fn the_signature_of_standard_webhooks_is_that_of_their_specification() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = standard(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_upstream_signature_is_an_hmac_of_the_body_under_the_whole_secret() {
        // printf '{"type":"email.sent"}' | openssl dgst -sha256 -hmac whsec_8f3a1c2d4e5b6a7c8d9e0f1a2b3c4d5e
        let signature = upstream(
            &secret("whsec_8f3a1c2d4e5b6a7c8d9e0f1a2b3c4d5e"),
            br#"{"type":"email.sent"}"#,
        );
        assert_eq!(signature, "8ab0d50b594b8255303476cb02fb84609da033454c2d93168283ccbac3ca4e9b");
    }
}
