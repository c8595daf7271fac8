//! Looks at the DNS records of domains by itself.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::domains::Domains;
use crate::service::restart;

/// Between looks for domains whose time has come.
const IDLE: Duration = Duration::from_secs(5);

/// Checks domains until asked to stop.
pub async fn check(domains: Domains, stop: CancellationToken) {
    restart::whenever_it_panics("check domains", move || {
        check_what_is_due(domains.clone(), stop.clone())
    })
    .await;
}

async fn check_what_is_due(domains: Domains, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // DNS may take its time, and a stop does not wait for it: whatever was not written down is looked at again.
        let checked = stop.run_until_cancelled(domains.check_due()).await;
        let found = checked.unwrap_or(Ok(0)).unwrap_or_else(|error| {
            tracing::warn!(cause = %error.for_log(), "Could not look which domains are to be checked; trying again in {IDLE:?}");
            0
        });
        if found == 0 {
            stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
        }
    }
}
