//! System calls that a confined process may make, and those that end it.
//!
//! Never installs a filter.
//!
//! Three answers: what a compile or a steady task needs is allowed, some of it with certain arguments only. What nobody but
//! an attacker calls ends the process with SIGSYS, so that it is seen. Everything else is refused with `EPERM`, since
//! libraries try more than they need: opening a file, first of all.

use std::{collections::BTreeMap, ffi::c_long};

use nix::libc;
use seccompiler::{
    BackendError,
    SeccompCmpArgLen::{self, Dword, Qword},
    SeccompCmpOp::{self, Eq, MaskedEq, Ne},
    SeccompCondition, SeccompRule,
};

use super::super::profile::Profile;

/// Calls, each with the conditions under which it counts; without any, it always does.
pub(super) type Calls = BTreeMap<i64, Vec<SeccompRule>>;

/// `PAGEMAP_SCAN` of `linux/fs.h`: `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: u64 = 0xC060_6610;

/// What a thread is made with; a process is made with less.
const THREAD: u64 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID) as u64;

/// The kernel ignores it, but musl sets it.
const DETACHED: u64 = libc::CLONE_DETACHED as u64;

const WRITE: u64 = libc::PROT_WRITE as u64;
const EXECUTE: u64 = libc::PROT_EXEC as u64;
const NO_PATH: u64 = libc::AT_EMPTY_PATH as u64;

/// Allowed whatever the arguments.
#[rustfmt::skip]
const ALWAYS: &[c_long] = &[
    // Memory.
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_membarrier,
    // Descriptors that are open, and files that exist in memory only.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_lseek, libc::SYS_fstat, libc::SYS_ftruncate, libc::SYS_close, libc::SYS_memfd_create,
    // The socket of the supervisor.
    libc::SYS_recvmsg, libc::SYS_sendmsg, libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_shutdown, libc::SYS_ppoll,
    // Threads. `clone3` is answered with `ENOSYS` by a filter of its own.
    libc::SYS_clone3, libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_rseq, libc::SYS_gettid, libc::SYS_getpid,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_exit, libc::SYS_exit_group,
    // Signals: wasmtime's traps are some.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time, and what has been used.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep,
    libc::SYS_gettimeofday, libc::SYS_getrusage, libc::SYS_sysinfo, libc::SYS_getrandom,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Ends the process whatever the arguments.
#[rustfmt::skip]
const FATAL: &[c_long] = &[
    // Other programs.
    libc::SYS_execve, libc::SYS_execveat,
    // Networks.
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_process_mrelease, libc::SYS_kcmp, libc::SYS_tkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal,
    // Users and rights.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset,
    libc::SYS_personality, libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key,
    // Views of the file system.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_mount_setattr, libc::SYS_move_mount, libc::SYS_open_tree,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Ways around filters, and large parts of the kernel.
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_bpf,
    libc::SYS_userfaultfd, libc::SYS_perf_event_open,
    // The machine.
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_reboot,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_syslog,
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex,
    libc::SYS_sethostname, libc::SYS_setdomainname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// What a process of this `profile` with the number `own` may call.
///
/// Whether a path exists can still be asked: `statx` of an open file is allowed, and no filter sees that its path is empty.
pub(super) fn allowed(profile: Profile, own: u32) -> Result<Calls, BackendError> {
    let (readable, code) = (vec![when(2, Qword, MaskedEq(EXECUTE), 0)?], vec![when(2, Qword, MaskedEq(WRITE), 0)?]);
    // Nothing is ever both: code is written first and made executable then.
    let memory = match profile {
        Profile::Compiler => vec![readable],
        Profile::Worker => vec![readable, code],
    };
    let mut calls = always(ALWAYS);
    let mut add = |call: c_long, rules: Vec<Vec<SeccompCondition>>| -> Result<(), BackendError> {
        let rules = rules.into_iter().map(SeccompRule::new).collect::<Result<_, _>>()?;
        calls.insert(call, rules);
        Ok(())
    };
    add(libc::SYS_mmap, memory.clone())?;
    add(libc::SYS_mprotect, memory)?;
    add(libc::SYS_clone, each(0, Qword, &[THREAD, THREAD | DETACHED])?)?;
    add(libc::SYS_kill, each(0, Dword, &[own.into()])?)?;
    add(libc::SYS_tgkill, each(0, Dword, &[own.into()])?)?;
    add(libc::SYS_prctl, each(0, Dword, &[libc::PR_SET_NAME, libc::PR_GET_NAME].map(|name| name as u64))?)?;
    // Not `F_SETOWN`, which sends signals to others, nor locks and leases.
    let of_descriptors = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_DUPFD_CLOEXEC,
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
    ];
    add(libc::SYS_fcntl, each(1, Dword, &of_descriptors.map(|command| command as u64))?)?;
    add(libc::SYS_newfstatat, vec![vec![when(3, Dword, MaskedEq(NO_PATH), NO_PATH)?]])?;
    add(libc::SYS_statx, vec![vec![when(2, Dword, MaskedEq(NO_PATH), NO_PATH)?]])?;
    // Its own limits can be read.
    add(libc::SYS_prlimit64, vec![vec![when(0, Dword, Eq, 0)?, when(2, Qword, Eq, 0)?]])?;
    if profile == Profile::Worker {
        add(libc::SYS_ioctl, each(1, Dword, &[PAGEMAP_SCAN])?)?;
    }
    Ok(calls)
}

/// What ends a process with the number `own`.
pub(super) fn fatal(own: u32) -> Result<Calls, BackendError> {
    let mut calls = always(FATAL);
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        calls.insert(call, vec![SeccompRule::new(vec![when(0, Dword, Ne, own.into())?])?]);
    }
    Ok(calls)
}

/// What the kernel seems not to have: C libraries make threads by `clone` then, whose flags a filter can see.
pub(super) fn unknown() -> Calls {
    always(&[libc::SYS_clone3])
}

fn always(calls: &[c_long]) -> Calls {
    calls.iter().map(|&call| (call, Vec::new())).collect()
}

/// One rule for each value that the argument may have.
fn each(argument: u8, length: SeccompCmpArgLen, values: &[u64]) -> Result<Vec<Vec<SeccompCondition>>, BackendError> {
    values.iter().map(|&value| Ok(vec![when(argument, length.clone(), Eq, value)?])).collect()
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, compare, value)
}
