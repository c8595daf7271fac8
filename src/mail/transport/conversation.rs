//! Lines out, replies in: SMTP's turn-taking on one connection, every step with a deadline.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::time::{Instant, timeout_at};

use super::reply::{MAX_LINE, ReplyBuilder, ReplyLine, ServerReply};
use super::stream::Stream;
use super::tls::Connector;

/// A connection with SMTP on it. Once a step has failed or was given up half-way it is good for nothing but dropping.
pub(super) struct Conversation {
    stream: BufReader<Stream>,
}

/// Why a step of a conversation came to nothing.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its deadline passed.
    TimedOut,
    /// The other side hung up in good order.
    Closed,
    /// The network, or TLS, failed.
    Network(io::Error),
    /// The other side said something that is no SMTP reply.
    NotSmtp,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the relay did not answer in time"),
            Self::Closed => f.write_str("the relay closed the connection"),
            Self::Network(error) => write!(f, "the connection to the relay was lost ({error})"),
            Self::NotSmtp => f.write_str("the relay answered something that is not SMTP"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Network(error),
        }
    }
}

impl Conversation {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream: BufReader::with_capacity(1024, stream) }
    }

    pub(super) fn stream(&self) -> &Stream {
        self.stream.get_ref()
    }

    /// Says `command`, line ends included, and waits for its reply.
    pub(super) async fn ask(
        &mut self,
        command: &str,
        until: Instant,
    ) -> Result<ServerReply, Broken> {
        self.say(command.as_bytes(), &mut 0, until).await?;
        self.reply(until).await
    }

    /// Sends bytes. `sent` counts those that may have left, also when the call fails or its future is dropped: no byte
    /// beyond them has.
    pub(super) async fn say(
        &mut self,
        bytes: &[u8],
        sent: &mut usize,
        until: Instant,
    ) -> Result<(), Broken> {
        let stream = self.stream.get_mut();
        let sending = async {
            while *sent < bytes.len() {
                match stream.write(&bytes[*sent..]).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => *sent += count,
                }
            }
            stream.flush().await
        };
        Ok(timeout_at(until, sending).await.map_err(|_| Broken::TimedOut)??)
    }

    /// Waits for the next reply.
    pub(super) async fn reply(&mut self, until: Instant) -> Result<ServerReply, Broken> {
        timeout_at(until, self.read_reply()).await.unwrap_or(Err(Broken::TimedOut))
    }

    async fn read_reply(&mut self) -> Result<ServerReply, Broken> {
        let mut reply = ReplyBuilder::default();
        let mut line = Vec::with_capacity(128);
        loop {
            line.clear();
            (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).await?;
            if !line.ends_with(b"\n") && (line.len() as u64) < MAX_LINE {
                return Err(Broken::Closed);
            }
            let parsed = ReplyLine::parse(&line).ok_or(Broken::NotSmtp)?;
            if let Some(reply) = reply.push(parsed).map_err(|()| Broken::NotSmtp)? {
                return Ok(reply);
            }
        }
    }

    /// Whether nothing has been heard since the last reply. A connection on which the relay has said goodbye, or
    /// anything else unasked, must not be used: every later reply would be taken for the answer to another command.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_fill_buf(&mut context).is_pending()
    }

    /// Goes on inside TLS. What was received in clear after the go-ahead is refused and not carried over: it may have
    /// been put there by somebody on the way (RFC 3207, section 6).
    pub(super) async fn encrypt(
        self,
        connector: &Connector,
        until: Instant,
    ) -> Result<Self, Broken> {
        if !self.stream.buffer().is_empty() {
            return Err(Broken::NotSmtp);
        }
        let encrypted = timeout_at(until, self.stream.into_inner().encrypt(connector)).await;
        Ok(Self::new(encrypted.map_err(|_| Broken::TimedOut)??))
    }

    /// Hangs up politely and without waiting: QUIT goes out if it can at once.
    pub(super) fn quit(mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut stream = Pin::new(self.stream.get_mut());
        let _ = stream.as_mut().poll_write(&mut context, b"QUIT\r\n");
        let _ = stream.as_mut().poll_flush(&mut context);
        let _ = stream.poll_shutdown(&mut context);
    }
}
