//! Written pages by the kernel's account: its page map, and its count of page faults.
//!
//! Never changes a page.
#![expect(unsafe_code, reason = "`PAGEMAP_SCAN` is asked by a call that the standard library does not have")]

use std::{
    ffi::c_long,
    fs::File,
    io,
    ops::Range,
    os::fd::AsRawFd,
    sync::{OnceLock, atomic::Ordering},
    thread::{self, ThreadId},
};

use nix::{
    libc,
    sys::resource::{UsageWho, getrusage},
};

use super::super::region::Region;
use crate::sandbox::meter::PAGE;

/// Whether the kernel tells which pages are a process's own. Opens what it is asked by.
pub(super) fn works() -> bool {
    faults_are_counted();
    Pagemap::of_process().is_some()
}

/// The pages of a slot that are its own.
#[derive(Debug, Default)]
pub(in super::super) struct OwnPages {
    /// Those that it had when they were last looked for.
    found: Vec<Range<usize>>,
    /// Page faults of `thread` at that time.
    faults: c_long,
    /// The thread that looked.
    thread: Option<ThreadId>,
}

impl OwnPages {
    pub(super) fn is_of_this_thread(&self) -> bool {
        self.thread == Some(thread::current().id())
    }

    /// The accessible pages of `region` that were written, in bytes from its start.
    ///
    /// A page becomes private at the first write to it, which is a page fault of the thread that writes. So a thread
    /// that was the last to look, and has had no fault since, knows the pages already: a slot is used by one thread from
    /// its taking to its return (a [`ForkSlot`](crate::sandbox::ForkSlot) cannot be sent to another), and the mapping of
    /// a file is not among those whose pages the kernel joins by itself.
    pub(super) fn find(&mut self, region: &Region) -> io::Result<&[Range<usize>]> {
        let is_known = self.is_of_this_thread() && faults_are_counted() && thread_faults() == Some(self.faults);
        if !is_known {
            self.found.clear();
            let pagemap = Pagemap::of_process().ok_or(io::ErrorKind::Unsupported)?;
            pagemap.own_pages(region, &mut self.found)?;
            // Counted after the look, which may itself fault.
            self.faults = thread_faults().unwrap_or_default();
            self.thread = Some(thread::current().id());
        }
        Ok(&self.found)
    }
}

/// Page faults of this thread so far.
fn thread_faults() -> Option<c_long> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.minor_page_faults() + usage.major_page_faults())
}

/// Whether this kernel counts a page fault where a page is first written to. Not every one that calls itself Linux does.
fn faults_are_counted() -> bool {
    static COUNTED: OnceLock<bool> = OnceLock::new();
    let try_it = || {
        let mut page = Region::reserve(PAGE).ok()?;
        page.open_to(PAGE).ok()?;
        let before = thread_faults()?;
        page.word().store(1, Ordering::Relaxed);
        Some(thread_faults()? > before)
    };
    *COUNTED.get_or_init(|| try_it().unwrap_or(false))
}

/// The kernel's account of which pages are a process's own (Linux 6.7 and later).
struct Pagemap(File);

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of `linux/fs.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

impl Pagemap {
    /// `PAGEMAP_SCAN`: `_IOWR('f', 16, struct pm_scan_arg)`.
    const SCAN: u64 = 0xC060_6610;
    const FILE: u64 = 1 << 2;
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    const ZERO: u64 = 1 << 5;

    /// The account of this process, if the kernel keeps it.
    fn of_process() -> Option<&'static Self> {
        static PAGEMAP: OnceLock<Option<Pagemap>> = OnceLock::new();
        let open = || {
            let pagemap = Self(File::open("/proc/self/pagemap").ok()?);
            let mut probe = Region::reserve(PAGE).ok()?;
            probe.open_to(PAGE).ok()?;
            pagemap.own_pages(&probe, &mut Vec::new()).ok()?;
            Some(pagemap)
        };
        PAGEMAP.get_or_init(open).as_ref()
    }

    /// Appends the accessible pages of `region` that are neither the file's nor the system's page of zeros: they were
    /// written here. In bytes from the start of the region.
    fn own_pages(&self, region: &Region, found: &mut Vec<Range<usize>>) -> io::Result<()> {
        let base = region.base().as_ptr() as u64;
        let end = base + region.open() as u64;
        let mut regions = [PageRegion::default(); 64];
        let mut at = base;
        while at < end {
            let mut arguments = ScanArguments {
                size: size_of::<ScanArguments>() as u64,
                start: at,
                end,
                regions: regions.as_mut_ptr() as u64,
                regions_len: regions.len() as u64,
                category_inverted: Self::FILE | Self::ZERO,
                category_mask: Self::FILE | Self::ZERO,
                category_anyof_mask: Self::PRESENT | Self::SWAPPED,
                ..ScanArguments::default()
            };
            // SAFETY: the structures are laid out as the kernel's, and it writes at most `regions_len` regions.
            let count = unsafe { libc::ioctl(self.0.as_raw_fd(), Self::SCAN as _, &raw mut arguments) };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            found.extend(regions[..count].iter().map(|r| (r.start - base) as usize..(r.end - base) as usize));
            if arguments.walk_end <= at {
                return Err(io::Error::other("the kernel does not say how far it has looked"));
            }
            at = arguments.walk_end;
        }
        Ok(())
    }
}
