//! What takes one recipient out of the tables that know of mails: a file for each kind of place that may name one.

pub mod idempotency_keys;
pub mod mails;
pub mod webhook_deliveries;
