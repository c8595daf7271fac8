//! The fields of keys, from the wire into the domain.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Permissions, RateLimitRequest};
use crate::domain::key_change::Change;
use crate::domain::permission::{self, Permission};
use crate::domain::rate_limit::RateLimit;
use crate::domain::restrictions::Restrictions;
use crate::domain::violations::Violations;

/// What cannot be read is noted, and left as it is meanwhile.
pub(super) fn read<T, U>(asked: Change<T>, read: impl FnOnce(T) -> Option<U>) -> Change<U> {
    match asked {
        Change::Keep => Change::Keep,
        Change::Set(value) => read(value).map_or(Change::Keep, Change::Set),
    }
}

/// The permissions of a preset or of a list, in their order.
pub(super) fn permissions(
    chosen: Permissions,
    violations: &mut Violations,
) -> Option<Vec<Permission>> {
    let mut read = match chosen {
        Permissions::Preset(name) => violations.check("permissions", permission::preset(&name))?,
        Permissions::List(names) => {
            entries("permissions", &names, Permission::ALL.len(), violations)
        }
    };
    read.sort_unstable();
    Some(read)
}

/// A list that may be taken away.
pub(super) fn list<T: FromStr<Err: Display> + PartialEq>(
    field: &str,
    asked: Change<Option<Vec<String>>>,
    violations: &mut Violations,
) -> Change<Option<Vec<T>>> {
    match asked {
        Change::Keep => Change::Keep,
        Change::Set(None) => Change::Set(None),
        Change::Set(Some(given)) => {
            Change::Set(Some(entries(field, &given, Restrictions::MAX_ENTRIES, violations)))
        }
    }
}

/// Each entry once.
fn entries<T: FromStr<Err: Display> + PartialEq>(
    field: &str,
    given: &[String],
    most: usize,
    violations: &mut Violations,
) -> Vec<T> {
    if given.len() > most {
        violations.add(field, format!("must have at most {most} entries"));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(given.len());
    for (place, text) in given.iter().enumerate() {
        if let Some(entry) = violations.check(format!("{field}[{place}]"), text.parse())
            && !read.contains(&entry)
        {
            read.push(entry);
        }
    }
    read
}

/// A time that lies in the future.
pub(super) fn expiry(
    asked: Change<Option<String>>,
    violations: &mut Violations,
) -> Change<Option<DateTime<Utc>>> {
    let text = match asked {
        Change::Keep => return Change::Keep,
        Change::Set(None) => return Change::Set(None),
        Change::Set(Some(text)) => text,
    };
    let read = DateTime::parse_from_rfc3339(&text)
        .map_err(|_| "must be a time such as 2027-01-31T12:00:00Z (RFC 3339)");
    let Some(at) = violations.check("expiresAt", read) else { return Change::Keep };
    if at <= Utc::now() {
        violations.add("expiresAt", "must lie in the future");
    }
    Change::Set(Some(at.with_timezone(&Utc)))
}

/// Requests a second and a minute.
pub(super) fn figures(
    asked: Change<Option<RateLimitRequest>>,
    violations: &mut Violations,
) -> (Change<Option<u32>>, Change<Option<u32>>) {
    let RateLimitRequest { per_second, per_minute } = match asked {
        Change::Keep => RateLimitRequest::default(),
        Change::Set(None) => {
            RateLimitRequest { per_second: Change::Set(None), per_minute: Change::Set(None) }
        }
        Change::Set(Some(figures)) => figures,
    };
    for (field, figure) in
        [("rateLimit.perSecond", &per_second), ("rateLimit.perMinute", &per_minute)]
    {
        if let Change::Set(Some(figure)) = figure {
            violations.check(field, RateLimit::new(*figure, *figure));
        }
    }
    (per_second, per_minute)
}
