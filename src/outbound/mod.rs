//! Requests to servers that strangers name: what a webhook is told, and files that are fetched for a mail.
//!
//! Whoever may name a URL could otherwise use this machine to reach what only it can reach. So every address is judged
//! where it is connected to, and not only where its name is read.

pub mod client;
pub mod guard;

mod connect;
mod room;

pub use self::client::{Answer, Client, Download, Limits, SetupError};
pub use self::connect::ConnectError;
pub use self::guard::Guard;
pub use self::room::Room;
