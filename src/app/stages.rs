//! The order in which a node stops.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks by the stage of the stop that ends them. First nothing comes in, then everything stored is handed over, then
/// attempts end, and then their records are written.
#[derive(Default)]
pub(super) struct Stages {
    pub accepting: CancellationToken,
    pub delivering: CancellationToken,
    pub recording: CancellationToken,
    pub committers: TaskTracker,
    pub loops: TaskTracker,
    pub attempts: TaskTracker,
    pub recorders: TaskTracker,
}

impl Stages {
    /// Ends one stage after the other, each when all tasks of the one before have ended.
    pub async fn end(&self) {
        for (token, tasks) in [
            (&self.accepting, &self.committers),
            (&self.delivering, &self.loops),
            (&self.delivering, &self.attempts),
            (&self.recording, &self.recorders),
        ] {
            token.cancel();
            tasks.close();
            tasks.wait().await;
        }
    }
}
