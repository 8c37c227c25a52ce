//! The program `host` under an emulator: `emulated EMULATOR... -- ARGUMENT...` is what `host ARGUMENT...` is.
//!
//! Worker processes are started under the same emulator, as the kernel would not start them. Never used but by `tests/arm.sh`.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    process::ExitCode,
    thread,
};

use host::{
    cli::{self, Interrupt, Terminal},
    pages::LargePages,
    process::WorkerProgram,
};

#[global_allocator]
static ALLOCATOR: LargePages = LargePages;

/// The stack of the program, in bytes, as `host` has it.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    host::worker::run_if_worker();
    let program = thread::Builder::new().stack_size(STACK).spawn(run);
    program.ok().and_then(|program| program.join().ok()).unwrap_or(ExitCode::FAILURE)
}

#[expect(clippy::disallowed_methods, reason = "it stands for the program, whose own output is made here")]
fn run() -> ExitCode {
    let all: Vec<_> = env::args_os().collect();
    let emulator = all.iter().skip(1).take_while(|argument| *argument != OsStr::new("--"));
    let emulator: Vec<_> = emulator.cloned().chain(env::current_exe().map(OsString::from)).collect();
    let arguments = [OsString::from("host")].into_iter().chain(all.iter().skip(emulator.len() + 1).cloned());
    if let Some((program, arguments)) = emulator.split_first() {
        WorkerProgram::new(program).with_arguments(arguments).stand_for_this();
    }
    let terminal = Terminal::of_process(false, false);
    let exit = cli::run(arguments, &mut io::stdout().lock(), &mut io::stderr(), terminal, &Interrupt::default());
    ExitCode::from(exit.code())
}
