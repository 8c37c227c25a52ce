//! The command line: what was typed, what it means, and what is said about it.
//!
//! The only module that prints, and never one that computes: it wires data, plan, workers and sinks together. Results
//! go to the first writer (standard output), talk to the second (standard error).

mod account;
mod annual;
mod args;
mod backtest;
mod books;
mod bounds;
mod build;
mod cache;
mod check;
mod compare;
mod inputs;
mod inspect;
mod new;
mod pack;
mod ranking;
mod replay;
mod request;
mod rules;
mod run;
mod serve;
mod show;
mod sweep;
mod talk;
mod trial;
mod watch;

use std::{
    cell::Cell,
    ffi::OsString,
    io::{self, Write},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use clap::{CommandFactory, Parser, error::ErrorKind as ClapErrorKind};
use crossbeam_channel::{Receiver, Sender, bounded};

use self::{
    args::{Cli, Command},
    talk::Talk,
};
use crate::{results::Tally, sweep::Stop};

/// How the program ends. The codes are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Every task succeeded.
    Success,
    /// The input is bad, or the results cannot be written.
    BadInput,
    /// Some tasks failed.
    SomeFailed,
    /// No task succeeded, or nothing could be checked.
    NoneSucceeded,
    /// A strategy has a fault that makes its results worthless.
    Caught,
    /// It was interrupted; what was finished is kept.
    Interrupted,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::BadInput => 2,
            Self::SomeFailed => 10,
            Self::NoneSucceeded => 11,
            Self::Caught => 12,
            Self::Interrupted => 130,
        }
    }

    /// The exit of a run with these outcomes.
    fn of(tally: &Tally, interrupted: bool) -> Self {
        match (interrupted, tally.failed(), tally.successes()) {
            (true, ..) => Self::Interrupted,
            (false, 0, _) => Self::Success,
            (false, _, 0) => Self::NoneSucceeded,
            (false, ..) => Self::SomeFailed,
        }
    }
}

/// What is known about the terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// The width of standard output in characters, if it is a terminal.
    pub width: Option<u16>,
    /// Whether standard output may be coloured.
    pub colour: bool,
    /// Whether standard error is a terminal, where a progress bar can move.
    pub moving: bool,
}

impl Terminal {
    /// Asks the environment: `NO_COLOR` turns colours off.
    pub fn of_process(stdout: bool, stderr: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size().map(|(width, _)| width.0);
        Self { width: width.filter(|_| stdout), colour: stdout && !no_colour, moving: stderr }
    }
}

/// What Ctrl-C does: once, no more tasks are taken; twice, running ones are cut; the third time the process ends at
/// once. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Mutex<Heeders>>);

/// Who is told of Ctrl-C.
#[derive(Debug, Default)]
struct Heeders {
    /// The workers that are running.
    stop: Option<Stop>,
    /// A command that ends by itself as soon as it can.
    bell: Option<Sender<()>>,
}

/// What the first Ctrl-C says.
const STOPPING: &str = "finishing the tasks that run; Ctrl-C again cuts them";

impl Interrupt {
    /// Stops what is running; ends the process if nothing is, and nothing ends by itself.
    pub fn interrupt(&self) {
        let heeders = self.heeders();
        let is_heard = heeders.bell.as_ref().is_some_and(|bell| bell.try_send(()).is_ok());
        match &heeders.stop {
            Some(stop) if !stop.is_stopped() => {
                stop.stop();
                // Talk that nobody can hear is no failure.
                let _ = writeln!(io::stderr(), "{STOPPING}");
            }
            Some(stop) if !stop.is_cut() => stop.cut(),
            _ if is_heard => {}
            _ => process::exit(Exit::Interrupted.code().into()),
        }
    }

    /// Whether running tasks were cut: what fails then, fails for that.
    fn has_cut(&self) -> bool {
        self.heeders().stop.as_ref().is_some_and(Stop::is_cut)
    }

    /// Lets Ctrl-C stop these workers instead of the process.
    fn watch(&self, stop: Stop) {
        self.heeders().stop = Some(stop);
    }

    /// Lets Ctrl-C stop no workers any more, since none are running.
    fn rest(&self) {
        self.heeders().stop = None;
    }

    /// Returns what hears of Ctrl-C. Whoever listens ends the command; a second one that is not listened to ends the
    /// process.
    fn bell(&self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.heeders().bell = Some(sender);
        receiver
    }

    fn heeders(&self) -> MutexGuard<'_, Heeders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a command writes, and what it knows of its surroundings.
struct Context<'a> {
    out: &'a mut dyn Write,
    /// Whether nobody reads what is written to `out` any more.
    gone: &'a Cell<bool>,
    talk: Talk<'a>,
    terminal: Terminal,
    interrupt: &'a Interrupt,
}

/// Runs the command line `args`, the program's name first.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    terminal: Terminal,
    interrupt: &Interrupt,
) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args, out, err, terminal),
    };
    let gone = Cell::new(false);
    let mut out = Output { out, gone: &gone };
    let mut context = Context { out: &mut out, gone: &gone, talk: Talk::new(err, terminal), terminal, interrupt };
    match dispatch(cli.command, &mut context).and_then(|exit| Ok(context.out.flush().map(|()| exit)?)) {
        Ok(exit) => exit,
        Err(error) if interrupt.has_cut() => {
            context.talk.error(&error.context("interrupted"));
            Exit::Interrupted
        }
        Err(error) => {
            context.talk.error(&error);
            Exit::BadInput
        }
    }
}

fn dispatch(mut command: Command, context: &mut Context<'_>) -> Result<Exit> {
    if let Some((account, quiet)) = command.account() {
        context.talk.set_quiet(quiet);
        account.resolve(&mut context.talk)?;
    }
    match command {
        Command::Sweep(args) => sweep::run(&args, context),
        Command::Watch(args) => watch::run(&args, context),
        Command::Compare(args) => compare::run(&args, context),
        Command::Backtest(args) => backtest::run(&args, context),
        Command::Rules(args) => rules::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Replay(args) => replay::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Inspect(args) => inspect::run(&args, context),
        Command::New(args) => new::run(&args, context),
        Command::Build(args) => build::run(&args, context),
        Command::Pack(args) => pack::run(&args, context),
        Command::Cache(action) => cache::run(&action, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "host", &mut script);
            context.out.write_all(&script)?;
            Ok(Exit::Success)
        }
    }
}

/// Help and version are answers; anything else that clap says is bad input.
fn usage(error: &clap::Error, args: &[OsString], out: &mut dyn Write, err: &mut dyn Write, terminal: Terminal) -> Exit {
    let help = if error.kind() == ClapErrorKind::DisplayHelp { args::help(args) } else { None };
    let text = help.unwrap_or_else(|| error.render());
    let text = if terminal.colour { text.ansi().to_string() } else { text.to_string() };
    let asked = matches!(error.kind(), ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion);
    // If even this cannot be written, there is nobody to tell.
    let _ = if asked { out.write_all(text.as_bytes()) } else { err.write_all(text.as_bytes()) };
    if asked { Exit::Success } else { Exit::BadInput }
}

/// Standard output, whose reader may stop reading: `host ... | head` is no failure, and hides none.
struct Output<'a> {
    out: &'a mut dyn Write,
    gone: &'a Cell<bool>,
}

impl Output<'_> {
    /// What an attempt to write comes to: if nobody reads any more, everything is written.
    fn or_gone<T>(&mut self, written: io::Result<T>, all: T) -> io::Result<T> {
        written.or_else(|error| {
            self.gone.set(error.kind() == io::ErrorKind::BrokenPipe);
            if self.gone.get() { Ok(all) } else { Err(error) }
        })
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone.get() {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.or_gone(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone.get() {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.or_gone(flushed, ())
    }
}
