//! The program `host`: runs the command line with the process's streams.

use std::{
    io::{self, IsTerminal, Write},
    panic,
    process::ExitCode,
    thread,
};

use host::{
    cli::{self, Interrupt, Terminal},
    data,
    pages::LargePages,
};

/// Reading data and preparing plugins fill blocks of many megabytes once.
#[global_allocator]
static ALLOCATOR: LargePages = LargePages;

/// The stack of the program, in bytes. That of the main thread is as large as the shell says (`ulimit -s`), or as small.
const STACK: usize = 8 << 20;

/// What the standard library gives where the main thread has panicked.
const PANICKED: u8 = 101;

#[expect(clippy::disallowed_methods, reason = "the program's own output is made here")]
fn main() -> ExitCode {
    host::worker::run_if_worker();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !data::catches_panics() {
            usual(panic);
        }
    }));
    // Named as the thread that it stands for, since messages of panics have the name.
    match thread::Builder::new().name("main".to_owned()).stack_size(STACK).spawn(run) {
        Ok(program) => program.join().unwrap_or(ExitCode::from(PANICKED)),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: no thread with a stack of 8 MiB can be started: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the program's own output is made here")]
fn run() -> ExitCode {
    let interrupt = Interrupt::default();
    if let Err(error) = interrupt.take_signals() {
        let _ = writeln!(io::stderr(), "warning: Ctrl-C will not keep unfinished results: {error}");
    }
    let terminal = Terminal::of_process(io::stdout().is_terminal(), io::stderr().is_terminal());
    let exit = cli::run(std::env::args_os(), &mut io::stdout().lock(), &mut io::stderr(), terminal, &interrupt);
    ExitCode::from(exit.code())
}
