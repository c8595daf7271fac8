//! How fast a key may go.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How many requests a key may make in any second and in any minute.
///
/// Both hold at once, in every window of that length and not only in those that begin on a full minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Figures")]
pub struct RateLimit {
    per_second: NonZeroU32,
    per_minute: NonZeroU32,
}

/// A figure is outside of what can be promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number between 1 and {max}", max = RateLimit::MAX)]
pub struct InvalidRateLimit {
    /// The figure at fault, as callers write it: `perSecond` or `perMinute`.
    pub field: &'static str,
}

impl RateLimit {
    /// The largest figure that can be asked for, in requests; far above what one server can answer.
    pub const MAX: u32 = 1_000_000;

    /// A limit of these two figures, each from 1 to [`RateLimit::MAX`].
    pub fn new(per_second: u32, per_minute: u32) -> Result<Self, InvalidRateLimit> {
        let checked = |field, figure: u32| {
            NonZeroU32::new(figure)
                .filter(|figure| figure.get() <= Self::MAX)
                .ok_or(InvalidRateLimit { field })
        };
        let per_second = checked("perSecond", per_second)?;
        let per_minute = checked("perMinute", per_minute)?;
        Ok(Self { per_second, per_minute })
    }

    /// Requests in any second.
    pub fn per_second(self) -> NonZeroU32 {
        self.per_second
    }

    /// Requests in any 60 seconds.
    pub fn per_minute(self) -> NonZeroU32 {
        self.per_minute
    }

    /// The same limit with both figures multiplied. The result may be above [`RateLimit::MAX`], which bounds only what
    /// can be asked for.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> Self {
        Self {
            per_second: self.per_second.saturating_mul(factor),
            per_minute: self.per_minute.saturating_mul(factor),
        }
    }
}

/// Two a second and fifty a minute: what a key has that names no limits of its own.
impl Default for RateLimit {
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");
        const PER_MINUTE: NonZeroU32 = NonZeroU32::new(50).expect("fifty is not zero");
        Self { per_second: PER_SECOND, per_minute: PER_MINUTE }
    }
}

/// The figures as they are written, before they are checked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    per_second: u32,
    per_minute: u32,
}

impl TryFrom<Figures> for RateLimit {
    type Error = InvalidRateLimit;

    fn try_from(Figures { per_second, per_minute }: Figures) -> Result<Self, InvalidRateLimit> {
        Self::new(per_second, per_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_outside_the_bounds_are_refused_by_name() {
        assert_eq!(RateLimit::new(0, 50), Err(InvalidRateLimit { field: "perSecond" }));
        assert_eq!(RateLimit::new(2, 1_000_001), Err(InvalidRateLimit { field: "perMinute" }));
        assert!(RateLimit::new(1, 1_000_000).is_ok());
        assert!(serde_json::from_str::<RateLimit>(r#"{"perSecond":0,"perMinute":1}"#).is_err());
    }

    #[test]
    fn the_wire_form_goes_both_ways() {
        let text = serde_json::to_string(&RateLimit::default()).unwrap();
        assert_eq!(text, r#"{"perSecond":2,"perMinute":50}"#);
        assert_eq!(serde_json::from_str::<RateLimit>(&text).unwrap(), RateLimit::default());
    }
}
