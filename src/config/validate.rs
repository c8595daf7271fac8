//! From what was written to what it means.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::Uri;
use clap::ValueEnum;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::values::{
    LogFormat, MIN_SECRET_KEY, RequireHttps, RequireVerifiedDomains, Role, duration,
};
use super::{Config, Problem, Settings, TlsFiles};
use crate::domain::rate_limit::RateLimit;

/// Below the 30 seconds after which Kubernetes kills what it has asked to stop.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// What a dead worker held is taken over within a minute.
const DEFAULT_LEASE: Duration = Duration::from_secs(45);

/// The longest lease, in seconds, that keeps this promise.
const MAX_LEASE: u32 = 60;

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
            rate_limit_per_second,
            rate_limit_per_minute,
            require_https,
            tls_cert,
            tls_key,
            trusted_proxies,
            require_verified_domains: _,
            public_url,
            secret_key,
            redis_url: _,
            dns_server: _,
            log_format,
            log_level,
            shutdown_timeout,
            lease_seconds,
            retention_days: _,
            metrics_addr,
            role,
        } = self;
        let mut read = Reader(&mut problems);

        let database_url =
            read.url("DATABASE_URL", database_url, &["postgres://", "postgresql://"]);
        let config = Config {
            listen_addr: read
                .address("LISTEN_ADDR", listen_addr)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            data_dir: path(data_dir).unwrap_or_else(|| PathBuf::from("./data")),
            database_connections: read
                .number("DATABASE_CONNECTIONS", database_connections, 1000)
                .unwrap_or(const { NonZeroU32::new(16).expect("sixteen is not zero") }),
            postgres_bin_dir: path(postgres_bin_dir),
            smtp_url: read.url("SMTP_URL", smtp_url, &["smtp://", "smtps://"]),
            smtp_connections: read
                .number("SMTP_CONNECTIONS", smtp_connections, 1000)
                .and_then(|number| NonZeroU16::try_from(number).ok())
                .unwrap_or(const { NonZeroU16::new(16).expect("sixteen is not zero") }),
            rate_limit: read.rate_limit(rate_limit_per_second, rate_limit_per_minute),
            require_https: read
                .choice("REQUIRE_HTTPS", require_https)
                .unwrap_or(RequireHttps::Auto),
            tls: read.tls(tls_cert, tls_key),
            trusted_proxies: read.networks("TRUSTED_PROXIES", trusted_proxies),
            public_url: read.public_url(public_url),
            secret_key: read.secret_key(secret_key, database_url.is_some()),
            database_url,
            log_format: read.choice("LOG_FORMAT", log_format).unwrap_or(LogFormat::Pretty),
            log_level: read.log_level(log_level),
            metrics_addr: read.address("METRICS_ADDR", metrics_addr),
            role: read.choice("ROLE", role).unwrap_or(Role::All),
            lease: read
                .number("LEASE_SECONDS", lease_seconds, MAX_LEASE)
                .map_or(DEFAULT_LEASE, |seconds| Duration::from_secs(seconds.get().into())),
            shutdown_timeout: read
                .checked("SHUTDOWN_TIMEOUT", shutdown_timeout, duration)
                .unwrap_or(DEFAULT_SHUTDOWN_TIMEOUT),
        };
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Names the settings that are part of the design but of no effect yet: to accept one would be to promise it.
    fn refuse_unsupported(&self, problems: &mut Vec<Problem>) {
        let mut read = Reader(problems);
        let policy = read.choice::<RequireVerifiedDomains>(
            "REQUIRE_VERIFIED_DOMAINS",
            self.require_verified_domains.clone(),
        );
        let unsupported = [
            ("REDIS_URL", is_given_secret(self.redis_url.as_ref())),
            ("DNS_SERVER", is_given(self.dns_server.as_deref())),
            ("RETENTION_DAYS", is_given(self.retention_days.as_deref())),
            ("REQUIRE_VERIFIED_DOMAINS", policy == Some(RequireVerifiedDomains::On)),
        ];
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

/// Reads values and notes what is wrong with them.
struct Reader<'a>(&'a mut Vec<Problem>);

impl Reader<'_> {
    fn problem(&mut self, setting: &str, message: impl Into<String>) {
        self.0.push(Problem::new(setting, message));
    }

    fn checked<T, E: ToString>(
        &mut self,
        setting: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = given(value)?;
        parse(&value).map_err(|error| self.problem(setting, error.to_string())).ok()
    }

    fn address(&mut self, setting: &str, value: Option<String>) -> Option<SocketAddr> {
        self.checked(setting, value, |text| {
            text.parse().map_err(|_| {
                "must be an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"
            })
        })
    }

    fn number(&mut self, setting: &str, value: Option<String>, max: u32) -> Option<NonZeroU32> {
        self.checked(setting, value, |text| {
            NonZeroU32::from_str(text)
                .ok()
                .filter(|number| number.get() <= max)
                .ok_or_else(|| format!("must be a whole number from 1 to {max}"))
        })
    }

    fn choice<T: ValueEnum>(&mut self, setting: &str, value: Option<String>) -> Option<T> {
        self.checked(setting, value, |text| {
            T::from_str(text, true).map_err(|_| {
                let values = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                let names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
                format!("must be one of: {}", names.join(", "))
            })
        })
    }

    fn url(
        &mut self,
        setting: &str,
        value: Option<SecretString>,
        schemes: &[&str],
    ) -> Option<SecretString> {
        let value = value.filter(|value| is_given_secret(Some(value)))?;
        let known = |scheme: &&str| {
            let text = value.expose_secret().trim();
            text.len() > scheme.len()
                && text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if !schemes.iter().any(known) {
            self.problem(
                setting,
                format!("must be a URL that begins with {}", schemes.join(" or ")),
            );
        }
        Some(value)
    }

    fn rate_limit(&mut self, second: Option<String>, minute: Option<String>) -> RateLimit {
        let default = RateLimit::default();
        let second = self
            .number("RATE_LIMIT_PER_SECOND", second, RateLimit::MAX)
            .unwrap_or(default.per_second());
        let minute = self
            .number("RATE_LIMIT_PER_MINUTE", minute, RateLimit::MAX)
            .unwrap_or(default.per_minute());
        RateLimit::new(second.get(), minute.get()).unwrap_or(default)
    }

    fn tls(&mut self, cert: Option<String>, key: Option<String>) -> Option<TlsFiles> {
        match (path(cert), path(key)) {
            (Some(cert), Some(key)) => return Some(TlsFiles { cert, key }),
            (Some(_), None) => {
                self.problem("TLS_KEY", "is missing: TLS_CERT needs its private key");
            }
            (None, Some(_)) => {
                self.problem("TLS_CERT", "is missing: TLS_KEY needs its certificate");
            }
            (None, None) => {}
        }
        None
    }

    fn networks(&mut self, setting: &str, value: Option<String>) -> Vec<IpNet> {
        let networks = self.checked(setting, value, |text| {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            entries.map(network).collect::<Result<_, _>>()
        });
        networks.unwrap_or_default()
    }

    fn public_url(&mut self, value: Option<String>) -> Option<String> {
        self.checked("PUBLIC_URL", value, |text| {
            let uri: Option<Uri> = text.parse().ok();
            let good = uri.filter(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.host().is_some_and(|host| !host.is_empty())
                    && uri.query().is_none()
                    && !text.contains(['@', '#'])
            });
            good.map(|_| text.trim_end_matches('/').to_owned())
                .ok_or("must be an http or https URL, such as https://mail.example.com")
        })
    }

    fn secret_key(&mut self, value: Option<SecretString>, needed: bool) -> Option<SecretString> {
        let value = value.filter(|value| is_given_secret(Some(value)));
        match &value {
            None if needed => self.problem(
                "SECRET_KEY",
                "is missing: with DATABASE_URL all nodes need the same one, such as `openssl rand -hex 32` prints",
            ),
            Some(key) if key.expose_secret().chars().count() < MIN_SECRET_KEY => self.problem(
                "SECRET_KEY",
                format!(
                    "is too short: it needs at least {MIN_SECRET_KEY} random characters, such as `openssl rand -hex 32` prints"
                ),
            ),
            _ => {}
        }
        value
    }

    fn log_level(&mut self, value: Option<String>) -> Targets {
        let targets = self.checked("LOG_LEVEL", value, |text| {
            let bare_level_is_one = |part: &str| {
                part.contains('=') || part.trim().parse::<LevelFilter>().is_ok()
            };
            // Without this a misspelt level would be taken for the name of a module.
            let targets = text.parse::<Targets>().ok();
            targets.filter(|_| text.split(',').all(bare_level_is_one)).ok_or(
                "must be one of error, warn, info, debug, trace or off, or such levels by module: warn,posthaste=debug",
            )
        });
        targets.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
    }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc())).map_err(
        |_| "must be addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8,::1",
    )
}

fn given(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn is_given(value: Option<&str>) -> bool {
    value.is_some_and(|value| !value.trim().is_empty())
}

fn is_given_secret(value: Option<&SecretString>) -> bool {
    is_given(value.map(ExposeSecret::expose_secret))
}

fn path(value: Option<String>) -> Option<PathBuf> {
    given(value).map(PathBuf::from)
}
