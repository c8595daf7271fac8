//! What the system does: a function per request, a transaction per function.

pub mod failure_limit;
pub mod rate_limit;
