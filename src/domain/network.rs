//! Networks that a key may be used from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// A network in CIDR notation (RFC 4632), or a single address.
///
/// IPv4 addresses that are written as IPv6 ones (`::ffff:192.0.2.0/120`) are taken for what they are, and addresses are
/// compared in their own form as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpNet);

/// The text is not a network; completes the sentence that the field begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It is neither an address nor an address with a prefix length.
    #[error("must be an IP address or a network such as 192.0.2.0/24")]
    Malformed,
    /// It has bits where the network's own address has none: either the address or the length is not what was meant.
    #[error(
        "is an address within {0}: write {0} for the network, or the address without its length"
    )]
    HostBits(IpNet),
}

impl Network {
    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all of the other network lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let text = text.trim();
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => unmapped(text.parse().map_err(|_| InvalidNetwork::Malformed)?),
        };
        if network.trunc() == network {
            Ok(Self(network))
        } else {
            Err(InvalidNetwork::HostBits(network.trunc()))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(written) = network else { return network };
    let address = written.addr().to_ipv4_mapped();
    let length = written.prefix_len().checked_sub(96);
    let own = address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    own.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_both_notations() {
        for written in ["192.0.2.0/24", "::ffff:192.0.2.0/120", " 192.0.2.0/24 "] {
            assert_eq!(network(written), network("192.0.2.0/24"));
            assert!(network(written).contains(address("192.0.2.255")));
            assert!(network(written).contains(address("::ffff:192.0.2.255")));
            assert!(!network(written).contains(address("192.0.3.0")));
        }
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1/32"));
    }

    #[test]
    fn all_of_one_family_is_nothing_of_the_other() {
        assert!(!network("::/0").contains(address("192.0.2.1")));
        assert!(!network("::/0").contains(address("::ffff:192.0.2.1")));
        assert!(!network("0.0.0.0/0").contains(address("2001:db8::1")));
        assert!(!network("::/0").covers(&network("0.0.0.0/0")));
    }

    #[test]
    fn a_network_covers_itself_and_its_parts() {
        assert!(network("10.0.0.0/8").covers(&network("10.0.0.0/8")));
        assert!(network("10.0.0.0/8").covers(&network("10.1.2.3")));
        assert!(!network("10.0.0.0/9").covers(&network("10.0.0.0/8")));
        assert!(!network("10.0.0.0/9").covers(&network("10.128.0.0/9")));
    }

    #[test]
    fn a_network_with_bits_of_an_address_is_explained() {
        let told = "192.0.2.5/24".parse::<Network>().unwrap_err().to_string();
        assert!(told.contains("write 192.0.2.0/24 for the network"), "{told}");
        for text in
            ["", "example.com", "192.0.2.0/33", "192.0.2", "192.0.2.0/24/24", "fe80::1%eth0"]
        {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Malformed), "{text}");
        }
    }
}
