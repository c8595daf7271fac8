//! What the system does: a function per request, a transaction per function.

pub mod audit;
pub mod backoff;
pub mod batch;
pub mod bounces;
pub mod claims;
pub mod clock;
pub mod committer;
pub mod contacts;
pub mod deliveries;
pub mod domains;
mod ending;
pub mod engagements;
pub mod erasing;
pub mod failure_limit;
pub mod handoff;
pub mod hashing;
pub mod health;
pub mod keys;
pub mod mails;
pub mod overview;
pub mod people;
pub mod pepper;
pub mod preferences;
pub mod projects;
mod put_back;
pub mod rate_limit;
pub mod restart;
pub mod retention;
pub mod return_paths;
pub mod room;
pub mod seal;
pub mod senders;
pub mod ses;
pub mod sessions;
pub mod signing;
mod storing;
pub mod suppressions;
pub mod templates;
pub mod usage;
pub mod webhooks;

pub(crate) use self::ending::{
    away, commit, in_time, in_time_for, is_deadlock, is_refusal, try_to_commit, unavailable,
    without_values,
};
