use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::ExposeSecret;

use super::*;

const MESSAGE: &str = "From: A <a@example.com>\r\nTo: b@example.org\r\nSubject: Long\r\n  folded  \r\nX-Own: 1\r\n\
                       List-Unsubscribe: <https://example.com/u>\r\n\r\nHello  there \r\n\r\n\r\n";

fn canonical_body(body: &str) -> String {
    // The hash of a text that is canonical already is the hash of the text.
    BASE64_STANDARD.encode(canonical::body_hash(body.as_bytes()))
}

fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(sha256(text.as_bytes()))
}

fn keys(new: &NewKeys) -> SigningKeys {
    SigningKeys::read(
        "example.com",
        ("r".into(), new.rsa_private.expose_secret()),
        ("e".into(), new.ed25519_private.expose_secret()),
    )
    .unwrap()
}

#[test]
fn bodies_are_relaxed_as_the_standard_shows() {
    // RFC 6376, section 3.4.5, and the empty body of section 3.4.4.
    assert_eq!(canonical_body(" C \r\nD \t E\r\n\r\n\r\n"), hash(" C\r\nD E\r\n"));
    assert_eq!(canonical_body(""), hash(""));
    assert_eq!(canonical_body("\r\n\r\n"), hash(""));
    assert_eq!(canonical_body(" \t\r\n"), hash(""));
    assert_eq!(canonical_body("a\r\n\r\n\r\nb\r\n"), hash("a\r\n\r\n\r\nb\r\n"));
    assert_eq!(canonical_body("no end"), hash("no end\r\n"));
    // RFC 8463, appendix A.
    let body = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    assert_eq!(canonical_body(body), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
}

#[test]
fn fields_are_relaxed_as_the_standard_shows() {
    let header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
    let mut out = Vec::new();
    for field in canonical::fields(header) {
        canonical::write_field(&mut out, field);
    }
    assert_eq!(String::from_utf8(out).unwrap(), "a:X\r\nb:Y Z\r\n");
}

#[test]
fn the_signed_fields_are_chosen_and_none_can_be_added() {
    let header = MESSAGE.split_once("\r\n\r\n").unwrap().0.to_owned() + "\r\n";
    let fields: Vec<&[u8]> = canonical::fields(header.as_bytes()).collect();
    let (names, signed) = chosen(&fields);
    let names = names.join(":");
    assert!(names.starts_with("From:From:Reply-To:To:To:Cc:Subject:Subject:"), "{names}");
    assert!(names.ends_with("Content-Type:List-Unsubscribe"), "{names}");
    assert_eq!(
        String::from_utf8(signed).unwrap(),
        "from:A <a@example.com>\r\nto:b@example.org\r\nsubject:Long folded\r\n\
         list-unsubscribe:<https://example.com/u>\r\n"
    );
}

#[test]
fn both_signatures_stand_in_front_verify_and_are_always_the_same() {
    let new = NewKeys::generate().unwrap();
    let keys = keys(&new);
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let signed = sign(MESSAGE.into(), &keys, at).unwrap();
    assert_eq!(sign(MESSAGE.into(), &keys, at).unwrap(), signed);

    let text = String::from_utf8(signed).unwrap();
    assert!(text.ends_with(MESSAGE));
    let signatures = text.strip_suffix(MESSAGE).unwrap();
    assert!(signatures.lines().all(|line| line.len() <= 78), "{signatures}");
    let fields: Vec<&[u8]> = canonical::fields(signatures.as_bytes()).collect();
    assert_eq!(fields.len(), 2);

    let own: Vec<&[u8]> =
        canonical::fields(MESSAGE.split_once("\r\n\r\n").unwrap().0.as_bytes()).collect();
    for (field, algorithm, selector) in
        [(fields[0], "a=rsa-sha256;", " s=r;"), (fields[1], "a=ed25519-sha256;", " s=e;")]
    {
        let field = std::str::from_utf8(field).unwrap();
        assert!(field.contains(algorithm) && field.contains(selector), "{field}");
        assert!(field.contains("d=example.com;") && field.contains("t=1700000000;"), "{field}");
        let (unfinished, value) = field.rsplit_once(" b=").unwrap();
        let mut input = chosen(&own).1;
        canonical::write_field(&mut input, format!("{unfinished} b=").as_bytes());
        input.truncate(input.len() - 2);
        let value: String = value.split_whitespace().collect();
        let value = BASE64_STANDARD.decode(value).unwrap();
        if selector == " s=r;" {
            let spki = BASE64_STANDARD.decode(&new.rsa_public).unwrap();
            // What stands in front of the PKCS#1 key in a `SubjectPublicKeyInfo` of this size.
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki[24..]);
            key.verify(&input, &value).unwrap();
        } else {
            let key = BASE64_STANDARD.decode(&new.ed25519_public).unwrap();
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(sha256(&input).as_ref(), &value).unwrap();
        }
    }
}

#[test]
fn what_has_no_header_is_not_signed() {
    let keys = keys(&NewKeys::generate().unwrap());
    assert_eq!(sign(b"From: a@example.com\r\n".to_vec(), &keys, Utc::now()), Err(Unsigned));
    assert!(
        SigningKeys::read("example.com", ("r".into(), b"no key"), ("e".into(), &[0; 32])).is_err()
    );
}
