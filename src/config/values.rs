//! The forms that values of settings take.

use std::time::Duration;

use clap::ValueEnum;

/// The shortest `SECRET_KEY`, in characters: 128 bits, if they are hexadecimal digits.
pub const MIN_SECRET_KEY: usize = 32;

/// A century: no clock overflows when it is added to the present.
const MAX_DURATION: Duration = Duration::from_hours(100 * 365 * 24);

/// Which clients may do without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequireHttps {
    /// Those on this machine.
    Auto,
    /// None.
    Always,
    /// All: for networks that are encrypted in another way.
    Never,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; in color on a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Takes requests.
    Api,
    /// Delivers mails and sends webhooks.
    Worker,
    /// Both.
    All,
}

/// Whether the domain of a From address must be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequireVerifiedDomains {
    /// With a relay yes, with the capture mailbox no.
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// The text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number with a unit, such as 500ms, 30s, 2m, 12h or 90d")]
pub struct InvalidDuration;

/// Reads a length of time as people write it: `500ms`, `30s`, `2m`, `12h`, `90d`. A number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, InvalidDuration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
    let time = match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        "d" => number.checked_mul(24 * 60 * 60).map(Duration::from_secs),
        _ => None,
    };
    time.filter(|time| *time <= MAX_DURATION).ok_or(InvalidDuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2 m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "1y",
            "18446744073709551615d",
            "18446744073709551615",
            "36501d",
            "٣s",
            "1sm",
        ] {
            assert_eq!(duration(text), Err(InvalidDuration), "{text}");
        }
    }
}
