//! Waits that grow while something keeps failing.

use std::time::Duration;

/// Waits between the tries of something that fails: each twice as long as the one before, spread evenly over 75 % to
/// 125 % of that, so that nodes which failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first`, and grows to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first: first.min(longest), longest, next: first.min(longest) }
    }

    /// How long to wait after another failure.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait.mul_f64(0.75 + rand::random::<f64>() / 2.0)
    }

    /// Begins anew, because it succeeded.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, longest);
        for expected in [1.0, 2.0, 4.0, 5.0, 5.0] {
            let wait = backoff.after_failure().as_secs_f64();
            assert!((0.75 * expected..=1.25 * expected).contains(&wait), "{wait}");
        }
        backoff.reset();
        assert!(backoff.after_failure() <= first.mul_f64(1.25));
    }
}
