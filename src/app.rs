//! The only place where everything is wired together, started and stopped.

mod bounce_listener;
mod database;
mod household;
mod stages;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret;
use sqlx::PgPool;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::bounce_listener::take_bounces;
pub use self::database::Database;
use self::household::Household;
use self::stages::Stages;
use crate::config::Config;
use crate::config::values::{RequireHttps, Role};
use crate::dashboard;
use crate::dns::Dns;
use crate::domain::id::AccountId;
use crate::domain::link_token::LinkKey;
use crate::domain::links::Links;
use crate::http::client_address::TrustedProxies;
use crate::http::health;
use crate::http::layers::authenticate::Gate;
use crate::http::layers::client::Way;
use crate::http::layers::https_only::HttpsOnly;
use crate::http::listener::{Certificates, Listener};
use crate::http::people::Installation;
use crate::http::{self, Api, Parts};
use crate::mail::transport::{Limits, Relay, Settings, SmtpTransport};
use crate::outbound::{Client, Guard};
use crate::secret_key;
use crate::service::bounces::Bounces;
use crate::service::clock::Clock;
use crate::service::committer::Committer;
use crate::service::deliveries::Deliveries;
use crate::service::domains::{DomainPolicy, Domains};
use crate::service::engagements::Engagements;
use crate::service::erasing::Erasing;
use crate::service::handoff::{self, Job, Leases};
use crate::service::keys::Keys;
use crate::service::mails::{Files, Mails};
use crate::service::overview::Overviews;
use crate::service::people::{OwnMails, People};
use crate::service::pepper::Pepper;
use crate::service::projects;
use crate::service::retention::Retention;
use crate::service::return_paths::ReturnPaths;
use crate::service::seal::Seal;
use crate::service::ses::Ses;
use crate::service::sessions::Sessions;
use crate::service::usage::Usage;
use crate::service::webhooks::dispatch::Dispatch;
use crate::service::webhooks::{Owners, Webhooks};
use crate::worker::delivery::{self, DeliveryWorker, Destination};
use crate::worker::dispatch::DispatchWorker;
use crate::worker::domains::check as check_domains;
use crate::worker::housekeeping;

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
    #[expect(
        clippy::too_many_lines,
        reason = "all that a node is made of is put together in one place"
    )]
    pub async fn run(self, metrics: PrometheusHandle, stop: CancellationToken) -> Result<()> {
        let public_url = self.public_url();
        let Self {
            config,
            database,
            keys,
            seal,
            return_paths,
            link_key,
            listener,
            inbound,
            clock,
            ..
        } = self;
        let db = database.pool.clone();

        let stages = Stages::default();
        let Stages { accepting, delivering, recording, committers, loops, attempts, recorders } =
            &stages;

        let leases = Arc::new(Leases::new(config.lease));
        let deliveries = Deliveries::start(db.clone(), Arc::clone(&leases), recorders, recording);
        let (handoff, handed_over) = handoff::channel(leases);
        let delivers = config.role != Role::Api;
        let committer =
            Committer::start(db.clone(), delivers.then(|| handoff.clone()), committers, accepting);
        let domains = domains(&config, &db, &seal)?;
        let links = Links::new(&public_url, link_key);
        let guard = Guard::new(config.outbound_allow.clone());
        let dns = config.dns_server.map(|server| Dns::new(Some(server))).transpose()?;
        let client =
            Client::new(guard.clone(), dns).context("cannot prepare requests to others")?;
        let files = Files::new(client.clone());
        let handoff = delivers.then_some(handoff);
        let mails =
            Mails::new(db.clone(), committer, handoff, domains.clone(), files, links.clone());
        let sessions = Sessions::new(db.clone());
        let webhooks = Webhooks::new(db.clone(), seal.clone(), guard.clone());
        let bounces = Bounces::new(db.clone(), return_paths.clone());
        let own_mails = OwnMails::new(config.system_from_at(&public_url), public_url.clone());
        let people = Arc::new(People::new(
            db.clone(),
            keys.hashing().clone(),
            seal.clone(),
            clock.clone(),
            own_mails.clone(),
            committers.clone(),
        ));
        let gate = Arc::new(Gate::new(Arc::clone(&keys), sessions.clone(), clock));
        let owners = Owners::new(db.clone(), own_mails.clone());
        let usage = Arc::new(Usage::new(db.clone(), own_mails));

        if delivers {
            let from = (links.clone(), return_paths);
            let worker = delivery_worker(&config, &deliveries, &domains, from, attempts)?;
            deliver(worker, handed_over, domains.clone(), loops, delivering);
            let dispatch =
                Dispatch::start(db.clone(), seal.clone(), config.lease, recorders, recording);
            let dispatcher = DispatchWorker::new(dispatch, client.clone(), attempts.clone());
            loops.spawn(dispatcher.run(delivering.clone()));
            recorders.spawn(housekeeping::renew_leases(deliveries, recording.clone()));
        }
        let engagements = Engagements::new(db.clone(), links.clone());
        let erasing = Erasing::new(db.clone(), seal.clone());
        let household = Household {
            engagements: engagements.clone(),
            keys: Arc::clone(&keys),
            usage: Arc::clone(&usage),
            mails: mails.clone(),
            sessions: sessions.clone(),
            webhooks: webhooks.clone(),
            owners,
            retention: Retention::new(db.clone(), config.retention),
            erasing: erasing.clone(),
            gate: Arc::clone(&gate),
            metrics: metrics.clone(),
        };
        household.keep(loops, delivering);
        take_bounces(inbound, bounces.clone(), &config, committers, accepting).await?;
        if let Some(address) = config.metrics_addr {
            let operations = health::operations(db.clone(), move || metrics.render());
            serve_operations(address, operations, loops, delivering)?;
        }

        // Requests get half of the time, and what they left behind the rest.
        let grace = config.shutdown_timeout / 2;
        let served = if config.role == Role::Worker {
            // Nobody would ever answer there.
            drop(listener);
            stop.cancelled().await;
            Ok(())
        } else {
            let overviews = Overviews::new(db.clone(), mails.clone());
            let installation = Arc::new(installation(&config, public_url));
            let way = Arc::new(way(&config));
            let (usage, keys) = (Arc::clone(&usage), Arc::clone(&keys));
            let api = Api::new(Parts {
                mails,
                domains,
                usage,
                overviews,
                people,
                sessions,
                installation,
                webhooks,
                ses: ses(&config, bounces.clone(), client),
                bounces,
                erasing,
                keys,
                db,
                links,
                engagements: engagements.clone(),
                gate,
                way,
            });
            let certificates = certificates(&config).await?;
            listener.serve(http::router(api, dashboard::router()), certificates, stop, grace).await
        };

        tracing::info!("Stopping: finishing what has begun");
        let orderly = async {
            // No request is served any more, so that what was counted need not wait for what else takes its time.
            let write_down = async || write_down(&keys, &usage, &engagements).await;
            tokio::join!(stages.end(), write_down());
            // What a loop could not write in its last turn it has put back.
            write_down().await;
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

/// Writes down what was counted in memory.
async fn write_down(keys: &Keys, usage: &Usage, engagements: &Engagements) {
    if let Err(error) = keys.flush_usage().await.and(usage.flush().await) {
        tracing::warn!(cause = %error.for_log(), "Could not write down the last use of keys");
    }
    if let Err(error) = engagements.flush().await {
        tracing::warn!(cause = %error.for_log(), "Could not write down what recipients did");
    }
}

fn relay(config: &Config) -> Result<Option<Relay>> {
    let Some(url) = &config.smtp_url else { return Ok(None) };
    url.expose_secret().parse().map(Some).map_err(|error| anyhow::anyhow!("SMTP_URL {error}"))
}

fn domains(config: &Config, db: &PgPool, seal: &Seal) -> Result<Domains> {
    let relay = relay(config)?.map(|relay| relay.host().to_owned());
    let policy = DomainPolicy { required: config.require_verified_domains, relay };
    Ok(Domains::new(db.clone(), Dns::new(config.dns_server)?, seal.clone(), policy))
}

fn delivery_worker(
    config: &Config,
    deliveries: &Deliveries,
    domains: &Domains,
    (links, return_paths): (Links, ReturnPaths),
    attempts: &TaskTracker,
) -> Result<DeliveryWorker> {
    let (to, signing) = (destination(config)?, domains.signing());
    let worker = DeliveryWorker::new(deliveries.clone(), to, signing, links, attempts.clone());
    Ok(worker.with_return_paths(return_paths))
}

/// Starts to deliver what is handed over in memory, and what waits in the queue; and to look after the domains it is from.
fn deliver(
    worker: DeliveryWorker,
    handed_over: UnboundedReceiver<Job>,
    domains: Domains,
    loops: &TaskTracker,
    stop: &CancellationToken,
) {
    loops.spawn(check_domains(domains, stop.clone()));
    loops.spawn(worker.clone().run_handed_over(handed_over, stop.clone()));
    loops.spawn(worker.run_queue(stop.clone()));
}

fn installation(config: &Config, public_url: String) -> Installation {
    Installation { capture_mailbox: config.smtp_url.is_none(), public_url }
}

async fn certificates(config: &Config) -> Result<Option<Certificates>> {
    let Some(files) = &config.tls else { return Ok(None) };
    Ok(Some(Certificates::load(files.cert.clone(), files.key.clone()).await?))
}

fn ses(config: &Config, bounces: Bounces, client: Client) -> Ses {
    Ses::new(bounces, client, config.ses_topic_arns.clone())
}

fn destination(config: &Config) -> Result<Destination> {
    let Some(relay) = relay(config)? else { return Ok(Destination::CaptureMailbox) };
    let limits =
        Limits { connections: usize::from(config.smtp_connections.get()), ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let transport =
        SmtpTransport::new(relay, &own_name(), &settings).context("cannot prepare SMTP")?;
    Ok(Destination::Relay(Box::new(delivery::Relay::new(transport))))
}

/// What EHLO says: the machine's name if it is a domain name, else an address literal (RFC 5321, section 4.1.4).
pub fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_domain = name.contains('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_domain { name } else { "[127.0.0.1]".to_owned() }
}

fn way(config: &Config) -> Way {
    let proxies = Arc::new(TrustedProxies::new(config.trusted_proxies.clone()));
    let https_only = match config.require_https {
        RequireHttps::Never => None,
        required => Some(HttpsOnly {
            exempt_loopback: required == RequireHttps::Auto,
            trusted_proxies: Arc::clone(&proxies),
        }),
    };
    Way { proxies, https_only }
}

fn serve_operations(
    address: SocketAddr,
    router: Router,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    let listener = Listener::bind("METRICS_ADDR", address)?;
    let stop = stop.clone();
    tasks.spawn(async move {
        if let Err(error) = listener.serve(router, None, stop, Duration::ZERO).await {
            tracing::error!(%error, "The listener of METRICS_ADDR failed");
        }
    });
    Ok(())
}

/// Where a first key is kept for its owner to find; readable by nobody else.
pub fn first_key_file(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("first-api-key")
}
