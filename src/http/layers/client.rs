//! Where a request came from, and whether it may come that way.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::https_only::HttpsOnly;
use crate::http::client_address::TrustedProxies;
use crate::http::listener::Transport;

/// What is believed and required of the way to us.
#[derive(Clone, Debug)]
pub struct Way {
    /// Whose word is taken for where a request came from.
    pub proxies: Arc<TrustedProxies>,
    /// What must come over TLS; `None` for nothing.
    pub https_only: Option<HttpsOnly>,
}

/// Whether it has been said that a proxy seems to be forgotten.
static TOLD: AtomicBool = AtomicBool::new(false);

/// The client's address, as far as it can be known.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Whether the request came over our own TLS, or over that of a trusted proxy.
#[derive(Clone, Copy, Debug)]
pub struct OverTls(pub bool);

/// Notes the client's address, and whether anybody could read along on the way.
pub async fn locate(State(way): State<Arc<Way>>, mut request: Request, next: Next) -> Response {
    let peer = peer(&request);
    let origin = way.proxies.origin(peer, request.headers());
    if way.proxies.forgets(peer, request.headers()) && !TOLD.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "A proxy on this machine sends X-Forwarded-For and is not named in TRUSTED_PROXIES: its clients are taken \
             for clients on this machine, and plain HTTP is let pass"
        );
    }
    let transport = request.extensions().get().copied().unwrap_or(Transport::Plain);
    let over_tls = OverTls(transport == Transport::Tls || origin.forwarded_https);
    request.extensions_mut().insert(ClientAddress(origin.address));
    request.extensions_mut().insert(over_tls);
    next.run(request).await
}

/// Refuses what came in the clear and must not. Never a redirect: the key has already travelled.
pub async fn require_https(State(way): State<Arc<Way>>, request: Request, next: Next) -> Response {
    let transport = request.extensions().get().copied().unwrap_or(Transport::Plain);
    match &way.https_only {
        Some(rule) => match rule.check(transport, peer(&request), request.headers()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        },
        None => next.run(request).await,
    }
}

/// The other end of the connection. A request without one was made by nobody, which is not this machine.
fn peer(request: &Request) -> IpAddr {
    let connected: Option<&ConnectInfo<SocketAddr>> = request.extensions().get();
    connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}
