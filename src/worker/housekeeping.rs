//! What must be done now and then: leases renewed, use of keys written down, what is over forgotten.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::service::backoff::Backoff;
use crate::service::deliveries::Deliveries;
use crate::service::keys::Keys;
use crate::service::mails::Mails;
use crate::service::restart;
use crate::service::sessions::Sessions;

/// How often the last use of keys is written down: what a crash may lose of it.
const USAGE: Duration = Duration::from_secs(5);

/// How often idempotency keys whose day is over are forgotten, and the queue is measured.
const FORGET: Duration = Duration::from_mins(1);

/// Between what failed and the next try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Between tries of what failed, at most, where it does not press.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Renews the leases that this node holds, three times in the life of one.
pub async fn renew_leases(deliveries: Deliveries, stop: CancellationToken) {
    let period = deliveries.lease() / 3;
    let renewing = deliveries.clone();
    let renew = move || {
        let deliveries = renewing.clone();
        async move { deliveries.renew_leases().await }
    };
    every(period, period / 2, "renew leases", stop, renew).await;
    if let Err(error) = deliveries.give_back_unwanted().await {
        tracing::warn!(%error, "Some leases could not be given back; they end by themselves");
    }
}

/// Writes down when and from where keys were used.
pub async fn write_usage(keys: Arc<Keys>, stop: CancellationToken) {
    let write = move || {
        let keys = Arc::clone(&keys);
        async move { keys.flush_usage().await }
    };
    every(USAGE, LONGEST_PAUSE, "write down the use of keys", stop, write).await;
}

/// Forgets what is over.
pub async fn forget_what_is_over(mails: Mails, stop: CancellationToken) {
    let forget = move || {
        let mails = mails.clone();
        async move { mails.forget_what_is_over().await }
    };
    every(FORGET, LONGEST_PAUSE, "forget old idempotency keys", stop, forget).await;
}

/// Forgets sessions and links that are over.
pub async fn forget_sessions(sessions: Sessions, stop: CancellationToken) {
    let forget = move || {
        let sessions = sessions.clone();
        async move { sessions.forget_what_is_over().await }
    };
    every(FORGET, LONGEST_PAUSE, "forget sessions that are over", stop, forget).await;
}

/// Does what keeps memory bounded, every few seconds.
pub async fn now_and_then(tidy: impl Fn() + Send + Sync + 'static, stop: CancellationToken) {
    let tidy = move || {
        tidy();
        std::future::ready(Ok(()))
    };
    every(USAGE, LONGEST_PAUSE, "tidy up", stop, tidy).await;
}

/// Acts once in a period; after a failure sooner, and then later and later up to `longest`. A panic is a failure that
/// ends the loop, which begins again.
async fn every<F, Fut>(
    period: Duration,
    longest: Duration,
    what: &'static str,
    stop: CancellationToken,
    act: F,
) where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let act = Arc::new(act);
    restart::whenever_it_panics(what, move || {
        let (act, stop) = (Arc::clone(&act), stop.clone());
        async move {
            let mut backoff = Backoff::new(FIRST_PAUSE, longest);
            let mut pause = period;
            while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                pause = match act().await {
                    Ok(()) => {
                        backoff.reset();
                        period
                    }
                    Err(error) => {
                        let pause = backoff.after_failure();
                        tracing::warn!(%error, "Could not {what}; trying again in {pause:.1?}");
                        pause
                    }
                };
            }
        }
    })
    .await;
}
