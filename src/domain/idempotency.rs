//! Requests that may be repeated without doing their work twice.

/// The `Idempotency-Key` of a request together with a digest of what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's own key.
    pub key: IdempotencyKey,
    /// SHA-256 of the canonical request: the same request again has the same.
    pub request_digest: [u8; 32],
}

/// A caller's name for a request: 1 to 256 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 256 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Reads a key as it came in the header.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=256).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidIdempotencyKey) }
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
