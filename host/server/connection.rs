//! Connections: how many there are, and how long one may keep silent.
//!
//! Never reads what goes through them.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// Connections at a time; more wait in the system's queue. Below the 1,024 files that a process may have open.
const CONNECTIONS: usize = 256;

/// How long a connection may go without a request, without the rest of one, or without taking more of an answer. Events
/// have a sign of life more often.
const SILENCE: Duration = Duration::from_secs(60);

/// Requests of a connection that are being answered: meanwhile it may keep silent.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Counts a request until the answer is dropped.
    pub(super) fn hold(&self) -> InFlightGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes connections, up to a number at a time.
#[derive(Debug)]
pub(super) struct LimitedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl LimitedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Events are small, and each is to arrive at once. If that cannot be had, they arrive all the same.
        let _ = stream.set_nodelay(true);
        let patience = Box::pin(tokio::time::sleep(SILENCE));
        (Connection { stream, in_flight: InFlight::default(), patience, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, LimitedListener>> for InFlight {
    fn connect_info(stream: IncomingStream<'_, LimitedListener>) -> Self {
        stream.io().in_flight.clone()
    }
}

/// A connection that ends when its other side keeps silent for too long.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    in_flight: InFlight,
    /// Runs out at the end of the silence that is allowed.
    patience: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// What was sent to the other side, or is being made for it, gives it new time. What it sends itself does not: a
    /// request that comes a byte at a time is one that never ends.
    fn renew(&mut self) {
        self.patience.as_mut().reset(Instant::now() + SILENCE);
    }

    /// Turns waiting into an error once the patience is at its end.
    fn bounded<T>(&mut self, context: &mut Context<'_>, waiting: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        while waiting.is_pending() && self.patience.as_mut().poll(context).is_ready() {
            if self.in_flight.0.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.renew();
        }
        waiting
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        this.bounded(context, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if written.is_ready() {
            this.renew();
        }
        this.bounded(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        if written.is_ready() {
            this.renew();
        }
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
