//! Files that travel with a mail.

use serde::{Deserialize, Serialize};

/// A file that travels with a mail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attachment {
    file_name: String,
    #[serde(skip)]
    content: Vec<u8>,
}
