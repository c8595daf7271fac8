//! Files that travel with a mail.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content_id::ContentId;
use super::one_line::is_one_line;

pub use super::base64_text::{InvalidBase64, decode_base64};
pub use super::content_type::{ContentType, InvalidContentType};
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
        self.content_type.as_str()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        FileName::parse(text.to_owned()).unwrap()
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
}
