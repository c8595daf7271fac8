//! When a delivery that did not succeed is tried again.

use std::time::Duration;

/// How long a delivery is tried before its sender is told that it failed. Longer is of no use for transactional mail.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_hours(1);

/// The wait after the given attempt, counted from one: 5 s, 20 s, 80 s, 320 s, 21 min, then an hour each, spread evenly
/// over 75 % to 125 % of that by `jitter` (0 to 1), so that mails which failed together do not come back together.
pub fn delay_after(attempt: i16, jitter: f64) -> Duration {
    let exponent = u32::from(attempt.clamp(1, 10).unsigned_abs()) - 1;
    FIRST
        .saturating_mul(4_u32.saturating_pow(exponent))
        .min(LONGEST)
        .mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_never_beyond_by_more_than_the_jitter() {
        assert_eq!(delay_after(1, 0.5), FIRST);
        assert_eq!(delay_after(3, 0.5), Duration::from_secs(80));
        assert_eq!(delay_after(i16::MAX, 0.5), LONGEST);
        assert_eq!(delay_after(i16::MIN, 0.0), FIRST.mul_f64(0.75));
        for attempt in 1..20 {
            assert!(delay_after(attempt, 1.0) > delay_after(attempt, 0.0));
            assert!(delay_after(attempt, 1.0) <= LONGEST.mul_f64(1.25));
        }
    }
}
