//! What handlers take: permissions as types, and readers whose refusals are in the envelope.

pub mod authorized;
pub mod idempotency;
pub mod json;
pub mod parameters;

pub use authorized::{AccountAuthorized, Authenticated, Authorized, Grant, SignedIn};
pub use idempotency::IdempotencyHeader;
pub use json::Json;
pub use parameters::{Path, Query};
