//! One request over a connection of its own: HTTP/1.1, no redirects, no proxies, everything bounded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Url;

use super::connect::{ConnectError, Connector};
use super::guard::Guard;
use super::room::Room;
use crate::dns::Dns;

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the look-up of the name to the end of the answer's head.
    pub time: Duration,
    /// From there to the end of its body; what comes later is not waited for.
    pub body_time: Duration,
    /// How much of the body is read, in bytes.
    pub body_bytes: usize,
}

/// An answer, as much of it as there was time and room for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status (RFC 9110, section 15).
    pub status: u16,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub complete: bool,
}

/// What came of fetching a file.
#[derive(Debug)]
pub enum Download {
    /// All of it.
    Whole(Vec<u8>),
    /// It is larger than it may be.
    TooLarge,
    /// There was no room for all of it beside those of others.
    NoRoom,
    /// It broke off, or took too long.
    Broken,
    /// Another status than 200: no file.
    Refused(u16),
}

/// Why there is no answer, in words for whoever named the URL.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The handshake, most often the certificate.
    #[error("no TLS connection could be made: {0}")]
    Tls(#[source] io::Error),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke or did not speak HTTP: {0}")]
    Broken(#[source] hyper::Error),
    /// It took too long.
    #[error("there was no answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// A URL of which no request can be made.
    #[error("no request can be made of the URL")]
    Url,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct SetupError(#[source] rustls::Error);

/// Makes requests to URLs that strangers name. Clones share its bounds.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts the certificates that the operating system trusts, and asks `dns` where hosts are, or without it
    /// the system's resolver. Reads files; is made once, at the start.
    pub fn new(guard: Guard, dns: Option<Dns>) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(SetupError)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            connector: Connector::new(guard, dns),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Asks for what is at the URL.
    pub async fn get(&self, url: &Url, limits: Limits) -> Result<Answer, RequestError> {
        self.send(url, Request::new(Full::default()), limits).await
    }

    /// Sends a request to the URL; the request's own URI does not count.
    pub async fn send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Answer, RequestError> {
        // Ends with this function, however it ends: the task that drives the connection.
        let mut driver = JoinSet::new();
        let response = self.ask(url, request, limits, &mut driver).await?;
        Ok(read(response, limits).await)
    }

    /// Fetches a file. Its bytes are taken out of `room` as they come, which others may share.
    pub async fn download(
        &self,
        url: &Url,
        limits: Limits,
        room: &Room,
    ) -> Result<Download, RequestError> {
        let mut request = Request::new(Full::default());
        let headers = request.headers_mut();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static("Posthaste/1.0"));
        let mut driver = JoinSet::new();
        let response = self.ask(url, request, limits, &mut driver).await?;
        match response.status().as_u16() {
            200 => Ok(read_whole(response, limits, room).await),
            status => Ok(Download::Refused(status)),
        }
    }

    async fn ask(
        &self,
        url: &Url,
        mut request: Request<Full<Bytes>>,
        limits: Limits,
        driver: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, RequestError> {
        address(&mut request, url).ok_or(RequestError::Url)?;
        let answered = timeout_at(Instant::now() + limits.time, async {
            let stream = self.connector.connect(url).await?;
            if url.scheme() == "https" {
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
                let name = ServerName::try_from(host.to_owned()).map_err(|_| RequestError::Url)?;
                let stream = self.tls.connect(name, stream).await.map_err(RequestError::Tls)?;
                exchange(stream, request, driver).await
            } else {
                exchange(stream, request, driver).await
            }
        });
        answered.await.map_err(|_| RequestError::TimedOut(limits.time))?
    }
}

/// Points the request to the URL.
fn address(request: &mut Request<Full<Bytes>>, url: &Url) -> Option<()> {
    let path =
        PathAndQuery::try_from(&url[url::Position::BeforePath..url::Position::AfterQuery]).ok()?;
    *request.uri_mut() = Uri::from(path);
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    request.headers_mut().insert(HOST, HeaderValue::try_from(host).ok()?);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Some(())
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    driver: &mut JoinSet<()>,
) -> Result<Response<Incoming>, RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(RequestError::Broken)?;
    driver.spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(RequestError::Broken)
}

/// Reads the body, as far as it comes in time. That its end is missing does not take the status back.
async fn read(response: Response<Incoming>, limits: Limits) -> Answer {
    let status = response.status().as_u16();
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    let until = Instant::now() + limits.body_time;
    let complete = loop {
        match timeout_at(until, incoming.frame()).await {
            Ok(None) => break true,
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                let room = limits.body_bytes - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    break false;
                }
            }
            Ok(Some(Err(_))) | Err(_) => break false,
        }
    };
    Answer { status, body, complete }
}

/// Reads a body to its end, as long as there is time and room.
async fn read_whole(response: Response<Incoming>, limits: Limits, room: &Room) -> Download {
    let mut incoming = response.into_body();
    if incoming.size_hint().lower() > room.left() as u64 {
        return Download::TooLarge;
    }
    let mut body = Vec::new();
    let until = Instant::now() + limits.body_time;
    loop {
        match timeout_at(until, incoming.frame()).await {
            Ok(None) => return Download::Whole(body),
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if body.len() + data.len() > limits.body_bytes {
                    return Download::TooLarge;
                }
                if let Some(refused) = room.take(data.len()) {
                    return refused;
                }
                body.extend_from_slice(&data);
            }
            Ok(Some(Err(_))) | Err(_) => return Download::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressed(url: &str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        address(&mut request, &Url::parse(url).unwrap()).unwrap();
        request
    }

    #[test]
    fn a_request_names_its_host_and_asks_for_the_path_alone() {
        for (url, host, path) in [
            ("http://example.com", "example.com", "/"),
            ("https://example.com:443/a?b=c#d", "example.com", "/a?b=c"),
            ("http://example.com:8080/%20", "example.com:8080", "/%20"),
            ("http://[2001:db8::1]:81/", "[2001:db8::1]:81", "/"),
        ] {
            let request = addressed(url);
            assert_eq!(request.headers()[HOST], host);
            assert_eq!(request.uri(), path);
        }
    }
}
