//! Parts of a node that follow from its settings alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::config::values::RequireHttps;
use crate::http::client_address::TrustedProxies;
use crate::http::layers::client::Way;
use crate::http::layers::https_only::HttpsOnly;
use crate::http::listener::Certificates;
use crate::mail::transport::{Limits, Relay, Settings, SmtpTransport};
use crate::service::domains::DomainPolicy;
use crate::worker::delivery::{self, Destination};

/// Where mail goes: to the relay of `SMTP_URL`, or into the capture mailbox.
pub(super) fn destination(config: &Config) -> Result<Destination> {
    let Some(relay) = relay(config)? else { return Ok(Destination::CaptureMailbox) };
    let limits =
        Limits { connections: usize::from(config.smtp_connections.get()), ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let transport =
        SmtpTransport::new(relay, &own_name(), &settings).context("cannot prepare SMTP")?;
    Ok(Destination::Relay(Box::new(delivery::Relay::new(transport))))
}

/// What is asked of the domains that mail is sent from.
pub(super) fn domain_policy(config: &Config) -> Result<DomainPolicy> {
    let relay = relay(config)?.map(|relay| relay.host().to_owned());
    Ok(DomainPolicy { required: config.require_verified_domains, relay })
}

fn relay(config: &Config) -> Result<Option<Relay>> {
    let Some(url) = &config.smtp_url else { return Ok(None) };
    url.expose_secret().parse().map(Some).map_err(|error| anyhow::anyhow!("SMTP_URL {error}"))
}

/// Which proxies are believed about their clients, and which clients may do without TLS.
pub(super) fn way(config: &Config) -> Way {
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

/// The certificates of `TLS_CERT`; `None` where there is to be no TLS.
pub(super) async fn certificates(config: &Config) -> Result<Option<Certificates>> {
    let Some(files) = &config.tls else { return Ok(None) };
    Ok(Some(Certificates::load(files.cert.clone(), files.key.clone()).await?))
}

/// What EHLO says: the machine's name if it is a domain name, else an address literal (RFC 5321, section 4.1.4).
pub fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_domain = name.contains('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_domain { name } else { "[127.0.0.1]".to_owned() }
}

/// Where a first key is kept for its owner to find; readable by nobody else.
pub fn first_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("first-api-key")
}
