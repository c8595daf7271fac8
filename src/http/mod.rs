//! From HTTP to the domain and back.

pub mod layers;
