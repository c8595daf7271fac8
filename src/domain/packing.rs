//! A mail's content as it is stored: LZ4 over a JSON description with the attachments' bytes behind it.
//!
//! The description is JSON so that a later version can add fields; files are not in it, because base64 would make them
//! a third larger.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::attachment::Attachment;
use super::mail::Content;

/// The stored bytes are not what [`pack`] makes.
#[derive(Debug, thiserror::Error)]
#[error("stored mail content cannot be read: {0}")]
pub struct Unreadable(String);

/// What many mails have in common, stored once: none of it is in their own contents.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SharedContent {
    html: Option<String>,
    text: Option<String>,
    attachments: Vec<Attachment>,
}

impl SharedContent {
    /// The files of a content, and its bodies if they are the same in all mails.
    pub fn of(content: &Content, with_bodies: bool) -> Self {
        let (html, text) =
            if with_bodies { (content.html.clone(), content.text.clone()) } else { (None, None) };
        Self { html, text, attachments: content.attachments.clone() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.html.is_none() && self.text.is_none() && self.attachments.is_empty()
    }

    /// Packs it.
    pub fn pack(&self) -> Vec<u8> {
        pack_with_files(self, &self.attachments)
    }
}

/// Packs a content.
pub fn pack(content: &Content) -> Vec<u8> {
    pack_with_files(content, &content.attachments)
}

/// Packs what a content has of its own beside a [`SharedContent`].
pub fn pack_own(content: &Content, bodies_are_shared: bool) -> Vec<u8> {
    let mut own = Content { attachments: Vec::new(), ..content.clone() };
    if bodies_are_shared {
        (own.html, own.text) = (None, None);
    }
    pack(&own)
}

/// Unpacks a content, with what it shares with others, if it does.
pub fn unpack(packed: &[u8], shared: Option<&[u8]>) -> Result<Content, Unreadable> {
    let mut content: Content =
        unpack_with_files(packed, |content: &mut Content| &mut content.attachments)?;
    let Some(shared) = shared else { return Ok(content) };
    let shared: SharedContent =
        unpack_with_files(shared, |shared: &mut SharedContent| &mut shared.attachments)?;
    if content.html.is_none() && content.text.is_none() {
        (content.html, content.text) = (shared.html, shared.text);
    }
    content.attachments = shared.attachments;
    Ok(content)
}

fn pack_with_files(description: &impl Serialize, files: &[Attachment]) -> Vec<u8> {
    let description =
        serde_json::to_vec(description).expect("a content has nothing that JSON cannot say");
    let length = u32::try_from(description.len()).expect("bodies are far below 4 GiB");
    let bytes: usize = files.iter().map(|file| file.content().len()).sum();

    let mut plain = Vec::with_capacity(4 + description.len() + bytes);
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(&description);
    for file in files {
        plain.extend_from_slice(file.content());
    }
    pack_bytes(&plain)
}

fn unpack_with_files<T: DeserializeOwned>(
    packed: &[u8],
    attachments: impl Fn(&mut T) -> &mut Vec<Attachment>,
) -> Result<T, Unreadable> {
    let plain = unpack_bytes(packed)?;
    let cut_short = || Unreadable("it is cut short".into());
    let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(cut_short)?;
    let (description, mut files) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut_short)?;
    let mut described: T =
        serde_json::from_slice(description).map_err(|error| Unreadable(error.to_string()))?;
    for file in attachments(&mut described) {
        let (bytes, rest) = files.split_at_checked(file.content_length()).ok_or_else(cut_short)?;
        file.set_content(bytes.to_vec());
        files = rest;
    }
    Ok(described)
}

/// Packs bytes of any kind.
pub fn pack_bytes(plain: &[u8]) -> Vec<u8> {
    lz4_flex::compress_prepend_size(plain)
}

/// How many bytes there are before packing; a small mail may be a large one that packs well.
pub fn unpacked_length(packed: &[u8]) -> usize {
    packed.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize)
}

/// Unpacks bytes of any kind.
pub fn unpack_bytes(packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    lz4_flex::decompress_size_prepended(packed).map_err(|error| Unreadable(error.to_string()))
}
