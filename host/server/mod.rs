//! The HTTP server: plugins swapped while it runs, a queue of sweeps, their events and results.
//!
//! The only asynchronous code: long work runs on threads that know nothing of it. Never lets a path or a name from a
//! request reach the file system, and never answers an unauthorised request.

mod again;
mod api;
mod auth;
mod connection;
mod document;
mod events;
mod exposition;
mod guard;
mod handlers;
mod job;
mod jobs;
mod memory;
mod meters;
mod page;
mod places;
mod reply;
mod reports;
mod routes;
mod schemas;
mod state;
mod store;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::Router;
use crossbeam_channel::{Receiver, Sender, select, unbounded};

use self::{
    auth::Authoriser,
    connection::{Client, LimitedListener},
    job::Services,
    jobs::{Jobs, Quotas},
    memory::Trimmer,
    meters::Meters,
    state::Shared,
    store::Store,
};
pub use self::{
    auth::{Token, TokenError},
    store::StoreError,
};
use crate::{
    backtest::{AccountSpec, Market, SetupError},
    registry::{Entry, Policy, Registry, RegistryError, supervised},
    store as results_store,
    sweep::{ParallelBacktester, Stop},
};

/// How often the server checks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How long connections may stay open after the last sweep has ended.
const GOODBYE: Duration = Duration::from_secs(3);

/// Threads that answer requests; long work has threads of its own. Answers never take more than one processor from the
/// sweeps.
const THREADS: usize = 1;

/// Threads for long work: admission of builds, and reading results.
const BLOCKING_THREADS: usize = 64;

/// The stack of the thread that passes notes on.
const NOTES_STACK: usize = 1 << 20;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines could reach it without a token.
    #[error("`{0}` can be reached from other machines without a token; set one, or listen on 127.0.0.1")]
    NoToken(SocketAddr),
    /// The address is taken, or is not one of this machine.
    #[error("cannot listen on `{address}`; stop the program that does, or give another address")]
    Listen {
        /// The address.
        address: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// No data set was given.
    #[error("no data to sweep over; give at least one data set")]
    NoData,
    /// No sweep could ever run.
    #[error("0 sweeps at a time run nothing; give 1 or more")]
    NoneRunning,
    /// A thread does not start.
    #[error("the server's threads do not start{}", crate::sandbox::way_out())]
    Threads(#[source] io::Error),
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plugins cannot be followed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Builds cannot be tried on the data.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// The options of a server.
#[derive(Debug)]
pub struct Options {
    /// The addresses to listen on; the first free one is taken.
    pub listen: Vec<SocketAddr>,
    /// The folder of the plugins, which is followed.
    pub plugins: PathBuf,
    /// The folder of the state that survives a restart; created if it does not exist.
    pub state: PathBuf,
    /// The data sets by name. Results have all metrics, so the markets must compute all.
    pub data: Vec<(String, Arc<Market>)>,
    /// The account of requests that leave it out; the markets have its settings.
    pub account: AccountSpec,
    /// The secret that requests must present. Without one, uploads are off.
    pub token: Option<Token>,
    /// Sweeps that may wait.
    pub queue: usize,
    /// Sweeps that run at a time, on the same workers.
    pub running: usize,
    /// Combinations that one sweep may have.
    pub max_combinations: u64,
    /// Bytes of the largest plugin.
    pub max_plugin_size: usize,
    /// The store of results; without it, each combination of each sweep runs.
    pub results: Option<results_store::Store>,
}

/// A server that runs, until its stop is set or it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Stop,
    lines: Receiver<String>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Starts a server whose sweeps run on the workers of `backtester`, and whose stop is that of `backtester`: the first
    /// one ends sweeps between two tasks and keeps what is finished.
    ///
    /// # Errors
    ///
    /// Returns an error if other machines could reach the address without a token, if nothing can listen on it, if no data
    /// is given, or if a folder or a thread cannot be used.
    pub fn start(options: Options, backtester: ParallelBacktester) -> Result<Self, ServerError> {
        let Some((_, first)) = options.data.first() else { return Err(ServerError::NoData) };
        if options.running == 0 {
            return Err(ServerError::NoneRunning);
        }
        let mut policy = Policy::new(first)?;
        policy.max_size = options.max_plugin_size as u64;
        policy.limits.compile_timeout = backtester.sandbox().limits().compile_timeout;
        let (listener, address) = listen(&options)?;
        let (store, found) = Store::open(&options.state)?;
        let (notes, lines) = unbounded();
        found.notices.iter().for_each(|notice| _ = notes.send(format!("note: {notice}")));
        let registry = Registry::remembering(backtester.sandbox(), policy, &store.registry())?;
        let meters = Arc::new(Meters::new());
        report_plugins(&registry, Arc::clone(&meters), notes.clone()).map_err(ServerError::Threads)?;
        let following = registry.follow(&options.plugins)?;
        if let Some(why) = following.polling() {
            _ = notes.send(format!("note: the folder of plugins is checked every 250 ms, since {why}"));
        }
        if !following.late().is_empty() {
            let late = following.late().join("`, `");
            _ = notes.send(format!("note: still being checked, to serve once they are good: `{late}`"));
        }
        let services =
            Services { registry, store, results: options.results, meters, is_unwritten: AtomicBool::new(false) };
        let stop = backtester.stop_handle();
        let quotas = Quotas { queue: options.queue, running: options.running, combinations: options.max_combinations };
        let jobs = Jobs::start(services, backtester, (options.data, options.account), quotas, found.sweeps, notes);
        let jobs = jobs.map_err(ServerError::Threads)?;
        let authoriser = Authoriser::new(options.token, address.ip().is_loopback());
        let (router, shared) = routes::all(jobs, authoriser, options.max_plugin_size);
        let until = stop.clone();
        let run = move || {
            let ended = block_on(listener, router, &shared, &until);
            drop(following);
            ended
        };
        let thread = thread::Builder::new().name("host-server".to_owned()).spawn(run).map_err(ServerError::Threads)?;
        Ok(Self { address, stop, lines, thread: Some(thread) })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes notes to `say`, one line each, until the server has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the server ended because it could not go on.
    pub fn run(mut self, mut say: impl FnMut(&str)) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        while !thread.is_finished() {
            self.lines.recv_timeout(LOOK).iter().for_each(|line| say(line));
        }
        self.lines.try_iter().for_each(|line| say(&line));
        thread.join().unwrap_or_else(|_| Err(io::Error::other("a bug of the host: the server's thread panicked")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop();
            // `run` returns the error; a server that is dropped has nobody to return it to.
            let _ = thread.join();
        }
    }
}

/// Listens on the first free address. An address that other machines can reach needs a token.
fn listen(options: &Options) -> Result<(TcpListener, SocketAddr), ServerError> {
    if let Some(open) = options.listen.iter().find(|address| options.token.is_none() && !address.ip().is_loopback()) {
        return Err(ServerError::NoToken(*open));
    }
    let bound = TcpListener::bind(options.listen.as_slice()).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let address = || options.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    bound.map_err(|source| ServerError::Listen { address: address(), source })
}

/// Counts and reports the events of plugins, and reports what is wrong, for as long as the registry lives.
fn report_plugins(registry: &Registry, meters: Arc<Meters>, notes: Sender<String>) -> io::Result<()> {
    let (news, problems) = (registry.listen(), registry.shared_problems().listen());
    // The receiver of the notes is gone only when the server has ended.
    let tell = move || {
        loop {
            select! {
                recv(news) -> entry => match entry {
                    Ok(entry) => {
                        meters.count_event(entry.event);
                        _ = notes.send(line(&entry));
                    }
                    Err(_) => return,
                },
                recv(problems) -> problem => if let Ok(problem) = problem {
                    _ = notes.send(format!("note: {problem}"));
                },
            }
        }
    };
    let problems = Arc::clone(registry.shared_problems());
    supervised("host-notes".to_owned(), NOTES_STACK, problems, tell).map(|_| ())
}

fn line(entry: &Entry) -> String {
    let lost = if entry.lost.is_empty() { String::new() } else { format!("; {}", entry.lost.join("; ")) };
    format!("plugin {} {}: {}{lost}", entry.plugin, entry.event.as_str(), entry.message)
}

/// Answers requests until a stop was asked for and every sweep has ended.
fn block_on(listener: TcpListener, router: Router, shared: &Arc<Shared>, stop: &Stop) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("host-http")
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(listener, router, shared, stop));
    runtime.shutdown_timeout(GOODBYE);
    served
}

async fn serve(listener: TcpListener, router: Router, shared: &Arc<Shared>, stop: &Stop) -> io::Result<()> {
    let listener = LimitedListener::new(tokio::net::TcpListener::from_std(listener)?);
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let service = router.into_make_service_with_connect_info::<Client>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async {
        // A sender that is dropped closes as well.
        let _ = closed.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let mut trimmer = Trimmer::new();
    while !stop.is_stopped() && !serving.is_finished() {
        tokio::time::sleep(LOOK).await;
        shared.jobs.report_problems();
        if trimmer.is_due(shared.jobs.meters().work()) {
            tokio::task::spawn_blocking(memory::trim);
        }
    }
    // Without anybody who takes connections, the server ends: whoever watches over it starts it again.
    let is_deaf = serving.is_finished();
    shared.stop();
    let jobs = shared.jobs.clone();
    tokio::task::spawn_blocking(move || jobs.stop()).await.map_err(io::Error::other)?;
    let _ = close.send(());
    if is_deaf {
        let why = serving.await.err().map_or_else(|| "it ended".to_owned(), |panic| panic.to_string());
        return Err(io::Error::other(format!("a bug of the host: connections are not taken any more: {why}")));
    }
    match tokio::time::timeout(GOODBYE, serving).await {
        Ok(served) => served.map_err(io::Error::other)?,
        // Clients that still listen have received the end of every sweep.
        Err(_) => Ok(()),
    }
}
