//! Tells a client how fast it may go, before it goes too fast.
//!
//! Two families say the same. `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) name both
//! windows. `X-RateLimit-Limit`, `-Remaining` and `-Reset` have room for one: the one in which fewest requests are
//! left, and among equals the one that resets later. Fewest in number and not in proportion, because a client told
//! "20 of 50 remain" while one of two remains in this second would run into a refusal.
//!
//! A client that sends no more than what remains, and when nothing remains waits for the reset before it sends one
//! request and reads on, is never refused. All times are rounded up to whole seconds for that.

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue};

use crate::domain::rate_limit::{Decision, WindowState};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The headers of an answer to a request about which this was decided; `Retry-After` (RFC 9110, section 10.2.3) is
/// among them if it was refused.
///
/// `now` counts from the Unix epoch, and not in whole seconds: a reset computed from a rounded time would lie before
/// the real one.
pub fn headers(
    decision: &Decision,
    now: Duration,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let Decision { allowed: _, second, minute, retry_after } = decision;
    let nearest = nearest_to_exhaustion(second, minute);

    let retry_after = retry_after.map(|wait| (RETRY_AFTER, whole_seconds(wait).into()));
    [
        (LIMIT, nearest.limit.into()),
        (REMAINING, nearest.remaining.into()),
        (RESET, round_up(now + nearest.resets_in).into()),
        (
            POLICY,
            text(format!(r#""second";q={};w=1, "minute";q={};w=60"#, second.limit, minute.limit)),
        ),
        (
            STATE,
            text(format!(r#""second";{}, "minute";{}"#, parameters(second), parameters(minute))),
        ),
    ]
    .into_iter()
    .chain(retry_after)
}

/// How long a refused client is told to wait, in `Retry-After` and in `retryAfter`: in whole seconds, rounded up, at
/// least one.
pub fn whole_seconds(wait: Duration) -> u64 {
    round_up(wait).max(1)
}

fn nearest_to_exhaustion<'a>(second: &'a WindowState, minute: &'a WindowState) -> &'a WindowState {
    let second_is_nearer = second.remaining < minute.remaining
        || (second.remaining == minute.remaining && second.resets_in > minute.resets_in);
    if second_is_nearer { second } else { minute }
}

fn parameters(window: &WindowState) -> String {
    format!("r={};t={}", window.remaining, round_up(window.resets_in))
}

fn round_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("names and numbers are printable ASCII")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::rate_limit::{AdmissionLog, RateLimit};

    /// An arbitrary moment, well off the whole second.
    const EPOCH: Duration = Duration::from_millis(1_763_700_000_417);

    fn window(limit: u32, remaining: u32, milliseconds: u64) -> WindowState {
        WindowState { limit, remaining, resets_in: Duration::from_millis(milliseconds) }
    }

    fn rendered(decision: &Decision) -> Vec<String> {
        headers(decision, EPOCH)
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect()
    }

    #[test]
    fn an_admitted_request_learns_where_it_stands() {
        let decision = Decision {
            allowed: true,
            second: window(2, 1, 1000),
            minute: window(50, 49, 30_001),
            retry_after: None,
        };
        assert_eq!(
            rendered(&decision),
            [
                "x-ratelimit-limit: 2",
                "x-ratelimit-remaining: 1",
                "x-ratelimit-reset: 1763700002",
                r#"ratelimit-policy: "second";q=2;w=1, "minute";q=50;w=60"#,
                r#"ratelimit: "second";r=1;t=1, "minute";r=49;t=31"#,
            ]
        );
    }

    #[test]
    fn a_refused_request_learns_when_to_come_back() {
        let decision = Decision {
            allowed: false,
            second: window(2, 0, 3),
            minute: window(50, 0, 2),
            retry_after: Some(Duration::from_millis(3)),
        };
        assert_eq!(
            rendered(&decision),
            [
                "x-ratelimit-limit: 2",
                "x-ratelimit-remaining: 0",
                "x-ratelimit-reset: 1763700001",
                r#"ratelimit-policy: "second";q=2;w=1, "minute";q=50;w=60"#,
                r#"ratelimit: "second";r=0;t=1, "minute";r=0;t=1"#,
                "retry-after: 1",
            ]
        );
    }

    #[test]
    fn the_scarcest_window_is_shown() {
        let shown = |second, minute| nearest_to_exhaustion(&second, &minute).limit;
        assert_eq!(shown(window(2, 1, 900), window(50, 20, 5000)), 2);
        assert_eq!(shown(window(2, 1, 900), window(50, 0, 5000)), 50);
        assert_eq!(shown(window(2, 0, 900), window(50, 0, 5000)), 50);
        assert_eq!(shown(window(2, 0, 900), window(50, 0, 500)), 2);
    }

    /// What a client may do next, as far as it can tell from an answer.
    struct Advice {
        at_once: u64,
        else_at: Duration,
    }

    fn number(headers: &HeaderMap, name: &str) -> u64 {
        headers[name].to_str().expect("it is ASCII").parse().expect("it is a number")
    }

    /// Reads nothing but `X-RateLimit-*`.
    fn by_the_old_headers(headers: &HeaderMap, _now: Duration) -> Advice {
        Advice {
            at_once: number(headers, "x-ratelimit-remaining"),
            else_at: Duration::from_secs(number(headers, "x-ratelimit-reset")),
        }
    }

    /// Reads nothing but `RateLimit`.
    fn by_the_draft(headers: &HeaderMap, now: Duration) -> Advice {
        let field = |item: &str, name: &str| -> u64 {
            item.split(';')
                .find_map(|parameter| parameter.strip_prefix(name))
                .and_then(|value| value.parse().ok())
                .expect("each window has this parameter")
        };
        let windows: Vec<(u64, u64)> = headers["ratelimit"]
            .to_str()
            .expect("it is ASCII")
            .split(", ")
            .map(|item| (field(item, "r="), field(item, "t=")))
            .collect();
        let exhausted = windows.iter().filter(|(remaining, _)| *remaining == 0);
        Advice {
            at_once: windows.iter().map(|(remaining, _)| *remaining).min().unwrap_or(0),
            else_at: now
                + Duration::from_secs(exhausted.map(|(_, reset)| *reset).max().unwrap_or(0)),
        }
    }

    proptest! {
        #[test]
        fn a_client_that_paces_itself_is_never_refused(
            figures in (1..12_u32, 1..70_u32),
            pauses in proptest::collection::vec((0..1500_u64, 1..20_u64), 1..150),
            read in prop_oneof![
                Just(by_the_old_headers as fn(&HeaderMap, Duration) -> Advice),
                Just(by_the_draft as fn(&HeaderMap, Duration) -> Advice),
            ],
        ) {
            let limit = RateLimit::new(figures.0, figures.1).expect("these are within bounds");
            let (mut log, mut now) = (AdmissionLog::default(), Duration::ZERO);
            let mut advice = Advice { at_once: 1, else_at: EPOCH };

            for (pause, eagerness) in pauses {
                // Half of the pauses are none: then it goes as fast as it is told it may.
                now += Duration::from_millis(pause.saturating_sub(750));
                if advice.at_once == 0 {
                    now = now.max(advice.else_at.saturating_sub(EPOCH));
                }
                // A burst, sent before any of its answers is read.
                for _ in 0..eagerness.min(advice.at_once).max(1) {
                    let decision = log.ask(limit, now);
                    prop_assert!(decision.allowed);
                    advice = read(&headers(&decision, EPOCH + now).collect(), EPOCH + now);
                }
            }
        }

        #[test]
        fn retry_after_is_never_too_short(
            figures in (1..12_u32, 1..70_u32),
            gaps in proptest::collection::vec(0..900_u64, 1..300),
        ) {
            let limit = RateLimit::new(figures.0, figures.1).expect("these are within bounds");
            let (mut log, mut now) = (AdmissionLog::default(), Duration::ZERO);
            for gap in gaps {
                now += Duration::from_millis(gap);
                let decision = log.ask(limit, now);
                if let Some(wait) = decision.retry_after {
                    prop_assert!(log.clone().ask(limit, now + Duration::from_secs(whole_seconds(wait))).allowed);
                }
            }
        }
    }
}
