//! When a mail is to be sent, if not at once.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// How far ahead a mail may be scheduled.
pub const LONGEST_AHEAD: TimeDelta = TimeDelta::days(30);

/// The time is none at which a mail can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// It cannot be read.
    #[error("must be a time with its zone, such as 2026-11-21T08:30:00Z")]
    Unreadable,
    /// It is over.
    #[error("must be in the future")]
    Past,
    /// It is too far away.
    #[error("must be within the next 30 days")]
    TooFar,
}

/// Reads a time (RFC 3339, section 5.6), to the millisecond. Whether it lies ahead is asked for by [`check`].
pub fn parse(text: &str) -> Result<DateTime<Utc>, InvalidSchedule> {
    DateTime::parse_from_rfc3339(text.trim())
        .map(|time| time.to_utc().trunc_subsecs(3))
        .map_err(|_| InvalidSchedule::Unreadable)
}

/// Holds a time to the future, and to no more of it than 30 days.
pub fn check(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), InvalidSchedule> {
    if at <= now {
        return Err(InvalidSchedule::Past);
    }
    if at - now > LONGEST_AHEAD { Err(InvalidSchedule::TooFar) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_its_zone_and_not_without() {
        let noon = parse("2026-11-21T12:00:00.123456Z").unwrap();
        assert_eq!(parse("2026-11-21T14:00:00.123+02:00"), Ok(noon));
        for text in
            ["", "tomorrow", "2026-11-21", "2026-11-21T12:00:00", "2026-02-30T12:00:00Z", "1795"]
        {
            assert_eq!(parse(text), Err(InvalidSchedule::Unreadable), "{text}");
        }
    }

    #[test]
    fn it_lies_ahead_by_thirty_days_at_most() {
        let now = parse("2026-11-21T12:00:00Z").unwrap();
        let millisecond = TimeDelta::milliseconds(1);
        assert_eq!(check(now, now), Err(InvalidSchedule::Past));
        assert_eq!(check(now + millisecond, now), Ok(()));
        assert_eq!(check(now + LONGEST_AHEAD, now), Ok(()));
        assert_eq!(check(now + LONGEST_AHEAD + millisecond, now), Err(InvalidSchedule::TooFar));
        let last = parse("9999-12-31T23:59:59Z").unwrap();
        assert_eq!(check(last, now), Err(InvalidSchedule::TooFar));
    }
}
