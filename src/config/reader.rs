//! Reads the values of settings one by one, and gathers what is wrong with them.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Authority;
use clap::ValueEnum;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::values::{MIN_SECRET_KEY, duration};
use super::{Problem, TlsFiles};
use crate::domain::address::{EmailAddress, Mailbox};
use crate::domain::domain_name::DomainName;
use crate::domain::rate_limit::RateLimit;

/// Far beyond what any supervisor waits, and far from what overflows a clock.
const MAX_SHUTDOWN_TIMEOUT: Duration = Duration::from_hours(1);

/// An address has 254 characters at most, and its local part up to 64.
const LONGEST_BOUNCE_DOMAIN: usize = EmailAddress::MAX_BYTES - 65;

/// Reads values and notes what is wrong with them.
pub(super) struct Reader<'a>(pub(super) &'a mut Vec<Problem>);

impl Reader<'_> {
    pub(super) fn problem(&mut self, setting: &str, message: impl Into<String>) {
        self.0.push(Problem::new(setting, message));
    }

    pub(super) fn checked<T, E: ToString>(
        &mut self,
        setting: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = given(value)?;
        parse(&value).map_err(|error| self.problem(setting, error.to_string())).ok()
    }

    pub(super) fn address(&mut self, setting: &str, value: Option<String>) -> Option<SocketAddr> {
        self.checked(setting, value, |text| {
            text.parse().map_err(|_| {
                "must be an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"
            })
        })
    }

    /// A DNS server: an IP address, since nobody could look up its name, with the port or without.
    pub(super) fn dns_server(&mut self, value: Option<String>) -> Option<SocketAddr> {
        self.checked("DNS_SERVER", value, |text| {
            let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
            alone.or_else(|_| text.parse()).map_err(|_| {
                "must be the IP address of a DNS server, such as 9.9.9.9, 127.0.0.1:5353 or [2620:fe::fe]:53"
            })
        })
    }

    pub(super) fn number(
        &mut self,
        setting: &str,
        value: Option<String>,
        max: u32,
    ) -> Option<NonZeroU32> {
        self.checked(setting, value, |text| {
            NonZeroU32::from_str(text)
                .ok()
                .filter(|number| number.get() <= max)
                .ok_or_else(|| format!("must be a whole number from 1 to {max}"))
        })
    }

    pub(super) fn choice<T: ValueEnum>(
        &mut self,
        setting: &str,
        value: Option<String>,
    ) -> Option<T> {
        self.checked(setting, value, |text| {
            T::from_str(text, true).map_err(|_| {
                let values = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                let names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
                format!("must be one of: {}", names.join(", "))
            })
        })
    }

    /// A URL that begins with one of `schemes`, without the space around it.
    pub(super) fn url(
        &mut self,
        setting: &str,
        value: Option<&SecretString>,
        schemes: &[&str],
    ) -> Option<SecretString> {
        let value = given_secret(value)?;
        let known = |scheme: &&str| {
            let text = value.expose_secret();
            text.len() > scheme.len()
                && text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if schemes.iter().any(known) {
            return Some(value);
        }
        self.problem(setting, format!("must be a URL that begins with {}", schemes.join(" or ")));
        None
    }

    /// A URL that sqlx can read. What it says about one that it cannot may quote the password.
    pub(super) fn database_url(&mut self, value: Option<&SecretString>) -> Option<SecretString> {
        let url = self.url("DATABASE_URL", value, &["postgres://", "postgresql://"])?;
        if PgConnectOptions::from_str(url.expose_secret()).is_ok() {
            return Some(url);
        }
        self.problem(
            "DATABASE_URL",
            "must be like postgres://user:password@host:5432/database, with %40 for an @ in the password, %2F for a / \
             and %25 for a %",
        );
        None
    }

    /// How long a stop may take.
    pub(super) fn shutdown_timeout(&mut self, value: Option<String>) -> Option<Duration> {
        self.checked("SHUTDOWN_TIMEOUT", value, |text| match duration(text) {
            Ok(time) if time > MAX_SHUTDOWN_TIMEOUT => Err("must be at most 1h".to_owned()),
            read => read.map_err(|error| error.to_string()),
        })
    }

    /// An address that the public listener leaves free.
    pub(super) fn metrics_addr(
        &mut self,
        value: Option<String>,
        listen_addr: SocketAddr,
    ) -> Option<SocketAddr> {
        let address = self.address("METRICS_ADDR", value)?;
        let overlap = address.ip() == listen_addr.ip()
            || address.ip().is_unspecified()
            || listen_addr.ip().is_unspecified();
        if overlap && address.port() == listen_addr.port() && address.port() != 0 {
            self.problem("METRICS_ADDR", "needs another port than LISTEN_ADDR");
        }
        Some(address)
    }

    pub(super) fn rate_limit(
        &mut self,
        second: Option<String>,
        minute: Option<String>,
    ) -> RateLimit {
        let default = RateLimit::default();
        let second = self
            .number("RATE_LIMIT_PER_SECOND", second, RateLimit::MAX)
            .unwrap_or(default.per_second());
        let minute = self
            .number("RATE_LIMIT_PER_MINUTE", minute, RateLimit::MAX)
            .unwrap_or(default.per_minute());
        RateLimit::new(second.get(), minute.get()).unwrap_or(default)
    }

    pub(super) fn tls(&mut self, cert: Option<String>, key: Option<String>) -> Option<TlsFiles> {
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

    pub(super) fn networks(&mut self, setting: &str, value: Option<String>) -> Vec<IpNet> {
        let networks = self.checked(setting, value, |text| {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            entries.map(network).collect::<Result<_, _>>()
        });
        networks.unwrap_or_default()
    }

    pub(super) fn public_url(&mut self, value: Option<String>) -> Option<String> {
        self.checked("PUBLIC_URL", value, |text| {
            let uri: Option<Uri> = text.parse().ok();
            let good = uri.filter(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.authority().is_some_and(is_reachable)
                    && uri.query().is_none()
                    && !text.contains(['@', '#'])
            });
            good.map(|_| text.trim_end_matches('/').to_owned())
                .ok_or("must be an http or https URL, such as https://mail.example.com")
        })
    }

    pub(super) fn mailbox(&mut self, setting: &str, value: Option<String>) -> Option<Mailbox> {
        self.checked(setting, value, str::parse)
    }

    /// A domain that leaves room for the longest local part of ours.
    pub(super) fn bounce_domain(&mut self, value: Option<String>) -> Option<DomainName> {
        self.checked("BOUNCE_DOMAIN", value, |text| match text.parse::<DomainName>() {
            Ok(domain) if domain.as_str().len() > LONGEST_BOUNCE_DOMAIN => {
                Err(format!("must have at most {LONGEST_BOUNCE_DOMAIN} characters"))
            }
            read => read.map_err(|error| error.to_string()),
        })
    }

    /// Where bounces are taken, which nobody would send without a domain for them.
    pub(super) fn inbound_addr(
        &mut self,
        value: Option<String>,
        has_domain: bool,
    ) -> Option<SocketAddr> {
        let address = self.address("INBOUND_ADDR", value)?;
        if !has_domain {
            self.problem(
                "BOUNCE_DOMAIN",
                "is missing: INBOUND_ADDR takes mail to addresses of that domain only",
            );
        }
        Some(address)
    }

    /// Names of topics, as Amazon writes them.
    pub(super) fn topic_arns(&mut self, value: Option<String>) -> Vec<String> {
        let topics = self.checked("SES_TOPIC_ARNS", value, |text| {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            let is_topic = |entry: &str| {
                entry.starts_with("arn:aws") && entry.split(':').count() == 6 && entry.contains(":sns:")
            };
            let topic = |entry: &str| is_topic(entry).then(|| entry.to_owned());
            entries.map(topic).collect::<Option<_>>().ok_or(
                "must be ARNs of topics separated by commas, such as arn:aws:sns:eu-central-1:123456789012:bounces",
            )
        });
        topics.unwrap_or_default()
    }

    pub(super) fn secret_key(
        &mut self,
        value: Option<&SecretString>,
        needed: bool,
    ) -> Option<SecretString> {
        let value = given_secret(value);
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

    pub(super) fn log_level(&mut self, value: Option<String>) -> Targets {
        let targets = self.checked("LOG_LEVEL", value, |text| {
            let bare_level_is_one = |part: &str| {
                // To the parser no level at all is `error`.
                let part = part.trim();
                !part.is_empty() && (part.contains('=') || part.parse::<LevelFilter>().is_ok())
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
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = address.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()));
    network.map(canonical).map_err(
        |_| "must be addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8,::1",
    )
}

/// `::ffff:10.0.0.0/104` as `10.0.0.0/8`: addresses of clients are compared in that form.
fn canonical(network: IpNet) -> IpNet {
    let mapped = network.addr().to_canonical();
    match network.prefix_len().checked_sub(96) {
        Some(bits) if mapped.is_ipv4() && network.addr().is_ipv6() => {
            IpNet::new(mapped, bits).unwrap_or(network)
        }
        _ => network,
    }
}

/// Whether there are a host and, if any, a port that exists.
fn is_reachable(authority: &Authority) -> bool {
    let after_host = authority.as_str().strip_prefix(authority.host());
    !authority.host().is_empty()
        && (after_host == Some("") || authority.port_u16().is_some_and(|port| port != 0))
}

/// A text without the space around it; an empty one is as good as none.
pub(super) fn given(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The same for a secret: the space is perhaps the line break of a file that it came from.
pub(super) fn given_secret(value: Option<&SecretString>) -> Option<SecretString> {
    let text = value?.expose_secret().trim();
    (!text.is_empty()).then(|| text.into())
}

pub(super) fn path(value: Option<String>) -> Option<PathBuf> {
    given(value).map(PathBuf::from)
}
