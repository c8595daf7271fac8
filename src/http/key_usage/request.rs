//! What is asked about the use of a key.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::page::Wanted;

/// The most hours or days in one answer.
const MOST_BUCKETS: i32 = 1000;

/// Which stretch of time, in which steps.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// `hour` or `day`.
    #[param(default = "hour")]
    by: Option<String>,
    /// From then on (RFC 3339), down to the beginning of its hour or day in UTC. 24 hours or 30 days ago without it.
    from: Option<String>,
    /// Until then (RFC 3339); now without it.
    to: Option<String>,
}

/// A stretch of time in steps.
#[derive(Debug, PartialEq)]
pub(super) struct Steps {
    /// `hour` or `day`, as the answer and the store call it.
    pub unit: &'static str,
    /// The length of one.
    pub step: TimeDelta,
    /// The beginning of the first one.
    pub from: DateTime<Utc>,
    /// The end of the stretch, which may lie within the last one.
    pub to: DateTime<Utc>,
}

impl UsageQuery {
    /// Reads it as of `now`.
    pub(super) fn check(self, now: DateTime<Utc>) -> Result<Steps> {
        let mut violations = Violations::default();
        let (unit, step, usual) = match self.by.as_deref() {
            None | Some("hour") => ("hour", TimeDelta::hours(1), TimeDelta::hours(23)),
            Some("day") => ("day", TimeDelta::days(1), TimeDelta::days(29)),
            Some(_) => {
                violations.add("by", "must be hour or day");
                ("hour", TimeDelta::hours(1), TimeDelta::hours(23))
            }
        };
        let mut time = |field: &str, text: Option<String>| -> Option<DateTime<Utc>> {
            let parsed = DateTime::parse_from_rfc3339(&text?);
            let parsed = parsed.map_err(|_| "must be a time such as 2026-11-21T08:30:00Z");
            violations.check(field, parsed).map(|time| time.to_utc())
        };
        let to = time("to", self.to).unwrap_or(now);
        let from = time("from", self.from).unwrap_or(to - usual);
        let from = from.duration_trunc(step).unwrap_or(from);
        if from > to {
            violations.add("from", "must not lie after `to`");
        } else if to - from > step * MOST_BUCKETS {
            violations.add("from", format!("must be at most {MOST_BUCKETS} {unit}s before `to`"));
        }
        if violations.is_empty() {
            Ok(Steps { unit, step, from, to })
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestsQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
}

impl RequestsQuery {
    /// Which page it asks for.
    pub(super) fn check(self) -> Result<Wanted<Uuid>> {
        let mut violations = Violations::default();
        let page = Wanted::<Uuid>::read(self.limit, None, &mut violations);
        let before = self.cursor.and_then(|text| {
            violations.check("cursor", text.parse().map_err(|_| "is not a valid id"))
        });
        if violations.is_empty() {
            Ok(Wanted { before, ..page })
        } else {
            Err(Error::Invalid(violations))
        }
    }
}
