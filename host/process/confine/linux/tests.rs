//! Tests of confinement: each act in a process of its own, since nothing locked is ever unlocked.
//!
//! Never confines the process that runs the tests: it starts itself again, once for each act.
#![expect(unsafe_code, reason = "what an attacker calls is called as an attacker does: by its number")]
#![expect(clippy::print_stdout, reason = "a process that was started again prints what it found")]

use std::{
    env,
    ffi::c_long,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, Write as _},
    net::{TcpListener, TcpStream},
    os::{
        fd::AsRawFd as _,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    panic,
    process::{Command, Output},
    ptr, thread,
    time::{Duration, Instant},
};

use nix::{libc, sys::prctl};

use super::{
    super::{
        profile::Profile::{self, Compiler, Worker},
        status::{InForce, Status},
    },
    *,
};

/// Names the act, and its argument, for the process that is started.
const ACT: &str = "HOST_TEST_CONFINED_ACT";

/// What an act does, with an argument.
type Act = fn(c_long);

/// What is done, and the signal that ends it; 0 where it ends as a test that passes.
const ACTS: &[(&str, Act, i32)] = &[
    ("no file can be opened or made", no_file, 0),
    ("landlock alone holds files and networks", files_by_landlock, 0),
    ("no program can be started", no_program, 0),
    ("a program in its place ends it", exec, libc::SIGSYS),
    ("a socket ends it", socket, libc::SIGSYS),
    ("a signal to the parent ends it", signal_to_parent, libc::SIGSYS),
    ("a signal to all ends it", signal_to_all, libc::SIGSYS),
    ("a thread of another process cannot be signalled", signal_to_thread, libc::SIGSYS),
    ("all other calls are refused", all_other_calls, 0),
    ("threads work", threads, 0),
    ("threads that ran before are confined too", thread_before, 0),
    ("a worker makes code executable but never writable too", worker_memory, 0),
    ("a compiler makes nothing executable", compiler_memory, 0),
    ("files in memory work", files_in_memory, 0),
    ("descriptors end at the limit", descriptors, 0),
    ("the page map can be asked", page_map, 0),
    ("memory ends at the limit", memory_limit, 0),
    ("CPU time ends at the limit", cpu_limit, libc::SIGXCPU),
    ("limits go down only", limits_go_down, 0),
    ("a panic has its message", panic_with_message, 0),
    ("an overflow of the stack is caught", overflow, libc::SIGABRT),
    ("clocks, sleep and randomness work", clocks, 0),
    ("the process goes first and is closed to others", attributes, 0),
];

#[test]
fn what_a_worker_needs_works_and_what_it_does_not_is_prevented() {
    for &(name, _, signal) in ACTS {
        let output = run(name, 0);
        assert_eq!(ended(&output), (signal == 0).then_some(0).ok_or(signal), "{name}: {output:?}");
        let passed = String::from_utf8_lossy(&output.stdout).contains("1 passed");
        assert_eq!(passed, signal == 0, "{name}: {output:?}");
    }
}

#[test]
fn every_call_of_an_attacker_ends_the_process() {
    let calls = calls::fatal(1).unwrap();
    assert!(calls.len() > 70);
    // Signals have acts of their own.
    for call in calls.into_keys().filter(|call| ![libc::SYS_kill, libc::SYS_tgkill].contains(call)) {
        let output = run(CALL, call);
        assert_eq!(ended(&output), Err(libc::SIGSYS), "system call {call}: {output:?}");
    }
}

/// The act of one system call.
const CALL: &str = "a system call";

/// Every argument is -1, which names no descriptor, no process and no memory, in case that the call comes through.
fn call(number: c_long) {
    confined(Worker);
    let error = syscall(number);
    panic!("system call {number}: {error}");
}

fn syscall(number: c_long) -> io::Error {
    // SAFETY: no memory is passed, and what would end or copy this process is not asked for without a filter.
    match unsafe { libc::syscall(number, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) } {
        -1 => io::Error::last_os_error(),
        _ => panic!("system call {number} is not prevented"),
    }
}

/// Where the acts happen, each in a process that `run` has started.
#[test]
fn act() {
    let Ok(act) = env::var(ACT) else { return };
    let (name, argument) = act.split_once('/').unwrap();
    let acts = ACTS.iter().map(|(name, act, _)| (*name, *act)).chain([(CALL, call as Act)]);
    let (_, act) = acts.into_iter().find(|(known, _)| *known == name).unwrap();
    act(argument.parse().unwrap());
}

fn run(name: &str, argument: c_long) -> Output {
    let act = format!("{}::act", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &act, "--nocapture", "--test-threads=1"]);
    command.env(ACT, format!("{name}/{argument}")).env("RUST_BACKTRACE", "1").output().unwrap()
}

/// The status, or the signal that has ended it.
fn ended(output: &Output) -> Result<i32, i32> {
    output.status.code().ok_or_else(|| output.status.signal().unwrap())
}

const MIB: usize = 1 << 20;

fn limits() -> Rlimits {
    Rlimits { cpu_seconds: Some(60), data_bytes: Some(256 * MIB as u64), files: 64 }
}

/// Confines this process wholly.
fn confined(profile: Profile) {
    limit(&limits()).unwrap();
    lock_files();
    let status = lock_calls(profile);
    assert_eq!(status.in_force, InForce::Fully, "{status}");
}

#[track_caller]
fn refused<T>(result: io::Result<T>) {
    let error = result.err().expect("is refused");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

fn no_file(_: c_long) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    confined(Worker);
    refused(File::open(&file));
    refused(File::create(folder.path().join("other")));
    refused(fs::write(&file, ""));
    refused(fs::read_dir(folder.path()));
    refused(fs::remove_file(&file));
    refused(fs::rename(&file, folder.path().join("other")));
    refused(fs::read_link("/proc/self/exe"));
    refused(env::current_dir());
    refused(File::open("/proc/self/mem"));
}

fn files_by_landlock(_: c_long) {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let status = lock_files();
    if status.in_force == InForce::Not {
        println!("{status}");
        return;
    }
    refused(File::open("/etc/passwd"));
    refused(File::create(folder.path().join("other")));
    refused(fs::read_dir(folder.path()));
    if status.landlock_abi >= Some(4) {
        refused(TcpStream::connect(listener.local_addr().unwrap()));
        refused(TcpListener::bind("127.0.0.1:0"));
    }
    if status.landlock_abi >= Some(6) {
        // SAFETY: no memory is passed.
        assert_eq!(unsafe { libc::kill(libc::getppid(), 0) }, -1);
        assert_eq!(status.in_force, InForce::Fully, "{status}");
    }
}

fn no_program(_: c_long) {
    confined(Worker);
    refused(Command::new("/bin/true").spawn());
    // SAFETY: it does not come to a second process.
    assert_eq!(unsafe { libc::fork() }, -1);
}

fn exec(_: c_long) {
    confined(Worker);
    let error = Command::new("/bin/true").exec();
    panic!("{error}");
}

fn socket(_: c_long) {
    confined(Worker);
    panic!("{:?}", TcpListener::bind("127.0.0.1:0"));
}

fn signal_to_parent(_: c_long) {
    // SAFETY: no memory is passed.
    let parent = unsafe { libc::getppid() };
    confined(Worker);
    // SAFETY: no memory is passed, and signal 0 is none.
    unsafe { libc::kill(parent, 0) };
}

fn signal_to_all(_: c_long) {
    confined(Worker);
    // SAFETY: no memory is passed, and signal 0 is none.
    unsafe { libc::kill(-1, 0) };
}

fn signal_to_thread(_: c_long) {
    // SAFETY: no memory is passed.
    let parent = unsafe { libc::getppid() };
    confined(Worker);
    // SAFETY: no memory is passed, and signal 0 is none.
    unsafe { libc::syscall(libc::SYS_tgkill, parent, parent, 0) };
}

fn all_other_calls(_: c_long) {
    let own = std::process::id();
    let (allowed, fatal) = (calls::allowed(Worker, own).unwrap(), calls::fatal(own).unwrap());
    // More numbers than kernels have calls. The two of x86-64 are for code that the kernel itself has put in place: it shows
    // them to no filter, and answers others with a signal.
    let of_probes = if cfg!(target_arch = "x86_64") { 335..337 } else { 0..0 };
    let is_other = |call: &c_long| !allowed.contains_key(call) && !fatal.contains_key(call);
    let others: Vec<_> = (0..600).filter(|call| is_other(call) && !of_probes.contains(call)).collect();
    assert!(others.contains(&libc::SYS_openat) && others.contains(&libc::SYS_seccomp));
    confined(Worker);
    for call in others {
        assert_eq!(syscall(call).raw_os_error(), Some(libc::EPERM), "system call {call}");
    }
    // What is allowed with certain arguments only. With those of `syscall` none of them fits.
    for call in
        [libc::SYS_ioctl, libc::SYS_fcntl, libc::SYS_clone, libc::SYS_prctl, libc::SYS_prlimit64, libc::SYS_mmap]
    {
        assert_eq!(syscall(call).raw_os_error(), Some(libc::EPERM), "system call {call}");
    }
    assert_eq!(syscall(libc::SYS_clone3).raw_os_error(), Some(libc::ENOSYS));
}

fn threads(_: c_long) {
    confined(Worker);
    for _ in 0..3 {
        let named = |n: usize| thread::Builder::new().name(format!("worker {n}")).spawn(move || n).unwrap();
        let threads: Vec<_> = (0..8).map(named).collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 28);
    }
    assert!(thread::available_parallelism().is_ok());
}

fn thread_before(_: c_long) {
    let (start, started) = std::sync::mpsc::channel();
    let before = thread::spawn(move || {
        started.recv().unwrap();
        File::open("/etc/passwd").map(drop)
    });
    // Not landlock, which holds for threads that are started afterwards.
    assert_eq!(lock_calls(Worker).in_force, InForce::Fully);
    start.send(()).unwrap();
    refused(before.join().unwrap());
}

const READ: i32 = libc::PROT_READ;
const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const READ_EXECUTE: i32 = libc::PROT_READ | libc::PROT_EXEC;
const ALL: i32 = READ_WRITE | libc::PROT_EXEC;

/// Maps a page with `first`, and then protects it with `then`.
fn map(first: i32, then: i32) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: the mapping is new, and nobody reads or writes it.
    let page = unsafe { libc::mmap(ptr::null_mut(), 4096, first, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    if unsafe { libc::mprotect(page, 4096, then) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    assert_eq!(unsafe { libc::munmap(page, 4096) }, 0);
    Ok(())
}

fn worker_memory(_: c_long) {
    confined(Worker);
    map(READ_WRITE, READ_EXECUTE).unwrap();
    map(READ_EXECUTE, READ_WRITE).unwrap();
    refused(map(ALL, READ));
    refused(map(READ_WRITE, ALL));
}

fn compiler_memory(_: c_long) {
    confined(Compiler);
    map(READ_WRITE, READ).unwrap();
    map(libc::PROT_NONE, READ_WRITE).unwrap();
    refused(map(READ_WRITE, READ_EXECUTE));
    refused(map(READ_EXECUTE, READ));
    refused(map(ALL, READ));
}

fn files_in_memory(_: c_long) {
    // The standard library remembers that `statx` worked.
    assert!(File::open("/proc/self/stat").unwrap().metadata().is_ok());
    confined(Worker);
    let file = nix::sys::memfd::memfd_create(c"bars", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.set_len(8).unwrap();
    file.write_all(b"12345678").unwrap();
    assert_eq!(file.metadata().unwrap().len(), 8);
    let mut again = file.try_clone().unwrap();
    again.rewind().unwrap();
    let mut text = String::new();
    again.read_to_string(&mut text).unwrap();
    assert_eq!(text, "12345678");
}

fn descriptors(_: c_long) {
    confined(Worker);
    let file = File::from(nix::sys::memfd::memfd_create(c"bars", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap());
    let mut more = Vec::new();
    let error = loop {
        match file.try_clone() {
            Ok(another) => more.push(another),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    assert!((32..64).contains(&more.len()), "{}", more.len());
}

/// What the kernel says of `PAGEMAP_SCAN` without its arguments.
fn scan(pages: &File) -> Option<i32> {
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::ioctl(pages.as_raw_fd(), 0xC060_6610, 0) }, -1);
    io::Error::last_os_error().raw_os_error()
}

fn page_map(_: c_long) {
    let pages = File::open("/proc/self/pagemap").unwrap();
    let before = scan(&pages);
    assert_ne!(before, Some(libc::EPERM));
    confined(Worker);
    assert_eq!(scan(&pages), before);
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::ioctl(pages.as_raw_fd(), libc::FIONREAD, 0) }, -1);
    assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EPERM));
}

fn memory_limit(_: c_long) {
    confined(Worker);
    let mut bytes: Vec<u8> = Vec::new();
    bytes.try_reserve_exact(512 * MIB).unwrap_err();
    bytes.try_reserve_exact(128 * MIB).unwrap();
    bytes.resize(128 * MIB, 1);
    // Addresses that are only reserved are free.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the mapping is new, and nobody reads or writes it.
    let region = unsafe { libc::mmap(ptr::null_mut(), 8192 * MIB, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(region, libc::MAP_FAILED);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::mprotect(region, 512 * MIB, READ_WRITE) }, -1);
    assert_eq!(io::Error::last_os_error().kind(), ErrorKind::OutOfMemory);
}

fn cpu_limit(_: c_long) {
    limit(&Rlimits { cpu_seconds: Some(1), ..limits() }).unwrap();
    let start = Instant::now();
    // Another limit that fails: the test ends.
    while start.elapsed() < Duration::from_secs(100) {}
}

fn limits_go_down(_: c_long) {
    limit(&Rlimits { files: 20, ..limits() }).unwrap();
    limit(&Rlimits { files: 60, data_bytes: None, ..limits() }).unwrap();
    let limit = |resource| nix::sys::resource::getrlimit(resource).unwrap();
    use nix::sys::resource::Resource::{RLIMIT_CORE, RLIMIT_DATA, RLIMIT_NOFILE};
    assert_eq!(limit(RLIMIT_NOFILE), (20, 20));
    assert_eq!(limit(RLIMIT_DATA), (256 * MIB as u64, 256 * MIB as u64));
    assert_eq!(limit(RLIMIT_CORE), (0, 0));
}

fn panic_with_message(_: c_long) {
    confined(Worker);
    let error = panic::catch_unwind(|| panic!("bar {}", std::hint::black_box(7))).unwrap_err();
    assert_eq!(error.downcast_ref::<String>().unwrap(), "bar 7");
}

#[test]
fn a_confined_process_says_why_it_ends() {
    let text = |name| String::from_utf8(run(name, 0).stderr).unwrap();
    let panic = text("a panic has its message");
    assert!(panic.contains("bar 7"), "{panic}");
    let overflow = text("an overflow of the stack is caught");
    assert!(overflow.contains("has overflowed its stack"), "{overflow}");
}

/// SIGSEGV comes to a handler on a stack of its own, as the traps of wasmtime do.
fn overflow(_: c_long) {
    fn deeper(n: u64) -> u64 {
        let page = std::hint::black_box([n; 512]);
        if n == 0 { page[0] } else { deeper(std::hint::black_box(n - 1)) + page[1] }
    }
    confined(Worker);
    println!("{}", deeper(1 << 40));
}

fn clocks(_: c_long) {
    confined(Worker);
    let start = Instant::now();
    thread::park_timeout(Duration::from_millis(2));
    assert!(std::time::SystemTime::now() > std::time::UNIX_EPOCH);
    assert!(start.elapsed() < Duration::from_secs(60));
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    assert!(receiver.recv_timeout(Duration::from_millis(2)).is_err());
    drop(sender);
    let mut bytes = [0; 64];
    // SAFETY: the bytes are ours, and as many as said.
    assert_eq!(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) }, 64);
    assert_ne!(bytes, [0; 64]);
}

fn attributes(_: c_long) {
    let status = limit(&limits()).unwrap();
    if status.in_force == InForce::Fully {
        assert_eq!(fs::read_to_string(OOM).unwrap().trim(), "500");
    }
    lock_files();
    assert!(prctl::get_no_new_privs().unwrap());
    assert!(!prctl::get_dumpable().unwrap());
    let status = lock_calls(Worker);
    let again: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(again, status);
    println!("{status}");
}

#[test]
fn a_status_says_what_a_kernel_lacks() {
    let version = |abi| LandlockStatus::Available { effective_abi: abi, kernel_abi: None };
    assert_eq!(
        files_status(version(ABI::V3), true).to_string(),
        "landlock: partly in force, version 3; prevented: opening, making or removing files, truncating files by name; \
         missing: TCP connections (version 4 of landlock), commands to devices (version 5 of landlock), signals and \
         abstract sockets to other processes (version 6 of landlock)"
    );
    assert_eq!(files_status(version(ABI::V7), true).in_force, InForce::Fully);
    let none = files_status(LandlockStatus::NotImplemented, false);
    assert_eq!(none.to_string(), "landlock: not in force: this kernel lacks it; Linux 5.13 and later can have it");
}
