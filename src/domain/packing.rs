//! A mail's content as it is stored: LZ4 over a JSON description with the attachments' bytes behind it.
//!
//! The description is JSON so that a later version can add fields; files are not in it, because base64 would make them
//! a third larger.

use super::mail::Content;

/// The stored bytes are not what [`pack`] makes.
#[derive(Debug, thiserror::Error)]
#[error("stored mail content cannot be read: {0}")]
pub struct Unreadable(String);

/// Packs a content.
///
/// # Panics
///
/// If the description had 4 GiB; bodies are bounded far below.
pub fn pack(content: &Content) -> Vec<u8> {
    let description =
        serde_json::to_vec(content).expect("a content has nothing that JSON cannot say");
    let length = u32::try_from(description.len()).expect("bodies are far below 4 GiB");
    let files: usize = content.attachments.iter().map(|file| file.content().len()).sum();

    let mut plain = Vec::with_capacity(4 + description.len() + files);
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(&description);
    for file in &content.attachments {
        plain.extend_from_slice(file.content());
    }
    pack_bytes(&plain)
}

/// Unpacks a content.
pub fn unpack(packed: &[u8]) -> Result<Content, Unreadable> {
    let plain = unpack_bytes(packed)?;
    let cut_short = || Unreadable("it is cut short".into());
    let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(cut_short)?;
    let (description, mut files) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut_short)?;
    let mut content: Content =
        serde_json::from_slice(description).map_err(|error| Unreadable(error.to_string()))?;
    for file in &mut content.attachments {
        let (bytes, rest) = files.split_at_checked(file.content_length()).ok_or_else(cut_short)?;
        file.set_content(bytes.to_vec());
        files = rest;
    }
    Ok(content)
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
