//! The command line: arguments, their meaning, and the dispatch to one file for each command.
//!
//! The only module that prints. Never computes: it connects data, plan, workers and sinks. Results go to the first writer
//! (standard output), notes and errors to the second (standard error).

mod account;
mod again;
mod annual;
mod args;
mod backtest;
mod benchmark;
mod books;
mod bounds;
mod build;
mod cache;
mod catalog;
mod check;
mod clock;
mod combination;
mod compare;
mod context;
mod data;
mod data_args;
mod diff;
mod difference;
mod dry_run;
mod exit;
mod exit_args;
mod facts;
mod inputs;
mod inspect;
mod interrupt;
mod list;
mod merge;
mod metrics;
mod monte_carlo;
mod new;
mod optimize;
mod order_counts;
mod output;
mod output_args;
mod output_path;
mod pack;
mod parts;
mod piped;
mod plateau;
mod ranking;
mod replay;
mod report;
mod reporter;
mod request;
mod results;
mod rules;
mod run;
mod runs;
mod screen;
mod serve;
mod shard;
mod show;
mod split;
mod still_line;
mod store;
mod store_args;
mod summary;
mod sweep;
mod terminal;
mod trial;
mod trust;
mod trust_args;
mod verify;
mod waiting;
mod walk_forward;
mod watch;

use std::{
    cell::Cell,
    ffi::OsString,
    io::{self, Write},
    sync::Arc,
};

use anyhow::{Result, bail};
use clap::{
    CommandFactory, Parser,
    error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind},
};
use clap_complete::Shell;

use self::{
    args::{Cli, Command},
    context::Context,
    output::Output,
    piped::Piped,
    reporter::Reporter,
    screen::Screen,
};
pub use self::{exit::Exit, interrupt::Interrupt, terminal::Terminal};
use crate::{
    model::{is_harmless, label, nearest},
    process::Cluster,
};

/// Runs the command line `args`, the program's name first.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    terminal: Terminal,
    interrupt: &Interrupt,
) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    run_with(&args, (out, err), terminal, interrupt, None)
}

/// As [`run`], for a sweep whose tasks run on `cluster`. Other commands are refused.
pub fn sweep_on(
    cluster: Arc<dyn Cluster>,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    terminal: Terminal,
    interrupt: &Interrupt,
) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    run_with(&args, (out, err), terminal, interrupt, Some(cluster))
}

fn run_with(
    args: &[OsString],
    (out, err): (&mut dyn Write, &mut dyn Write),
    terminal: Terminal,
    interrupt: &Interrupt,
    cluster: Option<Arc<dyn Cluster>>,
) -> Exit {
    let gone = Cell::new(false);
    let mut out = Output { out, gone: &gone };
    let (mut screen, mut err) = (Screen::new(&mut out, terminal.colour), Screen::new(err, terminal.colour));
    let mut cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let error = Cli::try_parse_from(plain(args)).err().unwrap_or(error);
            return usage(&apt(error, args), args, &mut screen, &mut err, terminal);
        }
    };
    let mut reporter = Reporter::new(&mut err, terminal);
    let is_repeated = matches!(cli.command, Command::Watch(_));
    let piped = match cli.command.rows().map(|rows| Piped::of(rows, is_repeated, terminal)).transpose() {
        Ok(piped) => piped.flatten(),
        Err(error) => {
            reporter.error(&error);
            return Exit::BadInput;
        }
    };
    let mut nowhere = io::sink();
    let shown: &mut dyn Write = if piped.is_some() { &mut nowhere } else { &mut screen };
    let mut context = Context { out: shown, gone: &gone, reporter, terminal, interrupt, args, cluster, piped };
    let exit = ran(cli.command, &mut context);
    let piped = context.piped.take();
    drop(screen);
    match piped.map_or(Ok(()), |piped| piped.send(&mut out, terminal)) {
        Ok(()) => exit,
        Err(error) => {
            Reporter::new(&mut err, terminal).error(&error.into());
            Exit::BadInput
        }
    }
}

/// Runs a command, tells its error, and returns how the program ends.
fn ran(command: Command, context: &mut Context<'_>) -> Exit {
    let interrupt = context.interrupt;
    match dispatch(command, context).and_then(|exit| Ok(context.out.flush().map(|()| exit)?)) {
        Ok(exit) => exit,
        Err(_) if interrupt.has_cut_before_tasks() => {
            context.reporter.note("interrupted; no task has run");
            Exit::Interrupted
        }
        Err(error) if interrupt.has_cut() => {
            context.reporter.error(&error.context("interrupted"));
            Exit::Interrupted
        }
        Err(error) => {
            context.reporter.error(&error);
            Exit::BadInput
        }
    }
}

fn dispatch(mut command: Command, context: &mut Context<'_>) -> Result<Exit> {
    if let Some((account, quiet)) = command.account() {
        context.reporter.set_quiet(quiet);
        account.resolve(&mut context.reporter)?;
    }
    match command {
        Command::Sweep(args) => sweep::run(&args, context),
        _ if context.cluster.is_some() => bail!("a cluster runs `sweep` only; run other commands with `host`"),
        Command::Watch(args) => watch::run(&args, context),
        Command::Optimize(args) => optimize::run(&args, context),
        Command::Trust(args) => trust::run(&args, context),
        Command::WalkForward(args) => walk_forward::run(&args, context),
        Command::Merge(args) => merge::run(&args, context),
        Command::Compare(args) => compare::run(&args, context),
        Command::Backtest(args) => backtest::run(&args, context),
        Command::Report(args) => report::run(*args, context),
        Command::MonteCarlo(args) => monte_carlo::run(&args, context),
        Command::Rules(args) => rules::run(&args, context),
        Command::Metrics(args) => metrics::run(&args, context),
        Command::List(args) => list::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Replay(args) => replay::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Inspect(args) => inspect::run(&args, context),
        Command::New(args) => new::run(&args, context),
        Command::Build(args) => build::run(&args, context),
        Command::Pack(args) => pack::run(&args, context),
        Command::Cache(action) => cache::run(&action, context),
        Command::Results(action) => results::run(&action, context),
        Command::Data(action) => data::run(&action, context),
        Command::Completions { shell } => completions(shell, context),
    }
}

fn completions(shell: Shell, context: &mut Context<'_>) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "host", &mut script);
    context.out.write_all(&script)?;
    Ok(Exit::Success)
}

/// An error of clap's whose tip is apt: an option that does not exist is rather a parameter of the strategy than an option with
/// another name.
fn apt(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(given), suggested) = (text(ContextKind::InvalidArg), text(ContextKind::SuggestedArg)) else {
        return error;
    };
    let Some(name) = given.strip_prefix("--").filter(|_| error.kind() == ClapErrorKind::UnknownArgument) else {
        return error;
    };
    if suggested.is_some_and(|near| nearest::find(name, std::iter::once(near.trim_start_matches('-'))).is_some()) {
        return error;
    }
    error.remove(ContextKind::SuggestedArg);
    let command = args.get(1).and_then(|word| Cli::command().find_subcommand(word).cloned());
    if command.is_some_and(|command| command.get_arguments().any(|arg| arg.get_long() == Some("param"))) {
        let tip = format!("a parameter of the strategy is given by `--param {}=VALUE`", name.replace('-', "_"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Prints clap's message: help and version are results, anything else is bad input.
fn usage(error: &clap::Error, args: &[OsString], out: &mut dyn Write, err: &mut dyn Write, terminal: Terminal) -> Exit {
    let help = if error.kind() == ClapErrorKind::DisplayHelp { args::help(args) } else { None };
    let text = help.unwrap_or_else(|| error.render());
    let text = if terminal.colour { text.ansi().to_string() } else { text.to_string() };
    let asked = matches!(error.kind(), ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion);
    // If even this cannot be written, nobody would see an error.
    let _ = if asked { out.write_all(text.as_bytes()) } else { err.write_all(text.as_bytes()) };
    if asked { Exit::Success } else { Exit::BadInput }
}

/// The arguments for a message that quotes them: one may be the name of a file, which steers or has line ends.
fn plain(args: &[OsString]) -> Vec<OsString> {
    let plain = |arg: &OsString| {
        let text = arg.to_string_lossy();
        if text.chars().all(is_harmless) { arg.clone() } else { label(&text).into_owned().into() }
    };
    args.iter().map(plain).collect()
}
