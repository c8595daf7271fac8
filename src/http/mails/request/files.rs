//! Files as they come over the wire: read no further than what a mail may have, and each decoded where it stands.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use utoipa::ToSchema;

use crate::domain::attachment::{self, Attachment, Disposition, InvalidBase64};
use crate::domain::content_id::ContentId;
use crate::domain::draft::RemoteFile;
use crate::domain::violations::Violations;
use crate::domain::webhook::endpoint::{EndpointUrl, InvalidEndpointUrl};

/// A file.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentBody {
    /// What the recipient sees; `filename` is read as well.
    #[serde(alias = "filename")]
    file_name: Option<String>,
    /// The bytes, in base64; it or `fileUrl` is required.
    #[schema(value_type = Option<String>)]
    content: Option<EncodedBytes>,
    /// Guessed from the file name where it is absent.
    content_type: Option<String>,
    /// What it is, in words.
    description: Option<String>,
    /// Where to fetch the bytes from, once, before the answer; in place of `content`.
    file_url: Option<String>,
    /// What the HTML shows it by, as `cid:` and this: letters, digits and . _ - + = @.
    content_id: Option<String>,
    /// `attachment` or `inline`, which is the default for files with a `contentId`.
    disposition: Option<String>,
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

    /// The same, shown by the HTML as `cid:` and this.
    #[must_use]
    pub(in crate::http) fn shown_as(self, content_id: Option<String>) -> Self {
        Self { content_id, ..self }
    }

    /// The same, to be fetched.
    #[must_use]
    pub(in crate::http) fn fetched_from(self, file_url: Option<String>) -> Self {
        Self { file_url, ..self }
    }

    /// The same, as an `attachment` or `inline`.
    #[must_use]
    pub(in crate::http) fn disposed(self, disposition: Option<String>) -> Self {
        Self { disposition, ..self }
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

/// The files, each of them checked, and where those are that are still to be fetched.
pub(in crate::http) fn attachments(
    files: Files,
    violations: &mut Violations,
) -> (Vec<Attachment>, Vec<RemoteFile>) {
    let Files { bodies, excess } = files;
    if let Some(excess) = excess {
        violations.add("attachments", excess);
    }
    let mut read: Vec<Attachment> = Vec::with_capacity(bodies.len());
    let mut remote = Vec::new();
    let mut names = HashSet::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let path = format!("attachments[{place}]");
        let Some((file, url)) = attachment(&path, body, violations) else { continue };
        if let Some(id) = file.content_id()
            && !names.insert(id.clone())
        {
            violations.add(format!("{path}.contentId"), "is the name of an earlier file too");
        }
        remote.extend(url.map(|url| RemoteFile { place: read.len(), url }));
        read.push(file);
    }
    (read, remote)
}

fn attachment(
    path: &str,
    body: AttachmentBody,
    violations: &mut Violations,
) -> Option<(Attachment, Option<EndpointUrl>)> {
    let Some(file_name) = body.file_name else {
        violations.add(path, "must have a fileName");
        return None;
    };
    let name = violations.check(format!("{path}.fileName"), attachment::FileName::parse(file_name));
    let kind = body.content_type.filter(|kind| !kind.trim().is_empty());
    let kind = kind.map(|kind| {
        violations.check(format!("{path}.contentType"), attachment::ContentType::parse(&kind))
    });
    let described = body.description.map(|text| {
        violations.check(format!("{path}.description"), attachment::Description::parse(text))
    });
    let id = body.content_id.filter(|id| !id.is_empty());
    let id = id.map(|id| violations.check(format!("{path}.contentId"), ContentId::parse(&id)));
    let disposition = match body.disposition.as_deref() {
        Some("inline") => Disposition::Inline,
        None if id.is_some() => Disposition::Inline,
        Some("attachment") | None => Disposition::Attachment,
        Some(_) => {
            violations.add(format!("{path}.disposition"), "must be `inline` or `attachment`");
            return None;
        }
    };
    let (content, url) = match (body.content, body.file_url) {
        (Some(content), None) => (violations.check(format!("{path}.content"), content.bytes), None),
        (None, Some(url)) => {
            let url = EndpointUrl::parse(&url).map_err(|problem| match problem {
                InvalidEndpointUrl::Credentials => {
                    "must not contain a user name or a password".into()
                }
                other => other.to_string(),
            });
            (Some(Vec::new()), Some(violations.check(format!("{path}.fileUrl"), url)?))
        }
        (None, None) => {
            violations.add(path, "must have a content in base64, or a fileUrl");
            return None;
        }
        (Some(_), Some(_)) => {
            violations.add(path, "must have a content or a fileUrl, and not both");
            return None;
        }
    };
    if kind == Some(None) || described.as_ref().is_some_and(Option::is_none) || id == Some(None) {
        return None;
    }
    let file = Attachment::new(name?, kind.flatten(), described.flatten(), content?);
    Some((file.shown(id.flatten(), disposition), url))
}
