//! From something that happened to a signed request.

pub mod payload;
pub mod request;
pub mod sign;

mod resend;
