use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::routing::get;
use axum::{Extension, Router};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

use super::*;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<io::Result<()>>,
}

fn start(router: Router, certificates: Option<Certificates>, grace: Duration) -> Running {
    let listener = Listener::bind("LISTEN_ADDR", ANY_PORT).unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let served = tokio::spawn(listener.serve(router, certificates, stop.clone(), grace));
    Running { address, stop, served }
}

/// Answers with what the listener knows of the request's connection.
fn router() -> Router {
    let handler = async |ConnectInfo(peer): ConnectInfo<SocketAddr>,
                         Extension(transport): Extension<Transport>| {
        format!("{transport:?} from {}", peer.ip())
    };
    Router::new().route("/", get(handler))
}

async fn exchange(address: SocketAddr, request: &'static [u8]) -> String {
    spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

/// A new certificate in these files.
fn write_certificate(directory: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.into()
}

async fn load(directory: &Path) -> anyhow::Result<Certificates> {
    Certificates::load(directory.join("cert.pem"), directory.join("key.pem")).await
}

/// The answer of a server that has this certificate, and the protocol that was agreed on.
async fn exchange_over_tls(
    address: SocketAddr,
    root: CertificateDer<'static>,
    protocol: &'static [u8],
) -> Result<String, io::Error> {
    spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(address)?);
        stream.write_all(REQUEST)?;
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        assert_eq!(stream.conn.alpn_protocol(), Some(protocol));
        Ok(answer)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn requests_know_their_peer_and_that_they_came_in_the_clear() {
    let running = start(router(), None, Duration::from_secs(1));
    let answer = exchange(running.address, REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("Plain from 127.0.0.1"), "{answer}");
    running.stop.cancel();
    running.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).is_err());
}

#[tokio::test]
async fn a_port_in_use_is_told_in_a_sentence() {
    let first = Listener::bind("LISTEN_ADDR", ANY_PORT).unwrap();
    let error = Listener::bind("LISTEN_ADDR", first.address()).unwrap_err();
    let expected = format!(
        "address {} is in use by another process: stop it or set LISTEN_ADDR",
        first.address()
    );
    assert_eq!(error.to_string(), expected);
    let elsewhere = Listener::bind("METRICS_ADDR", "192.0.2.1:0".parse().unwrap()).unwrap_err();
    assert_eq!(
        elsewhere.to_string(),
        "192.0.2.1 is no address of this machine: set METRICS_ADDR to one, or to 0.0.0.0"
    );
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_after_the_stop() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go) = (begun.clone(), go.clone());
        async move || {
            begun.notify_one();
            go.notified().await;
            "finished"
        }
    };
    let running = start(Router::new().route("/", get(handler)), None, Duration::from_mins(10));
    let answer = tokio::spawn(exchange(running.address, REQUEST));
    begun.notified().await;
    running.stop.cancel();
    go.notify_one();
    assert!(answer.await.unwrap().ends_with("finished"));
    running.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_outlast_the_grace() {
    let begun = Arc::new(Notify::new());
    let handler = {
        let begun = begun.clone();
        async move || {
            begun.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let running = start(Router::new().route("/", get(handler)), None, Duration::from_millis(1));
    let answer = tokio::spawn(exchange(running.address, REQUEST));
    begun.notified().await;
    running.stop.cancel();
    running.served.await.unwrap().unwrap();
    assert_eq!(answer.await.unwrap(), "");
}

#[tokio::test]
async fn connections_that_ask_nothing_do_not_delay_the_stop() {
    let running = start(router(), None, Duration::from_mins(10));
    let mut idle = TcpStream::connect(running.address).unwrap();
    let mut kept_alive = TcpStream::connect(running.address).unwrap();
    kept_alive.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut kept_alive = spawn_blocking(move || {
        let mut start = [0; 12];
        kept_alive.read_exact(&mut start).unwrap();
        kept_alive
    })
    .await
    .unwrap();
    running.stop.cancel();
    running.served.await.unwrap().unwrap();
    spawn_blocking(move || {
        let mut rest = Vec::new();
        kept_alive.read_to_end(&mut rest).unwrap();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn when_there_is_no_room_new_connections_are_closed_and_old_ones_served() {
    let listener = Listener::bind("LISTEN_ADDR", ANY_PORT).unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let acceptor = Marking::new(NoDelay::new(), Transport::Plain, Arc::new(Room::new(1)));
    let server = Server::<SocketAddr>::from_listener(listener.socket).acceptor(acceptor);
    let service = router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(stop.clone().run_until_cancelled_owned(server.serve(service)));

    spawn_blocking(move || {
        let mut first = TcpStream::connect(address).unwrap();
        first.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        first.read_exact(&mut [0; 12]).unwrap();

        let mut second = TcpStream::connect(address).unwrap();
        assert_eq!(second.read(&mut [0]).unwrap_or(0), 0);

        first.write_all(REQUEST).unwrap();
        let mut rest = String::new();
        first.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
    })
    .await
    .unwrap();
    stop.cancel();
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let running = start(router(), None, Duration::from_secs(1));
    let answer = spawn_blocking(move || {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ").unwrap();
        while stream.write_all(&[b'a'; 4096]).is_ok() {}
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        answer
    })
    .await
    .unwrap();
    // The answer may be lost with the connection, which is closed on the client while it writes.
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "));
    running.stop.cancel();
}

#[tokio::test]
async fn tls_speaks_both_versions_and_marks_its_requests() {
    let directory = Directory::new("both");
    let root = write_certificate(&directory.0);
    let certificates = load(&directory.0).await.unwrap();
    let running = start(router(), Some(certificates), Duration::from_secs(1));
    let answer = exchange_over_tls(running.address, root.clone(), b"http/1.1").await.unwrap();
    assert!(answer.ends_with("Tls from 127.0.0.1"), "{answer}");
    exchange_over_tls(running.address, root, b"h2").await.unwrap_or_default();

    // Whoever speaks plain HTTP to it, or half a handshake, harms nobody else.
    assert!(!exchange(running.address, REQUEST).await.contains("200 OK"));
    running.stop.cancel();
    running.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_changed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let directory = Directory::new("changed");
    let first = write_certificate(&directory.0);
    let mut certificates = load(&directory.0).await.unwrap();
    let config = certificates.config();
    let listener = Listener::bind("LISTEN_ADDR", ANY_PORT).unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let tls = RustlsAcceptor::new(config).acceptor(NoDelay::new());
    let acceptor = Marking::new(tls, Transport::Tls, Arc::new(Room::new(10)));
    let server = Server::<SocketAddr>::from_listener(listener.socket).acceptor(acceptor);
    let service = router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(stop.clone().run_until_cancelled_owned(server.serve(service)));

    assert!(matches!(certificates.reload().await, Reload::Unchanged));
    std::fs::write(directory.0.join("key.pem"), "half a fi").unwrap();
    assert!(matches!(certificates.reload().await, Reload::Kept(_)));
    assert!(matches!(certificates.reload().await, Reload::Unchanged));
    std::fs::remove_file(directory.0.join("key.pem")).unwrap();
    assert!(matches!(certificates.reload().await, Reload::Kept(_)));
    assert!(matches!(certificates.reload().await, Reload::Unchanged));
    assert!(exchange_over_tls(address, first.clone(), b"http/1.1").await.is_ok());

    let second = write_certificate(&directory.0);
    assert!(matches!(certificates.reload().await, Reload::Reloaded));
    assert!(exchange_over_tls(address, second, b"http/1.1").await.is_ok());
    assert!(exchange_over_tls(address, first, b"http/1.1").await.is_err());

    // The key of another certificate.
    let key = std::fs::read(directory.0.join("key.pem")).unwrap();
    write_certificate(&directory.0);
    std::fs::write(directory.0.join("key.pem"), key).unwrap();
    assert!(matches!(certificates.reload().await, Reload::Kept(_)));
    stop.cancel();
}

#[tokio::test]
async fn unusable_files_are_told_at_the_start_without_their_text() {
    let directory = Directory::new("unusable");
    let missing = format!("{:#}", load(&directory.0).await.err().unwrap());
    assert!(missing.contains("cannot read") && missing.contains("TLS_CERT"), "{missing}");
    write_certificate(&directory.0);
    let broken = "-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----\n";
    std::fs::write(directory.0.join("key.pem"), broken).unwrap();
    let error = format!("{:#}", load(&directory.0).await.err().unwrap());
    assert!(error.contains("TLS_KEY") && !error.contains("hunter2"), "{error}");
    std::fs::write(directory.0.join("cert.pem"), "").unwrap();
    let error = format!("{:#}", load(&directory.0).await.err().unwrap());
    assert!(error.contains("TLS_CERT holds no certificate"), "{error}");
}

/// A directory of one test, removed when it ends.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("posthaste-listener-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
