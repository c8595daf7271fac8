//! Files as they come over the wire: read no further than what a mail may have, and each decoded where it stands.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use utoipa::ToSchema;

use crate::domain::attachment::{self, Attachment, InvalidBase64};
use crate::domain::violations::Violations;

/// A file.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentBody {
    /// What the recipient sees; `filename` is read as well.
    #[serde(alias = "filename")]
    file_name: Option<String>,
    /// The bytes, in base64.
    #[schema(value_type = Option<String>)]
    content: Option<EncodedBytes>,
    /// Guessed from the file name where it is absent.
    content_type: Option<String>,
    /// What it is, in words.
    description: Option<String>,
    #[schema(ignore)]
    file_url: Option<IgnoredAny>,
}

impl AttachmentBody {
    /// A file with a name, its bytes, and what kind of file it is.
    pub(in crate::http) fn of(
        file_name: Option<String>,
        content: Option<EncodedBytes>,
        content_type: Option<String>,
    ) -> Self {
        Self { file_name, content, content_type, ..Self::default() }
    }
}

/// The bytes of a file, and how long their base64 was. What is too long for any mail is not decoded.
pub(in crate::http) struct EncodedBytes {
    bytes: Result<Vec<u8>, InvalidBase64>,
    encoded: usize,
}

impl EncodedBytes {
    /// Bytes that were written otherwise than in base64; they count as if they had been.
    pub(in crate::http) fn of_bytes(bytes: Vec<u8>) -> Self {
        let encoded = bytes.len().div_ceil(3) * 4;
        Self { bytes: Ok(bytes), encoded }
    }

    /// Base64.
    pub(in crate::http) fn of_base64(text: &str) -> Self {
        let fits = text.len() <= attachment::MAX_ENCODED_BYTES;
        let bytes = if fits { attachment::decode_base64(text) } else { Ok(Vec::new()) };
        Self { bytes, encoded: text.len() }
    }
}

impl fmt::Debug for EncodedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedBytes({})", self.encoded)
    }
}

impl<'de> Deserialize<'de> for EncodedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(EncodedBytesVisitor)
    }
}

struct EncodedBytesVisitor;

impl Visitor<'_> for EncodedBytesVisitor {
    type Value = EncodedBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file in base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EncodedBytes, E> {
        Ok(EncodedBytes::of_base64(text))
    }
}

/// The files of a mail, up to the first that is too many or too much.
#[derive(Debug, Default)]
pub(in crate::http) struct Files {
    bodies: Vec<AttachmentBody>,
    excess: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_files::<AttachmentBody, D>(deserializer)
    }
}

/// A file as some dialect writes it.
pub(in crate::http) trait Piece: DeserializeOwned + Into<AttachmentBody> {}

impl<P: DeserializeOwned + Into<AttachmentBody>> Piece for P {}

/// Reads files that are written as `P`; null is none.
pub(in crate::http) fn read_files<'de, P: Piece, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Files, D::Error> {
    deserializer.deserialize_any(FilesVisitor(PhantomData::<P>))
}

struct FilesVisitor<P>(PhantomData<P>);

impl<'de, P: Piece> Visitor<'de> for FilesVisitor<P> {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Files, E> {
        Ok(Files::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Files, A::Error> {
        let mut bodies: Vec<AttachmentBody> = Vec::new();
        let mut encoded = 0;
        while bodies.len() < attachment::MAX_ATTACHMENTS {
            let Some(piece) = items.next_element::<P>()? else {
                return Ok(Files { bodies, excess: None });
            };
            let body: AttachmentBody = piece.into();
            encoded += body.content.as_ref().map_or(0, |content| content.encoded);
            bodies.push(body);
            if encoded > attachment::MAX_ENCODED_BYTES {
                return passed_over(items, "must have at most 40 MB together in base64");
            }
        }
        if items.next_element::<IgnoredAny>()?.is_none() {
            return Ok(Files { bodies, excess: None });
        }
        passed_over(items, "at most 20 files may be attached")
    }
}

fn passed_over<'de, A: SeqAccess<'de>>(
    mut items: A,
    excess: &'static str,
) -> Result<Files, A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(Files { bodies: Vec::new(), excess: Some(excess) })
}

/// The files, each of them checked.
pub(in crate::http) fn attachments(files: Files, violations: &mut Violations) -> Vec<Attachment> {
    let Files { bodies, excess } = files;
    if let Some(excess) = excess {
        violations.add("attachments", excess);
    }
    let mut read = Vec::with_capacity(bodies.len());
    for (place, body) in bodies.into_iter().enumerate() {
        let path = format!("attachments[{place}]");
        read.extend(attachment(&path, body, violations));
    }
    read
}

fn attachment(path: &str, body: AttachmentBody, violations: &mut Violations) -> Option<Attachment> {
    if body.file_url.is_some() {
        violations.add(
            format!("{path}.fileUrl"),
            "is not supported by this version yet; send `content` in base64",
        );
        return None;
    }
    let (Some(file_name), Some(content)) = (body.file_name, body.content) else {
        violations.add(path, "must have a fileName and a content in base64");
        return None;
    };
    let name = violations.check(format!("{path}.fileName"), attachment::FileName::parse(file_name));
    let kind = body.content_type.filter(|kind| !kind.trim().is_empty());
    let kind = kind.map(|kind| {
        violations.check(format!("{path}.contentType"), attachment::ContentType::parse(&kind))
    });
    let content = violations.check(format!("{path}.content"), content.bytes);
    let described = body.description.map(|text| {
        violations.check(format!("{path}.description"), attachment::Description::parse(text))
    });
    if kind == Some(None) || described.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    Some(Attachment::new(name?, kind.flatten(), described.flatten(), content?))
}
