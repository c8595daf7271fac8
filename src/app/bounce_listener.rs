//! Starts what takes bounces over SMTP.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::configured::{certificates, own_name};
use crate::config::Config;
use crate::http::listener::Listener;
use crate::inbound::{self, CurrentTls};
use crate::service::bounces::Bounces;

/// Takes bounces over SMTP until nothing comes in any more, if there is an address for them.
pub(super) async fn take_bounces(
    listener: Option<Listener>,
    bounces: Bounces,
    config: &Config,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    let certificates = certificates(config).await?;
    let tls = certificates.as_ref().map(|files| Arc::new(files.current()) as CurrentTls);
    let host = inbound::Host { name: own_name(), bounces, tls };
    tasks.spawn(inbound::serve(listener.into_socket(), host, stop.clone()));
    if let Some(certificates) = certificates {
        tasks.spawn(certificates.follow_files(stop.clone()));
    }
    Ok(())
}
