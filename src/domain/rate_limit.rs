//! How fast a key may go: at most so many requests in any second and in any minute.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The figures of one key.
///
/// Either may be the stricter one: ten a second with five a minute is five a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    per_second: NonZeroU32,
    per_minute: NonZeroU32,
}

/// The number is no figure of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", RateLimit::MAX)]
pub struct InvalidFigure;

impl RateLimit {
    /// The largest figure, of a second and of a minute: far more than a node can serve, and little enough that the
    /// admissions of a minute (8 bytes each) fit into memory.
    pub const MAX: u32 = 1_000_000;

    /// So many requests in a second and in a minute, each from 1 to [`RateLimit::MAX`].
    pub fn new(per_second: u32, per_minute: u32) -> Result<Self, InvalidFigure> {
        Ok(Self { per_second: figure(per_second)?, per_minute: figure(per_minute)? })
    }

    /// Requests in any second.
    pub fn per_second(self) -> NonZeroU32 {
        self.per_second
    }

    /// Requests in any minute.
    pub fn per_minute(self) -> NonZeroU32 {
        self.per_minute
    }

    /// Both figures multiplied, but not beyond [`RateLimit::MAX`]: keys in test mode get ten times as much.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> Self {
        let multiply = |figure: NonZeroU32| {
            figure
                .saturating_mul(factor)
                .min(const { NonZeroU32::new(Self::MAX).expect("it is not zero") })
        };
        Self { per_second: multiply(self.per_second), per_minute: multiply(self.per_minute) }
    }
}

fn figure(number: u32) -> Result<NonZeroU32, InvalidFigure> {
    NonZeroU32::new(number).filter(|figure| figure.get() <= RateLimit::MAX).ok_or(InvalidFigure)
}

/// The answer to one request, and where its key stands after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on. If not, it has cost nothing.
    pub allowed: bool,
    /// The window of one second.
    pub second: WindowState,
    /// The window of sixty seconds.
    pub minute: WindowState,
    /// Of a refused request: exactly then it would pass, if nobody else uses the key meanwhile. `None` of an admitted
    /// one.
    pub retry_after: Option<Duration>,
}

/// Where a key stands in one of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// Requests that the window may hold.
    pub limit: u32,
    /// Requests that would still pass now, as far as this window is concerned.
    pub remaining: u32,
    /// Until one more than now would pass. Zero when the window is empty.
    ///
    /// A sliding window has no moment at which all of it comes back, so this is what a client waits for when nothing
    /// remains.
    pub resets_in: Duration,
}

/// When a key's requests of the last minute were admitted: what both windows are judged by.
///
/// One exact log serves both, so that no half-open second or minute (`[t, t + 60 s)`, wherever it begins) ever holds
/// more than its figure, and nobody who keeps to the figures is ever refused. A token bucket (GCRA) gives neither:
/// with two a second it lets three through within one. The log holds what was admitted whatever the figures were, so
/// a change of figures counts from the next request on and forgets nothing. It takes 8 bytes for each request of the
/// last minute, and none at all before the first.
#[derive(Clone, Debug, Default)]
pub struct AdmissionLog {
    /// Nanoseconds since the clock's origin, oldest first.
    admitted: VecDeque<u64>,
}

impl AdmissionLog {
    /// Decides about a request that comes at `now`, and writes it down if it is admitted.
    ///
    /// `now` counts from any fixed moment. A `now` before that of an earlier request (two threads met in the wrong
    /// order) is taken for the same moment.
    pub fn ask(&mut self, limit: RateLimit, now: Duration) -> Decision {
        let now = self.newest().unwrap_or(0).max(nanoseconds(now));
        self.forget_until(now);

        let wait =
            self.wait(limit.per_minute, MINUTE, now).max(self.wait(limit.per_second, SECOND, now));
        let allowed = wait.is_zero();
        if allowed {
            self.admitted.push_back(now);
        }
        Decision {
            allowed,
            second: self.state(limit.per_second, SECOND, now),
            minute: self.state(limit.per_minute, MINUTE, now),
            retry_after: (!allowed).then_some(wait),
        }
    }

    /// Gives back memory that is no longer needed, and tells when the log will be empty if nothing more comes: `None`
    /// when it is empty already and may be thrown away.
    pub fn shed(&mut self, now: Duration) -> Option<Duration> {
        self.forget_until(nanoseconds(now));
        if self.admitted.capacity() > 16.max(self.admitted.len() * 4) {
            self.admitted.shrink_to(self.admitted.len() * 2);
        }
        self.newest().map(|newest| Duration::from_nanos(newest) + MINUTE)
    }

    fn newest(&self) -> Option<u64> {
        self.admitted.back().copied()
    }

    fn forget_until(&mut self, now: u64) {
        while self.admitted.front().is_some_and(|&at| at.saturating_add(nanoseconds(MINUTE)) <= now)
        {
            self.admitted.pop_front();
        }
    }

    /// How long until a window of this length has a place: until the `figure`-th newest admission has left it.
    fn wait(&self, figure: NonZeroU32, window: Duration, now: u64) -> Duration {
        self.admitted
            .len()
            .checked_sub(figure.get() as usize)
            .map_or(Duration::ZERO, |index| self.leaves_in(index, window, now))
    }

    fn state(&self, figure: NonZeroU32, window: Duration, now: u64) -> WindowState {
        let limit = figure.get();
        let length = self.admitted.len();
        let outside =
            self.admitted.partition_point(|&at| at.saturating_add(nanoseconds(window)) <= now);
        let used = u32::try_from(length - outside).unwrap_or(u32::MAX);
        let resets_in = match used.min(limit) as usize {
            0 => Duration::ZERO,
            counted => self.leaves_in(length - counted, window, now),
        };
        WindowState { limit, remaining: limit.saturating_sub(used), resets_in }
    }

    fn leaves_in(&self, index: usize, window: Duration, now: u64) -> Duration {
        let at = self.admitted[index].saturating_add(nanoseconds(window));
        Duration::from_nanos(at.saturating_sub(now))
    }
}

/// Good for 584 years after the clock's origin.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(per_second: u32, per_minute: u32) -> RateLimit {
        RateLimit::new(per_second, per_minute).expect("these are within bounds")
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Figures around those that people use, and gaps that meet the edges of both windows.
    fn figures() -> impl Strategy<Value = RateLimit> {
        (1..12_u32, 1..70_u32).prop_map(|(second, minute)| limit(second, minute))
    }

    fn arrivals() -> impl Strategy<Value = Vec<Duration>> {
        let gap = prop_oneof![
            4 => Just(0),
            4 => 0..2_000_000_000_u64,
            2 => (1..4_u64).prop_map(|part| 1_000_000_000 / part),
            1 => 59_999_999_999..60_000_000_001_u64,
        ];
        proptest::collection::vec(gap, 1..400).prop_map(|gaps| {
            gaps.into_iter()
                .scan(0, |now, gap| {
                    *now += gap;
                    Some(Duration::from_nanos(*now))
                })
                .collect()
        })
    }

    fn holds_everywhere(admitted: &[Duration], window: Duration, figure: NonZeroU32) -> bool {
        admitted.windows(figure.get() as usize + 1).all(|run| run[0] + window <= run[run.len() - 1])
    }

    #[test]
    fn figures_have_bounds() {
        assert_eq!(RateLimit::new(0, 50), Err(InvalidFigure));
        assert_eq!(RateLimit::new(2, 1_000_001), Err(InvalidFigure));
        let ten = NonZeroU32::new(10).expect("it is not zero");
        assert_eq!(limit(2, 200_000).times(ten), limit(20, 1_000_000));
        assert_eq!(InvalidFigure.to_string(), "must be a whole number from 1 to 1000000");
    }

    #[test]
    fn a_client_that_pushes_gets_fifty_in_each_minute() {
        let (mut log, limit) = (AdmissionLog::default(), limit(2, 50));
        let admitted = |log: &mut AdmissionLog, from: u64| {
            (from..from + 60_000).filter(|&at| log.ask(limit, milliseconds(at)).allowed).count()
        };

        assert_eq!(admitted(&mut log, 0), 50);
        assert_eq!(admitted(&mut log, 60_000), 50);
    }

    #[test]
    fn new_figures_forget_nothing() {
        let mut log = AdmissionLog::default();
        for _ in 0..40 {
            assert!(log.ask(limit(100, 100), milliseconds(0)).allowed);
        }

        let lowered = log.ask(limit(100, 10), milliseconds(500));
        assert_eq!((lowered.allowed, lowered.minute.remaining), (false, 0));
        assert_eq!(lowered.retry_after, Some(milliseconds(59_500)));

        assert_eq!(log.ask(limit(100, 41), milliseconds(500)).minute.remaining, 0);
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let mut log = AdmissionLog::default();
        for _ in 0..100_000 {
            log.ask(limit(1_000_000, 1_000_000), milliseconds(0));
        }
        log.ask(limit(1_000_000, 1_000_000), milliseconds(60_000));

        assert_eq!(log.shed(milliseconds(60_000)), Some(milliseconds(120_000)));
        assert!(log.admitted.capacity() <= 16);
        assert_eq!(log.shed(milliseconds(120_000)), None);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_figure(limit in figures(), arrivals in arrivals()) {
            let mut log = AdmissionLog::default();
            let admitted: Vec<_> = arrivals.into_iter().filter(|&at| log.ask(limit, at).allowed).collect();

            prop_assert!(holds_everywhere(&admitted, SECOND, limit.per_second));
            prop_assert!(holds_everywhere(&admitted, MINUTE, limit.per_minute));
        }

        #[test]
        fn who_keeps_to_the_figures_is_never_refused(limit in figures(), arrivals in arrivals()) {
            let mut log = AdmissionLog::default();
            let mut sent: Vec<Duration> = Vec::new();
            for at in arrivals {
                // What a client can tell by itself, from nothing but its own diary.
                let within = |window: Duration| sent.iter().filter(|&&earlier| earlier + window > at).count();
                if within(SECOND) < limit.per_second.get() as usize && within(MINUTE) < limit.per_minute.get() as usize {
                    sent.push(at);
                    prop_assert!(log.ask(limit, at).allowed);
                }
            }
        }

        #[test]
        fn a_refused_request_costs_nothing(limit in figures(), arrivals in arrivals()) {
            let (mut pushed, mut spared) = (AdmissionLog::default(), AdmissionLog::default());
            for at in arrivals {
                let decision = pushed.ask(limit, at);
                if decision.allowed {
                    prop_assert_eq!(decision, spared.ask(limit, at));
                }
            }
        }

        #[test]
        fn what_a_decision_says_comes_true(limit in figures(), arrivals in arrivals()) {
            let mut log = AdmissionLog::default();
            for at in arrivals {
                let decision = log.ask(limit, at);
                if let Some(retry_after) = decision.retry_after {
                    prop_assert!(log.clone().ask(limit, at + retry_after).allowed);
                    let early = (at + retry_after).saturating_sub(Duration::from_nanos(1));
                    prop_assert!(!log.clone().ask(limit, early).allowed);
                }
                let (mut probe, mut passed) = (log.clone(), 0);
                while probe.ask(limit, at).allowed {
                    passed += 1;
                }
                prop_assert_eq!(passed, decision.second.remaining.min(decision.minute.remaining));
            }
        }
    }
}
