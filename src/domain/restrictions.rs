//! What a key is held to beyond its permissions: from which domains, to whom, and from where.
//!
//! Each restriction fails closed: an empty list allows nothing, and an entry that cannot be read is no entry.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::address::EmailAddress;
use super::domain_name::{DomainName, InvalidDomainName};
use super::network::Network;

/// What a key is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Domains it may send from; `None` for every domain of the project.
    pub domains: Option<Vec<DomainName>>,
    /// Whom it may send to; `None` for everyone.
    pub recipients: Option<Vec<RecipientRule>>,
    /// Networks it may be used from; `None` for every one.
    pub ip_allowlist: Option<Vec<Network>>,
    /// Whether the allowlist only counts what it would have blocked.
    pub ip_allowlist_dry_run: bool,
}

/// One entry of the recipients that a key may send to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecipientRule {
    /// One address, in lower case, as deliveries and suppressions compare them.
    Address(String),
    /// Everybody at one domain, and nobody at its sub-domains.
    Domain(DomainName),
}

/// The text is neither an address nor a domain; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipientRule {
    /// It has an @.
    #[error("must be an email address such as ada@example.com, or a domain such as example.com")]
    Address,
    /// It has none.
    #[error(transparent)]
    Domain(#[from] InvalidDomainName),
}

impl Restrictions {
    /// The most entries of a list.
    pub const MAX_ENTRIES: usize = 100;

    /// Whether mail may have this author.
    pub fn allow_sender(&self, address: &EmailAddress) -> bool {
        self.domains
            .as_ref()
            .is_none_or(|domains| domains.iter().any(|domain| domain.as_str() == address.domain()))
    }

    /// Whether mail may go to this recipient.
    pub fn allow_recipient(&self, address: &EmailAddress) -> bool {
        let Some(rules) = &self.recipients else { return true };
        let written = address.to_string().to_lowercase();
        rules.iter().any(|rule| match rule {
            RecipientRule::Address(allowed) => *allowed == written,
            RecipientRule::Domain(domain) => domain.as_str() == address.domain(),
        })
    }

    /// Whether the allowlist, dry run or not, holds this address.
    pub fn list_address(&self, from: IpAddr) -> bool {
        self.ip_allowlist
            .as_ref()
            .is_none_or(|networks| networks.iter().any(|network| network.contains(from)))
    }

    /// Whether a request may come from this address.
    pub fn admit_address(&self, from: IpAddr) -> bool {
        self.ip_allowlist_dry_run || self.list_address(from)
    }

    /// The networks outside of which every request is refused; `None` if there are none such.
    pub fn enforced_networks(&self) -> Option<&[Network]> {
        self.ip_allowlist.as_deref().filter(|_| !self.ip_allowlist_dry_run)
    }

    /// The restrictions, by their published names, in which `other` allows something that these do not.
    pub fn exceeded_by(&self, other: &Self) -> Vec<&'static str> {
        let mut exceeded = Vec::new();
        if !within(other.domains.as_deref(), self.domains.as_deref(), PartialEq::eq) {
            exceeded.push("domains");
        }
        let allows = |own: &RecipientRule, asked: &RecipientRule| own.covers(asked);
        if !within(other.recipients.as_deref(), self.recipients.as_deref(), allows) {
            exceeded.push("recipients");
        }
        let (asked, own) = (other.enforced_networks(), self.enforced_networks());
        if !within(asked, own, Network::covers) {
            exceeded.push("ipAllowlist");
        }
        exceeded
    }
}

/// Whether each entry that is asked for lies in one of our own; no list at all is everything.
fn within<T>(asked: Option<&[T]>, own: Option<&[T]>, covers: impl Fn(&T, &T) -> bool) -> bool {
    let Some(own) = own else { return true };
    asked.is_some_and(|asked| asked.iter().all(|one| own.iter().any(|own| covers(own, one))))
}

impl RecipientRule {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Domain(domain), Self::Address(address)) => {
                address.rsplit_once('@').is_some_and(|(_, at)| at == domain.as_str())
            }
            (own, other) => own == other,
        }
    }
}

impl FromStr for RecipientRule {
    type Err = InvalidRecipientRule;

    fn from_str(text: &str) -> Result<Self, InvalidRecipientRule> {
        let text = text.trim();
        if !text.contains('@') {
            return Ok(Self::Domain(text.parse()?));
        }
        let address: EmailAddress = text.parse().map_err(|_| InvalidRecipientRule::Address)?;
        Ok(Self::Address(address.to_string().to_lowercase()))
    }
}

impl fmt::Display for RecipientRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

/// Names nobody: addresses must not end up in a log.
impl fmt::Debug for RecipientRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "RecipientRule::Address(***)",
            Self::Domain(_) => "RecipientRule::Domain(***)",
        })
    }
}

#[cfg(test)]
mod tests;
