//! What generated bindings call: memory for what the host hands over, and static constructors.
//!
//! Never runs natively; there, exports are only checked to fit.

#![allow(unsafe_code, reason = "this is the boundary: the host and the linker call by address")]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::{NonNull, null_mut},
};

/// Reserves memory in the guest for the host's words, or makes a block larger.
///
/// # Safety
///
/// As the canonical ABI has it: `old` is a block of `old_size` bytes, aligned to `align`, or `old_size` is 0; `align` is a
/// power of two.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    // SAFETY: the host passes on what an earlier call returned, and an alignment of the contract's types.
    unsafe { reserve(old, old_size, align, size) }
}

/// Cut as in wit-bindgen's own runtime, so that the compiler makes the same instructions of it: they are counted as units, and
/// a strategy's results are to have as many as before.
#[cfg(target_arch = "wasm32")]
#[inline(never)]
unsafe extern "C" fn reserve(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the block and the alignment.
    unsafe { checked(old, old_size, align, size) }
}

#[cfg(target_arch = "wasm32")]
unsafe fn checked(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the block and the alignment.
    let block = unsafe {
        if old_size == 0 {
            if size == 0 {
                return std::ptr::without_provenance_mut(align);
            }
            alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            std::alloc::realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
        }
    };
    if block.is_null() {
        std::arch::wasm32::unreachable();
    }
    block
}

/// A list on its way to the host, which is freed when the call is over unless it is forgotten.
pub(super) struct Cleanup {
    block: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// Returns memory of a layout, and what frees it; for an empty one neither.
    pub(super) fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (null_mut(), None);
        }
        // SAFETY: the layout is not empty.
        let block = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        (block.as_ptr(), Some(Self { block, layout }))
    }

    /// Leaves the memory to the host.
    pub(super) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: `new` has reserved this block with this layout.
        unsafe { dealloc(self.block.as_ptr(), self.layout) };
    }
}

/// Keeps this file in every component: the linker exports `cabi_realloc` with it.
pub(super) fn maybe_link_cabi_realloc() {}

/// Runs static constructors before the first export does anything.
///
/// Without a call to it, the linker has every export run all constructors, every time.
#[cfg(target_arch = "wasm32")]
pub(super) fn run_ctors_once() {
    static mut HAVE_RUN: bool = false;

    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    // SAFETY: a component has one thread, and the linker writes that function.
    unsafe {
        if !HAVE_RUN {
            __wasm_call_ctors();
            HAVE_RUN = true;
        }
    }
}
