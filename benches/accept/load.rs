//! A light HTTP client for many requests on few connections: one thread, no allocation per request but for its bytes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

/// Writes the request of a given number; called on the client's thread.
pub type Requests = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// How a load is made.
#[derive(Clone)]
pub struct Load {
    /// Whom it goes to.
    pub address: SocketAddr,
    /// Where it comes from: another address of the loopback network is another client to the server.
    pub from: IpAddr,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Requests a second, of all connections together; as many as are answered without it.
    pub pace: Option<f64>,
    /// For how long.
    pub lasting: Duration,
    /// The number of the first request.
    pub first: u64,
    /// What is sent.
    pub requests: Requests,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Answers with a status of 200 to 299.
    pub good: u64,
    /// Other answers.
    pub refused: u64,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Microseconds from each request to its answer, sorted.
    pub latencies: Vec<u32>,
}

impl Load {
    /// Saturating load on 64 connections.
    pub fn full(address: SocketAddr, lasting: Duration, first: u64, requests: &Requests) -> Self {
        Self {
            address,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            connections: 64,
            pace: None,
            lasting,
            first,
            requests: Arc::clone(requests),
        }
    }

    /// Makes it, on the calling thread.
    pub fn run(self) -> Answers {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            let next = Rc::new(AtomicU64::new(0));
            let mut streams = Vec::new();
            for _ in 0..self.connections {
                streams.push(connect(self.from, self.address).await.unwrap());
            }
            let began = Instant::now();
            let clients: Vec<_> = streams
                .into_iter()
                .map(|stream| {
                    let (load, next) = (self.clone(), Rc::clone(&next));
                    tokio::task::spawn_local(async move { load.client(stream, &next, began).await })
                })
                .collect();
            let mut all = Answers::default();
            for client in clients {
                let mut answers = client.await.unwrap().unwrap();
                all.good += answers.good;
                all.refused += answers.refused;
                all.latencies.append(&mut answers.latencies);
            }
            all.took = began.elapsed();
            all.latencies.sort_unstable();
            all
        })
    }

    async fn client(
        &self,
        mut stream: TcpStream,
        next: &AtomicU64,
        began: Instant,
    ) -> io::Result<Answers> {
        let mut answers = Answers::default();
        let (mut request, mut buffer) = (Vec::with_capacity(4096), Vec::with_capacity(4096));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if let Some(pace) = self.pace {
                #[expect(clippy::cast_precision_loss, reason = "there are not that many requests")]
                let due = began + Duration::from_secs_f64(number as f64 / pace);
                tokio::time::sleep_until(due.into()).await;
            }
            if began.elapsed() >= self.lasting {
                return Ok(answers);
            }
            request.clear();
            (self.requests)(self.first + number, &mut request);
            let sent = Instant::now();
            stream.write_all(&request).await?;
            match answer(&mut stream, &mut buffer).await? {
                200..300 => answers.good += 1,
                _ => answers.refused += 1,
            }
            answers.latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}

impl Answers {
    /// Good answers a second.
    pub fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.good).unwrap_or(u32::MAX)) / self.took.as_secs_f64()
    }

    /// Milliseconds within which this share of all requests was answered.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.latencies, share)
    }
}

/// Milliseconds within which this share of sorted microseconds lies.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into what is there"
)]
pub fn quantile(sorted: &[u32], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(f64::NAN, |latency| f64::from(*latency) / 1000.0)
}

/// Connects from an address of this machine.
pub async fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer and says its status. Every answer of ours has a length.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<u16> {
    buffer.clear();
    let mut whole = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if whole.is_none()
            && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
            let length = head.lines().find_map(|line| {
                line.get(..16)?.eq_ignore_ascii_case("content-length: ").then(|| &line[16..])
            });
            let length: usize = length
                .and_then(|length| length.trim().parse().ok())
                .ok_or_else(|| io::Error::other("an answer without a length"))?;
            let status = head.get(9..12).and_then(|status| status.parse().ok());
            whole = Some((end + 4 + length, status.unwrap_or_default()));
        }
        if let Some((length, status)) = whole
            && buffer.len() >= length
        {
            return Ok(status);
        }
    }
}
