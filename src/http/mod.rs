//! How programs ask for what the system does.

pub mod layers;
