//! Large pages: an allocator that asks the system to back large memory by pages of megabytes.
//!
//! Never decides where memory is, and never keeps any: the system's allocator does all of that.
//!
//! The first touch of each page costs a fault, which the kernel answers with a page of zeros. With pages of 4 KiB that was a
//! quarter of the processor time of reading a million bars; with pages of 2 MiB it is a twentieth of that.
#![expect(unsafe_code, reason = "an allocator hands out addresses")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The least memory, in bytes, for which large pages are asked: 4 MiB. Of less, the part that is never touched counts.
const LARGE: usize = 4 << 20;

/// The system's allocator, which asks for large pages where a block has 4 MiB or more.
///
/// # Examples
///
/// ```
/// use host::pages::LargePages;
///
/// #[global_allocator]
/// static ALLOCATOR: LargePages = LargePages;
///
/// assert_eq!(vec![1_u8; 8 << 20].len(), 8 << 20);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LargePages;

// SAFETY: every call goes on to the system's allocator, under the same conditions, and its answer comes back unchanged.
unsafe impl GlobalAlloc for LargePages {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the conditions of the trait.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.realloc(block, layout, size) }, size)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Returns `block`, of `size` bytes, after asking for large pages if it is large.
#[inline]
fn advised(block: *mut u8, size: usize) -> *mut u8 {
    if size >= LARGE && !block.is_null() {
        advise(block, size);
    }
    block
}

#[cfg(target_os = "linux")]
#[cold]
fn advise(block: *mut u8, size: usize) {
    // SAFETY: the call has no precondition.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    // Whole pages, of which the first may begin with another block: a mapping of which a part is advised is two mappings, which
    // the kernel does not move as one.
    let before = block.addr() % page;
    let (start, length) = (block.wrapping_sub(before), before + size);
    // SAFETY: the advice changes which pages the kernel takes, never what is in memory, whoever owns it. The answer does not
    // matter: a kernel that has no large pages takes small ones.
    let _is_taken = unsafe { libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_block: *mut u8, _size: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_all_sizes_keep_their_bytes_when_they_grow_and_shrink() {
        let sizes = [1, 4096, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, LARGE / 2, 9 * LARGE, 17];
        let layout = |size| Layout::from_size_align(size, 16).unwrap();
        // SAFETY: the block has the layout that goes with it, and only its own bytes are touched.
        unsafe {
            for first in [LargePages.alloc(layout(sizes[0])), LargePages.alloc_zeroed(layout(sizes[0]))] {
                let mut block = first;
                block.write(7);
                for pair in sizes.windows(2) {
                    block = LargePages.realloc(block, layout(pair[0]), pair[1]);
                    assert_eq!(block.read(), 7);
                    block.add(pair[1] - 1).write(7);
                    block.write(7);
                }
                LargePages.dealloc(block, layout(sizes[sizes.len() - 1]));
            }
            let zeros = LargePages.alloc_zeroed(layout(2 * LARGE));
            assert!(std::slice::from_raw_parts(zeros, 2 * LARGE).iter().all(|byte| *byte == 0));
            LargePages.dealloc(zeros, layout(2 * LARGE));
        }
    }
}
