//! The loops that keep the house: each on its own, all until the node stops.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::layers::authenticate::Gate;
use crate::service::erasing::Erasing;
use crate::service::keys::Keys;
use crate::service::mails::Mails;
use crate::service::retention::Retention;
use crate::service::sessions::Sessions;
use crate::service::usage::Usage;
use crate::service::webhooks::{Owners, Webhooks};
use crate::worker::{housekeeping, key_changes};

/// What has to be looked after on every node, whatever its role.
pub(super) struct Household {
    pub keys: Arc<Keys>,
    pub usage: Arc<Usage>,
    pub mails: Mails,
    pub sessions: Sessions,
    pub webhooks: Webhooks,
    pub owners: Owners,
    pub retention: Retention,
    pub erasing: Erasing,
    pub gate: Arc<Gate>,
    pub metrics: PrometheusHandle,
}

impl Household {
    /// Starts its loops; they end when `stop` is cancelled.
    pub fn keep(self, loops: &TaskTracker, stop: &CancellationToken) {
        let Self {
            keys,
            usage,
            mails,
            sessions,
            webhooks,
            owners,
            retention,
            erasing,
            gate,
            metrics,
        } = self;
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
}
