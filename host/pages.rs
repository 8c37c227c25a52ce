//! Large pages: an allocator that takes large blocks from the system in pages of megabytes.
//!
//! Never keeps a block that was freed, and leaves all that is not large to the system's allocator.
//!
//! The first touch of each page is a fault, which the kernel answers with a page of zeros. With pages of 4 KiB these were half
//! of the processor time of reading a million bars from Parquet.
#![expect(unsafe_code, reason = "an allocator hands out addresses")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but blocks of 4 MiB and more are mappings of their own, in large pages where the system has some.
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

// SAFETY: a block that is not large is the system's, in every call, and so is decided by its layout alone. One that is large is
// a mapping of its own, at least as long as its layout says and aligned to a page.
unsafe impl GlobalAlloc for LargePages {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match mapping::is_large(layout) {
            true => mapping::map(layout.size()),
            // SAFETY: the caller keeps the conditions of the trait.
            false => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match mapping::is_large(layout) {
            // A new mapping has zeros.
            true => mapping::map(layout.size()),
            // SAFETY: as above.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match mapping::is_large(layout) {
            // SAFETY: the block was mapped for this size, and its owner gives it up.
            true => unsafe { mapping::unmap(block, layout.size()) },
            // SAFETY: as above.
            false => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller sees to it that the new size is a layout, too.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (mapping::is_large(layout), mapping::is_large(wanted)) {
            // SAFETY: as above.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            // SAFETY: the block was mapped for the old size, and its owner takes the answer for it.
            (true, true) => unsafe { mapping::remap(block, layout.size(), size) },
            // SAFETY: both blocks have as many bytes as are copied, and the new one is another.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(target_os = "linux")]
mod mapping {
    use std::{alloc::Layout, ptr};

    /// The least memory, in bytes, that is taken in large pages: 4 MiB. Of less, the part of a page that nobody uses counts.
    const LARGE: usize = 4 << 20;

    /// The length of a large page, in bytes. The kernel aligns mappings of whole large pages.
    const PAGE: usize = 2 << 20;

    /// Whether a block is a mapping: it is large, and needs no more than the alignment of a small page.
    #[inline]
    pub(super) fn is_large(layout: Layout) -> bool {
        layout.size() >= LARGE && layout.align() <= 4096
    }

    #[cold]
    pub(super) fn map(size: usize) -> *mut u8 {
        let (length, protection) = (size.next_multiple_of(PAGE), libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: the kernel chooses the place, so no mapping that anybody uses is replaced.
        let block =
            unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
        if block == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        // SAFETY: the advice changes which pages the kernel takes, never what is in memory. The answer does not matter: a
        // kernel that has no large pages takes small ones.
        let _is_taken = unsafe { libc::madvise(block, length, libc::MADV_HUGEPAGE) };
        block.cast()
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// The block was mapped for `size` bytes, and nobody uses it any more.
    #[cold]
    pub(super) unsafe fn unmap(block: *mut u8, size: usize) {
        // SAFETY: as the caller says. The kernel refuses only ranges that no mapping can have.
        let _is_gone = unsafe { libc::munmap(block.cast(), size.next_multiple_of(PAGE)) };
    }

    /// Makes a block longer or shorter, and returns its new address. If there is too little memory it returns null, and the block
    /// stays.
    ///
    /// # Safety
    ///
    /// The block was mapped for `size` bytes, and nobody uses it where it was.
    #[cold]
    pub(super) unsafe fn remap(block: *mut u8, size: usize, wanted: usize) -> *mut u8 {
        let (length, wanted) = (size.next_multiple_of(PAGE), wanted.next_multiple_of(PAGE));
        // SAFETY: as the caller says.
        let moved = unsafe { libc::mremap(block.cast(), length, wanted, libc::MREMAP_MAYMOVE) };
        if moved == libc::MAP_FAILED { ptr::null_mut() } else { moved.cast() }
    }
}

/// Systems whose large pages nobody has measured: no block is large.
#[cfg(not(target_os = "linux"))]
mod mapping {
    use std::{alloc::Layout, ptr};

    pub(super) fn is_large(_layout: Layout) -> bool {
        false
    }

    pub(super) fn map(_size: usize) -> *mut u8 {
        ptr::null_mut()
    }

    pub(super) unsafe fn unmap(_block: *mut u8, _size: usize) {}

    pub(super) unsafe fn remap(_block: *mut u8, _size: usize, _wanted: usize) -> *mut u8 {
        ptr::null_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least block that is a mapping on Linux.
    const LARGE: usize = 4 << 20;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_keep_their_bytes_when_they_grow_and_shrink() {
        let sizes = [1, 4096, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, LARGE / 2, 9 * LARGE, 17];
        for align in [1, 4096, 8192] {
            // SAFETY: the block has the layout that goes with it, and only its own bytes are touched.
            unsafe {
                let mut block = LargePages.alloc(layout(sizes[0], align));
                block.write(7);
                // Every byte is 7 before the block moves.
                for pair in sizes.windows(2) {
                    block = LargePages.realloc(block, layout(pair[0], align), pair[1]);
                    let kept = std::slice::from_raw_parts(block, pair[0].min(pair[1]));
                    assert!(kept.iter().all(|byte| *byte == 7), "{pair:?}");
                    assert_eq!(block.addr() % align, 0);
                    block.write_bytes(7, pair[1]);
                }
                LargePages.dealloc(block, layout(sizes[sizes.len() - 1], align));
            }
        }
    }

    #[test]
    fn a_block_of_zeros_has_zeros_whatever_was_there_before() {
        for size in [LARGE - 1, LARGE, 3 * LARGE + 1] {
            let layout = layout(size, 8);
            for _ in 0..2 {
                // SAFETY: as above.
                unsafe {
                    let block = LargePages.alloc_zeroed(layout);
                    assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 0));
                    block.write_bytes(1, size);
                    LargePages.dealloc(block, layout);
                }
            }
        }
    }

    #[test]
    fn a_block_that_no_memory_holds_is_refused_and_leaves_the_others() {
        // SAFETY: as above; a block that is not there is not touched.
        unsafe {
            let block = LargePages.alloc(layout(LARGE, 8));
            block.write(7);
            let most = isize::MAX as usize / 2;
            assert!(LargePages.alloc(layout(most, 8)).is_null());
            assert!(LargePages.realloc(block, layout(LARGE, 8), most).is_null());
            assert_eq!(block.read(), 7);
            LargePages.dealloc(block, layout(LARGE, 8));
        }
    }
}
