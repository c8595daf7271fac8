//! What we talk about: pure values, with no I/O, no HTTP and no SQL in them.

pub mod address;
pub mod attachment;
pub mod delivery;
pub mod header;
pub mod id;
pub mod mail;
pub mod rate_limit;
pub mod subject;
pub mod violations;
