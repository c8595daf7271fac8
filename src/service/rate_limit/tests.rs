use proptest::prelude::*;

use super::*;

fn limit(per_second: u32, per_minute: u32) -> RateLimit {
    RateLimit::new(per_second, per_minute).unwrap()
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// How many keys a limiter keeps.
fn kept(limiter: &RateLimiter) -> usize {
    limiter.shards.iter().map(|shard| shard.lock().unwrap().logs.len()).sum()
}

/// Whether no window of this length holds more than `limit` of these times, which are in order.
fn keeps_within(times: &[Duration], limit: u32, length: Duration) -> bool {
    times.windows(limit as usize + 1).all(|run| run[0] + length <= run[run.len() - 1])
}

/// Times of arrival with bursts, pauses, and steps to and about the edges of both windows, in nanoseconds.
fn arrivals() -> impl Strategy<Value = Vec<Duration>> {
    let gap = prop_oneof![
        4 => Just(0),
        4 => 0..2_000_000_000u64,
        2 => 0..2_000_000u64,
        1 => 0..70_000_000_000u64,
        1 => prop::sample::select(vec![
            999_999_999, 1_000_000_000, 1_000_000_001, 500_000_000, 59_999_999_999, 60_000_000_000, 60_000_000_001,
        ]),
    ];
    prop::collection::vec(gap, 1..400).prop_map(|gaps| {
        let mut now = 0;
        gaps.iter()
            .map(|gap| {
                now += gap;
                Duration::from_nanos(now)
            })
            .collect()
    })
}

fn limits() -> impl Strategy<Value = RateLimit> {
    prop_oneof![
        Just(limit(2, 50)),
        (1..6u32, 1..60u32).prop_map(|(second, minute)| limit(second, minute)),
        // Kept by the millisecond.
        (1..20u32).prop_map(|second| limit(second, 100_000)),
    ]
}

proptest! {
    #[test]
    fn no_window_ever_admits_more(arrivals in arrivals(), limit in limits()) {
        let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
        let admitted: Vec<_> =
            arrivals.into_iter().filter(|now| limiter.check(key, limit, *now).allowed).collect();
        prop_assert!(keeps_within(&admitted, limit.per_second().get(), SECOND));
        prop_assert!(keeps_within(&admitted, limit.per_minute().get(), MINUTE));
    }

    #[test]
    fn a_client_within_both_limits_is_never_refused(arrivals in arrivals(), limit in limits()) {
        prop_assume!(limit.per_minute().get() <= 60_000);
        let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
        let mut sent = Vec::new();
        for now in arrivals {
            sent.push(now);
            let conforms = keeps_within(&sent, limit.per_second().get(), SECOND)
                && keeps_within(&sent, limit.per_minute().get(), MINUTE);
            if conforms {
                prop_assert!(limiter.check(key, limit, now).allowed);
            } else {
                sent.pop();
            }
        }
    }

    #[test]
    fn a_refused_request_costs_nothing(arrivals in arrivals(), limit in limits()) {
        let (all, only_admitted) = (RateLimiter::new(), RateLimiter::new());
        let key = Uuid::now_v7();
        for now in arrivals {
            let decision = all.check(key, limit, now);
            if decision.allowed {
                prop_assert_eq!(only_admitted.check(key, limit, now), decision);
            }
        }
    }

    #[test]
    fn a_retry_passes_exactly_when_it_is_said_to(arrivals in arrivals(), first in limits(), second in limits()) {
        let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
        let middle = arrivals.len() / 2;
        let mut limit = first;
        for (index, now) in arrivals.iter().enumerate() {
            if index == middle {
                limit = second;
            }
            limiter.check(key, limit, *now);
        }
        let last = *arrivals.last().unwrap();
        let decision = limiter.check(key, limit, last);
        if let Some(wait) = decision.retry_after {
            prop_assert!(!wait.is_zero());
            let early = limiter.check(key, limit, (last + wait).saturating_sub(Duration::from_nanos(1)));
            prop_assert!(!early.allowed);
            prop_assert_eq!(early.retry_after, Some(Duration::from_nanos(1)));
            prop_assert!(limiter.check(key, limit, last + wait).allowed);
        }
    }

    #[test]
    fn the_state_says_how_many_more_pass_now_and_when_all_do(arrivals in arrivals(), limit in limits()) {
        let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
        let mut decision = None;
        let mut now = Duration::ZERO;
        for arrival in arrivals {
            now = arrival;
            decision = Some(limiter.check(key, limit, now));
        }
        let decision = decision.unwrap();
        for _ in 0..decision.second.remaining.min(decision.minute.remaining) {
            prop_assert!(limiter.check(key, limit, now).allowed);
        }
        let refused = limiter.check(key, limit, now);
        prop_assert!(!refused.allowed);
        let later = now + refused.second.resets_in.max(refused.minute.resets_in);
        for _ in 0..limit.per_second().min(limit.per_minute()).get() {
            prop_assert!(limiter.check(key, limit, later).allowed);
        }
    }

    #[test]
    fn sweeping_changes_no_decision(arrivals in arrivals(), limit in limits()) {
        let (swept, left_alone) = (RateLimiter::new(), RateLimiter::new());
        let key = Uuid::now_v7();
        for now in arrivals {
            swept.sweep(now);
            prop_assert_eq!(swept.check(key, limit, now), left_alone.check(key, limit, now));
        }
    }
}

#[test]
fn a_thousand_threads_at_one_instant_admit_exactly_the_figure() {
    let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
    let barrier = std::sync::Barrier::new(1000);
    let admitted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..1000)
            .map(|_| {
                std::thread::Builder::new()
                    .stack_size(64 * 1024)
                    .spawn_scoped(scope, || {
                        barrier.wait();
                        limiter.check(key, limit(37, 50), at(5)).allowed
                    })
                    .unwrap()
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|allowed| *allowed).count()
    });
    assert_eq!(admitted, 37);
}

#[test]
fn lowered_figures_count_what_was_admitted_under_the_old_ones() {
    let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
    for tenth in 0..40 {
        assert!(limiter.check(key, limit(20, 200), at(tenth * 100)).allowed);
    }
    let refused = limiter.check(key, limit(20, 10), at(5_000));
    assert_eq!(refused.minute.remaining, 0);
    // The thirty-first of the forty must have left, so that nine are still in the window.
    assert_eq!(refused.retry_after, Some(at(3_000 + 60_000 - 5_000)));
    assert!(limiter.check(key, limit(20, 200), at(5_000)).allowed);
}

#[test]
fn a_clock_that_was_read_in_another_order_does_no_harm() {
    let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
    assert!(limiter.check(key, limit(2, 50), at(1_001)).allowed);
    assert!(limiter.check(key, limit(2, 50), at(1_000)).allowed);
    let refused = limiter.check(key, limit(2, 50), at(999));
    assert_eq!(refused.retry_after, Some(at(1_000)));
}

#[test]
fn a_sweep_lets_nobody_in_who_comes_with_an_earlier_time() {
    let (limiter, key) = (RateLimiter::new(), Uuid::now_v7());
    assert!(limiter.check(key, limit(1, 1), at(0)).allowed);
    limiter.sweep(at(60_000));
    // It comes a moment before the first has left, and is taken for one that comes with the sweep.
    assert!(limiter.check(key, limit(1, 1), at(59_999)).allowed);
    assert_eq!(limiter.check(key, limit(1, 1), at(60_000)).retry_after, Some(at(60_000)));
}

#[test]
fn the_memory_of_a_burst_is_given_back() {
    let mut log = AdmissionLog::default();
    for nanosecond in 0..50_000 {
        log.decide(limit(60_000, 60_000), Duration::from_nanos(nanosecond));
    }
    log.decide(limit(60_000, 60_000), at(60_001));
    log.give_back_memory();
    assert!(log.capacity() <= 64);
    assert_eq!(log.runs(), 1);
}

#[test]
fn keys_that_rest_are_forgotten_and_a_full_limiter_refuses_only_newcomers() {
    let limiter = RateLimiter::with_capacity(64);
    let mut keys = Vec::new();
    while kept(&limiter) < 64 {
        let key = Uuid::new_v4();
        if limiter.check(key, RateLimit::default(), at(0)).allowed {
            keys.push(key);
        }
    }
    let stranger = Uuid::now_v7();
    let refused = limiter.check(stranger, RateLimit::default(), at(10_000));
    assert_eq!(refused.retry_after, Some(at(50_000)));
    assert!(limiter.check(keys[0], RateLimit::default(), at(10_000)).allowed);
    assert!(limiter.check(keys[1], RateLimit::default(), at(10_000)).allowed);

    assert!(limiter.check(stranger, RateLimit::default(), at(70_000)).allowed);
    limiter.sweep(at(70_000));
    assert_eq!(kept(&limiter), 1);
}

#[test]
fn a_large_figure_keeps_a_bounded_log() {
    let mut log = AdmissionLog::default();
    let limit = limit(1_000_000, 1_000_000);
    for microsecond in 0..1_000_000 {
        assert!(log.decide(limit, Duration::from_micros(microsecond)).allowed);
    }
    assert!(!log.decide(limit, Duration::from_secs(2)).allowed);
    assert_eq!(log.runs(), 1000);
}
