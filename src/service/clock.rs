//! Time as an input, so that what depends on it can be tried without waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells what has passed since any fixed start, and never goes back. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// The clock of this machine, from now on.
    pub fn monotonic() -> Self {
        let started = Instant::now();
        Self::reading(move || started.elapsed())
    }

    /// A clock that shows what `read` says.
    pub fn reading(read: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time on it.
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}
