//! Loops that outlive their mistakes.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;

/// Before a loop that panicked begins again, lest a mistake that repeats itself take the whole machine.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs a loop until it returns, and begins it again whenever it panics. `what` names it for log and metric.
pub async fn whenever_it_panics<F, Fut>(what: &'static str, begin: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    // A set, because it ends the loop if this is dropped.
    let mut running = JoinSet::new();
    loop {
        running.spawn(begin());
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => {}
            _ => return,
        }
        metrics::counter!("posthaste_loop_panics_total", "loop" => what).increment(1);
        // The words of the panic were logged when it happened, as far as they may be.
        tracing::error!("The loop `{what}` panicked and begins again");
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_begun_again_until_it_returns() {
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        whenever_it_panics("test", move || {
            let count = Arc::clone(&count);
            async move {
                assert!(count.fetch_add(1, Ordering::SeqCst) >= 2, "not yet");
            }
        })
        .await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
