//! From a stored mail to a message on the wire.

pub mod compose;
pub mod dkim;
mod html;
pub mod personal;
pub mod plain_text;
pub mod preheader;
pub mod report;
pub mod template;
mod tracking;
pub mod transport;
