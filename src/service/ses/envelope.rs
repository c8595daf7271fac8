//! A request of Amazon SNS, and the proof that it is one.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use rsa::RsaPublicKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use url::Url;
use webpki::EndEntityCert;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// A request, as it came.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "Type")]
    pub kind: Kind,
    pub topic_arn: String,
    pub message: String,
    message_id: String,
    timestamp: String,
    subject: Option<String>,
    token: Option<String>,
    signature: String,
    signature_version: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

impl Envelope {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Where the certificate is, if that is at SNS in the topic's region.
    pub(super) fn certificate_url(&self) -> Option<Url> {
        let is_certificate =
            |url: &Url| Path::new(url.path()).extension().is_some_and(|end| end == "pem");
        self.at_sns(&self.signing_cert_url).filter(is_certificate)
    }

    /// Where the subscription is confirmed, if that is at SNS in the topic's region.
    pub(super) fn confirmation_url(&self) -> Option<Url> {
        self.at_sns(self.subscribe_url.as_deref()?)
    }

    /// Nothing but the host of SNS itself: anybody may have a bucket at another name below amazonaws.com.
    fn at_sns(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let mut arn = self.topic_arn.split(':');
        let (partition, region) = (arn.nth(1)?, arn.nth(1)?);
        let suffix = if partition == "aws-cn" { ".cn" } else { "" };
        let is_region = !region.is_empty()
            && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let host = format!("sns.{region}.amazonaws.com{suffix}");
        let is_there = is_region
            && url.scheme() == "https"
            && url.host_str() == Some(&host)
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        is_there.then_some(url)
    }

    /// What the signature is over: names and values, each on a line.
    fn signed(&self) -> String {
        let mut signed = String::new();
        let mut add = |name: &str, value: Option<&str>| {
            for line in value.map(|value| [name, value]).into_iter().flatten() {
                signed.push_str(line);
                signed.push('\n');
            }
        };
        let is_notification = self.kind == Kind::Notification;
        add("Message", Some(&self.message));
        add("MessageId", Some(&self.message_id));
        if is_notification {
            add("Subject", self.subject.as_deref());
        } else {
            add("SubscribeURL", self.subscribe_url.as_deref());
        }
        add("Timestamp", Some(&self.timestamp));
        if !is_notification {
            add("Token", self.token.as_deref());
        }
        add("TopicArn", Some(&self.topic_arn));
        add(
            "Type",
            Some(match self.kind {
                Kind::Notification => "Notification",
                Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
                Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
            }),
        );
        signed
    }

    /// Whether the owner of the certificate signed it. Version 1 is SHA-1, with which topics begin; nobody has made a
    /// second text for a given digest of it.
    pub(super) fn is_signed_by(&self, certificate: &[u8]) -> bool {
        let algorithm = match self.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let (Some(key), Ok(signature)) =
            (public_key(certificate), BASE64_STANDARD.decode(&self.signature))
        else {
            return false;
        };
        UnparsedPublicKey::new(algorithm, key).verify(self.signed().as_bytes(), &signature).is_ok()
    }
}

/// The RSA key of a certificate in PEM form, as PKCS#1.
fn public_key(pem: &[u8]) -> Option<Vec<u8>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let certificate = EndEntityCert::try_from(&certificate).ok()?;
    let key = RsaPublicKey::from_public_key_der(&certificate.subject_public_key_info()).ok()?;
    Some(key.to_pkcs1_der().ok()?.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
    use ring::rand::SystemRandom;
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use rsa::pkcs8::EncodePrivateKey;
    use serde_json::{Value, json};

    use super::*;

    fn notification() -> Value {
        json!({
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:bounces",
            "Subject": "Amazon SES Email Event Notification",
            "Message": "{}",
            "Timestamp": "2026-11-21T10:00:00.000Z",
            "SignatureVersion": "2",
            "Signature": "",
            "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-01.pem",
        })
    }

    fn read(envelope: &Value) -> Envelope {
        Envelope::read(envelope.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn only_what_the_certificate_signed_is_believed() {
        let secret = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .unwrap()
            .to_pkcs8_der()
            .unwrap();
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&secret.as_bytes().into(), &PKCS_RSA_SHA256)
                .unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap().pem();
        let signer = RsaKeyPair::from_pkcs8(secret.as_bytes()).unwrap();
        let text = "Message\n{}\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nAmazon SES Email Event \
                      Notification\nTimestamp\n2026-11-21T10:00:00.000Z\nTopicArn\narn:aws:sns:eu-central-1:123456789012:\
                      bounces\nType\nNotification\n";
        let mut signature = vec![0; signer.public().modulus_len()];
        signer
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .unwrap();

        let mut envelope = notification();
        envelope["Signature"] = BASE64_STANDARD.encode(&signature).into();
        assert!(read(&envelope).is_signed_by(certificate.as_bytes()));
        assert!(!read(&envelope).is_signed_by(b"no certificate"));
        for (name, value) in [
            ("Message", "{ }"),
            ("SignatureVersion", "1"),
            ("SignatureVersion", "3"),
            ("Type", "SubscriptionConfirmation"),
            ("Signature", "AAAA"),
            ("Signature", "é"),
        ] {
            let mut bent = envelope.clone();
            bent[name] = value.into();
            assert!(!read(&bent).is_signed_by(certificate.as_bytes()), "{name} {value}");
        }
    }

    #[test]
    fn a_certificate_comes_from_nowhere_but_sns() {
        let at = |url: &str| {
            let mut envelope = notification();
            envelope["SigningCertURL"] = url.into();
            read(&envelope).certificate_url().is_some()
        };
        assert!(at("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-01.pem"));
        for other in [
            "http://sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
            "https://evil.s3.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
            "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
            "https://x@sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com/a",
            "file:///etc/passwd.pem",
            "",
        ] {
            assert!(!at(other), "{other}");
        }
    }
}
