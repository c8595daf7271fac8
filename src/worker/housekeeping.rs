//! What must be done now and then: leases renewed, use of keys written down, what is over forgotten.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::service::backoff::Backoff;
use crate::service::deliveries::Deliveries;
use crate::service::engagements::Engagements;
use crate::service::erasing::Erasing;
use crate::service::keys::Keys;
use crate::service::mails::Mails;
use crate::service::restart;
use crate::service::retention::Retention;
use crate::service::sessions::Sessions;
use crate::service::usage::Usage;
use crate::service::webhooks::{Owners, Webhooks};

/// How often the requests of keys are written down: what a kill may lose of the counts.
pub const REQUESTS: Duration = Duration::from_secs(10);

/// How often the last use of keys is written down: what a crash may lose of it.
const USAGE: Duration = Duration::from_secs(5);

/// How often it is written down what recipients did with their mail: what a kill may lose of it.
const ENGAGEMENTS: Duration = Duration::from_secs(1);

/// How often idempotency keys whose day is over are forgotten, and the queue is measured.
const FORGET: Duration = Duration::from_mins(1);

/// How long anything here may take: a connection to the database that carries nothing any more says so to nobody.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often mails are removed whose time is over.
const REMOVE: Duration = Duration::from_mins(10);

/// How often it is looked for recipients who are to be erased.
const ERASE: Duration = Duration::from_secs(2);

/// Between two batches of them: the database has other things to do.
const PAUSE_BETWEEN_BATCHES: Duration = Duration::from_millis(50);

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
    every(period, period / 2, "renew leases", (stop, AtStop::Finish), renew).await;
    if let Err(error) = deliveries.give_back_unwanted().await {
        tracing::warn!(cause = %error.for_log(), "Some leases could not be given back; they end by themselves");
    }
}

/// Writes down when and from where keys were used.
pub async fn write_usage(keys: Arc<Keys>, stop: CancellationToken) {
    let write = move || {
        let keys = Arc::clone(&keys);
        async move { keys.flush_usage().await }
    };
    every(USAGE, LONGEST_PAUSE, "write down the use of keys", (stop, AtStop::Finish), write).await;
}

/// Writes down how many requests keys made.
pub async fn write_requests(usage: Arc<Usage>, stop: CancellationToken) {
    let write = move || {
        let usage = Arc::clone(&usage);
        async move { usage.flush().await }
    };
    every(
        REQUESTS,
        LONGEST_PAUSE,
        "write down the requests of keys",
        (stop, AtStop::Finish),
        write,
    )
    .await;
}

/// Writes down what recipients did with their mail.
pub async fn write_engagements(engagements: Engagements, stop: CancellationToken) {
    let write = move || {
        let engagements = engagements.clone();
        async move { engagements.flush().await }
    };
    every(
        ENGAGEMENTS,
        LONGEST_PAUSE,
        "write down what recipients did",
        (stop, AtStop::Finish),
        write,
    )
    .await;
}

/// Looks for what is unusual about the use of keys, and forgets what is too old.
pub async fn watch_use(usage: Arc<Usage>, stop: CancellationToken) {
    let look = move || {
        let usage = Arc::clone(&usage);
        async move {
            usage.look_for_the_unusual(Utc::now()).await?;
            usage.forget_old().await
        }
    };
    every(FORGET, LONGEST_PAUSE, "look at the use of keys", (stop, AtStop::BreakOff), look).await;
}

/// Adds up the recipients of mails by day.
pub async fn add_up_days(mails: Mails, stop: CancellationToken) {
    let add_up = move || {
        let mails = mails.clone();
        async move { mails.add_up_days().await }
    };
    every(REQUESTS, LONGEST_PAUSE, "add up the mails of the day", (stop, AtStop::BreakOff), add_up)
        .await;
}

/// Forgets what is over.
pub async fn forget_what_is_over(mails: Mails, stop: CancellationToken) {
    let forget = move || {
        let mails = mails.clone();
        async move { mails.forget_what_is_over().await }
    };
    every(FORGET, LONGEST_PAUSE, "forget old idempotency keys", (stop, AtStop::BreakOff), forget)
        .await;
}

/// Forgets sessions and links that are over.
pub async fn forget_sessions(sessions: Sessions, stop: CancellationToken) {
    let forget = move || {
        let sessions = sessions.clone();
        async move { sessions.forget_what_is_over().await }
    };
    every(FORGET, LONGEST_PAUSE, "forget sessions that are over", (stop, AtStop::BreakOff), forget)
        .await;
}

/// Erases recipients, and goes on with what a node that died has begun.
pub async fn erase_recipients(erasing: Erasing, stop: CancellationToken) {
    let erase = move || {
        let erasing = erasing.clone();
        async move { erasing.work().await }
    };
    every(ERASE, LONGEST_PAUSE, "erase recipients", (stop, AtStop::BreakOff), erase).await;
}

/// Forgets what webhooks were told long ago.
pub async fn forget_webhook_deliveries(webhooks: Webhooks, stop: CancellationToken) {
    let forget = move || {
        let webhooks = webhooks.clone();
        async move { webhooks.forget_what_is_over().await }
    };
    every(
        FORGET,
        LONGEST_PAUSE,
        "forget what webhooks were told",
        (stop, AtStop::BreakOff),
        forget,
    )
    .await;
}

/// Tells people of webhooks that were switched off.
pub async fn tell_owners(owners: Owners, stop: CancellationToken) {
    let tell = move || {
        let owners = owners.clone();
        async move { owners.tell().await }
    };
    every(
        REQUESTS,
        LONGEST_PAUSE,
        "tell of webhooks that were switched off",
        (stop, AtStop::BreakOff),
        tell,
    )
    .await;
}

/// Does what keeps memory bounded, every few seconds.
pub async fn now_and_then(tidy: impl Fn() + Send + Sync + 'static, stop: CancellationToken) {
    let tidy = move || {
        tidy();
        std::future::ready(Ok(()))
    };
    every(USAGE, LONGEST_PAUSE, "tidy up", (stop, AtStop::Finish), tidy).await;
}

/// Removes mails whose time is over, at the start and then now and then.
pub async fn remove_old_mails(retention: Retention, stop: CancellationToken) {
    restart::whenever_it_panics("remove old mails", move || {
        keep_removing(retention.clone(), stop.clone())
    })
    .await;
}

async fn keep_removing(retention: Retention, stop: CancellationToken) {
    loop {
        let result = stop.run_until_cancelled(remove_batches(&retention)).await;
        if let Some(Err(error)) = result {
            tracing::warn!(cause = %error.for_log(), "Could not remove old mails; trying again in {REMOVE:?}");
        }
        if stop.run_until_cancelled(tokio::time::sleep(REMOVE)).await.is_none() {
            return;
        }
    }
}

async fn remove_batches(retention: &Retention) -> Result<()> {
    while retention.remove_old_mails().await? {
        tokio::time::sleep(PAUSE_BETWEEN_BATCHES).await;
    }
    while retention.remove_mails_by_project().await? {
        tokio::time::sleep(PAUSE_BETWEEN_BATCHES).await;
    }
    while retention.empty_deleted_projects().await? {
        tokio::time::sleep(PAUSE_BETWEEN_BATCHES).await;
    }
    Ok(())
}

/// What becomes of an act that is under way when the node stops.
#[derive(Clone, Copy)]
enum AtStop {
    /// It is waited for, because it writes down what is known to nobody else.
    Finish,
    /// It is broken off, because whoever comes next goes on with it.
    BreakOff,
}

/// Acts once in a period; after a failure sooner, and then later and later up to `longest`. A panic is a failure that
/// ends the loop, which begins again.
async fn every<F, Fut>(
    period: Duration,
    longest: Duration,
    what: &'static str,
    (stop, at_stop): (CancellationToken, AtStop),
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
                let acting = tokio::time::timeout(PATIENCE, act());
                let acted = match at_stop {
                    AtStop::Finish => acting.await,
                    AtStop::BreakOff => match stop.run_until_cancelled(acting).await {
                        Some(acted) => acted,
                        None => return,
                    },
                };
                let too_long =
                    || Error::Unavailable(anyhow::anyhow!("it took longer than {PATIENCE:?}"));
                pause = match acted.unwrap_or_else(|_| Err(too_long())) {
                    Ok(()) => {
                        backoff.reset();
                        period
                    }
                    Err(error) => {
                        let pause = backoff.after_failure();
                        tracing::warn!(cause = %error.for_log(), "Could not {what}; trying again in {pause:.1?}");
                        pause
                    }
                };
            }
        }
    })
    .await;
}
