//! What one key was admitted with in the last minute.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Decision, WindowState};
use crate::domain::rate_limit::RateLimit;

/// The length of the short window.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The length of the long window.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// Up to this many requests a minute each is kept with its own time, so that the windows are exact to the nanosecond.
///
/// Above it, those of one millisecond are kept as if all had come with the last of them, which holds the log to about
/// a megabyte whatever the figure. It never admits too many; a request may be refused up to a millisecond too long.
const EXACT_UP_TO: u32 = 60_000;

/// Requests that were admitted at the same time.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Nanoseconds since the caller's start; 64 bits hold 584 years of them.
    at: u64,
    count: u32,
}

impl Run {
    fn at(self) -> Duration {
        Duration::from_nanos(self.at)
    }
}

/// The requests that were admitted in the last minute, the oldest first.
#[derive(Debug, Default)]
pub(super) struct AdmissionLog {
    runs: VecDeque<Run>,
    /// How many of `runs`, from the front, are no longer in the window of one second.
    before_second: usize,
    in_second: u64,
    in_minute: u64,
}

impl AdmissionLog {
    /// Decides on a request, and notes it if it may pass.
    pub(super) fn decide(&mut self, limit: RateLimit, now: Duration) -> Decision {
        // Two threads may read the clock in one order and get here in the other.
        let now = self.runs.back().map_or(now, |last| last.at().max(now));
        self.forget_before(now);

        let minute_wait = self.wait(0, self.in_minute, limit.per_minute(), MINUTE, now);
        let second_wait =
            self.wait(self.before_second, self.in_second, limit.per_second(), SECOND, now);
        let retry_after = minute_wait.max(second_wait);
        if retry_after.is_none() {
            self.note(limit, now);
        }
        Decision {
            allowed: retry_after.is_none(),
            second: self.window(self.in_second, limit.per_second(), SECOND, now),
            minute: self.window(self.in_minute, limit.per_minute(), MINUTE, now),
            retry_after,
        }
    }

    /// Drops what has left the windows; whether nothing is left at all.
    pub(super) fn forget_before(&mut self, now: Duration) -> bool {
        while let Some(run) = self.runs.get(self.before_second)
            && run.at() + SECOND <= now
        {
            self.before_second += 1;
            self.in_second -= u64::from(run.count);
        }
        while let Some(run) = self.runs.front()
            && run.at() + MINUTE <= now
        {
            self.in_minute -= u64::from(run.count);
            self.before_second -= 1;
            self.runs.pop_front();
        }
        self.runs.is_empty()
    }

    /// Shrinks what a burst has made large.
    pub(super) fn give_back_memory(&mut self) {
        if self.runs.capacity() > 64.max(self.runs.len() * 4) {
            self.runs.shrink_to(self.runs.len() * 2);
        }
    }

    /// When nothing of the log counts any more.
    pub(super) fn idle_from(&self) -> Duration {
        self.runs.back().map_or(Duration::ZERO, |last| last.at() + MINUTE)
    }

    fn note(&mut self, limit: RateLimit, now: Duration) {
        let at = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.in_second += 1;
        self.in_minute += 1;
        let grain = if limit.per_minute().get() > EXACT_UP_TO { 1_000_000 } else { 1 };
        match self.runs.back_mut() {
            Some(last) if last.at / grain == at / grain && last.count < u32::MAX => {
                last.at = at;
                last.count += 1;
            }
            _ => self.runs.push_back(Run { at, count: 1 }),
        }
    }

    /// How long until a window that holds the runs from `first` on has room for one more; nothing if it has.
    fn wait(
        &self,
        first: usize,
        held: u64,
        limit: NonZeroU32,
        length: Duration,
        now: Duration,
    ) -> Option<Duration> {
        // More than one too many when the key's figures were lowered.
        let mut too_many = (held + 1).checked_sub(u64::from(limit.get()))?;
        if too_many == 0 {
            return None;
        }
        for run in self.runs.range(first..) {
            too_many = too_many.saturating_sub(u64::from(run.count));
            if too_many == 0 {
                return Some((run.at() + length).saturating_sub(now));
            }
        }
        None
    }

    fn window(&self, held: u64, limit: NonZeroU32, length: Duration, now: Duration) -> WindowState {
        let remaining = u64::from(limit.get()).saturating_sub(held);
        let resets_at = self.runs.back().map_or(now, |last| last.at() + length);
        WindowState {
            limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            resets_in: resets_at.saturating_sub(now),
        }
    }
}

#[cfg(test)]
impl AdmissionLog {
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.runs.capacity()
    }
}
