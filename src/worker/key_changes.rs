//! Hears from other nodes that keys have changed, and forgets what was remembered of them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::keys::Keys;

/// Before the connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens until asked to stop. Whenever the connection breaks, everything is forgotten, because a change may have
/// been missed; that no mail is sent with a revoked key does not rest on this.
pub async fn follow(keys: Arc<Keys>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(Err(error)) = stop.run_until_cancelled(keys.follow_changes()).await {
            tracing::warn!(%error, "Lost the connection that tells of changed keys; making it again");
        }
        keys.forget_all();
        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}
