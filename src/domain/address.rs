//! Addresses that mail can be sent to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A deliverable address such as `ada@example.com`: an ASCII domain in lower case behind the `@`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// The text is not an address that we would deliver to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid email address")]
pub struct InvalidAddress;

impl EmailAddress {
    /// The part before the `@`, as it was written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`: ASCII (A-labels, RFC 5890), in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress)?;
        Ok(Self { local: local.into(), domain: domain.to_lowercase() })
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masks the local part, so that an address never reaches a log by accident.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(***@{})", self.domain)
    }
}

/// An address with the name of its owner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mailbox {
    /// Where the mail goes.
    pub address: EmailAddress,
    /// Whom it is for, as shown to people.
    pub name: Option<DisplayName>,
}

/// The name shown beside an address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(***)")
    }
}
