//! From what was written to what it means.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Reader, given_secret, path};
use super::values::{LogFormat, RequireHttps, RequireVerifiedDomains, Role};
use super::{Config, Problem, Settings};

/// Below the 30 seconds after which Kubernetes kills what it has asked to stop.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// What a dead worker held is taken over within a minute.
const DEFAULT_LEASE: Duration = Duration::from_secs(45);

/// The longest lease, in seconds, that keeps this promise.
const MAX_LEASE: u32 = 60;

/// A century: no clock overflows when it is taken from the present.
const MAX_RETENTION_DAYS: u32 = 36_500;

impl Settings {
    /// Reads all settings, or says everything that is wrong with them.
    pub fn validate(self) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        self.refuse_unsupported(&mut problems);
        let Self {
            listen_addr,
            data_dir,
            database_url,
            database_connections,
            postgres_bin_dir,
            smtp_url,
            smtp_connections,
            bounce_domain,
            inbound_addr,
            ses_topic_arns,
            rate_limit_per_second,
            rate_limit_per_minute,
            require_https,
            tls_cert,
            tls_key,
            trusted_proxies,
            require_verified_domains,
            public_url,
            system_from,
            secret_key,
            outbound_allow,
            redis_url: _,
            dns_server,
            log_format,
            log_level,
            shutdown_timeout,
            lease_seconds,
            retention_days,
            metrics_addr,
            role,
        } = self;
        let mut read = Reader(&mut problems);

        let listen_addr = read
            .address("LISTEN_ADDR", listen_addr)
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let needs_secret_key = given_secret(database_url.as_ref()).is_some();
        let smtp_url = read.url("SMTP_URL", smtp_url.as_ref(), &["smtp://", "smtps://"]);
        let bounce_domain = read.bounce_domain(bounce_domain);
        let inbound_addr = read.inbound_addr(inbound_addr, bounce_domain.is_some());
        let config = Config {
            listen_addr,
            database_url: read.database_url(database_url.as_ref()),
            data_dir: path(data_dir).unwrap_or_else(|| PathBuf::from("./data")),
            database_connections: read
                .number("DATABASE_CONNECTIONS", database_connections, 1000)
                .unwrap_or(const { NonZeroU32::new(16).expect("sixteen is not zero") }),
            postgres_bin_dir: path(postgres_bin_dir),
            require_verified_domains: match read
                .choice("REQUIRE_VERIFIED_DOMAINS", require_verified_domains)
                .unwrap_or(RequireVerifiedDomains::Auto)
            {
                RequireVerifiedDomains::Auto => smtp_url.is_some(),
                policy => policy == RequireVerifiedDomains::On,
            },
            dns_server: read.dns_server(dns_server),
            smtp_url,
            smtp_connections: read
                .number("SMTP_CONNECTIONS", smtp_connections, 1000)
                .and_then(|number| NonZeroU16::try_from(number).ok())
                .unwrap_or(const { NonZeroU16::new(16).expect("sixteen is not zero") }),
            bounce_domain,
            inbound_addr,
            ses_topic_arns: read.topic_arns(ses_topic_arns),
            rate_limit: read.rate_limit(rate_limit_per_second, rate_limit_per_minute),
            require_https: read
                .choice("REQUIRE_HTTPS", require_https)
                .unwrap_or(RequireHttps::Auto),
            tls: read.tls(tls_cert, tls_key),
            trusted_proxies: read.networks("TRUSTED_PROXIES", trusted_proxies),
            public_url: read.public_url(public_url),
            outbound_allow: read.networks("OUTBOUND_ALLOW", outbound_allow),
            system_from: read.mailbox("SYSTEM_FROM", system_from),
            secret_key: read.secret_key(secret_key.as_ref(), needs_secret_key),
            log_format: read.choice("LOG_FORMAT", log_format).unwrap_or(LogFormat::Pretty),
            log_level: read.log_level(log_level),
            metrics_addr: read.metrics_addr(metrics_addr, listen_addr),
            role: read.choice("ROLE", role).unwrap_or(Role::All),
            lease: read
                .number("LEASE_SECONDS", lease_seconds, MAX_LEASE)
                .map_or(DEFAULT_LEASE, |seconds| Duration::from_secs(seconds.get().into())),
            retention: read
                .number("RETENTION_DAYS", retention_days, MAX_RETENTION_DAYS)
                .map(|days| Duration::from_hours(24 * u64::from(days.get()))),
            shutdown_timeout: read
                .shutdown_timeout(shutdown_timeout)
                .unwrap_or(DEFAULT_SHUTDOWN_TIMEOUT),
        };
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Names the settings that are part of the design but of no effect yet: to accept one would be to promise it.
    fn refuse_unsupported(&self, problems: &mut Vec<Problem>) {
        let mut read = Reader(problems);
        let unsupported = [("REDIS_URL", given_secret(self.redis_url.as_ref()).is_some())];
        for (setting, given) in unsupported {
            if given {
                read.problem(
                    setting,
                    format!("is not supported yet by this version: unset {setting}"),
                );
            }
        }
    }
}
