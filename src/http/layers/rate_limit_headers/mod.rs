//! Tells a caller how its key stands, so that it can slow down before it is refused.
//!
//! The fields are those of `draft-ietf-httpapi-ratelimit-headers` (revision 11, May 2026) and the older `X-RateLimit-…` family
//! that most clients read.

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::service::rate_limit::{Decision, WindowState};

const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the fields for a decision that was made at `now_unix`, the time since the Unix epoch.
///
/// `X-RateLimit-…` shows the window with the fewest requests left, so that as many as it says can be sent at once;
/// of two with the same, the one that resets later. Times are rounded up. On a refusal an exhausted window resets when
/// `Retry-After` says, as the draft wants it of servers that send both, and otherwise when all of it is there again.
pub fn insert(headers: &mut HeaderMap, decision: &Decision, now_unix: Duration) {
    let Decision { allowed: _, second, minute, retry_after } = *decision;
    let resets_in = |window: WindowState| match retry_after {
        Some(retry_after) if window.remaining == 0 => retry_after,
        _ => window.resets_in,
    };

    let nearest = if (second.remaining, minute.resets_in) < (minute.remaining, second.resets_in) {
        second
    } else {
        minute
    };
    headers.insert(X_LIMIT, nearest.limit.get().into());
    headers.insert(X_REMAINING, nearest.remaining.into());
    headers.insert(X_RESET, whole_seconds(now_unix + resets_in(nearest)).into());

    let policy = format!(r#""second";q={};w=1, "minute";q={};w=60"#, second.limit, minute.limit);
    let state = format!(
        r#""second";r={};t={}, "minute";r={};t={}"#,
        second.remaining,
        whole_seconds(resets_in(second)),
        minute.remaining,
        whole_seconds(resets_in(minute)),
    );
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    if let Some(retry_after) = retry_after {
        headers.insert(RETRY_AFTER, retry_after_seconds(retry_after).into());
    }
}

/// A wait as `Retry-After` and `retryAfter` give it: whole seconds, rounded up, and at least one (RFC 9110, section
/// 10.2.3).
pub fn retry_after_seconds(wait: Duration) -> u64 {
    whole_seconds(wait).max(1)
}

/// Rounded up: a client that waits so long has waited long enough.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
