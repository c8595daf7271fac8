//! What every request passes on its way in, and every answer on its way out.

pub mod authenticate;
pub mod client;
pub mod envelope;
pub mod framing;
pub mod https_only;
pub mod patience;
pub mod rate_limit_headers;
pub mod request;
pub mod session;
pub mod usage;
