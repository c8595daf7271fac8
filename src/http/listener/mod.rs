//! Takes connections, plain or with TLS, and hands their requests to the router.

mod answers;
mod certificates;
mod connection;
mod room;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Handle, Server};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

pub use self::certificates::{Certificates, Reload};
pub use self::connection::Transport;
use self::connection::{Marking, NoDelay};
use self::room::Room;

/// Connections that may wait to be accepted. The system's own bound may be lower.
const BACKLOG: u32 = 1024;

/// How long a client may take for the head of a request, and so also how long a connection is kept that asks nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The head of a request, in bytes. A key, an idempotency key and what proxies add are a few hundred.
const MAX_HEAD: u32 = 64 * 1024;

/// Fields in the head of a request.
const MAX_FIELDS: usize = 100;

/// Requests that one HTTP/2 connection may have open at once.
const MAX_STREAMS: u32 = 128;

/// How long an HTTP/2 connection is silent before we ask whether the client is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// An address that requests are taken on, bound and not yet served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// The address could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct BindError {
    setting: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl BindError {
    fn sentence(&self) -> String {
        let Self { setting, address, source } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                format!("address {address} is in use by another process: stop it or set {setting}")
            }
            io::ErrorKind::PermissionDenied => format!(
                "no permission to listen on {address}: set {setting} to a port above 1023, or allow this one"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!(
                    "{} is no address of this machine: set {setting} to one, or to 0.0.0.0",
                    address.ip()
                )
            }
            _ => format!("cannot listen on {address}: set {setting} to another address"),
        }
    }
}

impl Listener {
    /// Binds an address; port 0 leaves the choice to the operating system. `setting` is what errors say to change.
    ///
    /// Must be called within a Tokio runtime.
    pub fn bind(setting: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // Without it the port of a server that was just stopped cannot be had for a minute.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let socket = socket.listen(BACKLOG)?;
            Ok(Self { address: socket.local_addr()?, socket })
        };
        bound().map_err(|source| BindError { setting, address, source })
    }

    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, for those who speak something else on it.
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }

    /// Serves the router, over TLS if there are certificates, until `stop` is cancelled; then lets requests that have
    /// begun be finished, for as long as `grace`.
    ///
    /// Requests carry `ConnectInfo<SocketAddr>` and [`Transport`] as extensions.
    pub async fn serve(
        self,
        router: Router,
        certificates: Option<Certificates>,
        stop: CancellationToken,
        grace: Duration,
    ) -> io::Result<()> {
        let room = Arc::new(Room::of_this_process());
        let handle = Handle::<SocketAddr>::new();
        let mut server = Server::from_listener(self.socket).handle(handle.clone());
        bound_what_clients_may_do(server.http_builder());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();

        // Ends the helpers when the server ends by itself.
        let ended = stop.child_token();
        let _guard = ended.clone().drop_guard();
        tokio::spawn({
            let ended = ended.clone();
            async move {
                ended.cancelled().await;
                handle.graceful_shutdown(Some(grace));
            }
        });

        match certificates {
            None => {
                let acceptor = Marking::new(NoDelay::new(), Transport::Plain, room);
                server.acceptor(acceptor).serve(service).await
            }
            Some(certificates) => {
                let tls = RustlsAcceptor::new(certificates.config()).acceptor(NoDelay::new());
                tokio::spawn(certificates.follow_files(ended));
                server.acceptor(Marking::new(tls, Transport::Tls, room)).serve(service).await
            }
        }
    }
}

fn bound_what_clients_may_do(builder: &mut Builder<TokioExecutor>) {
    builder
        .http1()
        .timer(TokioTimer::new())
        // Without it a client that closes its half when it has said everything gets no answer.
        .half_close(true)
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD as usize)
        .max_headers(MAX_FIELDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
}

#[cfg(test)]
mod tests;
