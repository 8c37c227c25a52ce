//! What a process inherits and must not keep: open descriptors, and a signal that ends it where an error would do.
//!
//! Never touches the standard streams.
#![expect(unsafe_code, reason = "the standard library has neither call")]

/// Makes a file that grows beyond `ulimit -f` an error of the write, as a full disk is, instead of the end of the process.
pub fn ignore_file_size_signal() {
    // SAFETY: a signal that is ignored runs no code.
    let _ =
        unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGXFSZ, nix::sys::signal::SigHandler::SigIgn) };
}

/// Closes every descriptor but the standard streams. Call it before this process opens anything.
pub(crate) fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: nothing of this process owns a descriptor yet. A kernel without the call (before 5.9) leaves them open.
    let _ = unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3, u32::MAX, 0) };
}
