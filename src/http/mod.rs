//! From HTTP to the domain and back.

pub mod client_address;
pub mod layers;
pub mod listener;
