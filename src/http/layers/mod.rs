//! What every request passes through on its way to a handler, and every answer on its way back.

pub mod rate_limit_headers;
