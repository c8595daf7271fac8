//! From a stored mail to a message on the wire.

pub mod transport;
