//! Whose request it is, when there may be proxies in between.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

/// The list to which each proxy adds the address that it was called from.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How the outermost proxy was called.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies whose word is taken for where a request came from.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// Where a request came from, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address; an IPv4 address is never written as an IPv6 one.
    pub address: IpAddr,
    /// Whether a trusted proxy says that the client spoke TLS to it.
    pub forwarded_https: bool,
    /// Whether it is certain that `address` is the client's and not that of a proxy that did not say whose request it
    /// passed on.
    pub certain: bool,
}

impl TrustedProxies {
    /// Trusts every address in these networks, and no other.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into_iter().map(unmapped).collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether the request seems to come from a proxy on this machine that nobody named: no other client of this machine
    /// would say that it passes on what somebody else sent.
    pub fn forgets(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() && headers.contains_key(X_FORWARDED_FOR) && !self.trusts(peer)
    }

    /// Where a request with these headers came from that arrived from `peer`.
    ///
    /// The headers of a peer that is not trusted are not looked at: anybody can send them. From a trusted one the list
    /// is read from its right end, where each proxy wrote down its own caller, and only as far as the callers are
    /// themselves trusted. What a client wrote into it before stands further to the left and is never reached.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let mut address = peer.to_canonical();
        if !self.trusts(address) {
            return Origin { address, forwarded_https: false, certain: true };
        }
        let mut entries = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        let mut certain = false;
        while self.trusts(address) {
            let Some(entry) = entries.next() else { break };
            let caller = std::str::from_utf8(entry).ok().and_then(forwarded_address);
            certain = caller.is_some();
            let Some(caller) = caller else { break };
            address = caller;
        }
        Origin { address, forwarded_https: all_https(headers), certain }
    }
}

/// A network of IPv4 addresses that is written as one of IPv6 (`::ffff:10.0.0.0/104`), in its own form: addresses are
/// compared in theirs.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(written) = network else { return network };
    let address = written.addr().to_ipv4_mapped();
    let length = written.prefix_len().checked_sub(96);
    let own = address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    own.map_or(network, IpNet::V4)
}

/// Whether the header is there and every value in it is `https`. A proxy that appends to what it was sent makes a list
/// of which we cannot tell the honest part.
fn all_https(headers: &HeaderMap) -> bool {
    let mut values = headers
        .get_all(X_FORWARDED_PROTO)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .peekable();
    values.peek().is_some() && values.all(|value| value.eq_ignore_ascii_case(b"https"))
}

/// An entry of the list: an address, perhaps with a port or in brackets, as some proxies write it.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|with| with.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec![
            "127.0.0.1/32".parse().unwrap(),
            "10.0.0.0/8".parse().unwrap(),
            "fd00::/8".parse().unwrap(),
        ])
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    fn client(peer: &str, forwarded: &[&str]) -> (String, bool) {
        let lines: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let origin = proxies().origin(peer.parse().unwrap(), &headers(&lines));
        (origin.address.to_string(), origin.certain)
    }

    fn certain(address: &str) -> (String, bool) {
        (address.to_owned(), true)
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_says() {
        assert_eq!(client("192.0.2.1", &[]), certain("192.0.2.1"));
        assert_eq!(client("192.0.2.1", &["127.0.0.1"]), certain("192.0.2.1"));
        assert_eq!(client("::ffff:192.0.2.1", &["127.0.0.1"]), certain("192.0.2.1"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_its_own_caller_only() {
        assert_eq!(client("10.0.0.1", &["192.0.2.1"]), certain("192.0.2.1"));
        assert_eq!(client("::ffff:10.0.0.1", &["192.0.2.1"]), certain("192.0.2.1"));
        // What stands to the left was written by the client.
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 192.0.2.1"]), certain("192.0.2.1"));
        assert_eq!(client("10.0.0.1", &["127.0.0.1", "192.0.2.1"]), certain("192.0.2.1"));
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 192.0.2.1", "10.0.0.2"]), certain("192.0.2.1"));
        assert_eq!(client("10.0.0.1", &["10.0.0.9"]), certain("10.0.0.9"));
    }

    #[test]
    fn ports_and_brackets_are_read_and_mapped_addresses_unmapped() {
        assert_eq!(client("10.0.0.1", &["192.0.2.1:4711"]), certain("192.0.2.1"));
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"]), certain("2001:db8::1"));
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), certain("2001:db8::1"));
        assert_eq!(client("10.0.0.1", &["2001:db8::1"]), certain("2001:db8::1"));
        assert_eq!(client("fd00::1", &["::ffff:192.0.2.1"]), certain("192.0.2.1"));
    }

    #[test]
    fn a_network_may_be_written_in_either_form() {
        let origin = |network: &str, peer: &str| {
            let proxies = TrustedProxies::new(vec![network.parse().unwrap()]);
            let lines = headers(&[("x-forwarded-for", "192.0.2.1")]);
            proxies.origin(peer.parse().unwrap(), &lines).address.to_string()
        };
        assert_eq!(origin("::ffff:10.0.0.0/104", "10.1.2.3"), "192.0.2.1");
        assert_eq!(origin("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"), "192.0.2.1");
        assert_eq!(origin("::ffff:10.0.0.0/104", "11.0.0.1"), "11.0.0.1");
        assert_eq!(origin("10.0.0.1/8", "10.1.2.3"), "192.0.2.1");
        // All of IPv6 is no more than that.
        assert_eq!(origin("::/0", "10.1.2.3"), "10.1.2.3");
        assert_eq!(origin("::/0", "2001:db8::1"), "192.0.2.1");
    }

    #[test]
    fn a_malformed_entry_ends_the_walk_and_nothing_is_certain() {
        for entry in ["unknown", "", "192.0.2.1, ", "127.0.0.1, _hidden", "192.0.2.1 192.0.2.2"] {
            assert_eq!(client("127.0.0.1", &[entry]), ("127.0.0.1".to_owned(), false), "{entry}");
        }
        assert_eq!(client("127.0.0.1", &[]), ("127.0.0.1".to_owned(), false));
        assert_eq!(
            client("127.0.0.1", &["192.0.2.1, x, 10.0.0.1"]),
            ("10.0.0.1".to_owned(), false)
        );
    }

    #[test]
    fn https_must_be_said_by_a_trusted_proxy_and_by_nobody_denied() {
        let https = |peer: &str, values: &[&str]| {
            let lines: Vec<_> = values.iter().map(|value| ("x-forwarded-proto", *value)).collect();
            proxies().origin(peer.parse().unwrap(), &headers(&lines)).forwarded_https
        };
        assert!(https("10.0.0.1", &["https"]));
        assert!(https("10.0.0.1", &["HTTPS , https"]));
        assert!(!https("192.0.2.1", &["https"]));
        assert!(!https("10.0.0.1", &["https, http"]));
        assert!(!https("10.0.0.1", &["http", "https"]));
        assert!(!https("10.0.0.1", &["https,"]));
        assert!(!https("10.0.0.1", &[]));
    }

    proptest! {
        #[test]
        fn a_client_cannot_choose_its_address(written in "[0-9a-f:., \\[\\]x]{0,60}") {
            // The proxy appends the caller, to the same line or on another.
            let line = format!("{written}, 192.0.2.1");
            prop_assert_eq!(client("10.0.0.1", &[&line]), certain("192.0.2.1"));
            prop_assert_eq!(client("10.0.0.1", &[&written, "192.0.2.1"]), certain("192.0.2.1"));
        }
    }
}
