//! What we talk about: pure values, with no I/O, no HTTP and no SQL in them.

pub mod address;
pub mod api_key;
pub mod attachment;
pub mod audit;
pub mod caller;
pub mod delivery;
pub mod draft;
pub mod file_name;
pub mod header;
pub mod id;
pub mod idempotency;
pub mod mail;
pub mod mailbox;
mod one_line;
pub mod packing;
pub mod permission;
pub mod project;
pub mod rate_limit;
pub mod record;
pub mod rehearsal;
pub mod retry;
pub mod subject;
pub mod usage;
pub mod violations;
