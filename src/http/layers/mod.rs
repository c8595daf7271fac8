//! What every request passes on its way in, and every answer on its way out.

pub mod https_only;
pub mod rate_limit_headers;
