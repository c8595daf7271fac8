//! `posthaste doctor`: looks at everything that a server needs, and says what to mend.

use std::process::ExitCode;

use anyhow::Result;
use chrono::Utc;
use secrecy::ExposeSecret;

use super::say;
use crate::app::{Database, own_name};
use crate::config::Config;
use crate::dns::Dns;
use crate::domain::dns_record::Answer;
use crate::http::listener::Certificates;
use crate::mail::transport::{Relay, Settings, SmtpTransport};
use crate::{secret_key, store};

/// How far the database's clock may be from ours, in seconds, before leases and expiry go wrong.
const CLOCKS_APART: f64 = 5.0;

/// Checks one thing after the other; fails if any of them must be mended.
pub async fn run(config: &Config) -> Result<ExitCode> {
    let mut healthy = true;
    let mut told = |what: &str, found: Result<String>| {
        healthy &= found.is_ok();
        match found {
            Ok(words) => say(&format!("ok    {what}: {words}")),
            Err(problem) => say(&format!("MEND  {what}: {problem:#}")),
        }
    };
    told("settings", Ok("all are understood".into()))?;
    match Database::open_beside(config).await {
        Ok(database) => {
            told("database", Ok("it answers, and its schema is up to date".into()))?;
            told("clock", clocks(&database).await)?;
            database.close().await;
        }
        Err(problem) => told("database", Err(problem))?,
    }
    told("secret key", secret_key::load(config).map(|_| "it is there".into()))?;
    told("relay", relay(config).await)?;
    told("TLS", certificates(config).await)?;
    told("bounces", bounces(config).await)?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn clocks(database: &Database) -> Result<String> {
    let theirs = store::now(&database.pool).await?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a difference of clocks")]
    let apart = (Utc::now() - theirs).num_milliseconds() as f64 / 1000.0;
    if apart.abs() > CLOCKS_APART {
        anyhow::bail!(
            "this machine's clock and the database's are {apart:.1} s apart; let both follow NTP"
        );
    }
    Ok("this machine's and the database's agree".into())
}

async fn relay(config: &Config) -> Result<String> {
    let Some(url) = &config.smtp_url else { return Ok("none is set; mail is captured".into()) };
    let relay: Relay =
        url.expose_secret().parse().map_err(|error| anyhow::anyhow!("SMTP_URL {error}"))?;
    let transport = SmtpTransport::new(relay, &own_name(), &Settings::default())?;
    // Its own words name the cause already.
    transport.check().await.map_err(|error| anyhow::anyhow!("{error}"))
}

/// Whether what comes back finds its way.
async fn bounces(config: &Config) -> Result<String> {
    let Some(domain) = &config.bounce_domain else {
        return Ok("BOUNCE_DOMAIN is not set; they go to the author of each mail".into());
    };
    let dns = Dns::new(config.dns_server)?;
    match dns.mail_hosts(domain.as_str()).await {
        Answer::Records(_) => {}
        Answer::None => anyhow::bail!("no host takes mail for {domain}; set an MX record there"),
        Answer::Unanswered => anyhow::bail!("the name servers of {domain} gave no answer"),
    }
    let is_spf = |text: &String| text.to_ascii_lowercase().starts_with("v=spf1");
    match dns.texts(domain.as_str()).await {
        Answer::Records(texts) if texts.iter().any(is_spf) => {}
        _ => anyhow::bail!(
            "{domain} has no SPF record, which receivers look for at the return path; set one there"
        ),
    }
    let taken = match config.inbound_addr {
        Some(address) => format!("taken on {address}"),
        None => "passed on by whoever takes them (INBOUND_ADDR is not set)".into(),
    };
    Ok(format!("{domain} has a host for them and an SPF record; they are {taken}"))
}

async fn certificates(config: &Config) -> Result<String> {
    match &config.tls {
        Some(files) => Certificates::load(files.cert.clone(), files.key.clone())
            .await
            .map(|_| "the certificate and its key fit together".into()),
        None => Ok("none is set; loopback clients and trusted proxies only".into()),
    }
}
