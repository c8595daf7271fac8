//! What is done to each connection before HTTP is spoken on it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::HttpBody;
use axum::http::{Request, Response};
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
pub(super) use axum_server::accept::NoDelayAcceptor as NoDelay;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tower::{Layer, Service};

use super::answers::{Answering, Exchange, Exchanges};
use super::room::{Place, Room};

/// How long a client may take to show which version of HTTP it speaks.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a request got to us; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the clear.
    Plain,
    /// Over TLS that ended here.
    Tls,
}

/// Accepts with `inner` while there is room, marks the requests of the connection with its [`Transport`], counts them
/// for [`Answering`], and bounds the time until the first bytes of it.
#[derive(Clone)]
pub(super) struct Marking<A> {
    inner: A,
    transport: Transport,
    room: Arc<Room>,
}

impl<A> Marking<A> {
    pub(super) fn new(inner: A, transport: Transport, room: Arc<Room>) -> Self {
        Self { inner, transport, room }
    }
}

impl<A, I, S> Accept<I, S> for Marking<A>
where
    A: Accept<I, Counting<AddExtension<S, Transport>>>,
    A::Future: Send + 'static,
{
    type Stream = Answering<Greeted<A::Stream>>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Some(place) = self.room.place() else {
            // Closes it. To let it wait would take as much as to serve it.
            return Box::pin(async { Err(io::ErrorKind::QuotaExceeded.into()) });
        };
        let exchanges = Arc::<Exchanges>::default();
        let inner = Extension(self.transport).layer(service);
        let counting = Counting { inner, exchanges: Arc::clone(&exchanges) };
        let accepted = self.inner.accept(stream, counting);
        Box::pin(async {
            let (stream, service) = accepted.await?;
            let greeted = Greeted::new(stream, place, GREETING_TIMEOUT);
            Ok((Answering::new(greeted, exchanges), service))
        })
    }
}

/// The service of one connection, which notes each request and when its answer has been taken.
#[derive(Clone)]
pub(super) struct Counting<S> {
    inner: S,
    exchanges: Arc<Exchanges>,
}

/// A value that belongs to an exchange: the future of an answer, and then its body.
pub(super) struct Counted<T> {
    value: T,
    exchange: Option<Exchange>,
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Unpin,
{
    type Response = Response<Counted<R>>;
    type Error = S::Error;
    type Future = Counted<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = Some(Exchange::begin(&self.exchanges));
        Counted { value: self.inner.call(request), exchange }
    }
}

impl<F, R, E> Future for Counted<F>
where
    F: Future<Output = Result<Response<R>, E>> + Unpin,
{
    type Output = Result<Response<Counted<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.value).poll(context))?;
        let exchange = self.exchange.take();
        Poll::Ready(Ok(response.map(|value| Counted { value, exchange })))
    }
}

impl<B: HttpBody + Unpin> HttpBody for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.value).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.value.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.value.size_hint()
    }
}

/// A connection that fails if its client does not show in time whether it speaks HTTP/2.
///
/// hyper's own time-out for the head of a request begins only once that is decided, so that without this a connection
/// on which nothing is ever sent would be kept for ever.
pub(super) struct Greeted<I> {
    inner: I,
    /// How many bytes of the preface have come, and the end of patience; nothing once it is decided.
    awaiting: Option<(usize, Pin<Box<Sleep>>)>,
    /// Given back when the connection ends.
    _place: Place,
}

impl<I> Greeted<I> {
    fn new(inner: I, place: Place, patience: Duration) -> Self {
        Self { inner, awaiting: Some((0, Box::pin(sleep(patience)))), _place: place }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Greeted<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some((seen, patience)) = &mut this.awaiting else {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        };
        if patience.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        let expected = &HTTP2_PREFACE[*seen..];
        if read.len() < expected.len() && expected.starts_with(read) {
            *seen += read.len();
        } else {
            this.awaiting = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Greeted<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// A connection on which the client has sent this, in pieces, and then waits.
    async fn sent(bytes: &[u8], patience: Duration) -> (Greeted<DuplexStream>, DuplexStream) {
        let (mut client, server) = duplex(1024);
        let mut server = Greeted::new(server, Room::new(1).place().unwrap(), patience);
        for piece in bytes.chunks(5) {
            client.write_all(piece).await.unwrap();
            let mut buffer = [0; 5];
            server.read_exact(&mut buffer[..piece.len()]).await.unwrap();
        }
        (server, client)
    }

    #[tokio::test]
    async fn a_client_that_does_not_decide_is_given_up() {
        for undecided in [&b""[..], b"P", &HTTP2_PREFACE[..23]] {
            let (mut server, _client) = sent(undecided, GREETING_TIMEOUT).await;
            let (_, patience) = server.awaiting.as_mut().unwrap();
            patience.as_mut().reset(Instant::now());
            let error = server.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test]
    async fn a_client_that_has_decided_has_all_the_time_that_http_gives_it() {
        for decided in [&b"G"[..], b"PRI * HTTP/1.1", HTTP2_PREFACE, b"GET / HTTP/1.0"] {
            let (server, _client) = sent(decided, GREETING_TIMEOUT).await;
            assert!(server.awaiting.is_none());
        }
    }
}
