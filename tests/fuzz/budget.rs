//! What an input may cost: processor time and memory, measured, so that the load of the machine does not count.
//!
//! Memory beyond the limit is refused, which ends the process: run targets in one of their own.
#![expect(clippy::print_stderr, reason = "a panic is told where the driver reads it")]

use std::{alloc::System, fmt, panic};

use cap::Cap;
use nix::sys::{
    resource::{Resource, UsageWho, getrusage, setrlimit},
    time::TimeValLike as _,
};

use super::targets::Target;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Runs inputs of a target, each within its limits, and keeps what the slowest one took.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    target: &'a Target,
    inputs: u64,
    /// Seconds of processor time.
    slowest: f64,
    all: f64,
}

impl<'a> Budget<'a> {
    /// Nothing has run yet.
    pub(crate) fn new(target: &'a Target) -> Self {
        Self { target, inputs: 0, slowest: 0.0, all: 0.0 }
    }

    /// Prints panics that the program does not expect, without a backtrace, which may take more memory than is left.
    pub(crate) fn tell_panics() {
        panic::set_hook(Box::new(|panic| {
            if !host::data::catches_panics() {
                lift_limit();
                eprintln!("{panic}");
            }
        }));
    }

    /// Lets the system end this process after so many seconds of processor time.
    pub(crate) fn end_process_after(seconds: u64) {
        setrlimit(Resource::RLIMIT_CPU, seconds, seconds).expect("a limit can be lowered");
    }

    /// Runs one input.
    ///
    /// # Panics
    ///
    /// Panics if the target does, or if the input took more time than it may.
    pub(crate) fn run(&mut self, input: &[u8]) {
        let start = seconds();
        let limit = MEMORY.allocated().saturating_add(self.target.mib << 20);
        MEMORY.set_limit(limit).expect("the limit is above what is there");
        (self.target.run)(input);
        lift_limit();
        let taken = seconds() - start;
        self.inputs += 1;
        self.all += taken;
        self.slowest = self.slowest.max(taken);
        let most = self.target.seconds;
        assert!(
            taken <= most,
            "an input of {} bytes took {taken:.2} seconds of processor time, of {most}",
            input.len()
        );
    }
}

impl fmt::Display for Budget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, inputs, slowest, all } = self;
        let (name, mib) = (target.name, target.mib);
        write!(
            f,
            "{name}: {inputs} inputs within {mib} MiB, {all:.1} s of processor time, at most {slowest:.3} s for one"
        )
    }
}

fn lift_limit() {
    MEMORY.set_limit(usize::MAX).expect("there is no higher limit");
}

/// The processor time of this process so far, in seconds.
pub(crate) fn seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process can ask for its own usage");
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}
