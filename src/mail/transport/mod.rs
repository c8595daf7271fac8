//! Hands finished messages to the relay over SMTP (RFC 5321), through connections that we keep.
//!
//! Read in this order: [`relay`] is where mail goes, [`limits`] how long and how much, [`smtp`] one delivery from
//! beginning to end, `pool` the connections, `opening` how one is made, `transaction` how one mail is said on it,
//! `verdict` what the relay's answers mean. [`circuit`] keeps a relay that is down from burning attempts.
//!
//! The conversation is our own and not lettre's: only who writes the bytes knows whether the end of a message can
//! have left, which is the difference between trying again and sending twice, and only so can commands share a round
//! trip (RFC 2920).

mod body;
pub mod circuit;
mod conversation;
mod features;
pub mod limits;
mod opening;
mod pool;
pub mod relay;
mod reply;
pub mod smtp;
mod stream;
mod tls;
mod transaction;
mod verdict;

pub use circuit::Circuit;
pub use limits::{Limits, Timeouts};
pub use opening::OpenError;
pub use relay::{InvalidRelay, Relay, Tls};
pub use smtp::{Ready, Settings, SetupError, SmtpTransport, Turn};
pub use tls::TlsSetupError;

pub(super) use reply::is_unprintable;
