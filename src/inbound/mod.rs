//! Takes bounces and complaints over SMTP (RFC 5321) and LMTP (RFC 2033), on one port, and no other mail: nothing is ever
//! relayed, and nothing is ever sent back.

mod command;
mod message;
mod session;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use self::session::{End, Session};
use crate::service::bounces::Bounces;

/// Connections at once. A bounce is seconds of one.
const MOST_CONNECTIONS: usize = 256;

/// Connections at once from one address; bounces of much mail come from a few systems.
const MOST_PER_ADDRESS: usize = 32;

/// How long one connection may last, whatever it does.
const LONGEST_CONNECTION: Duration = Duration::from_mins(15);

/// How long TLS may take to be agreed upon.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Pause after the system could give no connection, as when too many files are open.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// The certificate of the moment.
pub type CurrentTls = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// Who takes mail in, and for whom.
#[derive(Clone)]
pub struct Host {
    /// How it introduces itself: its name in DNS.
    pub name: String,
    /// Where reports go.
    pub bounces: Bounces,
    /// What STARTTLS (RFC 3207) goes on with; without it there is none.
    pub tls: Option<CurrentTls>,
}

/// Serves connections until `stop` is cancelled; reports that have come in whole are still written down.
pub async fn serve(socket: TcpListener, host: Host, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let visitors = Visitors::default();
    let mut sessions = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(socket.accept()).await {
        while sessions.try_join_next().is_some() {}
        let Ok((stream, from)) = accepted else {
            stop.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE)).await;
            continue;
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let (Ok(place), Some(visit)) = (place, visitors.enter(from)) else {
            turn_away(stream);
            continue;
        };
        let (host, stop) = (host.clone(), stop.clone());
        sessions.spawn(async move {
            // What goes wrong with a connection is over with it.
            let _ = timeout(LONGEST_CONNECTION, converse(stream, &host, &stop)).await;
            drop((place, visit));
        });
    }
    while sessions.join_next().await.is_some() {}
}

async fn converse(stream: TcpStream, host: &Host, stop: &CancellationToken) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session::new(stream, host, stop);
    session.greet().await?;
    let (End::StartTls, Some(tls)) = (session.hold().await?, &host.tls) else { return Ok(()) };
    // What came before the handshake was said by anybody (RFC 3207, section 4.2).
    let Some(stream) = session.into_silent_stream() else { return Ok(()) };
    let acceptor = TlsAcceptor::from(tls());
    let Ok(encrypted) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return Ok(()) };
    Session::encrypted(encrypted?, host, stop).hold().await.map(drop)
}

/// Says that there is no room, to whoever listens.
fn turn_away(stream: TcpStream) {
    let mut stream = stream;
    // The buffer of a new connection is empty, so that this does not wait.
    tokio::spawn(async move {
        let said = stream.write_all(b"421 4.3.2 Too many connections; come again\r\n");
        let _ = timeout(AFTER_FAILURE, said).await;
    });
}

/// Who is here, by address.
#[derive(Clone, Default)]
struct Visitors(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of a visitor, until it is dropped.
struct Visit {
    visitors: Visitors,
    from: IpAddr,
}

impl Visitors {
    fn enter(&self, from: SocketAddr) -> Option<Visit> {
        let from = from.ip().to_canonical();
        let mut here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = here.entry(from).or_default();
        if *connections >= MOST_PER_ADDRESS {
            return None;
        }
        *connections += 1;
        Some(Visit { visitors: self.clone(), from })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut here = self.visitors.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = here.get_mut(&self.from) {
            *connections -= 1;
            if *connections == 0 {
                here.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others_and_gets_its_own_back() {
        let visitors = Visitors::default();
        let from = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
        let visits: Vec<_> =
            (0..MOST_PER_ADDRESS).map(|_| visitors.enter(from("192.0.2.1")).unwrap()).collect();
        assert!(visitors.enter(from("::ffff:192.0.2.1")).is_none());
        let other = visitors.enter(from("192.0.2.2"));
        assert!(other.is_some());
        drop((visits, other));
        assert!(visitors.0.lock().unwrap().is_empty());
    }
}
