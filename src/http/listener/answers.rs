//! What hyper cannot do with answers: refuse in our one shape what is no request, and give up clients that do not read.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::http::layers::envelope;

/// How long a client may take none of the bytes that are there for it. Every byte that it takes begins the time anew.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long, and for how many bytes, a client that was refused is listened to. To close while it still sends would make
/// its system throw our answer away (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// The requests of one connection: those that reached the service, and those whose answers hyper is done with.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// One request on its way to its answer, which has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Exchange(Arc<Exchanges>);

impl Exchange {
    pub(super) fn begin(exchanges: &Arc<Exchanges>) -> Self {
        exchanges.begun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(exchanges))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection on which hyper's own bare refusals are replaced by the envelope.
///
/// What is not HTTP/1.1, or has too large a head, reaches no service: hyper answers it by itself. Such an answer is what
/// is written while every request that ever reached the service is answered to its last byte, which no client can feign.
pub(super) struct Answering<I> {
    inner: I,
    exchanges: Arc<Exchanges>,
    /// How many requests there had been when everything was last written out and nothing was under way.
    settled: u64,
    /// What stands for hyper's answer, and how much of it is written; the connection ends with it.
    refusal: Option<(Vec<u8>, usize)>,
    /// The end of patience with a client that does not read.
    stalled: Option<Pin<Box<Sleep>>>,
    /// The end of listening to a client that was refused, and how much more it may send.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<I> Answering<I> {
    pub(super) fn new(inner: I, exchanges: Arc<Exchanges>) -> Self {
        Self { inner, exchanges, settled: 0, refusal: None, stalled: None, lingering: None }
    }

    /// Takes what hyper writes, if it is an answer of its own.
    fn intercepts(&mut self, start: &[u8]) -> bool {
        if self.refusal.is_none() {
            if self.exchanges.begun.load(Ordering::Relaxed) != self.settled {
                return false;
            }
            let Some(status) = status_of(start) else { return false };
            self.refusal = Some((refusal(status), 0));
        }
        true
    }

    /// Fails once the client has taken nothing for too long.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_PATIENCE)));
        ready!(patience.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Answering<I> {
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, written)) = &mut self.refusal
            && *written < bytes.len()
        {
            let outcome = Pin::new(&mut self.inner).poll_write(context, &bytes[*written..]);
            if let Poll::Ready(Ok(count)) = &outcome {
                *written += count;
            }
            if ready!(self.patiently(context, outcome))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what a refused client still sends, and throws it away.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (deadline, left) =
            self.lingering.get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(context, &mut buffer) {
                Poll::Pending => return deadline.as_mut().poll(context),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            let read = buffer.filled().len();
            *left = left.saturating_sub(read);
            if read == 0 || *left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Answering<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Answering<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.intercepts(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.patiently(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.intercepts(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
        {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let outcome = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.patiently(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_refusal(context))?;
        let outcome = Pin::new(&mut this.inner).poll_flush(context);
        ready!(this.patiently(context, outcome))?;
        // hyper flushes when it has handed over all that it had.
        let begun = this.exchanges.begun.load(Ordering::Relaxed);
        if this.exchanges.ended.load(Ordering::Relaxed) == begun {
            this.settled = begun;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_refusal(context))?;
        if this.lingering.is_none() {
            let outcome = Pin::new(&mut this.inner).poll_shutdown(context);
            ready!(this.patiently(context, outcome))?;
        }
        if this.refusal.is_some() {
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

/// The status of a refusal in HTTP/1, if it is one that begins here.
fn status_of(bytes: &[u8]) -> Option<StatusCode> {
    let digits = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    StatusCode::from_bytes(digits).ok().filter(StatusCode::is_client_error)
}

/// The whole answer: a head, and the envelope.
fn refusal(status: StatusCode) -> Vec<u8> {
    let (request_id, body) = envelope::of_no_request(status);
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-request-id: {request_id}\r\ndate: {}\r\n\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
        chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT"),
    )
    .into_bytes();
    answer.extend(body);
    answer
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";

    fn connection(size: usize) -> (Answering<DuplexStream>, DuplexStream, Arc<Exchanges>) {
        let (client, server) = duplex(size);
        let exchanges = Arc::<Exchanges>::default();
        (Answering::new(server, Arc::clone(&exchanges)), client, exchanges)
    }

    async fn received(server: Answering<DuplexStream>, mut client: DuplexStream) -> String {
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn an_answer_to_no_request_gets_the_envelope() {
        let (mut server, client, _) = connection(4096);
        server.write_all(BARE).await.unwrap();
        server.flush().await.unwrap();
        let text = received(server, client).await;
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{text}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(head.contains(body["requestId"].as_str().unwrap()), "{text}");
    }

    #[tokio::test]
    async fn the_answer_of_a_request_is_left_alone_whatever_is_in_it() {
        let (mut server, client, exchanges) = connection(4096);
        for _ in 0..2 {
            let exchange = Exchange::begin(&exchanges);
            server.write_all(BARE).await.unwrap();
            // Perhaps there is more to come.
            server.flush().await.unwrap();
            server.write_all(BARE).await.unwrap();
            drop(exchange);
            server.write_all(BARE).await.unwrap();
            server.flush().await.unwrap();
        }
        assert_eq!(received(server, client).await.as_bytes(), BARE.repeat(6));
    }

    #[tokio::test]
    async fn after_an_answer_what_is_no_request_is_refused_as_well() {
        let (mut server, client, exchanges) = connection(4096);
        drop(Exchange::begin(&exchanges));
        server.write_all(b"first").await.unwrap();
        server.flush().await.unwrap();
        server.write_all(BARE).await.unwrap();
        server.flush().await.unwrap();
        let text = received(server, client).await;
        assert!(text.starts_with("firstHTTP/1.1 400 ") && text.contains("requestId"), "{text}");
    }

    #[tokio::test]
    async fn other_protocols_are_left_alone() {
        let (mut server, client, _) = connection(4096);
        server.write_all(b"\0\0\x06\x04\0\0\0\0\0").await.unwrap();
        assert_eq!(received(server, client).await, "\0\0\x06\x04\0\0\0\0\0");
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut server, mut client, exchanges) = connection(8);
        let _exchange = Exchange::begin(&exchanges);
        server.write_all(b"12345678").await.unwrap();
        let blocked = std::future::poll_fn(|context| {
            Poll::Ready(Pin::new(&mut server).poll_write(context, b"9").is_pending())
        });
        assert!(blocked.await);
        client.read_u8().await.unwrap();
        server.write_all(b"9").await.unwrap();
        assert!(server.stalled.is_none(), "it has all the time again");

        let blocked = std::future::poll_fn(|context| {
            Poll::Ready(Pin::new(&mut server).poll_write(context, b"0").is_pending())
        });
        assert!(blocked.await);
        server.stalled.as_mut().unwrap().as_mut().reset(Instant::now());
        let error = server.write_all(b"0").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
