//! What takes one recipient out of the tables that know of mails: a file for each kind of place that may name one.

mod idempotency_keys;
mod mails;
mod webhook_deliveries;

pub use self::idempotency_keys::{Remembered, answers, rewrite_answers};
pub use self::mails::{
    Described, Rewritten, mails_after, remove_mail, rewrite_last_replies, rewrite_links,
    rewrite_mail, rewrite_replies,
};
pub use self::webhook_deliveries::{
    Parts, Told, end_of_tellings, remove_tellings, rewrite_tellings, tellings,
};
