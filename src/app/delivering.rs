//! The side of a node that delivers: mails to the relay, and what webhooks are told.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::mpsc::UnboundedReceiver;

use super::App;
use super::configured::destination;
use super::services::Services;
use super::stages::Stages;
use crate::service::deliveries::Deliveries;
use crate::service::handoff::{self, HandOff, Job, Leases};
use crate::service::webhooks::dispatch::Dispatch;
use crate::worker::delivery::DeliveryWorker;
use crate::worker::dispatch::DispatchWorker;
use crate::worker::domains::check as check_domains;
use crate::worker::housekeeping;

/// What delivers, until it is started.
pub(super) struct Delivering {
    deliveries: Deliveries,
    handed_over: UnboundedReceiver<Job>,
}

impl Delivering {
    /// Prepares it, with the entrance by which accepted mails are handed over in memory.
    pub fn prepare(app: &App, stages: &Stages) -> (HandOff, Self) {
        let db = app.database.pool.clone();
        let leases = Arc::new(Leases::new(app.config.lease));
        let deliveries =
            Deliveries::start(db, Arc::clone(&leases), &stages.recorders, &stages.recording);
        let (handoff, handed_over) = handoff::channel(leases);
        (handoff, Self { deliveries, handed_over })
    }

    /// Delivers what is handed over in memory and what waits in the queue, tells webhooks, and looks after the domains
    /// that mail is from.
    pub fn start(self, app: &App, services: &Services, stages: &Stages) -> Result<()> {
        let Self { deliveries, handed_over } = self;
        let Stages { delivering, recording, loops, attempts, recorders, .. } = stages;

        let worker = DeliveryWorker::new(
            deliveries.clone(),
            destination(&app.config)?,
            services.domains.signing(),
            services.links.clone(),
            attempts.clone(),
        )
        .with_return_paths(app.return_paths.clone());
        loops.spawn(check_domains(services.domains.clone(), delivering.clone()));
        loops.spawn(worker.clone().run_handed_over(handed_over, delivering.clone()));
        loops.spawn(worker.run_queue(delivering.clone()));

        let (db, seal) = (services.db.clone(), app.seal.clone());
        let dispatch = Dispatch::start(db, seal, app.config.lease, recorders, recording);
        let dispatcher = DispatchWorker::new(dispatch, services.client.clone(), attempts.clone());
        loops.spawn(dispatcher.run(delivering.clone()));

        recorders.spawn(housekeeping::renew_leases(deliveries, recording.clone()));
        Ok(())
    }
}
