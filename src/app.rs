//! The only place where everything is wired together, started and stopped.

mod background;
mod bounce_listener;
mod configured;
mod database;
mod delivering;
mod operations;
mod services;
mod stages;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use self::bounce_listener::take_bounces;
use self::configured::certificates;
pub use self::configured::{first_key_file, own_name};
pub use self::database::Database;
use self::delivering::Delivering;
use self::services::Services;
use self::stages::Stages;
use crate::config::Config;
use crate::config::values::Role;
use crate::domain::id::AccountId;
use crate::domain::link_token::LinkKey;
use crate::http::listener::Listener;
use crate::service::clock::Clock;
use crate::service::keys::Keys;
use crate::service::pepper::Pepper;
use crate::service::projects;
use crate::service::retention::Retention;
use crate::service::return_paths::ReturnPaths;
use crate::service::seal::Seal;
use crate::{dashboard, http, secret_key};

/// A node, ready to be run.
pub struct App {
    config: Config,
    database: Database,
    keys: Arc<Keys>,
    seal: Seal,
    return_paths: ReturnPaths,
    link_key: LinkKey,
    listener: Listener,
    /// Where bounces are taken.
    inbound: Option<Listener>,
    account: AccountId,
    /// Whether the account was made just now.
    is_new: bool,
    /// What limits are counted by.
    clock: Clock,
}

impl App {
    /// Opens the database and binds the address. Nothing is served yet.
    pub async fn prepare(config: Config) -> Result<Self> {
        // Before the database: another process on our address is found out in no time.
        let listener = Listener::bind("LISTEN_ADDR", config.listen_addr)?;
        let inbound = config
            .inbound_addr
            .map(|address| Listener::bind("INBOUND_ADDR", address))
            .transpose()?;
        let database = Database::open(&config).await?;
        let secret_key = secret_key::load(&config)?;
        let (pepper, seal) = (Pepper::derive(&secret_key), Seal::derive(&secret_key));
        let link_key = LinkKey::derive(&secret_key);
        let keys = Keys::new(database.pool.clone(), pepper).with_default_limit(config.rate_limit);
        let keys = Arc::new(keys);
        let return_paths = ReturnPaths::derive(&secret_key, config.bounce_domain.as_ref());
        let (account, is_new) = projects::set_up(&database.pool).await?;
        let clock = Clock::monotonic();
        Ok(Self {
            config,
            database,
            keys,
            seal,
            return_paths,
            link_key,
            listener,
            inbound,
            account,
            is_new,
            clock,
        })
    }

    /// Counts the limits of keys and of failures by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Where requests are taken.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Where bounces are taken over SMTP, if they are.
    pub fn inbound_address(&self) -> Option<SocketAddr> {
        self.inbound.as_ref().map(Listener::address)
    }

    /// The base of links.
    pub fn public_url(&self) -> String {
        self.config.public_url_at(self.address())
    }

    /// The keys, for the first one.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The account that was made on first start, and whether that was just now.
    pub fn account(&self) -> (AccountId, bool) {
        (self.account, self.is_new)
    }

    /// The connections to the database.
    pub fn db(&self) -> &PgPool {
        &self.database.pool
    }

    /// Serves and delivers until `stop` is cancelled; then finishes what has begun, within `SHUTDOWN_TIMEOUT`.
    pub async fn run(self, metrics: PrometheusHandle, stop: CancellationToken) -> Result<()> {
        let stages = Stages::default();
        let Stages { accepting, delivering, committers, loops, .. } = &stages;

        let (handoff, delivery) = match self.config.role {
            Role::Api => (None, None),
            Role::Worker | Role::All => {
                let (handoff, delivery) = Delivering::prepare(&self, &stages);
                (Some(handoff), Some(delivery))
            }
        };
        let services = Services::start(&self, handoff, &stages)?;
        if let Some(delivery) = delivery {
            delivery.start(&self, &services, &stages)?;
        }
        let public_url = self.public_url();
        let Self { config, database, listener, inbound, .. } = self;
        let db = database.pool.clone();
        let retention = Retention::new(db.clone(), config.retention);
        background::start(&services, retention, metrics.clone(), loops, delivering);
        take_bounces(inbound, services.bounces.clone(), &config, committers, accepting).await?;
        operations::serve(config.metrics_addr, db, metrics, loops, delivering)?;

        // Requests get half of the time, and what they left behind the rest.
        let grace = config.shutdown_timeout / 2;
        let served = match config.role {
            Role::Worker => {
                // Nobody would ever answer there.
                drop(listener);
                stop.cancelled().await;
                Ok(())
            }
            Role::Api | Role::All => {
                let router = http::router(services.api(&config, public_url), dashboard::router());
                listener.serve(router, certificates(&config).await?, stop, grace).await
            }
        };

        tracing::info!("Stopping: finishing what has begun");
        let orderly = async {
            // No request is served any more, so that what was counted need not wait for what else takes its time.
            tokio::join!(stages.end(), services.write_counts());
            // What a loop could not write in its last turn it has put back.
            services.write_counts().await;
            // Waits for connections in use, and so for a database that does not answer.
            database.pool.close().await;
        };
        if tokio::time::timeout(grace, orderly).await.is_err() {
            tracing::warn!("Not all was finished within {grace:?}; leases end by themselves");
        }
        if let Some(embedded) = database.embedded {
            embedded.stop().await;
        }
        served.context("the listener failed")
    }
}
