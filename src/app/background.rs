//! The loops of every node, whatever its role, beside requests and deliveries: each runs until the node stops.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::services::Services;
use crate::service::retention::Retention;
use crate::worker::{housekeeping, key_changes};

/// Starts them on `loops`; they end when `stop` is cancelled.
pub(super) fn start(
    services: &Services,
    retention: Retention,
    metrics: PrometheusHandle,
    loops: &TaskTracker,
    stop: &CancellationToken,
) {
    let Services {
        engagements, keys, mails, usage, erasing, sessions, webhooks, owners, gate, ..
    } = services.clone();

    loops.spawn(housekeeping::write_engagements(engagements, stop.clone()));
    loops.spawn(housekeeping::write_usage(Arc::clone(&keys), stop.clone()));
    loops.spawn(housekeeping::add_up_days(mails.clone(), stop.clone()));
    loops.spawn(housekeeping::write_requests(Arc::clone(&usage), stop.clone()));
    loops.spawn(housekeeping::watch_use(usage, stop.clone()));
    loops.spawn(housekeeping::forget_what_is_over(mails, stop.clone()));
    loops.spawn(housekeeping::remove_old_mails(retention, stop.clone()));
    loops.spawn(housekeeping::erase_recipients(erasing, stop.clone()));
    loops.spawn(housekeeping::forget_sessions(sessions, stop.clone()));
    loops.spawn(housekeeping::forget_webhook_deliveries(webhooks, stop.clone()));
    loops.spawn(housekeeping::tell_owners(owners, stop.clone()));
    let sweep = move || {
        gate.sweep();
        metrics.run_upkeep();
    };
    loops.spawn(housekeeping::now_and_then(sweep, stop.clone()));
    loops.spawn(key_changes::follow(keys, stop.clone()));
}
