//! Connections of clients: who has how many, how long each may be silent, and which one goes when places run out.
//!
//! Never reads what goes through them, and never keeps a client waiting for a place: an idle connection makes room, or the
//! newest is refused.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::Sleep,
};

use super::places::{EventPlace, Line, Place, Places};

/// The client of a request, as its routes see it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    line: Arc<Line>,
    places: Arc<Places>,
}

impl Client {
    /// Whether the connection is one of the reserve, on which only the health is answered.
    pub(super) fn is_reserve(&self) -> bool {
        self.line.is_reserve()
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn hold(&self) -> InFlight {
        self.line.begin(Instant::now());
        InFlight(Arc::clone(&self.line))
    }

    /// A place for one more event stream, if the client and the server have one.
    pub(super) fn event_place(&self) -> Option<EventPlace> {
        self.places.event_place(self.line.client())
    }
}

impl Connected<IncomingStream<'_, LimitedListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, LimitedListener>) -> Self {
        let connection = stream.io();
        Self { line: Arc::clone(&connection.line), places: Arc::clone(connection.place.places()) }
    }
}

/// The guard of one request in flight, until its answer has been handed over.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Line>);

impl InFlight {
    /// The same body, which notes on its end that the request has been received.
    pub(super) fn receiving(&self, body: Body) -> Body {
        self.0.receives(true);
        Body::new(Watched { body, _end: Received(Arc::clone(&self.0)) })
    }

    /// The same body, with which the request is in flight until it ends.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Watched { body, _end: self })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.end(Instant::now());
    }
}

/// Notes on its end that a body has been received, or is not wanted.
#[derive(Debug)]
struct Received(Arc<Line>);

impl Drop for Received {
    fn drop(&mut self) {
        self.0.receives(false);
    }
}

/// A body at whose end something is dropped.
#[derive(Debug)]
struct Watched<E> {
    body: Body,
    _end: E,
}

impl<E: Unpin> HttpBody for Watched<E> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A listener whose connections are limited by client and in all.
#[derive(Debug)]
pub(super) struct LimitedListener {
    listener: TcpListener,
    places: Arc<Places>,
}

impl LimitedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Places::new()) }
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // Without a place, the stream is dropped, which closes it.
            let Some((place, gone)) = self.places.take(address.ip(), Instant::now()) else { continue };
            // Events are small, and should arrive at once. Without this option they still arrive.
            let _ = stream.set_nodelay(true);
            let line = Arc::clone(place.line());
            let patience = Box::pin(tokio::time::sleep_until(line.deadline(Instant::now()).into()));
            return (Connection { stream, line, patience, gone, is_gone: false, place }, address);
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when the client is silent for too long, or another one needs its place.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    line: Arc<Line>,
    /// Ends when the line's deadline may have come.
    patience: Pin<Box<Sleep>>,
    /// Tells that the place is taken away.
    gone: oneshot::Receiver<()>,
    is_gone: bool,
    place: Place,
}

impl Connection {
    /// Turns waiting into an error once the client has been silent for too long, or its place is taken away.
    fn bounded<T>(&mut self, context: &mut Context<'_>, waiting: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if waiting.is_ready() {
            return waiting;
        }
        // What has told once must not be asked again.
        self.is_gone = self.is_gone || Pin::new(&mut self.gone).poll(context).is_ready();
        if self.is_gone {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        loop {
            let now = Instant::now();
            let deadline = self.line.deadline(now);
            if deadline <= now {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            if self.patience.is_elapsed() || self.patience.deadline() > deadline.into() {
                self.patience.as_mut().reset(deadline.into());
            }
            // If the deadline lies farther off now, the next poll looks again.
            if self.patience.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        if into.filled().len() > before {
            this.line.hears(Instant::now());
        }
        this.bounded(context, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.line.writes(written.is_ready(), Instant::now());
        this.bounded(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.line.writes(written.is_ready(), Instant::now());
        this.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
