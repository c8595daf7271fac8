//! How much work templates may be.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Nodes rendered, turns of loops and members of lists that are written, of one part of a mail: far more than a mail has,
/// and far less than a second's work.
pub(super) const MOST_OF_A_PART: usize = 500_000;

/// The same for all parts of all mails of one request.
const MOST_OF_A_REQUEST: usize = 5_000_000;

/// What the parts of all mails of one request may still take, in steps.
#[derive(Debug)]
pub struct Steps(AtomicUsize);

impl Default for Steps {
    fn default() -> Self {
        Self(AtomicUsize::new(MOST_OF_A_REQUEST))
    }
}

impl Steps {
    /// What one part may take.
    pub(super) fn of_a_part(&self) -> usize {
        self.0.load(Ordering::Relaxed).min(MOST_OF_A_PART)
    }

    /// Takes what a part took. Mails of one request are rendered one after the other, so that nothing comes between.
    pub(super) fn take(&self, taken: usize) {
        self.0.fetch_sub(taken.min(self.0.load(Ordering::Relaxed)), Ordering::Relaxed);
    }
}
