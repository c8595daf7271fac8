//! The DNS records that a domain needs before mail is sent from it.

use std::net::IpAddr;

use super::sending_domain::SendingDomain;

/// What DNS says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The records, the strings of each joined (RFC 7208, section 3.3).
    Records(Vec<String>),
    /// There are none.
    None,
    /// DNS did not answer, or said that it cannot: nothing is known.
    Unanswered,
}

/// A record to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRecord {
    /// The whole name.
    pub name: String,
    /// What it holds. Longer ones are entered as one text; servers cut it into strings of 255 octets (RFC 1035, section 3.3.14).
    pub value: String,
    /// What it is good for.
    pub purpose: &'static str,
}

/// All records of a domain; every one is of the type TXT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRecords {
    /// Proves that the domain is its owner's.
    pub ownership: ExpectedRecord,
    /// The public RSA key.
    pub dkim: ExpectedRecord,
    /// The public Ed25519 key.
    pub dkim_ed25519: ExpectedRecord,
    /// Says who may send for the domain; `None` if we do not know through which relay its mail goes.
    pub spf: Option<ExpectedRecord>,
    /// Says what receivers do with what fails.
    pub dmarc: ExpectedRecord,
}

/// How much longer the longest name of a record is than its domain: the Ed25519 key's.
pub const LONGEST_PREFIX: usize = "posthaste-00000000-ed25519._domainkey.".len();

/// What every ownership record begins with.
pub const OWNERSHIP_PREFIX: &str = "posthaste-verify-";

impl ExpectedRecords {
    /// The records of a domain whose mail goes through the relay on this host.
    pub fn of(domain: &SendingDomain, relay: Option<&str>) -> Self {
        let name = &domain.name;
        let key = |selector: String, kind: &str, key: &str, purpose| ExpectedRecord {
            name: format!("{selector}._domainkey.{name}"),
            value: format!("v=DKIM1; k={kind}; p={key}"),
            purpose,
        };
        Self {
            ownership: ExpectedRecord {
                name: format!("_posthaste-verify.{name}"),
                value: format!("{OWNERSHIP_PREFIX}{}", domain.ownership_token),
                purpose: "Domain ownership verification",
            },
            dkim: key(domain.rsa_selector(), "rsa", &domain.rsa_public, "DKIM authentication"),
            dkim_ed25519: key(
                domain.ed25519_selector(),
                "ed25519",
                &domain.ed25519_public,
                "DKIM authentication with Ed25519, beside RSA",
            ),
            spf: relay.and_then(spf_mechanism).map(|mechanism| ExpectedRecord {
                name: name.clone(),
                value: format!("v=spf1 {mechanism} ~all"),
                purpose: "SPF record; what the provider of your relay tells you to set comes first",
            }),
            dmarc: ExpectedRecord {
                name: format!("_dmarc.{name}"),
                value: "v=DMARC1; p=none;".into(),
                purpose: "DMARC policy",
            },
        }
    }
}

/// How SPF names the servers behind a relay's host (RFC 7208, section 5); nothing for a host that others do not know.
fn spf_mechanism(relay: &str) -> Option<String> {
    let is_public = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local()),
    };
    match relay.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) if !is_public(&ip) => None,
        Ok(IpAddr::V4(ip)) => Some(format!("ip4:{ip}")),
        Ok(IpAddr::V6(ip)) => Some(format!("ip6:{ip}")),
        Err(_) => relay.contains('.').then(|| format!("a:{relay}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_as_others_know_it() {
        assert_eq!(spf_mechanism("relay.example.com").unwrap(), "a:relay.example.com");
        assert_eq!(spf_mechanism("192.0.2.1").unwrap(), "ip4:192.0.2.1");
        assert_eq!(spf_mechanism("[2001:db8::1]").unwrap(), "ip6:2001:db8::1");
        for known_here in ["localhost", "mailpit", "127.0.0.1", "10.1.2.3", "[::1]"] {
            assert_eq!(spf_mechanism(known_here), None, "{known_here}");
        }
    }
}
