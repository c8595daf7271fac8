//! Headers that the author of a mail adds.

use serde::{Deserialize, Serialize};

/// A header of the author's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CustomHeader {
    name: String,
    value: String,
}
