use proptest::prelude::*;

use super::*;
use crate::domain::rate_limit::RateLimit;
use crate::service::rate_limit::RateLimiter;
use uuid::Uuid;

/// A moment inside a second: what is rounded must be rounded from here.
const EPOCH: Duration = Duration::from_millis(1_700_000_000_370);

fn headers(decision: &Decision, now: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, decision, EPOCH + now);
    headers
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    headers[name].to_str().unwrap().parse().unwrap()
}

/// The `r` and `t` of one policy in `RateLimit`.
fn state(headers: &HeaderMap, policy: &str) -> (u64, u64) {
    let text = headers["ratelimit"].to_str().unwrap();
    let item = text.split(", ").find(|item| item.starts_with(policy)).unwrap();
    let mut figures = item.split(';').skip(1).map(|part| part[2..].parse().unwrap());
    (figures.next().unwrap(), figures.next().unwrap())
}

#[test]
fn the_first_answer_and_the_first_refusal_read_like_this() {
    let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
    let first = limiter.check(key, RateLimit::default(), Duration::ZERO);
    insta::assert_snapshot!(format!("{:#?}", headers(&first, Duration::ZERO)), @r#"
    {
        "x-ratelimit-limit": "2",
        "x-ratelimit-remaining": "1",
        "x-ratelimit-reset": "1700000002",
        "ratelimit-policy": "\"second\";q=2;w=1, \"minute\";q=50;w=60",
        "ratelimit": "\"second\";r=1;t=1, \"minute\";r=49;t=60",
    }
    "#);
    limiter.check(key, RateLimit::default(), Duration::ZERO);
    let now = Duration::from_millis(200);
    let refused = limiter.check(key, RateLimit::default(), now);
    insta::assert_snapshot!(format!("{:#?}", headers(&refused, now)), @r#"
    {
        "x-ratelimit-limit": "2",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1700000002",
        "ratelimit-policy": "\"second\";q=2;w=1, \"minute\";q=50;w=60",
        "ratelimit": "\"second\";r=0;t=1, \"minute\";r=48;t=60",
        "retry-after": "1",
    }
    "#);
}

#[test]
fn a_wait_is_rounded_up_and_never_none() {
    assert_eq!(retry_after_seconds(Duration::from_nanos(1)), 1);
    assert_eq!(retry_after_seconds(Duration::ZERO), 1);
    assert_eq!(retry_after_seconds(Duration::from_secs(2)), 2);
    assert_eq!(retry_after_seconds(Duration::from_millis(2001)), 3);
}

#[derive(Clone, Copy, Debug)]
enum Client {
    /// Sends one after the other and waits for `X-RateLimit-Reset` when nothing remains.
    OneByOne,
    /// Sends as many at once as `X-RateLimit-Remaining` says, then waits and asks with a single request.
    InBursts,
    /// Follows both windows of `RateLimit`, and takes all of `q` for granted once `t` has passed.
    ByTheDraft,
}

proptest! {
    #[test]
    fn a_client_that_follows_the_fields_is_never_refused(
        client in prop::sample::select(vec![Client::OneByOne, Client::InBursts, Client::ByTheDraft]),
        (per_second, per_minute) in prop_oneof![Just((2, 50)), (1..9u32, 1..70u32)],
        gaps in prop::collection::vec(0..900u64, 150),
    ) {
        let limit = RateLimit::new(per_second, per_minute).unwrap();
        let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
        let mut now = Duration::ZERO;
        let mut allowance = 1;
        let mut windows: [(u64, Duration); 2] = [(1, Duration::MAX), (1, Duration::MAX)];
        for gap in gaps {
            now += Duration::from_millis(gap);
            if let Client::ByTheDraft = client {
                for (window, quota) in windows.iter_mut().zip([per_second, per_minute]) {
                    if window.1 <= now {
                        *window = (u64::from(quota), Duration::MAX);
                    }
                }
                allowance = windows[0].0.min(windows[1].0);
            }
            let mut answer = None;
            let burst = if let Client::OneByOne = client { allowance.min(1) } else { allowance };
            for _ in 0..burst {
                let decision = limiter.check(key, limit, now);
                prop_assert!(decision.allowed, "{client:?} was refused at {now:?}");
                answer = Some(headers(&decision, now));
            }
            if let Some(answer) = answer {
                allowance = number(&answer, "x-ratelimit-remaining");
                let reset = Duration::from_secs(number(&answer, "x-ratelimit-reset")).saturating_sub(EPOCH);
                if let Client::ByTheDraft = client {
                    for (window, policy) in windows.iter_mut().zip(["\"second\"", "\"minute\""]) {
                        let (remaining, seconds) = state(&answer, policy);
                        *window = (remaining, now + Duration::from_secs(seconds));
                    }
                } else if allowance == 0 {
                    now = now.max(reset);
                    allowance = 1;
                }
            }
        }
    }
}
