//! The settings as they are written. Their documentation is what `--help` prints.

#![expect(clippy::doc_markdown, reason = "`--help` prints these texts as they are")]

use std::convert::Infallible;

use clap::Args;
use secrecy::SecretString;

/// Every setting, as it was written; [`Settings::validate`](super::Settings::validate) reads them.
///
/// All are text, so that everything that is wrong with them can be said at once.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The address to take requests on [default: 127.0.0.1:8080]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub listen_addr: Option<String>,

    /// Where the embedded database and all else that is kept on disk lives [default: ./data]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "DIRECTORY")]
    pub data_dir: Option<String>,

    /// A Postgres 14 or newer to use in place of the embedded one: postgres://user:password@host/database
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,

    /// The most connections to Postgres that this process holds, beside one that hears of changed keys [default: 16]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub database_connections: Option<String>,

    /// Where the programs `postgres` and `initdb` for the embedded database are, if they are not found
    #[arg(long, env, global = true, hide_env_values = true, value_name = "DIRECTORY")]
    pub postgres_bin_dir: Option<String>,

    /// The relay that delivers mail: smtp://user:password@host:587 (with STARTTLS) or smtps://host:465;
    /// ?tls=opportunistic or ?tls=none asks for less. Without it mail is kept in the capture mailbox
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub smtp_url: Option<SecretString>,

    /// The most connections to the relay that this process holds [default: 16]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub smtp_connections: Option<String>,

    /// The domain that bounces come back to: every mail leaves with an address there as its return path, of which this
    /// server knows whose mail it was. Its MX must lead to INBOUND_ADDR, or to whoever passes bounces on. Without it
    /// bounces go to the author of the mail
    #[arg(long, env, global = true, hide_env_values = true, value_name = "DOMAIN")]
    pub bounce_domain: Option<String>,

    /// The address to take bounces on, over SMTP or LMTP: 0.0.0.0:25 where the MX of BOUNCE_DOMAIN leads here, or any
    /// other for a mail server that passes them on. With TLS_CERT it can STARTTLS. Every process that has it listens,
    /// whatever its role
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub inbound_addr: Option<String>,

    /// The topics of Amazon SNS, by their ARNs and separated by commas, through which Amazon SES reports bounces to
    /// POST /v1/inbound/ses
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ARNS")]
    pub ses_topic_arns: Option<String>,

    /// Requests in any second for a key that names no limits of its own [default: 2]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub rate_limit_per_second: Option<String>,

    /// Requests in any minute for a key that names no limits of its own [default: 50]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NUMBER")]
    pub rate_limit_per_minute: Option<String>,

    /// Whether requests must come over HTTPS: auto (all but those from this machine), always or never [default: auto]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "POLICY")]
    pub require_https: Option<String>,

    /// A PEM file with the listener's certificate chain; it is read again when it changes
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub tls_cert: Option<String>,

    /// A PEM file with the private key of that certificate
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE")]
    pub tls_key: Option<String>,

    /// The addresses or networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed,
    /// separated by commas: 10.0.0.0/8,::1
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,

    /// Whether mail is accepted from verified domains only: auto (on where SMTP_URL is set), on or off [default: auto]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "POLICY")]
    pub require_verified_domains: Option<String>,

    /// The URL under which this server is reached, for links [default: http://LISTEN_ADDR]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL")]
    pub public_url: Option<String>,

    /// The address that Posthaste's own mails (invitations, forgotten passwords) come from
    /// [default: posthaste at the host of PUBLIC_URL]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "MAILBOX")]
    pub system_from: Option<String>,

    /// Encrypts and signs what is stored: at least 32 random characters, the same on all nodes. Needed with
    /// DATABASE_URL; otherwise made once in DATA_DIR. Better given in the environment than as a flag
    #[arg(long, env, global = true, hide_env_values = true, value_name = "TEXT", value_parser = secret)]
    pub secret_key: Option<SecretString>,

    /// Private networks that webhooks and files by URL may be in, separated by commas: 10.1.0.0/16,127.0.0.1. Without it
    /// only public addresses are connected to when somebody names a URL
    #[arg(long, env, global = true, hide_env_values = true, value_name = "NETWORKS")]
    pub outbound_allow: Option<String>,

    /// Limits shared by all nodes (not supported yet)
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub redis_url: Option<SecretString>,

    /// The DNS server to ask for the records of domains, and for the hosts of webhooks and of files by URL, of which those
    /// in /etc/hosts come first. The hosts of SMTP_URL and DATABASE_URL are asked of the system [default: the system's, and
    /// for records those of /etc/resolv.conf]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub dns_server: Option<String>,

    /// How log lines are written: pretty or json [default: pretty]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// What is logged: a level (error, warn, info, debug, trace), or levels by module such as
    /// warn,posthaste=debug. Other people's modules stay at info, since they would print addresses [default: info]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// How long a stop may take, such as 30s or 2m [default: 25s]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "TIME")]
    pub shutdown_timeout: Option<String>,

    /// For how many seconds a node holds a delivery before another may take it over [default: 45]
    #[arg(long, env, global = true, hide = true, hide_env_values = true, value_name = "NUMBER")]
    pub lease_seconds: Option<String>,

    /// For how many days mails, their contents and their histories are kept; without it for ever. Mails that are not
    /// over stay, and so does the audit log
    #[arg(long, env, global = true, hide_env_values = true, value_name = "DAYS")]
    pub retention_days: Option<String>,

    /// The address to serve /metrics on, for Prometheus, and /healthz and /readyz with every role; without it /metrics are
    /// not served
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub metrics_addr: Option<String>,

    /// What this process does: api, worker or all [default: all]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ROLE")]
    pub role: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "clap takes parsers that may fail")]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}
