//! What must be done now and then: leases renewed, use of keys written down, what is over forgotten.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::service::deliveries::Deliveries;
use crate::service::keys::Keys;
use crate::service::mails::Mails;
use crate::service::sessions::Sessions;

/// How often the last use of keys is written down: what a crash may lose of it.
const USAGE: Duration = Duration::from_secs(5);

/// How often idempotency keys whose day is over are forgotten, and the queue is measured.
const FORGET: Duration = Duration::from_mins(1);

/// Renews the leases that this node holds, three times in the life of one.
pub async fn renew_leases(deliveries: Deliveries, stop: CancellationToken) {
    every(deliveries.lease() / 3, "renew leases", &stop, || deliveries.renew_leases()).await;
}

/// Writes down when and from where keys were used.
pub async fn write_usage(keys: Arc<Keys>, stop: CancellationToken) {
    every(USAGE, "write down the use of keys", &stop, || keys.flush_usage()).await;
}

/// Forgets what is over.
pub async fn forget_what_is_over(mails: Mails, stop: CancellationToken) {
    every(FORGET, "forget old idempotency keys", &stop, || mails.forget_what_is_over()).await;
}

/// Forgets sessions and links that are over.
pub async fn forget_sessions(sessions: Sessions, stop: CancellationToken) {
    every(FORGET, "forget sessions that are over", &stop, || sessions.forget_what_is_over()).await;
}

/// Does what keeps memory bounded, every few seconds.
pub async fn now_and_then(tidy: impl Fn() + Send, stop: CancellationToken) {
    let tidy = || {
        tidy();
        std::future::ready(Ok(()))
    };
    every(USAGE, "tidy up", &stop, tidy).await;
}

async fn every<F, Fut>(period: Duration, what: &str, stop: &CancellationToken, mut act: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<()>>,
{
    while stop.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
        if let Err(error) = act().await {
            tracing::warn!(%error, "Could not {what}; trying again in {period:?}");
        }
    }
}
