//! Hears from other nodes that keys have changed, and forgets what was remembered of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::service::backoff::Backoff;
use crate::service::keys::Keys;
use crate::service::restart;

/// Before the connection is made again, the first time and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Listens until asked to stop. Whenever the connection breaks, everything is forgotten, because a change may have
/// been missed; that no mail is sent with a revoked key does not rest on this.
pub async fn follow(keys: Arc<Keys>, stop: CancellationToken) {
    restart::whenever_it_panics("follow changes of keys", move || {
        let (keys, stop) = (Arc::clone(&keys), stop.clone());
        async move {
            let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
            while !stop.is_cancelled() {
                let began = Instant::now();
                if let Some(Err(error)) = stop.run_until_cancelled(keys.follow_changes()).await {
                    tracing::warn!(cause = %error.for_log(), "Lost the connection that tells of changed keys; making it again");
                }
                keys.forget_all();
                if began.elapsed() > PAUSES.1 {
                    backoff.reset();
                }
                stop.run_until_cancelled(tokio::time::sleep(backoff.after_failure())).await;
            }
        }
    })
    .await;
}
