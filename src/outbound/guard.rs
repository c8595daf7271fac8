//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

/// Lets public addresses pass, and the networks that the operator has opened (`OUTBOUND_ALLOW`). Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    opened: Arc<[IpNet]>,
}

impl Guard {
    /// A guard that lets these networks pass beside what is public.
    pub fn new(opened: impl Into<Arc<[IpNet]>>) -> Self {
        Self { opened: opened.into() }
    }

    /// Whether the address may be connected to.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.opened.iter().any(|network| network.contains(&address))
    }
}

/// Whether the address belongs to a host on the internet, and to none that only this machine or its neighbors reach.
///
/// IPv6 addresses with an IPv4 address in them (mapped, compatible, NAT64, 6to4, Teredo) are never public: by one of
/// them the same private host is reached in another spelling.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By the registry of special addresses (RFC 6890 and what came after it).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network", private, loopback, and all from multicast on.
        [0 | 10 | 127 | 224..=255, ..]
        // Carriers' own (RFC 6598).
        | [100, 64..=127, ..]
        // Link-local; the metadata of clouds is 169.254.169.254.
        | [169, 254, ..]
        | [172, 16..=31, ..]
        // Protocol assignments, documentation, what was 6to4's relay.
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        // Benchmarks, documentation.
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    };
    !special
}

/// Global unicast is `2000::/3`; within it a few blocks are not what they seem. `fd00:ec2::254`, the metadata of a cloud,
/// is outside of it, as are `::1`, `fe80::/10`, `fc00::/7`, `ff00::/8`, `::ffff:0:0/96` and `64:ff9b::/96`.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = match first {
        // Protocol assignments (Teredo, ORCHID, benchmarks), and documentation (RFC 3849).
        0x2001 => matches!(second, 0..=0x01ff | 0x0db8),
        // 6to4.
        0x2002 => true,
        // Documentation (RFC 9637).
        0x3fff => second <= 0x0fff,
        _ => false,
    };
    (first & 0xe000) == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &str) -> impl Iterator<Item = IpAddr> {
        texts.split_whitespace().map(|text| text.parse().unwrap())
    }

    #[test]
    fn hosts_on_the_internet_are_public() {
        let public = "1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 169.253.1.1 \
                      192.0.1.1 192.167.1.1 198.17.1.1 198.20.0.1 223.255.255.255 2606:4700:4700::1111 2a00:1450::1 \
                      2001:4860:4860::8888 2001:200::1 2003::1 3ffe::1";
        for address in addresses(public) {
            assert!(Guard::default().permits(address), "{address}");
        }
    }

    #[test]
    fn nothing_that_only_this_machine_reaches_is_public_however_it_is_spelt() {
        let private = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254 \
                       169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 \
                       198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 \
                       255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 \
                       ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::808:808 64:ff9b:1::a00:1 100::1 2001::1 \
                       2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 \
                       2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd12::1 fe80::1 fec0::1 ff02::1 4000::1";
        for address in addresses(private) {
            assert!(!Guard::default().permits(address), "{address}");
        }
    }

    #[test]
    fn an_operator_opens_what_is_named_and_nothing_else() {
        let guard = Guard::new(["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()]);
        for address in addresses("10.1.2.3 fd12::5 8.8.8.8") {
            assert!(guard.permits(address), "{address}");
        }
        for address in addresses("10.2.0.1 ::ffff:10.1.2.3 fd13::5 127.0.0.1 169.254.169.254") {
            assert!(!guard.permits(address), "{address}");
        }
    }
}
