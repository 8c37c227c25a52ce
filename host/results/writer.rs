//! A thread of its own for a sink: what computes results never waits for a disk that takes its time.
//!
//! Never encodes a row by itself, and never changes the order of blocks.

use std::{
    collections::VecDeque,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    error::ResultsError,
    leftover::Leftover,
    rows::{RowEncoder, Rows},
    sink::Sink,
};

/// Bytes of rows that may wait for the disk ([`Rows::size`]); the block that goes beyond them still may.
const QUEUE_BYTES: usize = 16 << 20;

/// Blocks that may wait for the disk.
const QUEUE_BLOCKS: usize = 4_096;

/// Owns a [`Sink`] on a thread of its own, to which blocks of rows go in order.
///
/// At most 16 MiB of rows wait ([`Rows::size`]), 4,096 blocks and the last one: who appends more waits. Dropped
/// unfinished, it writes what it was given, and leaves the partial file as a sink does that is dropped.
pub struct Writer {
    encoder: RowEncoder,
    leftovers: Vec<Leftover>,
    shared: Arc<Shared>,
    /// `None` once it has ended.
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Order>,
    /// Bytes of the rows in `queue`.
    bytes: usize,
    /// Whether the thread has no more to do with orders; none are taken then.
    ended: bool,
    /// Checkpoints done.
    checkpoints: u64,
    failed: Option<ResultsError>,
}

enum Order {
    Append(Rows),
    Checkpoint,
    Finish,
    Close,
    Discard,
}

impl Writer {
    /// Starts a thread for `sink`.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no thread for it; the sink is dropped then.
    pub fn start(sink: Box<dyn Sink>) -> Result<Self, ResultsError> {
        let (encoder, leftovers) = (sink.encoder(), sink.leftovers().to_vec());
        let shared = Arc::new(Shared::default());
        let (of_thread, path) = (Arc::clone(&shared), encoder.path().clone());
        let started = thread::Builder::new().name("host-results".to_owned()).spawn(move || of_thread.run(sink, &path));
        match started {
            Ok(thread) => Ok(Self { encoder, leftovers, shared, thread: Some(thread) }),
            Err(source) => Err(ResultsError::NoThread { path: encoder.path().clone(), source }),
        }
    }

    /// What encodes rows for this writer, on any thread.
    pub fn encoder(&self) -> RowEncoder {
        self.encoder.clone()
    }

    /// What runs that were killed had left beside the file.
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }

    /// Adds the rows of a block, and waits only where too much waits for the disk. Returns false once a write has failed: what
    /// comes then is lost, and [`finish`](Self::finish) says why.
    pub fn append(&mut self, rows: Rows) -> bool {
        let full = |state: &State| state.bytes >= QUEUE_BYTES || state.queue.len() >= QUEUE_BLOCKS;
        let mut state = self.shared.wait_while(|state| !state.ended && full(state));
        if state.ended {
            return false;
        }
        state.bytes += rows.size();
        self.shared.order(state, Order::Append(rows));
        true
    }

    /// Puts all rows so far on the disk ([`Sink::checkpoint`]), and waits for it. Returns false once a write has failed.
    pub fn checkpoint(&mut self) -> bool {
        let state = self.shared.lock();
        let goal = state.checkpoints + 1;
        self.shared.order(state, Order::Checkpoint);
        let state = self.shared.wait_while(|state| !state.ended && state.checkpoints < goal);
        state.checkpoints >= goal
    }

    /// Completes the file and gives it its final name ([`Sink::finish`]).
    ///
    /// # Errors
    ///
    /// Returns the first error of writing.
    pub fn finish(mut self) -> Result<(), ResultsError> {
        self.end(Order::Finish);
        self.shared.lock().failed.take().map_or(Ok(()), Err)
    }

    /// Ends without a file, and removes what was written ([`Sink::discard`]).
    pub fn discard(mut self) {
        self.shared.lock().queue.clear();
        self.end(Order::Discard);
    }

    /// Waits until the thread has done all that it was told, and `last` at the end.
    fn end(&mut self, last: Order) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.order(self.shared.lock(), last);
        if thread.join().is_err() {
            // It catches what panics in the sink, so that this is one in between.
            let mut state = self.shared.lock();
            state.failed.get_or_insert(ResultsError::Panicked { path: self.encoder.path().clone(), partial: None });
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end(Order::Close);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.moved.wait_while(self.lock(), |state| condition(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, mut state: MutexGuard<'_, State>, order: Order) {
        if !state.ended {
            state.queue.push_back(order);
            drop(state);
            self.moved.notify_all();
        }
    }

    /// The thread: does what it is told until the end or an error.
    fn run(&self, sink: Box<dyn Sink>, path: &Path) {
        let partial = sink.partial().to_owned();
        let done = catch_unwind(AssertUnwindSafe(|| self.obey(sink)));
        // The sink that was dropped by the panic has kept its rows, or removed the file.
        let partial = partial.exists().then_some(partial);
        let failed = done.unwrap_or_else(|_| Err(ResultsError::Panicked { path: path.to_owned(), partial }));
        let mut state = self.lock();
        state.failed = failed.err();
        state.ended = true;
        let lost = mem::take(&mut state.queue);
        drop(state);
        self.moved.notify_all();
        drop(lost);
    }

    fn obey(&self, mut sink: Box<dyn Sink>) -> Result<(), ResultsError> {
        loop {
            let mut state = self.wait_while(|state| state.queue.is_empty());
            let Some(order) = state.queue.pop_front() else { continue };
            if let Order::Append(rows) = &order {
                state.bytes -= rows.size();
            }
            drop(state);
            self.moved.notify_all();
            match order {
                Order::Append(rows) => sink.append(rows)?,
                Order::Checkpoint => {
                    sink.checkpoint()?;
                    self.lock().checkpoints += 1;
                    self.moved.notify_all();
                }
                Order::Finish => return sink.finish(),
                Order::Close => return Ok(()),
                Order::Discard => {
                    sink.discard();
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs, io,
        sync::mpsc::{Receiver, channel},
    };

    use super::*;
    use crate::results::{Cell, Column, Kind, create};

    /// What a sink does with its third block.
    #[derive(Debug)]
    enum Fault {
        Error,
        Panic,
        /// Waits until the other end is dropped.
        Wait(Receiver<()>),
    }

    /// A sink with a fault, around one without.
    #[derive(Debug)]
    struct Faulty {
        inner: Box<dyn Sink>,
        fault: Fault,
        blocks: usize,
    }

    impl Sink for Faulty {
        fn encoder(&self) -> RowEncoder {
            self.inner.encoder()
        }

        fn append(&mut self, rows: Rows) -> Result<(), ResultsError> {
            self.blocks += 1;
            match &self.fault {
                _ if self.blocks != 3 => {}
                Fault::Error => {
                    let (path, source) = (self.inner.partial().to_owned(), io::ErrorKind::StorageFull.into());
                    return Err(ResultsError::Write { path, rows: 2, partial: None, rest: None, source });
                }
                Fault::Panic => panic!("on purpose"),
                Fault::Wait(gate) => _ = gate.recv(),
            }
            self.inner.append(rows)
        }

        fn write(&mut self, row: &[Cell<'_>]) -> Result<(), ResultsError> {
            self.inner.write(row)
        }

        fn checkpoint(&mut self) -> Result<(), ResultsError> {
            self.inner.checkpoint()
        }

        fn finish(self: Box<Self>) -> Result<(), ResultsError> {
            self.inner.finish()
        }

        fn discard(self: Box<Self>) {
            self.inner.discard();
        }

        fn partial(&self) -> &Path {
            self.inner.partial()
        }

        fn leftovers(&self) -> &[Leftover] {
            self.inner.leftovers()
        }
    }

    fn sink(path: &Path) -> Box<dyn Sink> {
        create(path, &[Column::new("n", Kind::Integer), Column::new("text", Kind::Text)]).unwrap()
    }

    fn block(writer: &Writer, n: i64, bytes: usize) -> Rows {
        let mut rows = Rows::default();
        writer.encoder().push(&mut rows, &[n.into(), "x".repeat(bytes).into()]).unwrap();
        rows
    }

    /// Adds blocks until one is refused, at most `count`; returns how many were taken.
    fn fill(writer: &mut Writer, count: i64, bytes: usize) -> i64 {
        (0..count).take_while(|n| writer.append(block(writer, *n, bytes))).count() as i64
    }

    #[test]
    fn what_is_discarded_leaves_nothing_and_touches_no_earlier_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["r.csv", "r.jsonl", "r.parquet"] {
            let path = folder.path().join(name);
            fs::write(&path, "earlier").unwrap();
            for rows in [0, 1, 1000] {
                let mut writer = Writer::start(sink(&path)).unwrap();
                assert_eq!(fill(&mut writer, rows, 1), rows);
                assert!(rows < 1000 || writer.checkpoint());
                writer.discard();
                assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}");
            }
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn rows_come_in_order_and_the_file_gets_its_name_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["r.csv", "r.parquet"] {
            let path = folder.path().join(name);
            let mut writer = Writer::start(sink(&path)).unwrap();
            assert_eq!(fill(&mut writer, 1000, 1), 1000);
            assert!(writer.checkpoint() && writer.checkpoint());
            assert!(!path.exists() && writer.leftovers().is_empty());
            writer.finish().unwrap();
            assert!(path.exists());
        }
        let text = fs::read_to_string(folder.path().join("r.csv")).unwrap();
        assert!(text.lines().skip(1).enumerate().all(|(at, line)| line == format!("{at},x")));
        assert_eq!(text.lines().count(), 1001);
    }

    #[test]
    fn a_writer_that_is_given_up_keeps_what_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::start(sink(&folder.path().join("r.csv"))).unwrap();
        assert_eq!(fill(&mut writer, 300, 1), 300);
        drop(writer);
        drop(Writer::start(sink(&folder.path().join("s.csv"))).unwrap());
        let kept: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [kept] = kept.as_slice() else { panic!("{kept:?}") };
        assert_eq!(fs::read_to_string(kept).unwrap().lines().count(), 301);
    }

    #[test]
    fn an_error_or_a_panic_of_the_sink_ends_the_writer_and_never_hangs() {
        let fault = |panics| if panics { Fault::Panic } else { Fault::Error };
        for (panics, expected) in [(false, "cannot be written"), (true, "has panicked, which is a bug")] {
            for bytes in [1, QUEUE_BYTES / 2] {
                let folder = tempfile::tempdir().unwrap();
                let inner = sink(&folder.path().join("r.csv"));
                let mut writer = Writer::start(Box::new(Faulty { inner, fault: fault(panics), blocks: 0 })).unwrap();
                assert!(fill(&mut writer, 20, bytes) >= 3);
                assert!(!writer.checkpoint(), "{expected}");
                assert!(!writer.append(block(&writer, 0, 1)), "{expected}");
                let error = writer.finish().unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
                let kept: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
                let [kept] = kept.as_slice() else { panic!("{kept:?}") };
                assert_eq!(fs::read_to_string(kept).unwrap().lines().count(), 3, "the two rows before it are kept");
            }
        }
    }

    #[test]
    fn a_slow_sink_bounds_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let inner = sink(&path);
        let (open, gate) = channel();
        let mut writer = Writer::start(Box::new(Faulty { inner, fault: Fault::Wait(gate), blocks: 0 })).unwrap();
        let (shared, most) = (Arc::clone(&writer.shared), 3 << 20);
        let filled = thread::spawn(move || {
            assert_eq!(fill(&mut writer, 40, most), 40);
            writer
        });
        // Full, and whoever appends waits.
        let waiting = shared.wait_while(|state| state.bytes < QUEUE_BYTES).bytes;
        assert!(waiting < QUEUE_BYTES + most + 100, "{waiting}");
        drop(open);
        filled.join().unwrap().finish().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 41);
    }
}
