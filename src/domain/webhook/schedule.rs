//! When a webhook that did not answer is told again, and when it is told nothing any more.

use std::time::Duration;

/// How long one thing is told. Then only a replay tells it.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(72);

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// Waits after the first, the second, … attempt, in seconds; the last one for all that follow.
const WAITS: [u64; 10] = [
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
];

/// The wait after the given attempt, counted from one, spread evenly over 75 % to 125 % by `jitter` (0 to 1).
pub fn delay_after(attempt: i16, jitter: f64) -> Duration {
    let place = usize::from(attempt.clamp(1, i16::MAX).unsigned_abs()) - 1;
    let wait = WAITS.get(place).copied().unwrap_or(WAITS[WAITS.len() - 1]);
    Duration::from_secs(wait).mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_waits_are_short_and_three_days_see_about_a_dozen_attempts() {
        assert_eq!(delay_after(1, 0.5), Duration::from_secs(5));
        assert_eq!(delay_after(i16::MIN, 0.5), Duration::from_secs(5));
        assert_eq!(delay_after(i16::MAX, 0.0), Duration::from_hours(9));
        let mut passed = Duration::ZERO;
        let mut attempts = 1;
        while passed + delay_after(attempts, 0.5) < GIVE_UP_AFTER {
            passed += delay_after(attempts, 0.5);
            attempts += 1;
        }
        assert_eq!(attempts, 14);
    }
}
