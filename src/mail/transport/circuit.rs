//! Keeps a relay that is down from burning attempts: a circuit breaker.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Attempts in a row that did not reach the relay before the circuit opens.
const THRESHOLD: u32 = 5;

/// How long the circuit stays open the first time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long it stays open at most; also how long a probe may take before another one is let through, lest one whose
/// task died keep the circuit open for ever.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How soon those who find a probe under way ask again.
const PROBE_POLL: Duration = Duration::from_millis(250);

/// Whether attempts should be made at all, judged by whether the last ones reached the relay.
///
/// Closed while all is well. After five attempts in a row that did not reach the relay it opens for a second; then one
/// probe is let through, and if that fails too it stays open twice as long, up to a minute. Whatever reaches the relay
/// closes it. Waits are shortened by up to a quarter at random, so that nodes do not probe in step.
///
/// A pure state machine: the time comes from outside. Threads may share it.
#[derive(Debug)]
pub struct Circuit {
    state: Mutex<State>,
    /// From 0 (the whole wait) to 1 (three quarters of it).
    jitter: fn() -> f64,
}

/// What the circuit says to the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go on.
    Go,
    /// Go on, alone: the answer decides for the others.
    Probe,
    /// Not before this time; ask again then.
    Wait(Instant),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, wait: Duration },
    Probing { until: Instant, wait: Duration },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::with_jitter(rand::random)
    }
}

impl Circuit {
    /// A closed circuit whose randomness, from 0 to 1, is the caller's.
    pub fn with_jitter(jitter: fn() -> f64) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), jitter }
    }

    /// Asks whether to make an attempt now. Whoever is told [`Permit::Go`] or [`Permit::Probe`] reports with
    /// [`record`](Self::record) what came of it.
    pub fn permit(&self, now: Instant) -> Permit {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Permit::Go,
            State::Open { until, .. } if now < until => Permit::Wait(until),
            State::Probing { until, .. } if now < until => {
                Permit::Wait(until.min(now + PROBE_POLL))
            }
            State::Open { wait, .. } | State::Probing { wait, .. } => {
                *state = State::Probing { until: now + LONGEST_WAIT, wait };
                Permit::Probe
            }
        }
    }

    /// Reports whether an attempt reached the relay: every outcome does but `NotAttempted`.
    ///
    /// While the circuit is open, late failures of attempts that began before change nothing.
    pub fn record(&self, reached: bool, now: Instant) {
        let mut state = self.state();
        *state = match *state {
            _ if reached => State::Closed { failures: 0 },
            State::Closed { failures } if failures + 1 < THRESHOLD => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => self.open(now, FIRST_WAIT),
            State::Open { .. } => return,
            State::Probing { wait, .. } => self.open(now, (wait * 2).min(LONGEST_WAIT)),
        };
    }

    /// Whether attempts are being held back, for a metric.
    pub fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed { .. })
    }

    fn open(&self, now: Instant, wait: Duration) -> State {
        let shortened = wait.mul_f64(1.0 - (self.jitter)().clamp(0.0, 1.0) / 4.0);
        State::Open { until: now + shortened, wait }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn circuit() -> (Circuit, Instant) {
        (Circuit::with_jitter(|| 0.0), Instant::now())
    }

    fn open(circuit: &Circuit, now: Instant) {
        for _ in 0..THRESHOLD {
            assert_eq!(circuit.permit(now), Permit::Go);
            circuit.record(false, now);
        }
    }

    #[test]
    fn it_opens_after_five_failures_in_a_row() {
        let (circuit, now) = circuit();
        for _ in 0..THRESHOLD - 1 {
            circuit.record(false, now);
        }
        circuit.record(true, now);
        open(&circuit, now);
        assert_eq!(circuit.permit(now), Permit::Wait(now + FIRST_WAIT));
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let (circuit, mut now) = circuit();
        open(&circuit, now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let until = now + Duration::from_secs(seconds);
            assert_eq!(circuit.permit(now), Permit::Wait(until));
            now = until;
            assert_eq!(circuit.permit(now), Permit::Probe);
            circuit.record(false, now);
        }
    }

    #[test]
    fn one_probe_is_let_through_and_its_success_lets_all() {
        let (circuit, start) = circuit();
        open(&circuit, start);
        let now = start + FIRST_WAIT;
        assert_eq!(circuit.permit(now), Permit::Probe);
        assert_eq!(circuit.permit(now), Permit::Wait(now + PROBE_POLL));
        circuit.record(true, now);
        assert!(!circuit.is_open());
        open(&circuit, now);
        assert_eq!(circuit.permit(now), Permit::Wait(now + FIRST_WAIT));
    }

    #[test]
    fn a_probe_that_never_reports_is_followed_by_another() {
        let (circuit, start) = circuit();
        open(&circuit, start);
        let now = start + FIRST_WAIT;
        assert_eq!(circuit.permit(now), Permit::Probe);
        let (nearly, later) = (now + LONGEST_WAIT * 999 / 1000, now + LONGEST_WAIT);
        assert_eq!(circuit.permit(nearly), Permit::Wait(later));
        assert_eq!(circuit.permit(later), Permit::Probe);
    }

    #[test]
    fn stragglers_do_not_keep_it_open() {
        let (circuit, now) = circuit();
        open(&circuit, now);
        for _ in 0..100 {
            circuit.record(false, now + FIRST_WAIT / 2);
        }
        assert_eq!(circuit.permit(now + FIRST_WAIT), Permit::Probe);
    }

    #[test]
    fn jitter_shortens_a_wait_by_a_quarter_at_most() {
        let (circuit, now) = (Circuit::with_jitter(|| 1.0), Instant::now());
        open(&circuit, now);
        assert_eq!(circuit.permit(now), Permit::Wait(now + FIRST_WAIT * 3 / 4));
    }

    proptest! {
        #[test]
        fn it_never_waits_longer_than_a_minute_and_always_recovers(
            steps in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_u64..90_000), 0..200),
        ) {
            let (circuit, mut now) = (Circuit::with_jitter(|| 0.5), Instant::now());
            let mut probing_since = None;
            for (asks, reached, millis) in steps {
                now += Duration::from_millis(millis);
                if asks {
                    match circuit.permit(now) {
                        Permit::Wait(until) => prop_assert!(now < until && until <= now + LONGEST_WAIT),
                        Permit::Probe => {
                            let before = probing_since.replace(now);
                            prop_assert!(before.is_none_or(|before| now >= before + LONGEST_WAIT));
                        }
                        Permit::Go => {}
                    }
                } else {
                    circuit.record(reached, now);
                    probing_since = None;
                }
            }
            now += LONGEST_WAIT;
            prop_assert!(matches!(circuit.permit(now), Permit::Go | Permit::Probe));
            circuit.record(true, now);
            prop_assert_eq!(circuit.permit(now), Permit::Go);
        }
    }
}
