//! Refuses what came in the clear: the key in it was readable on its way, and a redirect would hide that.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::error::{Error, Result};
use crate::http::client_address::TrustedProxies;
use crate::http::listener::Transport;

/// Who may come without TLS.
#[derive(Clone, Debug)]
pub struct HttpsOnly {
    /// Whether clients on this machine may: what they send never leaves it.
    pub exempt_loopback: bool,
    /// The proxies that are believed when they say that a client spoke TLS to them.
    pub trusted_proxies: Arc<TrustedProxies>,
}

impl HttpsOnly {
    /// Passes a request of `peer` that came over our own TLS, or over that of a trusted proxy, or from this machine if
    /// that is enough.
    ///
    /// A proxy on this machine does not make its clients local: when it does not say whose request it passes on, there
    /// is no exemption.
    pub fn check(&self, transport: Transport, peer: IpAddr, headers: &HeaderMap) -> Result<()> {
        if transport == Transport::Tls {
            return Ok(());
        }
        let origin = self.trusted_proxies.origin(peer, headers);
        let local = origin.certain && origin.address.is_loopback();
        if origin.forwarded_https || (self.exempt_loopback && local) {
            return Ok(());
        }
        Err(Error::Forbidden {
            code: "HTTPS_REQUIRED",
            message: "This request came over plain HTTP. Use https://, and replace the key if one was sent: it could \
                      be read on its way."
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(
        exempt_loopback: bool,
        trusted: &[&str],
        transport: Transport,
        peer: &str,
        lines: &[(&'static str, &'static str)],
    ) -> bool {
        let networks = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let layer =
            HttpsOnly { exempt_loopback, trusted_proxies: Arc::new(TrustedProxies::new(networks)) };
        let headers = lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        match layer.check(transport, peer.parse().unwrap(), &headers) {
            Ok(()) => true,
            Err(Error::Forbidden { code: "HTTPS_REQUIRED", .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    const HTTPS: (&str, &str) = ("x-forwarded-proto", "https");
    const HTTP: (&str, &str) = ("x-forwarded-proto", "http");
    const REMOTE: (&str, &str) = ("x-forwarded-for", "192.0.2.1");
    const LOCAL: (&str, &str) = ("x-forwarded-for", "127.0.0.1");
    const PROXY: &[&str] = &["127.0.0.1/32"];

    #[test]
    fn our_own_tls_is_enough_for_anybody() {
        assert!(passes(false, &[], Transport::Tls, "192.0.2.1", &[]));
    }

    #[test]
    fn plain_http_is_for_this_machine_only_and_only_if_exempt() {
        for loopback in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert!(passes(true, &[], Transport::Plain, loopback, &[]));
            assert!(!passes(false, &[], Transport::Plain, loopback, &[]));
        }
        assert!(!passes(true, &[], Transport::Plain, "192.0.2.1", &[]));
    }

    #[test]
    fn headers_of_strangers_prove_nothing() {
        assert!(!passes(true, &[], Transport::Plain, "192.0.2.1", &[HTTPS, LOCAL]));
        assert!(!passes(true, PROXY, Transport::Plain, "192.0.2.1", &[HTTPS, LOCAL]));
    }

    #[test]
    fn a_trusted_proxy_is_asked_how_it_was_called() {
        assert!(passes(false, PROXY, Transport::Plain, "127.0.0.1", &[HTTPS, REMOTE]));
        assert!(!passes(true, PROXY, Transport::Plain, "127.0.0.1", &[HTTP, REMOTE]));
        assert!(!passes(true, PROXY, Transport::Plain, "127.0.0.1", &[REMOTE]));
        assert!(passes(true, PROXY, Transport::Plain, "127.0.0.1", &[HTTP, LOCAL]));
        assert!(!passes(true, PROXY, Transport::Plain, "127.0.0.1", &[LOCAL, REMOTE]));
    }

    #[test]
    fn a_trusted_proxy_that_says_nothing_makes_nobody_local() {
        assert!(!passes(true, PROXY, Transport::Plain, "127.0.0.1", &[]));
        assert!(!passes(true, PROXY, Transport::Plain, "127.0.0.1", &[("x-forwarded-for", "?")]));
    }
}
