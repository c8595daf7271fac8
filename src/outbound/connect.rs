//! From a URL to a connection with an address that was judged: the very one, so that a name that means something else a
//! moment later (DNS rebinding) is of no use.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::{Host, Url};

use super::guard::Guard;
use crate::dns::Dns;

/// How long one address is tried while there are others.
const PER_ADDRESS: Duration = Duration::from_secs(3);

/// Names that are looked up at once. The system's resolver holds a thread for each, for as long as it likes.
const LOOK_UPS: usize = 32;

/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;

/// Why there is no connection, in words for whoever named the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// DNS.
    #[error("the host name could not be looked up: {0}")]
    LookUp(#[source] io::Error),
    /// Every address was refused by the guard. The address itself is not told: it may say what is inside.
    #[error(
        "the host is at a private or reserved address, which this server does not connect to; its operator can open \
         networks with OUTBOUND_ALLOW"
    )]
    Forbidden,
    /// No address took the connection; what the last of them said.
    #[error("no connection could be made: {0}")]
    Connect(#[source] io::Error),
}

/// Makes connections to judged addresses.
#[derive(Clone)]
pub(super) struct Connector {
    guard: Guard,
    names: Names,
}

/// Who is asked where a host is.
#[derive(Clone)]
enum Names {
    /// The system's resolver, by so many threads.
    System(Arc<Semaphore>),
    /// The DNS server that the operator named.
    Server(Arc<Dns>),
}

impl Connector {
    /// Asks `dns` where hosts are; without it, the system's resolver.
    pub(super) fn new(guard: Guard, dns: Option<Dns>) -> Self {
        let by_system = || Names::System(Arc::new(Semaphore::new(LOOK_UPS)));
        Self { guard, names: dns.map_or_else(by_system, |dns| Names::Server(Arc::new(dns))) }
    }

    /// Connects to the host of a URL. It may take as long as the caller lets it.
    pub(super) async fn connect(&self, url: &Url) -> Result<TcpStream, ConnectError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::from(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::from(address)],
            Some(Host::Domain(name)) => {
                self.names.look_up(name).await.map_err(ConnectError::LookUp)?
            }
            None => Vec::new(),
        };
        let mut last = None;
        for address in permitted(&self.guard, found)? {
            match timeout(PER_ADDRESS, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(ConnectError::Connect)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(ConnectError::Connect(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
    }
}

impl Names {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let places = match self {
            Self::Server(dns) => return dns.addresses(name).await,
            Self::System(places) => places,
        };
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .map_err(|_| io::Error::other("the resolver is gone"))?;
        let name = name.to_owned();
        // A task of its own, because the thread stays in use after the caller has given up, and so must the place.
        let looking = tokio::spawn(async move {
            let found = lookup_host((name, 0)).await.map(|found| found.map(|at| at.ip()).collect());
            drop(place);
            found
        });
        looking.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// The addresses that may be connected to. The families take turns: a machine may have no way to one of them (RFC 8305,
/// section 4).
fn permitted(guard: &Guard, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ConnectError> {
    if found.is_empty() {
        return Err(ConnectError::LookUp(io::Error::other("the name has no address")));
    }
    let mut of_family = [0, 0];
    let mut permitted: Vec<(u32, IpAddr)> = found
        .into_iter()
        .filter(|address| guard.permits(*address))
        .map(|address| {
            let turn = &mut of_family[usize::from(address.is_ipv6())];
            *turn += 1;
            (*turn, address)
        })
        .collect();
    permitted.sort_by_key(|(turn, _)| *turn);
    permitted.truncate(MOST_ADDRESSES);
    if permitted.is_empty() {
        return Err(ConnectError::Forbidden);
    }
    Ok(permitted.into_iter().map(|(_, address)| address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn of_a_name_with_many_addresses_only_the_public_ones_are_tried() {
        let guard = Guard::default();
        let mixed = found(&["127.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "fd00:ec2::254"]);
        assert_eq!(permitted(&guard, mixed).unwrap(), found(&["8.8.8.8"]));
        let inside = found(&["169.254.169.254", "::1"]);
        assert!(matches!(permitted(&guard, inside), Err(ConnectError::Forbidden)));
        assert!(matches!(permitted(&guard, Vec::new()), Err(ConnectError::LookUp(_))));
    }

    #[test]
    fn many_addresses_of_one_family_leave_room_for_the_other() {
        let guard = Guard::default();
        let six = ["2606:4700::1", "2606:4700::2", "2606:4700::3", "2606:4700::4", "2606:4700::5"];
        let both = found(&[&six[..], &["8.8.8.8"]].concat());
        let tried = found(&[six[0], "8.8.8.8", six[1], six[2]]);
        assert_eq!(permitted(&guard, both).unwrap(), tried);
        assert_eq!(permitted(&guard, found(&six)).unwrap(), found(&six[..4]));
    }

    #[tokio::test]
    async fn a_name_or_an_address_of_this_machine_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connector = Connector::new(Guard::default(), None);
        for host in
            ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"]
        {
            let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
            let refused = connector.connect(&url).await;
            assert!(matches!(refused, Err(ConnectError::Forbidden)), "{host}");
        }
        let opened = Connector::new(Guard::new(["127.0.0.1/32".parse().unwrap()]), None);
        let url = Url::parse(&format!("http://localhost:{port}/")).unwrap();
        assert!(opened.connect(&url).await.is_ok());
    }
}
