//! Every setting, read once and checked as a whole; secrets wrapped.
//!
//! A setting is a flag, an environment variable of the same name, or a line of a `.env` file in the working directory,
//! and the first of these that names it wins. An empty value is as good as none. [`Settings`] is what was written,
//! [`Config`] what it means.

mod dotenv;
pub mod environment;
mod reader;
mod settings;
mod validate;
pub mod values;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use tracing_subscriber::filter::Targets;
use url::Url;

pub use self::settings::Settings;
use self::values::{LogFormat, RequireHttps, Role};
use crate::domain::address::Mailbox;
use crate::domain::domain_name::DomainName;
use crate::domain::rate_limit::RateLimit;

/// All settings, checked and with their defaults in place. None of its secrets can be printed.
#[derive(Clone, Debug)]
pub struct Config {
    /// `LISTEN_ADDR`: where requests are taken. Port 0 leaves the choice to the operating system.
    pub listen_addr: SocketAddr,
    /// `DATA_DIR`: the embedded database and everything else that is kept on disk.
    pub data_dir: PathBuf,
    /// `DATABASE_URL`: a Postgres of the operator's; without it the embedded one is used.
    pub database_url: Option<SecretString>,
    /// `DATABASE_CONNECTIONS`: how many connections to Postgres this process holds at most, beside the one on which it hears
    /// of changed keys.
    pub database_connections: NonZeroU32,
    /// `POSTGRES_BIN_DIR`: where the programs for the embedded database are, if not where they are usually found.
    pub postgres_bin_dir: Option<PathBuf>,
    /// `SMTP_URL`: the relay; without it mail goes to the capture mailbox. The transport knows its fine print.
    pub smtp_url: Option<SecretString>,
    /// `BOUNCE_DOMAIN`: where bounces come back to; to the author without it.
    pub bounce_domain: Option<DomainName>,
    /// `INBOUND_ADDR`: where bounces are taken over SMTP and LMTP; nowhere without it.
    pub inbound_addr: Option<SocketAddr>,
    /// `SES_TOPIC_ARNS`: the topics whose reports of Amazon SES are believed.
    pub ses_topic_arns: Vec<String>,
    /// `REQUIRE_VERIFIED_DOMAINS`: whether mail is accepted from verified domains only.
    pub require_verified_domains: bool,
    /// `DNS_SERVER`: who is asked for the records of domains, and for hosts that strangers name, instead of the resolver of
    /// this machine.
    pub dns_server: Option<SocketAddr>,
    /// `SMTP_CONNECTIONS`: how many connections to the relay this process holds at most.
    pub smtp_connections: NonZeroU16,
    /// `RATE_LIMIT_PER_SECOND` and `RATE_LIMIT_PER_MINUTE`: for keys that name no limits of their own.
    pub rate_limit: RateLimit,
    /// `REQUIRE_HTTPS`: which clients may do without TLS.
    pub require_https: RequireHttps,
    /// `TLS_CERT` and `TLS_KEY`: with them the listener speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `PUBLIC_URL`, with no slash at its end; see [`Config::public_url_at`] for its default.
    pub public_url: Option<String>,
    /// `SYSTEM_FROM`: who our own mails are from; see [`Config::system_from_at`] for its default.
    pub system_from: Option<Mailbox>,
    /// `OUTBOUND_ALLOW`: networks that URLs named by callers may lead into, beside what is public.
    pub outbound_allow: Vec<IpNet>,
    /// `SECRET_KEY`: at least [`values::MIN_SECRET_KEY`] characters; without it one is made in `data_dir`.
    pub secret_key: Option<SecretString>,
    /// `LOG_FORMAT`: for people or for machines.
    pub log_format: LogFormat,
    /// `LOG_LEVEL`: what is logged.
    pub log_level: Targets,
    /// `METRICS_ADDR`: where `/metrics` is served, and health for nodes of every role; nowhere without it.
    pub metrics_addr: Option<SocketAddr>,
    /// `ROLE`: what this process does.
    pub role: Role,
    /// `LEASE_SECONDS`: how long a node may hold a delivery before another takes it over. Only tests change it, which
    /// kill nodes and do not want to wait.
    pub lease: Duration,
    /// `RETENTION_DAYS`: how long mails are kept; for ever without it.
    pub retention: Option<Duration>,
    /// `SHUTDOWN_TIMEOUT`: how long a stop may take.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// The base of links in mails and on the dashboard, with no slash at its end, for a listener that got this address.
    pub fn public_url_at(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            let reachable = if bound.ip().is_unspecified() {
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), bound.port())
            } else {
                bound
            };
            format!("{scheme}://{reachable}")
        })
    }

    /// Who our own mails are from: `posthaste` at the host of `public_url`, unless the setting says otherwise. Nothing if
    /// that host is no domain, so that nobody could answer or even take such a mail.
    pub fn system_from_at(&self, public_url: &str) -> Option<Mailbox> {
        self.system_from.clone().or_else(|| {
            let url = Url::parse(public_url).ok()?;
            format!("posthaste@{}", url.domain()?).parse().ok()
        })
    }
}

/// The PEM files of the listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, our own certificate first.
    pub cert: PathBuf,
    /// The private key of that certificate.
    pub key: PathBuf,
}

/// Something about one setting that stops the start, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name as an environment variable, or the name that was mistaken for one.
    pub setting: String,
    /// Completes the sentence that the name begins. It never quotes the value of a secret.
    pub message: String,
}

impl Problem {
    fn new(setting: &str, message: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.message)
    }
}
