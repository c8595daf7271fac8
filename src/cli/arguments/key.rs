//! What a key is to be like: `posthaste keys create`.

#![expect(clippy::doc_markdown, reason = "`--help` prints these texts as they are")]

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use crate::config::values;
use crate::domain::api_key::Spelling;
use crate::domain::domain_name::DomainName;
use crate::domain::name::Name;
use crate::domain::network::Network;
use crate::domain::permission::{self, Permission, UnknownPermission};
use crate::domain::rate_limit::RateLimit;
use crate::domain::restrictions::RecipientRule;

/// The key to be made.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CreateKey {
    /// What to call it
    #[arg(long)]
    pub name: Name,
    /// The project it belongs to, by id or name [default: the first]
    #[arg(long)]
    pub project: Option<String>,
    /// Whether it is for one project or for the whole account
    #[arg(long = "type", value_enum, default_value_t = KeyType::Project)]
    pub key_type: KeyType,
    /// Whether its mails are delivered or only captured
    #[arg(long, value_enum, default_value_t = KeyMode::Live)]
    pub mode: KeyMode,
    /// With which beginning it is written: ours (native), or the one that clients of another service look for: resend,
    /// sendgrid, tosend, tosend_admin, sendmailos or mailsage
    #[arg(long, value_name = "SERVICE", default_value = "native")]
    pub spelling: Spelling,
    /// What it may do: full_access, sending_access or read_only; or single permissions, separated by commas:
    /// mails:send,mails:read
    #[arg(
        long,
        visible_alias = "permissions",
        value_name = "PRESET OR LIST",
        default_value = "full_access"
    )]
    pub permission: Permissions,
    /// Domains it may send from, separated by commas, each by its own name [default: all of the project]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub domains: Option<Vec<DomainName>>,
    /// Addresses and domains it may send to, separated by commas [default: everyone]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub recipients: Option<Vec<RecipientRule>>,
    /// Addresses and networks it may be used from, separated by commas: 192.0.2.0/24,2001:db8::1 [default: from everywhere]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ip_allowlist: Option<Vec<Network>>,
    /// Refuse nobody by the allowlist, and only count whom it would have refused
    #[arg(long, requires = "ip_allowlist")]
    pub ip_allowlist_dry_run: bool,
    /// Requests in any second, if not as RATE_LIMIT_PER_SECOND says
    #[arg(long, value_name = "NUMBER", value_parser = figure())]
    pub per_second: Option<u32>,
    /// Requests in any minute, if not as RATE_LIMIT_PER_MINUTE says
    #[arg(long, value_name = "NUMBER", value_parser = figure())]
    pub per_minute: Option<u32>,
    /// After how long it expires, such as 12h or 90d [default: never]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub expires_in: Option<Duration>,
    /// When it expires, such as 2027-12-31T00:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment, conflicts_with = "expires_in")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Print the key alone
    #[arg(long)]
    pub quiet: bool,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// One project.
    Project,
    /// The account and all of its projects.
    Account,
}

/// What becomes of a key's mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyMode {
    /// They are delivered.
    Live,
    /// They are captured.
    Test,
}

/// What a key may do: a preset, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(pub Vec<Permission>);

impl FromStr for Permissions {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let mut read = Vec::new();
        for name in text.split(',') {
            read.extend(permission::preset(name.trim())?);
        }
        read.sort_unstable();
        read.dedup();
        Ok(Self(read))
    }
}

fn figure() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=RateLimit::MAX.into())
}

fn moment(text: &str) -> Result<DateTime<Utc>, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|_| "must be a time such as 2027-01-31T12:00:00Z (RFC 3339)")
}
