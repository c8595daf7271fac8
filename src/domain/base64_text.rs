//! Base64 as clients send it.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Why a text is not read as base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBase64 {
    /// A whole `data:` URL, as browsers make them.
    #[error("must be the base64 alone, without \"data:...;base64,\" before it")]
    DataUrl,
    /// The alphabet of RFC 4648, section 5.
    #[error(
        "is in the base64 of URLs; send the standard alphabet, with + and / (RFC 4648, section 4)"
    )]
    UrlAlphabet,
    /// Anything else.
    #[error("is not valid base64 (RFC 4648, section 4)")]
    Malformed,
}

/// Reads base64 of the standard alphabet, with padding or without, perhaps broken into lines.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, InvalidBase64> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let is_break = |byte: u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t');
    let decoded = if text.bytes().any(is_break) {
        let mut joined = Vec::with_capacity(text.len());
        joined.extend(text.bytes().filter(|byte| !is_break(*byte)));
        LENIENT.decode(joined)
    } else {
        LENIENT.decode(text)
    };
    decoded.map_err(|_| {
        if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) {
            InvalidBase64::DataUrl
        } else if text.contains(['-', '_']) && !text.contains(['+', '/']) {
            InvalidBase64::UrlAlphabet
        } else {
            InvalidBase64::Malformed
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_read_in_the_forms_that_clients_send() {
        for text in ["aGk=", "aGk", "aG\r\nk=\n"] {
            assert_eq!(decode_base64(text).unwrap(), b"hi");
        }
        assert_eq!(decode_base64("").unwrap(), b"");
        for (bad, why) in [
            ("a", InvalidBase64::Malformed),
            ("aGk=aGk=", InvalidBase64::Malformed),
            ("aG==k", InvalidBase64::Malformed),
            ("äöü", InvalidBase64::Malformed),
            ("aG-_", InvalidBase64::UrlAlphabet),
            ("data:text/plain;base64,aGk=", InvalidBase64::DataUrl),
        ] {
            assert_eq!(decode_base64(bad), Err(why), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = decode_base64(&text);
        }

        #[test]
        fn base64_gives_back_every_file(bytes in prop::collection::vec(any::<u8>(), 0..200), width in 1_usize..80) {
            let encoded = base64::prelude::BASE64_STANDARD.encode(&bytes);
            prop_assert_eq!(&decode_base64(encoded.trim_end_matches('=')).unwrap(), &bytes);
            let lines: Vec<&str> = encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            prop_assert_eq!(&decode_base64(&lines.join("\r\n")).unwrap(), &bytes);
        }
    }
}
