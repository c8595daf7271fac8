//! Files that travel with a mail.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::content_id::ContentId;
use super::one_line::is_one_line;

pub use super::file_name::{FileName, InvalidFileName};

/// The most files that one mail may have.
pub const MAX_ATTACHMENTS: usize = 20;

/// The most that all files of one mail may come to, in bytes of base64, as they are in the request: 40 MiB. The contract
/// says "40 MB after encoding" and leaves open which million it means; this is the larger.
pub const MAX_ENCODED_BYTES: usize = 40 * 1024 * 1024;

/// A file that travels with a mail. Its bytes are stored beside the description of the mail, not inside it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    file_name: FileName,
    content_type: ContentType,
    description: Option<Description>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_id: Option<ContentId>,
    #[serde(default, skip_serializing_if = "is_default")]
    disposition: Disposition,
    content_length: usize,
    /// Shared, because many mails may have the same file.
    #[serde(skip)]
    content: Arc<Vec<u8>>,
}

impl Attachment {
    /// A file. Without a content type, one is guessed from the name.
    pub fn new(
        file_name: FileName,
        content_type: Option<ContentType>,
        description: Option<Description>,
        content: Vec<u8>,
    ) -> Self {
        let content_type = content_type.unwrap_or_else(|| ContentType::guess(&file_name));
        let content_length = content.len();
        Self {
            file_name,
            content_type,
            description,
            content_id: None,
            disposition: Disposition::Attachment,
            content_length,
            content: Arc::new(content),
        }
    }

    /// The same file, which the HTML may call by this name, and shown where `disposition` says.
    #[must_use]
    pub fn shown(self, content_id: Option<ContentId>, disposition: Disposition) -> Self {
        Self { content_id, disposition, ..self }
    }

    /// What the HTML calls it by.
    pub fn content_id(&self) -> Option<&ContentId> {
        self.content_id.as_ref()
    }

    /// Where it is shown.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Whether it is a part of the HTML, and not beside it.
    pub fn is_part_of_html(&self) -> bool {
        self.content_id.is_some() && self.disposition == Disposition::Inline
    }

    /// What the recipient sees.
    pub fn file_name(&self) -> &str {
        self.file_name.as_str()
    }

    /// Such as `application/pdf`.
    pub fn content_type(&self) -> &str {
        &self.content_type.0
    }

    /// What it is, in words.
    pub fn description(&self) -> Option<&str> {
        self.description.as_ref().map(|description| description.0.as_str())
    }

    /// The bytes.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// How many bytes there are, known even before they are loaded.
    pub fn content_length(&self) -> usize {
        self.content_length
    }

    /// Gives it another name; its type stays.
    pub fn set_file_name(&mut self, file_name: FileName) {
        self.file_name = file_name;
    }

    /// Says something else of it, or nothing.
    pub fn set_description(&mut self, description: Option<Description>) {
        self.description = description;
    }

    /// Puts the bytes back that were stored elsewhere.
    pub fn set_content(&mut self, content: Vec<u8>) {
        self.content_length = content.len();
        self.content = Arc::new(content);
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({} bytes)", self.content_length)
    }
}

/// Where a reader shows a file (RFC 2183).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Beside the mail.
    #[default]
    Attachment,
    /// In its place within the mail.
    Inline,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default(disposition: &Disposition) -> bool {
    *disposition == Disposition::default()
}

/// A media type such as `application/pdf` (RFC 6838, section 4.2), in lower case, perhaps with a `charset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentType(String);

/// The text is no media type that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a media type such as application/pdf, and neither multipart/ nor message/")]
pub struct InvalidContentType;

impl ContentType {
    /// Reads a type. Its parameters are left out but for a charset, since a `name` or a `boundary` would contradict
    /// what is written beside it. `multipart/` and `message/` are refused: a reader would take the file apart.
    pub fn parse(text: &str) -> Result<Self, InvalidContentType> {
        let is_token = |part: &str| {
            (1..=127).contains(&part.len())
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        if text.chars().any(char::is_control) {
            return Err(InvalidContentType);
        }
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/').ok_or(InvalidContentType)?;
        if !is_token(kind) || !is_token(subtype) || kind == "multipart" || kind == "message" {
            return Err(InvalidContentType);
        }
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            (name.trim().eq_ignore_ascii_case("charset") && is_token(value))
                .then(|| value.to_owned())
        });
        Ok(Self(charset.map_or(essence.clone(), |charset| format!("{essence}; charset={charset}"))))
    }

    /// What files of this extension mostly are.
    fn guess(name: &FileName) -> Self {
        let extension =
            name.as_str().rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
        let guessed = match extension.as_deref().unwrap_or_default() {
            "pdf" => "application/pdf",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "gif" => "image/gif",
            "webp" => "image/webp",
            "svg" => "image/svg+xml",
            "txt" | "log" => "text/plain; charset=utf-8",
            "csv" => "text/csv; charset=utf-8",
            "html" | "htm" => "text/html; charset=utf-8",
            "json" => "application/json",
            "xml" => "application/xml",
            "ics" => "text/calendar; charset=utf-8",
            "zip" => "application/zip",
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _ => "application/octet-stream",
        };
        Self(guessed.to_owned())
    }
}

/// What a file is, in words: at most 500 characters of one line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(String);

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Description(***)")
    }
}

/// The text is no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most 500 characters, without line breaks or other control characters")]
pub struct InvalidDescription;

impl Description {
    /// The longest description, in characters.
    pub const MAX_CHARACTERS: usize = 500;

    /// Reads a description.
    pub fn parse(text: String) -> Result<Self, InvalidDescription> {
        let fits = text.chars().count() <= Self::MAX_CHARACTERS && is_one_line(&text);
        if fits { Ok(Self(text)) } else { Err(InvalidDescription) }
    }
}

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

    fn name(text: &str) -> FileName {
        FileName::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn content_types_are_read_or_guessed() {
        assert_eq!(
            ContentType::parse("Text/HTML; Charset=\"UTF-8\"; x=y").unwrap().0,
            "text/html; charset=UTF-8"
        );
        for bad in [
            "",
            "pdf",
            "a/b/c",
            "multipart/mixed",
            "message/rfc822",
            "text/html\r\nBcc: x",
            "text/html; x=\r\nBcc: x",
            "text /html",
        ] {
            assert_eq!(ContentType::parse(bad), Err(InvalidContentType), "{bad:?}");
        }
        let guessed = Attachment::new(name("a.PDF"), None, None, vec![1]);
        assert_eq!(guessed.content_type(), "application/pdf");
    }

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

    #[test]
    fn a_stored_file_is_its_description_and_its_bytes() {
        let whole = Attachment::new(name("a.pdf"), None, None, vec![7; 3]);
        let mut read: Attachment =
            serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        assert_eq!((read.content(), read.content_length()), ([].as_slice(), 3));
        read.set_content(vec![7; 3]);
        assert_eq!(read, whole);
        assert!(!format!("{whole:?}").contains("a.pdf"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>()) {
            let _ = (FileName::parse(text.clone()), ContentType::parse(&text), decode_base64(&text));
        }

        #[test]
        fn lettre_reads_every_accepted_type(text in "[a-zA-Z0-9!#$&^_.+-]{1,20}/[a-zA-Z0-9!#$&^_.+-]{1,20}(; ?charset=\"?[a-z0-9_-]{1,9}\"?)?") {
            if let Ok(ContentType(accepted)) = ContentType::parse(&text) {
                prop_assert!(lettre::message::header::ContentType::parse(&accepted).is_ok(), "{}", accepted);
                prop_assert_eq!(&ContentType::parse(&accepted).unwrap().0, &accepted);
            }
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
