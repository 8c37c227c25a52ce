//! Written pieces by page faults: a range can only be read at first, and the first write to each piece of it is noted.
//!
//! Never changes what a range holds, and never touches a range that nobody watches. The kernel answers a write to a protected
//! page with a signal. The handler here opens the piece with that page, notes it, and returns: the write happens again, and the
//! guest notices nothing. A piece stays open from then on, so that the next task that writes there has no fault. Every other signal
//! goes to the handler that was in force before, which is wasmtime's: traps of guests are such signals too.
//!
//! A handler may run in the middle of anything. So it looks at nothing but atomic numbers of a table that is never freed, takes
//! no lock and no memory, and makes one system call.
#![expect(unsafe_code, reason = "a handler of signals opens pages by address")]

use std::{
    ffi::{c_int, c_void},
    io,
    num::NonZeroUsize,
    ops::Range,
    ptr,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use nix::{
    errno::Errno,
    libc,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
};

use super::super::{lock, region::Region};

/// Ranges that are watched at the same time: slots beyond are mapped anew after each task.
const PLACES: usize = 1024;

/// Pieces of a range that are opened one by one, before all of it is opened at once. Each costs a signal.
const OPENINGS: usize = 1024;

/// Pieces of all ranges that are opened one by one. Each may cost two mappings, of which Linux allows a process 65,530.
const ALL_OPENINGS: usize = 16_384;

/// Pieces are so many times as large in a range of which too many were opened.
const COARSER: usize = 4;

/// A range that is watched, and which pieces of it are open.
#[derive(Debug)]
struct Place {
    is_taken: AtomicBool,
    /// The address of the range; zero where nothing is watched.
    base: AtomicUsize,
    len: AtomicUsize,
    /// The size of a piece, in bytes.
    piece: AtomicUsize,
    /// How many pieces are open; more than [`OPENINGS`] where all are.
    count: AtomicUsize,
    /// The numbers of those pieces.
    opened: [AtomicU32; OPENINGS],
    /// Whether the system has refused to open a piece.
    is_refused: AtomicBool,
}

static TABLE: [Place; PLACES] = [const { Place::new() }; PLACES];

/// Places from the first one on that may be taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Pieces that are open one by one, of all places.
static OPENED: AtomicUsize = AtomicUsize::new(0);

impl Place {
    const fn new() -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            base: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            piece: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            opened: [const { AtomicU32::new(0) }; OPENINGS],
            is_refused: AtomicBool::new(false),
        }
    }

    /// The byte of the range that is at `address`, if it is one of the range.
    fn byte_at(&self, address: usize) -> Option<usize> {
        let base = self.base.load(Ordering::Acquire);
        let at = address.checked_sub(base)?;
        let is_inside = base != 0 && at < self.len.load(Ordering::Acquire);
        // The length belongs to this base only if nobody else has taken the place meanwhile.
        (is_inside && self.base.load(Ordering::Acquire) == base).then_some(at)
    }

    /// Notes a first write to `address`, and opens the piece that it is in. Whether there is one: not if the address is of
    /// another range, or open already, so that the fault has another reason.
    fn note(&self, address: usize) -> bool {
        let Some(at) = self.byte_at(address) else { return false };
        let (count, piece) = (self.count.load(Ordering::Relaxed), self.piece.load(Ordering::Relaxed));
        let Some(number) = at.checked_div(piece) else { return false };
        let Some(known) = self.opened.get(..count) else { return false };
        if known.iter().any(|known| known.load(Ordering::Relaxed) as usize == number) {
            return false;
        }
        if let (Some(next), Ok(short)) = (self.opened.get(count), u32::try_from(number))
            && OPENED.try_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
        {
            if self.open(number * piece, piece) {
                next.store(short, Ordering::Relaxed);
                self.count.store(count + 1, Ordering::Relaxed);
                return true;
            }
            OPENED.fetch_sub(1, Ordering::Relaxed);
        }
        // Too many pieces, or the system refuses one more mapping. The whole range needs only one.
        let all = self.open(0, self.len.load(Ordering::Relaxed));
        if all {
            OPENED.fetch_sub(self.count.swap(OPENINGS + 1, Ordering::Relaxed), Ordering::Relaxed);
        }
        self.is_refused.store(!all, Ordering::Relaxed);
        all
    }

    /// Notes that no piece is open, and says whether all of them were.
    fn close(&self) -> bool {
        let count = self.count.swap(0, Ordering::Relaxed);
        let all = count > OPENINGS;
        if !all {
            OPENED.fetch_sub(count, Ordering::Relaxed);
        }
        all
    }

    /// Makes `len` bytes from byte `start` on writable, and says whether they are.
    fn open(&self, start: usize, len: usize) -> bool {
        let len = len.min(self.len.load(Ordering::Relaxed) - start);
        let address = ptr::with_exposed_provenance_mut::<c_void>(self.base.load(Ordering::Relaxed) + start);
        // SAFETY: the range is mapped privately as long as it is watched, and its owner lets it be written to.
        unsafe { libc::mprotect(address, len, libc::PROT_READ | libc::PROT_WRITE) == 0 }
    }
}

fn one_more(opened: usize) -> Option<usize> {
    (opened < ALL_OPENINGS).then_some(opened + 1)
}

/// A range that is watched until this is dropped.
#[derive(Debug)]
pub(in super::super) struct Watch {
    place: &'static Place,
    /// What was found last, when so many pieces were open.
    found: Vec<Range<usize>>,
    count: usize,
}

impl Watch {
    /// Watches the first `len` bytes of `region`, which are mapped for reading from now on. `None` if too many are watched.
    /// The watch ends before the region does: where that was, another one may be mapped at once.
    pub(super) fn of(region: &Region, len: usize) -> Option<Self> {
        let place = TABLE.iter().position(|place| !place.is_taken.swap(true, Ordering::Acquire))?;
        USED.fetch_max(place + 1, Ordering::AcqRel);
        let place = &TABLE[place];
        place.len.store(len, Ordering::Relaxed);
        place.piece.store(page_size(), Ordering::Relaxed);
        place.count.store(0, Ordering::Relaxed);
        place.base.store(region.base().as_ptr().expose_provenance(), Ordering::Release);
        Some(Self { place, found: Vec::new(), count: 0 })
    }

    /// The bytes that may have been written since they were mapped, in order; `None` if that is all of them.
    pub(super) fn find(&mut self) -> Option<&[Range<usize>]> {
        let count = self.place.count.load(Ordering::Relaxed);
        let opened = self.place.opened.get(..count)?;
        if count != self.count {
            let (piece, len) = (self.place.piece.load(Ordering::Relaxed), self.place.len.load(Ordering::Relaxed));
            let mut numbers: Vec<_> = opened.iter().map(|number| number.load(Ordering::Relaxed) as usize).collect();
            numbers.sort_unstable();
            self.found = numbers
                .chunk_by(|one, next| one + 1 == *next)
                .filter_map(|run| Some(run.first()? * piece..((run.last()? + 1) * piece).min(len)))
                .collect();
            self.count = count;
        }
        Some(&self.found)
    }

    /// All of it was mapped for reading again.
    pub(super) fn forget(&mut self) {
        if self.place.close() {
            let piece = self.place.piece.load(Ordering::Relaxed);
            self.place.piece.store(piece.saturating_mul(COARSER), Ordering::Relaxed);
        }
        (self.count, self.found) = (0, Vec::new());
    }

    /// Where it is noted that the system did not let the range be written to.
    pub(super) fn refusal(&self) -> Refusal {
        self.place.is_refused.store(false, Ordering::Relaxed);
        Refusal(&self.place.is_refused)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.place.close();
        self.place.base.store(0, Ordering::Release);
        self.place.is_taken.store(false, Ordering::Release);
    }
}

/// Tells of a guest whether the system has refused it a write to memory that is its own. For as long as the guest lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal(&'static AtomicBool);

impl Refusal {
    /// Whether a write was refused.
    pub(crate) fn is_one(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The size of a page: 16 KiB on Apple silicon, 4 KiB elsewhere as a rule.
fn page_size() -> usize {
    // SAFETY: a question without pointers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().and_then(NonZeroUsize::new).map_or(1 << 16, NonZeroUsize::get)
}

/// Signals by which systems tell a write to a protected page: Linux the first, macOS the second.
const SIGNALS: [Signal; 2] = [Signal::SIGSEGV, Signal::SIGBUS];

/// What was in force before, for each of them.
static BEFORE: [OnceLock<SigAction>; SIGNALS.len()] = [const { OnceLock::new() }; SIGNALS.len()];

/// Takes the signals of faults, once for the process.
pub(super) fn listen() -> io::Result<()> {
    static LISTENS: Mutex<bool> = Mutex::new(false);
    let mut listens = lock(&LISTENS);
    if !*listens {
        // On the stack for signals: wasmtime's handler, which may follow, has to run where a stack has overflowed. Not deferred,
        // so that a fault of that handler is told as one.
        let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER;
        let ours = SigAction::new(SigHandler::SigAction(on_fault), flags, SigSet::empty());
        for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
            // SAFETY: `on_fault` does nothing that a handler must not do.
            let _ = before.set(unsafe { sigaction(signal, &ours) }?);
        }
        *listens = true;
    }
    Ok(())
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // The code that was interrupted may be about to read it.
    let error = Errno::last_raw();
    // SAFETY: the kernel tells a handler of these signals where the fault was.
    let address = unsafe { (*info).si_addr() }.addr();
    let used = USED.load(Ordering::Acquire);
    let is_first_write = TABLE.iter().take(used).any(|place| place.note(address));
    Errno::set_raw(error);
    if !is_first_write {
        pass_on(signal, info, context);
    }
}

/// Calls the handler that was in force before, or leaves the signal to the system.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = SIGNALS.into_iter().zip(&BEFORE).find(|(known, _)| *known as c_int == signal);
    // Another thread is just about to say what was in force before. The fault happens again.
    let Some((signal, Some(before))) = before.map(|(known, before)| (known, before.get())) else { return };
    match before.handler() {
        SigHandler::SigAction(handler) => handler(signal as c_int, info, context),
        SigHandler::Handler(handler) => handler(signal as c_int),
        // The fault happens again, and is the system's then.
        SigHandler::SigDfl | SigHandler::SigIgn => {
            // SAFETY: what the system does by itself runs no code of this process.
            let _ = unsafe { sigaction(signal, before) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{PoisonError, RwLock, RwLockReadGuard},
        thread,
    };

    use super::super::super::region::Access;
    use super::*;
    use crate::{process::memory_file, sandbox::meter::PAGE};

    /// Openings are counted for the process: a test that uses them up has them for itself.
    static OPENINGS_OF_ALL: RwLock<()> = RwLock::new(());

    fn some_openings() -> RwLockReadGuard<'static, ()> {
        OPENINGS_OF_ALL.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A watched view of a file of `pages` pages of WebAssembly, which holds zeros.
    fn watched(pages: usize) -> (Region, Watch) {
        listen().unwrap();
        let file = memory_file().unwrap();
        file.set_len((pages * PAGE) as u64).unwrap();
        let mut region = Region::reserve(pages * PAGE).unwrap();
        let watch = Watch::of(&region, pages * PAGE).unwrap();
        region.view(pages * PAGE, &file, Access::Read).unwrap();
        (region, watch)
    }

    /// What is known to be written, by its first byte and the one behind it.
    fn found(watch: &mut Watch) -> Option<Vec<(usize, usize)>> {
        watch.find().map(|ranges| ranges.iter().map(|range| (range.start, range.end)).collect())
    }

    fn write(region: &Region, at: usize) {
        region.at::<std::sync::atomic::AtomicU64>(at).store(1, Ordering::Relaxed);
    }

    #[test]
    fn what_is_written_is_found_and_nothing_else_is() {
        let _some = some_openings();
        let (region, mut watch) = watched(4);
        let page = page_size();
        assert_eq!(found(&mut watch), Some(vec![]));
        for at in [3 * page + 8, 8, page, 3 * page, 4 * PAGE - 8] {
            write(&region, at);
        }
        let expected = Some(vec![(0, 2 * page), (3 * page, 4 * page), (4 * PAGE - page, 4 * PAGE)]);
        assert_eq!(found(&mut watch), expected);
        write(&region, 16);
        assert_eq!(found(&mut watch), expected, "a piece that is open stays so");
    }

    #[test]
    fn a_range_with_many_writes_is_opened_at_once_and_in_larger_pieces_afterwards() {
        let _some = some_openings();
        let page = page_size();
        let pages = OPENINGS * 2 * page / PAGE;
        let (mut region, mut watch) = watched(pages);
        let all = |region: &Region| (0..pages * PAGE).step_by(page).for_each(|at| write(region, at));
        all(&region);
        assert_eq!(found(&mut watch), None, "all of it");
        let file = memory_file().unwrap();
        file.set_len((pages * PAGE) as u64).unwrap();
        region.view(pages * PAGE, &file, Access::Read).unwrap();
        watch.forget();
        write(&region, 5 * page);
        assert_eq!(found(&mut watch), Some(vec![(4 * page, 8 * page)]));
        all(&region);
        assert_eq!(found(&mut watch), Some(vec![(0, pages * PAGE)]));
    }

    #[test]
    fn threads_write_to_ranges_of_their_own() {
        let _some = some_openings();
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for round in 0..50 {
                        let (region, mut watch) = watched(2);
                        let at = (thread + round) % (2 * PAGE / page_size()) * page_size();
                        write(&region, at);
                        assert_eq!(found(&mut watch), Some(vec![(at, at + page_size())]));
                    }
                });
            }
        });
    }

    #[test]
    fn ranges_that_open_many_pieces_leave_mappings_to_the_process() {
        let _all = OPENINGS_OF_ALL.write().unwrap_or_else(PoisonError::into_inner);
        let page = page_size();
        let write_often = |(region, watch): &mut (Region, Watch)| {
            (0..OPENINGS).for_each(|piece| write(region, piece * page));
            found(watch)
        };
        let mut ranges: Vec<_> = (0..=ALL_OPENINGS / OPENINGS).map(|_| watched(OPENINGS * page / PAGE)).collect();
        let (last, others) = ranges.split_last_mut().unwrap();
        assert!(others.iter_mut().all(|range| write_often(range) == Some(vec![(0, OPENINGS * page)])));
        assert_eq!(write_often(last), None, "opened at once");
        drop(ranges);
        let mut range = watched(1);
        write(&range.0, page);
        assert_eq!(found(&mut range.1), Some(vec![(page, 2 * page)]));
    }
}
