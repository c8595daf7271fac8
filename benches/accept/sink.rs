//! A relay that takes every mail at once and keeps none of it, on a thread of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The relay.
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    taken: Arc<Taken>,
}

struct Taken {
    began: Instant,
    mails: AtomicU64,
    /// Microseconds since `began` at which the mail of each number arrived; zero for those that did not.
    arrivals: Vec<AtomicU64>,
}

impl Sink {
    /// Starts it. Mails are told apart by the number in their recipient: `mail-7@…`; those up to `numbered` are timed.
    pub fn start(began: Instant, numbered: usize) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let arrivals = std::iter::repeat_with(AtomicU64::default).take(numbered).collect();
        let taken = Arc::new(Taken { began, mails: AtomicU64::new(0), arrivals });
        std::thread::spawn({
            let taken = Arc::clone(&taken);
            move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(listen(listener, taken))
            }
        });
        Self { address, taken }
    }

    /// How many mails it has taken.
    pub fn mails(&self) -> u64 {
        self.taken.mails.load(Ordering::Acquire)
    }

    /// When the mail of this number arrived, in microseconds.
    pub fn arrival(&self, number: usize) -> Option<u64> {
        let at = self.taken.arrivals.get(number)?.load(Ordering::Acquire);
        (at > 0).then_some(at)
    }
}

async fn listen(listener: std::net::TcpListener, taken: Arc<Taken>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(converse(stream, Arc::clone(&taken)));
    }
}

async fn converse(mut stream: TcpStream, taken: Arc<Taken>) -> io::Result<()> {
    stream.write_all(b"220 sink\r\n").await?;
    let (mut buffer, mut answers) = (Vec::with_capacity(16 * 1024), Vec::new());
    let (mut number, mut in_message) = (usize::MAX, false);
    loop {
        let mut done = 0;
        while let Some(length) = next(&buffer[done..], in_message) {
            let part = &buffer[done..done + length];
            done += length;
            if in_message {
                in_message = false;
                if let Some(arrival) = taken.arrivals.get(number) {
                    let now = taken.began.elapsed().as_micros();
                    arrival.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Release);
                }
                taken.mails.fetch_add(1, Ordering::Release);
                answers.extend_from_slice(b"250 taken\r\n");
                continue;
            }
            answers.extend_from_slice(match part.get(..4) {
                Some(b"EHLO") => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n",
                Some(b"RCPT") => {
                    number = number_in(part).unwrap_or(usize::MAX);
                    b"250 ok\r\n"
                }
                Some(b"DATA") => {
                    in_message = true;
                    b"354 go\r\n"
                }
                Some(b"QUIT") => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            });
        }
        buffer.drain(..done);
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// How long the next command or message is, if all of it is there.
fn next(buffer: &[u8], in_message: bool) -> Option<usize> {
    let end: &[u8] = if in_message { b"\r\n.\r\n" } else { b"\r\n" };
    Some(buffer.windows(end.len()).position(|window| window == end)? + end.len())
}

fn number_in(command: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(command).ok()?;
    let (_, rest) = text.split_once("<mail-")?;
    rest.split('@').next()?.parse().ok()
}
