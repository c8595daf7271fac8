//! Loops that lease, act and record.

pub mod delivery;
mod destination;
pub mod dispatch;
pub mod domains;
pub mod housekeeping;
pub mod key_changes;
