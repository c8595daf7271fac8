//! A receiver of webhooks: a server of its own that behaves well or badly, and notes what it was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a test waits for what must happen. Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// What it does with a request, after noting it.
#[derive(Clone, Debug)]
pub enum Behavior {
    /// Answers with a status and a body.
    Answer(u16, String),
    /// Sends its caller elsewhere.
    Redirect(String),
    /// Never answers.
    Hang,
    /// Hangs up.
    Drop,
    /// Sends headers for ever.
    EndlessHead,
    /// Answers 200 and sends a body for ever.
    EndlessBody,
    /// Speaks something else.
    Babble,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Such as `POST /hook HTTP/1.1`.
    pub line: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body's `type`.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// A receiver. It ends with its last handle.
#[derive(Clone)]
pub struct WebhookEndpoint {
    pub address: SocketAddr,
    behavior: Arc<Mutex<Behavior>>,
    received: Arc<Mutex<Vec<Received>>>,
    _running: Arc<DropGuard>,
}

impl WebhookEndpoint {
    /// One that answers 200.
    pub async fn start() -> Self {
        Self::behaving(Behavior::Answer(200, "thank you".into())).await
    }

    pub async fn behaving(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stop = CancellationToken::new();
        let endpoint = Self {
            address: listener.local_addr().unwrap(),
            behavior: Arc::new(Mutex::new(behavior)),
            received: Arc::default(),
            _running: Arc::new(stop.clone().drop_guard()),
        };
        let (behavior, received) = (Arc::clone(&endpoint.behavior), Arc::clone(&endpoint.received));
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Some(Ok((stream, _))) = stop.run_until_cancelled(listener.accept()).await {
                let (behavior, received) = (Arc::clone(&behavior), Arc::clone(&received));
                connections.spawn(async move {
                    // Whoever hangs up is none of our business.
                    let _ = serve(stream, &behavior, &received).await;
                });
            }
        });
        endpoint
    }

    pub fn behave(&self, behavior: Behavior) {
        *self.behavior.lock().unwrap() = behavior;
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let waiting = async {
            while self.received().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        let received = self.received();
        assert!(waited.is_ok(), "{} requests instead of {count}", received.len());
        received
    }
}

async fn serve(
    stream: TcpStream,
    behavior: &Mutex<Behavior>,
    received: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let line = line.trim_end().to_owned();
    received.lock().unwrap().push(Received { line, headers, body });

    let behavior = behavior.lock().unwrap().clone();
    match behavior {
        Behavior::Answer(status, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            stream.shutdown().await
        }
        Behavior::Redirect(to) => {
            let answer =
                format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await
        }
        Behavior::Hang => std::future::pending().await,
        Behavior::Drop => Ok(()),
        Behavior::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-endless: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await?;
            }
        }
        Behavior::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'a'; 1024]).await?;
            }
        }
        Behavior::Babble => stream.write_all(b"220 mail.example.com ESMTP\r\n").await,
    }
}
