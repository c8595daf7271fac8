//! Starts what operators ask at `METRICS_ADDR`: metrics and health.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::health;
use crate::http::listener::Listener;

/// Answers operators on a port of their own until `stop` is cancelled, if there is an address for that.
pub(super) fn serve(
    address: Option<SocketAddr>,
    db: PgPool,
    metrics: PrometheusHandle,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    let router = health::operations(db, move || metrics.render());
    let listener = Listener::bind("METRICS_ADDR", address)?;
    let stop = stop.clone();
    tasks.spawn(async move {
        if let Err(error) = listener.serve(router, None, stop, Duration::ZERO).await {
            tracing::error!(%error, "The listener of METRICS_ADDR failed");
        }
    });
    Ok(())
}
