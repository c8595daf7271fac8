//! Forgetting a person: which texts name an address, and what stands in its place.

mod content;
mod forgotten;

use chrono::{DateTime, Utc};

pub use self::forgotten::Forgotten;
use super::address::EmailAddress;
use super::id::ErasureId;

/// What stands where an address stood that is no recipient's.
pub const ERASED: &str = "erased";

/// Somebody's wish to be forgotten.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Names it.
    pub id: ErasureId,
    /// Tells the same address, and not which.
    pub digest: String,
    /// Whether the address goes on to get no mail.
    pub keep_suppressions: bool,
    /// Mails that had no other recipient, and are gone.
    pub mails_removed: i64,
    /// Mails to others that do not name the address any more.
    pub mails_changed: i64,
    /// When it was wished.
    pub created_at: DateTime<Utc>,
    /// Since when nothing is left.
    pub completed_at: Option<DateTime<Utc>>,
}

/// The address that stands in place of a recipient's: another one at each place, so that nobody becomes somebody else.
///
/// # Panics
///
/// Never: it is an address.
pub fn nobody(place: i16) -> EmailAddress {
    format!("erased-{place}@erased.invalid").parse().expect("it is an address")
}
