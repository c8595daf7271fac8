//! What handlers take: permissions as types, and readers whose refusals are in the envelope.

pub mod at_most;
pub mod authorized;
pub mod body_room;
pub mod bounded_value;
mod by_name;
pub mod idempotency;
pub mod json;
pub mod message;
pub mod optional_json;
pub mod parameters;
mod wording;

pub use authorized::{AccountAuthorized, Authenticated, Authorized, Grant, Permitted, SignedIn};
pub use idempotency::IdempotencyHeader;
pub use json::Json;
pub use message::{Anything, Message};
pub use optional_json::OptionalJson;
pub use parameters::{Path, Query};
