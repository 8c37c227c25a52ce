//! Arguments: the command line as typed, and its help.
//!
//! Never opens a file: the commands interpret the arguments.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand, builder::StyledStr};
use clap_complete::Shell;

pub(super) use super::output_args::{BEHIND, OutputArgs, OutputFormat, QuietArgs, RowsFormat, RowsOutputArgs};
use super::{
    account::AccountArgs,
    data_args::{BenchmarkArgs, DataArgs, PeriodArgs, ReadArgs},
    exit_args::ExitArgs,
    reporter::Reporter,
    shard::ShardChoice,
    store_args::{AnswersArgs, KnownArgs, ResultsAction, StoreArgs},
    trust_args::{LuckArgs, ReturnsArgs, TrustArgs, WalkForwardArgs},
};
use crate::{
    bundled,
    metrics::Selection,
    optimize::Method,
    project::Language,
    sandbox::{Backend, Budget, ForkMethod},
    sweep::{LimitsSpec, RankBy, SplitShare},
};

/// The meaning of the exit codes, for `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0    every task succeeded
  2    bad input: nothing was run, or the results could not be written
  10   some tasks failed, or a replay or `--again` differs
  11   no task succeeded, or nothing could be checked
  12   `host check` found a fault
  130  interrupted; what was finished is kept";

/// Runs trading strategies compiled to WebAssembly components over market data, thousands of parameter combinations in
/// parallel, each in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "host", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Command {
    /// The account options and `--quiet` of a command that has an account.
    pub(super) fn account(&mut self) -> Option<(&mut AccountArgs, bool)> {
        match self {
            Self::Sweep(args) => Some((&mut args.sweep.account, args.sweep.output.quiet)),
            Self::Optimize(args) => Some((&mut args.sweep.account, args.sweep.output.quiet)),
            Self::Watch(args) => Some((&mut args.sweep.account, args.sweep.output.quiet)),
            Self::Compare(args) => Some((&mut args.account, args.output.quiet)),
            Self::Backtest(args) => Some((&mut args.combination.account, args.output.quiet)),
            Self::MonteCarlo(args) => Some((&mut args.combination.account, args.output.quiet)),
            Self::Serve(args) => Some((&mut args.account, args.quiet.quiet)),
            _ => None,
        }
    }
}

/// Options that write rows to files: their names, and the files.
type RowFiles<'a> = Vec<(&'static str, &'a mut PathBuf)>;

/// The file of `--out`, if it is given.
fn out_file(file: &mut Option<PathBuf>) -> RowFiles<'_> {
    file.iter_mut().map(|file| ("--out", file)).collect()
}

impl Command {
    /// What a command that has rows shows, and its options that write them to files.
    pub(super) fn rows(&mut self) -> Option<(RowsFormat, RowFiles<'_>)> {
        Some(match self {
            Self::Sweep(OneSweepArgs { sweep, .. }) | Self::Watch(WatchArgs { sweep, .. }) => sweep.rows(),
            Self::Optimize(args) => args.sweep.rows(),
            Self::Compare(args) => (args.output.format, out_file(&mut args.out)),
            Self::Run(args) => (args.output.format, out_file(&mut args.out)),
            Self::Merge(args) => (args.output.format, vec![("--out", &mut args.out)]),
            Self::Backtest(args) => (args.output.format, args.files.rows()),
            _ => return None,
        })
    }
}

/// The requested help: `-h` lists the common options of a command, `--help` and `host help` all of them. `None` where
/// clap's own help suffices.
pub(super) fn help(args: &[OsString]) -> Option<StyledStr> {
    let words: Vec<_> = args.iter().skip(1).filter_map(|arg| arg.to_str()).collect();
    let (name, all) = match words[..] {
        ["help", name, ..] => (name, true),
        [name, ..] => (name, words.contains(&"--help")),
        [] => return None,
    };
    help_of(Cli::command(), name, all)
}

fn help_of(mut cli: clap::Command, name: &str, all: bool) -> Option<StyledStr> {
    cli.build();
    let command = cli.find_subcommand(name).filter(|command| !command.has_subcommands())?.clone();
    let command = match name {
        "optimize" => of_search(command),
        "report" => of_report(command),
        _ => command,
    };
    // One line for each option, where clap's long form takes three.
    let mut command = if all {
        let about = command.get_long_about().or_else(|| command.get_about()).cloned();
        // The usage shows that a plugin needs no option.
        command.about(about.unwrap_or_default()).mut_args(|arg| {
            let is_named_too = arg.get_id() == "positional";
            arg.hide_short_help(is_named_too)
        })
    } else if command.get_arguments().any(clap::Arg::is_hide_short_help_set) {
        command.after_help(format!("`host {name} --help` lists all options."))
    } else {
        command
    };
    Some(command.render_help())
}

/// `command` with the options of a run as a report of results means them.
fn of_report(command: clap::Command) -> clap::Command {
    command
        .mut_arg("plugin", |arg| arg.help("The strategy of the sweep, if it is not here under its name"))
        .mut_arg("files", |arg| arg.help("The files of its data, if they are not here under their names"))
}

/// `command` with the options of a sweep as a search means them.
fn of_search(command: clap::Command) -> clap::Command {
    let hidden = ["each_symbol", "sample"].iter();
    hidden
        .fold(command, |command, name| command.mut_arg(name, |arg| arg.hide(true)))
        .mut_arg("objective", |arg| {
            arg.help(
                "The metrics to optimise, like `sharpe,max_drawdown`; `name:min` sets the direction [default: sharpe]",
            )
        })
        .mut_arg("seed", |arg| arg.help("The seed of the search [default: 0]").hide_short_help(false))
        .mut_arg("top", |arg| arg.help("How many combinations are shown [default: 10; of a front, 50]"))
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs a strategy for every combination of a grid, and ranks them.
    Sweep(OneSweepArgs),
    /// Sweeps again whenever the plugin, the grid or the data is saved, and shows what changed.
    ///
    /// Combinations that a save does not touch are not run again. A bad build prints its error, and the last good results
    /// stay. A file that is half written or missing is waited for. With `--build` the strategy is compiled first, and
    /// again when its sources are saved. Every sweep writes `--out` anew; `--format json` prints one object on one line for
    /// each check of saved files. Ctrl-C ends with the exit code of the last sweep (0, 10 or 11), or with 130 during a sweep
    /// or before the first.
    Watch(WatchArgs),
    /// Searches a grid that is too large to sweep, generation by generation.
    ///
    /// Runs combinations of the grid as `host sweep` does, but chooses the next ones by the results so far: by differential evolution
    /// (`evolution`), by successive halving, which tries many on the first ninth of the bars (`halving`), by an evenly spread sequence
    /// (`sobol`) or at random. Several objectives (`--objective sharpe,max_drawdown`) give a Pareto front (`nsga2`). The same seed
    /// gives the same trials on any number of workers, and known results do not run again. Every trial counts for `host trust`. Sweep
    /// up to a million combinations; search more.
    Optimize(Box<OptimizeArgs>),
    /// Says whether the best combination of a sweep is more than the luck of many trials.
    ///
    /// Reads the file that `host sweep --returns` wrote, and gives a verdict with its numbers: the Sharpe ratio deflated by the
    /// number of combinations that were ever tried on these bars, the probability of overfitting, and tests of the whole sweep by
    /// bootstrap. A strategy that `host check` has found looking ahead is refused.
    Trust(TrustArgs),
    /// Follows the best combination of each stretch of time through the stretch after it.
    ///
    /// Reads the file that `host sweep --returns` wrote. The account goes on from fold to fold, as it did in the whole run: a fold is
    /// a part of its returns. A strategy that `host check` has found looking ahead is refused.
    WalkForward(WalkForwardArgs),
    /// Makes one results file of the shards of a sweep, and ranks them.
    ///
    /// The file has the bytes that one run of the whole sweep would have written. The shards must be of one sweep: the same
    /// plan, plugin, data, account and limits. No combination may be missing or be there twice.
    Merge(MergeArgs),
    /// Runs several strategies over the same data, side by side.
    Compare(CompareArgs),
    /// Runs one combination, and shows its statistics.
    ///
    /// Shows those that one reads first; `--full` shows all of them with their formulas, and `--format json` has all of them.
    Backtest(BacktestArgs),
    /// Shows what luck and noise do to one combination: its trades drawn again, and bars whose prices are a little off.
    ///
    /// Runs it once on the bars as they are. Then its closed trades are put into other orders (shuffled) and drawn with
    /// replacement (resampled); and it is prepared and run anew on copies of the bars whose prices have noise. The same seed gives
    /// the same numbers on any number of workers. Nothing goes to the store. Ctrl-C shows the copies that are finished.
    MonteCarlo(MonteCarloArgs),
    /// Makes one HTML file of a sweep: its verdict, its best combination with trades on prices, and the grid.
    ///
    /// The file opens in any browser, without a network. It has the equity of the best combination beside holding, months, trades
    /// on prices, a heatmap of any two axes, the neighbours of a cell, and where all of it comes from. With `--returns` it has the
    /// verdict of `host trust` and the folds of `host walk-forward`, too. The best combination runs once more; where its strategy or
    /// its data are gone, the report has what the results hold, and says so.
    Report(Box<ReportArgs>),
    /// Lists the rules that engines disagree about, their choices, and the keys of an account file.
    ///
    /// Make a choice with `--rule NAME=CHOICE`, or in the table `rules` of the file of `--account`. The file is TOML or JSON;
    /// each key is optional. Options win over the file, the file over the defaults, and an explicit setting of either over
    /// the rules of the profile.
    Rules(RulesArgs),
    /// Lists the metrics: what each is measured in, which way is better, and its formula.
    ///
    /// Those against a benchmark are computed with `--benchmark`. `--metrics`, `--objective` and `--require` take the names.
    Metrics(MetricsArgs),
    /// Lists the bundled plugins with their parameters.
    ///
    /// Use one by its name: `host sweep --plugin sma_cross`. `host inspect NAME` shows all of one, also of a file.
    List(ListArgs),
    /// Detects a strategy that sees the future: its answers must not depend on later bars.
    ///
    /// After many bars, ends the data or continues it with other prices, and compares the answers up to that bar. Plugins are
    /// deterministic, so one difference is a proof. Also checks repeated runs, the fork methods, the order of tasks and the
    /// growth of compute. Exits with 12 if it finds a fault. The store keeps whether it looks ahead: `sweep --returns`, `trust` and
    /// `walk-forward` refuse a strategy that does.
    ///
    /// A plugin with only `events` gets each bar when it closes, so it cannot look ahead. Its fills and its equity, on an
    /// account with default settings, get the same checks, and are compared with runs on data that ends sooner, at a tenth of
    /// the cuts. For a plugin with `signals` and `events`, the signals are checked, and both are traded and compared.
    Check(CheckArgs),
    /// Runs custom tasks on a plugin that exports `task`.
    Run(RunArgs),
    /// Replays a trace of `host backtest --trace` against a strategy, and reports the first difference.
    Replay(ReplayArgs),
    /// Serves sweeps over HTTP, on plugins that are swapped as soon as a new build is in their folder.
    ///
    /// Every `NAME.wasm` of the folder serves as NAME. A new build is checked and tried first; if it is bad, the build before
    /// it goes on serving. `/` is a page to start and watch sweeps, `/openapi.json` lists all routes. Ctrl-C ends running
    /// sweeps between two tasks, keeps finished results, and exits with 0; a second Ctrl-C cuts the tasks.
    Serve(ServeArgs),
    /// Shows what a plugin is: parameters, interfaces, imports, size, hash, fork method.
    Inspect(InspectArgs),
    /// Creates a folder for a new strategy that builds at once: source, SDK, contract, scripts.
    New(NewArgs),
    /// Compiles the strategy in a folder with its language's own compiler, then packs, checks and tries the component.
    ///
    /// Errors come with the full output of the compiler; NAME.wasm is complete or stays as it was. The trial is a
    /// brief `host check`, on a few hundred bars of `--data` or of the bundled ones; where a strategy refuses a single instrument, these
    /// are made into two or three.
    Build(BuildArgs),
    /// Packs a core module of any compiler for `wasm32-unknown-unknown`, `-freestanding` or WASI preview 1 into a component.
    ///
    /// The module exports the functions of the contract's interfaces by their canonical names
    /// (`backtest:strategy/signals@0.1.0#evaluate`). Its WASI calls are answered inside of the component: no files, no
    /// arguments, a constant clock, seeded random bytes; lines to stdout and stderr go to the log.
    Pack(PackArgs),
    /// Shows or clears the directory in which compiled plugins are kept.
    #[command(subcommand)]
    Cache(CacheAction),
    /// Lists, exports or prunes the results in the store.
    #[command(subcommand)]
    Results(ResultsAction),
    /// Shows how data files are read, and converts them.
    #[command(subcommand)]
    Data(DataAction),
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct OneSweepArgs {
    /// Runs the ranked combinations under both extremes within the bars
    #[arg(display_order = BEHIND, long, hide_short_help = true)]
    pub(super) bounds: bool,
    /// Takes the request from JSON, or from results in Parquet; options win over it
    #[arg(display_order = BEHIND, long, value_name = "FILE", hide_short_help = true)]
    pub(super) request: Option<PathBuf>,
    /// Writes the request as JSON, with hashes of plugin and data, as in Parquet
    #[arg(display_order = BEHIND, long, value_name = "FILE", hide_short_help = true)]
    pub(super) save_request: Option<PathBuf>,
    /// Estimates time, memory and disk from a sample; writes nothing
    #[arg(display_order = BEHIND, long, conflicts_with = "verify_store")]
    pub(super) dry_run: bool,
    /// Runs one shard, such as `3/16`; `auto` asks Slurm or Kubernetes which
    #[arg(display_order = BEHIND, long, value_name = "M/N|auto", hide_short_help = true)]
    pub(super) shard: Option<ShardChoice>,
    /// Ranks by `value`, or by `plateau`: how well neighbours do [default: value]
    #[arg(display_order = BEHIND, long, value_name = "HOW", conflicts_with_all = ["shard", "dry_run"], hide_short_help = true)]
    pub(super) rank_by: Option<RankBy>,
    /// Ranks by the first part of the bars, such as `70%`, and shows what came after
    #[arg(display_order = BEHIND, long, value_name = "SHARE", conflicts_with_all = ["shard", "dry_run"])]
    pub(super) split: Option<SplitShare>,
    #[command(flatten)]
    pub(super) returns: ReturnsArgs,
    #[command(flatten)]
    pub(super) sweep: SweepArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) known: KnownArgs,
}

/// Whether results say what differs from run to run.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct TimingArgs {
    /// Adds time, worker and `cached` of each task, which differ from run to run
    #[arg(long, hide_short_help = true)]
    pub(super) timings: bool,
}

/// The arguments of a sweep: plugin, grid, data, account, limits and output.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// The grid of parameters, as JSON or TOML.
    #[arg(long, value_name = "FILE")]
    pub(super) grid: Option<PathBuf>,
    /// An axis of the grid: `fast=5..50:5` (from, to, step), `fast=1..100/5` (5 values) or `fast=5,10,20`. Repeatable; wins
    /// over the grid's
    #[arg(long = "param", value_name = "NAME=VALUES", allow_hyphen_values = true)]
    pub(super) params: Vec<String>,
    #[command(flatten)]
    pub(super) exits: ExitArgs,
    /// Runs each combination on each symbol alone, instead of on all together
    #[arg(long)]
    pub(super) each_symbol: bool,
    /// A condition that parameters meet, like `fast < slow`. Repeatable
    #[arg(long = "where", value_name = "CONDITION")]
    pub(super) constraints: Vec<String>,
    /// A condition on results: `trades >= 30`, `max_drawdown > -20%`. Repeatable
    #[arg(long, value_name = "CONDITION")]
    pub(super) require: Vec<String>,
    /// The metric to rank by [default: sharpe]
    #[arg(long, value_name = "METRIC")]
    pub(super) objective: Option<String>,
    /// The metrics to compute: `all`, or names like `sharpe,trades` [default: those shown or written]
    #[arg(long, value_name = "all|NAMES", hide_short_help = true)]
    pub(super) metrics: Option<Selection>,
    /// Runs only this many combinations, chosen at random from the whole grid
    #[arg(long, value_name = "N")]
    pub(super) sample: Option<u64>,
    /// The seed for `--sample` [default: 0]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(super) seed: Option<u64>,
    /// How many combinations the ranking shows [default: 10]
    #[arg(long, value_name = "N")]
    pub(super) top: Option<usize>,
    /// Writes every combination to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) timings: TimingArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) period: PeriodArgs,
    #[command(flatten)]
    pub(super) benchmark: BenchmarkArgs,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) backend: BackendArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: RowsOutputArgs,
}

impl SweepArgs {
    fn rows(&mut self) -> (RowsFormat, RowFiles<'_>) {
        (self.output.format, out_file(&mut self.out))
    }
}

#[derive(Debug, Args)]
pub(super) struct OptimizeArgs {
    /// How combinations are chosen: `evolution`, `nsga2`, `halving`, `sobol` or `random` [default: evolution, for several
    /// objectives nsga2]
    #[arg(display_order = BEHIND, long, value_name = "METHOD")]
    pub(super) method: Option<Method>,
    /// Runs of combinations; one on a share of the bars counts, too [default: 2000]
    #[arg(display_order = BEHIND, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) trials: Option<u64>,
    /// Combinations that run together before the next ones are chosen [default: as the method needs]
    #[arg(display_order = BEHIND, long, value_name = "N", hide_short_help = true, value_parser = generation)]
    pub(super) generation: Option<usize>,
    /// Begins with the search of an earlier run: its results in Parquet, or the file of `sweep --save-request`
    #[arg(display_order = BEHIND, long, value_name = "FILE")]
    pub(super) request: Option<PathBuf>,
    #[command(flatten)]
    pub(super) sweep: SweepArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Builds the strategy in this folder first, and again when its sources are saved; `--plugin` is then the file to write
    #[arg(display_order = BEHIND, long, value_name = "DIR")]
    pub(super) build: Option<PathBuf>,
    /// Skips the trial of a build
    #[arg(display_order = BEHIND, long, requires = "build", hide_short_help = true)]
    pub(super) no_trial: bool,
    #[command(flatten)]
    pub(super) sweep: SweepArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The shards: Parquet files of `host sweep --shard`, patterns of them like `'part-*.parquet'`, or a folder
    #[arg(value_name = "PART", required = true)]
    pub(super) parts: Vec<PathBuf>,
    /// Writes every combination to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Merges what is there, and says which shards are missing or incomplete
    #[arg(long)]
    pub(super) partial: bool,
    /// How many combinations the ranking shows [default: that of the sweep]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) top: Option<u64>,
    #[command(flatten)]
    pub(super) output: RowsOutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The same as `--plugin`, one or more
    #[arg(value_name = "PLUGIN", conflicts_with = "plugins", hide_short_help = true)]
    positional: Vec<String>,
    /// A strategy: a .wasm component, or a bundled one by name. Repeatable [default: the four bundled ones]
    #[arg(long = "plugin", short, value_name = "FILE|NAME")]
    plugins: Vec<String>,
    /// A parameter of every strategy that has it, or of one: `slow=50`, `sma_cross.slow=50`. Repeatable.
    #[arg(long = "param", value_name = "[PLUGIN.]NAME=VALUE", allow_hyphen_values = true)]
    pub(super) params: Vec<String>,
    #[command(flatten)]
    pub(super) exits: ExitArgs,
    /// The metric to rank by.
    #[arg(long, value_name = "METRIC", default_value = "sharpe")]
    pub(super) objective: String,
    /// The metrics to compute: `all`, or names like `sharpe,trades` [default: those shown or written]
    #[arg(long, value_name = "all|NAMES", hide_short_help = true)]
    pub(super) metrics: Option<Selection>,
    /// Writes every strategy with its metrics to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) timings: TimingArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) period: PeriodArgs,
    #[command(flatten)]
    pub(super) benchmark: BenchmarkArgs,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) backend: BackendArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: RowsOutputArgs,
}

impl CompareArgs {
    /// The files or names of the strategies, as they were given.
    pub(super) fn plugins(&self) -> &[String] {
        if self.plugins.is_empty() { &self.positional } else { &self.plugins }
    }
}

/// One combination, typed or of past results, and what it runs on.
#[derive(Debug, Args)]
#[command(next_help_heading = None::<&str>)]
pub(super) struct CombinationArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// A parameter: `fast=10`. Repeatable; omitted ones take their defaults
    #[arg(long = "param", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub(super) params: Vec<String>,
    #[command(flatten)]
    pub(super) exits: ExitArgs,
    /// Runs a combination of past results again, and compares the numbers: Parquet of `host sweep --out`, or a file of
    /// `--save-request` with `--task`
    #[arg(long, value_name = "FILE")]
    pub(super) again: Option<PathBuf>,
    /// The combination of `--again` by its rank; 1 is the best [default: 1]
    #[arg(long, value_name = "N", requires = "again", conflicts_with = "task", allow_negative_numbers = true)]
    pub(super) rank: Option<u64>,
    /// The combination of `--again` by its `task_id`
    #[arg(long, value_name = "TASK_ID", requires = "again")]
    pub(super) task: Option<String>,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) period: PeriodArgs,
    #[command(flatten)]
    pub(super) benchmark: BenchmarkArgs,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    pub(super) combination: CombinationArgs,
    #[command(flatten)]
    pub(super) files: LedgerArgs,
    /// Shows the metrics under the worst and the best price path within the bars
    #[arg(long)]
    pub(super) bounds: bool,
    /// Shows all metrics with their formulas, excursions, months, drawdowns and crises
    #[arg(long)]
    pub(super) full: bool,
    #[command(flatten)]
    pub(super) output: RowsOutputArgs,
}

/// The files of a backtest.
#[derive(Debug, Args)]
#[command(next_help_heading = None::<&str>)]
pub(super) struct LedgerArgs {
    /// Writes the trades to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, value_name = "FILE")]
    pub(super) trades: Option<PathBuf>,
    /// Writes every order and its outcome to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, value_name = "FILE")]
    pub(super) orders: Option<PathBuf>,
    /// Writes every fill to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, value_name = "FILE")]
    pub(super) fills: Option<PathBuf>,
    /// Writes every message between the host and a strategy with `events` to a file of JSON lines, for `host replay`
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) trace: Option<PathBuf>,
    /// The old name of `--trace`.
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "trace")]
    pub(super) events: Option<PathBuf>,
    /// Writes a report to an HTML file, which opens without a network
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Writes the equity at each bar to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, value_name = "FILE")]
    pub(super) equity: Option<PathBuf>,
}

impl LedgerArgs {
    /// The files that have rows.
    fn rows(&mut self) -> RowFiles<'_> {
        let files = [
            ("--trades", &mut self.trades),
            ("--orders", &mut self.orders),
            ("--fills", &mut self.fills),
            ("--equity", &mut self.equity),
        ];
        files.into_iter().filter_map(|(name, file)| Some((name, file.as_mut()?))).collect()
    }
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The results of a sweep, in Parquet
    pub(super) results: PathBuf,
    /// The file of the report [default: the name of the results, with .html]
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Adds the verdict and walk-forward from the returns that `host sweep --returns` wrote beside the results
    #[arg(long, value_name = "FILE")]
    pub(super) returns: Option<PathBuf>,
    /// The combination to show by its rank; 1 is the best [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "task", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) rank: Option<u64>,
    /// The combination to show by its `task_id`
    #[arg(long, value_name = "TASK_ID")]
    pub(super) task: Option<String>,
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) benchmark: BenchmarkArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) answers: AnswersArgs,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

#[derive(Debug, Args)]
pub(super) struct MonteCarloArgs {
    #[command(flatten)]
    pub(super) luck: LuckArgs,
    #[command(flatten)]
    pub(super) combination: CombinationArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// Shows this metric alone
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// A parameter of all combinations but the defaults: `fast=10`. Repeatable; the others are chosen from their declared
    /// bounds and choices
    #[arg(long = "param", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub(super) params: Vec<String>,
    #[command(flatten)]
    pub(super) exits: ExitArgs,
    /// Bars, chosen at random, after which the future is changed, and as many again at which the strategy acts. The first
    /// bars and the last one are always among them; the number of bars takes all [default: 100, with `--quick` 20]
    #[arg(long, value_name = "N")]
    pub(super) cuts: Option<usize>,
    /// Combinations of parameters drawn at random, beside the defaults, the given ones and every choice [default: 12, with
    /// `--quick` 3]
    #[arg(long, value_name = "N")]
    pub(super) samples: Option<usize>,
    /// The seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// Checks fewer places and fewer ways to fork
    #[arg(long)]
    pub(super) quick: bool,
    /// The most seconds of the whole check; what it has not checked by then is skipped. A strategy that uses up the limits of
    /// its tasks is given up sooner
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) total_timeout: u64,
    #[command(flatten)]
    pub(super) answers: AnswersArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The same as `--plugin`
    #[arg(value_name = "PLUGIN", conflicts_with = "plugin", required_unless_present = "plugin")]
    positional: Option<String>,
    /// The plugin: a .wasm component that exports `task`, or the bundled `bootstrap`.
    #[arg(long, short, value_name = "FILE|NAME")]
    plugin: Option<String>,
    /// The tasks: a JSON list of `{"task_id": "...", "params": {...}}`.
    #[arg(long, value_name = "FILE")]
    pub(super) tasks: PathBuf,
    /// Writes every task with its answer to a file: .parquet, .csv, .jsonl, or `-`
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) timings: TimingArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: RowsOutputArgs,
}

impl RunArgs {
    /// The file or the name of the plugin; clap requires one.
    pub(super) fn plugin(&self) -> &str {
        either(&self.plugin, &self.positional)
    }
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The trace: a file of `host backtest --trace`
    #[arg(value_name = "TRACE.jsonl")]
    pub(super) trace: PathBuf,
    /// The same as `--plugin`
    #[arg(value_name = "PLUGIN", conflicts_with = "plugin", required_unless_present = "plugin")]
    positional: Option<String>,
    /// The plugin: a .wasm component that exports `events`, or a bundled one by name.
    #[arg(long, short, value_name = "FILE|NAME")]
    plugin: Option<String>,
    /// Shows all differences, not only the first
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

impl ReplayArgs {
    /// The file or the name of the plugin; clap requires one.
    pub(super) fn plugin(&self) -> &str {
        either(&self.plugin, &self.positional)
    }
}

/// The one of two that was given.
fn either<'a>(one: &'a Option<String>, other: &'a Option<String>) -> &'a str {
    one.as_deref().or(other.as_deref()).unwrap_or_default()
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The folder of the plugins, which is watched; uploads are written there
    #[arg(long, value_name = "DIR")]
    pub(super) plugins: PathBuf,
    /// Bars as CSV or Parquet, under a name for requests; the file's name without extension where none is given.
    /// Repeatable: several files of one name are several instruments [default: msft, the bundled daily bars of 1986-2017]
    #[arg(long = "data", short = 'd', value_name = "[NAME=]FILE")]
    pub(super) data: Vec<String>,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// The address to listen on; one that other machines can reach needs a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(super) listen: String,
    /// The folder for sweeps and their results, which survive a restart [default: $XDG_STATE_HOME/host/serve, else
    /// $HOME/.local/state/host/serve]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// The file of the token, 16 characters or more, for uploads and for every request from other machines; without it, the
    /// variable HOST_TOKEN is the token, and without both uploads are off
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Sweeps that may wait for their turn
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) queue: usize,
    /// Sweeps that run at a time, sharing the workers fairly
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) running: usize,
    /// The most combinations of one sweep
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub(super) max_combinations: u64,
    /// The size of the largest plugin, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    pub(super) max_plugin_size: usize,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    pub(super) backend: BackendArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The plugin: a .wasm component, or a bundled one by name.
    #[arg(value_name = "FILE|NAME", required_unless_present = "sandbox")]
    pub(super) plugin: Option<String>,
    /// Shows what worker processes are confined to on this machine, instead of a plugin
    #[arg(long, conflicts_with = "plugin")]
    pub(super) sandbox: bool,
    /// Seconds that compiling the plugin may take [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) compile_timeout: Option<Duration>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The folder to create; its name, in lower case, becomes the strategy's
    #[arg(value_name = "DIR", required_unless_present = "list")]
    pub(super) folder: Option<PathBuf>,
    /// The language: rust, python, javascript, typescript, c, cpp, zig, go or assemblyscript.
    #[arg(long, value_name = "LANGUAGE", required_unless_present = "list")]
    pub(super) lang: Option<Language>,
    /// A strategy that receives one bar at a time and can send orders
    #[arg(long)]
    pub(super) events: bool,
    /// Lists the tools of each language, whether this machine has them, and how to install them
    #[arg(long, conflicts_with_all = ["folder", "events"])]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder of the strategy, which has a `strategy.toml`.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// The component to write [default: NAME.wasm in the folder]
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Skips the trial
    #[arg(long)]
    pub(super) no_trial: bool,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// The core module.
    #[arg(value_name = "CORE.wasm")]
    pub(super) core: PathBuf,
    /// The component to write.
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

/// Shows or clears the cache: the directory `$HOST_CACHE_DIR`, else `$XDG_CACHE_HOME/host`, else `$HOME/.cache/host`.
#[derive(Debug, Subcommand)]
pub(super) enum CacheAction {
    /// Shows the directory, contents and cap of the cache.
    Show(CacheShowArgs),
    /// Removes all entries, and no other files.
    Clear(QuietArgs),
}

/// Shows how data files are read, and converts them.
#[derive(Debug, Subcommand)]
pub(super) enum DataAction {
    /// Shows what files have: how they are written, instruments, zone, bars a year, first bars, and what may be wrong.
    ///
    /// `--save` keeps how each file is read as TOML beside it: `spy.csv.toml` for `spy.csv`. Every command that reads the file
    /// uses it then. Change it with an editor; options of the command line win over it.
    Show(DataShowArgs),
    /// Writes the checked bars as one Parquet file, which loads without options and without questions.
    Convert(DataConvertArgs),
}

#[derive(Debug, Args)]
pub(super) struct DataShowArgs {
    /// Files of bars
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Bars to show of each instrument
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(super) rows: usize,
    /// Saves how each file is read, as TOML beside it
    #[arg(long)]
    pub(super) save: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct DataConvertArgs {
    /// Files of bars
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// The Parquet file to write
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

#[derive(Debug, Args)]
pub(super) struct CacheShowArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// The plugin of a command that runs one strategy.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// The same as `--plugin`
    #[arg(value_name = "PLUGIN", conflicts_with = "plugin", hide_short_help = true)]
    positional: Option<String>,
    /// The strategy: a .wasm component, or a bundled one by name [default: momentum]
    #[arg(long, short, value_name = "FILE|NAME")]
    plugin: Option<String>,
}

impl PluginArgs {
    /// The file or the name; notes the default.
    pub(super) fn name(&self, reporter: &mut Reporter<'_>) -> &str {
        self.typed().unwrap_or_else(|| {
            reporter.note("plugin: the bundled `momentum` (`--plugin FILE` takes yours)");
            bundled::STRATEGIES[0]
        })
    }

    /// The argument, if it was given.
    pub(super) fn typed(&self) -> Option<&str> {
        self.plugin.as_deref().or(self.positional.as_deref())
    }

    /// The argument as a path, if it was given.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.typed().map(PathBuf::from)
    }
}

/// Limits of tasks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Workers [default: all cores]
    #[arg(long, short = 'j', value_name = "N")]
    pub(super) workers: Option<usize>,
    /// Compute units that one task may use: `auto` (a thousand times what the default parameters use, and at least 2e9 and
    /// 200,000 a bar), a number like `5e9`, or `none` (only `--timeout` is left)
    #[arg(long, value_name = "UNITS", hide_short_help = true)]
    pub(super) budget: Option<Budget>,
    /// Seconds that one task may take [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<f64>,
    /// Seconds that compiling the plugin may take [default: 120]
    #[arg(long, value_name = "SECONDS", hide_short_help = true, value_parser = seconds)]
    pub(super) compile_timeout: Option<Duration>,
    /// MiB of memory of one task [default: 256, and 4 times the data]
    #[arg(long, value_name = "MIB", hide_short_help = true)]
    pub(super) memory: Option<usize>,
    /// Tasks that one fork serves. More is faster on short series, but a task can see what another left [default: 1]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(super) tasks_per_fork: Option<usize>,
    /// The fork method, for measurements and tests: `auto`, `copy-on-write`, `precompiled` or `re-prepared`. Results are equal
    #[arg(long, value_name = "HOW", default_value_t = ForkMethod::Auto, hide = true)]
    pub(super) fork: ForkMethod,
    /// Compiles plugins without the cache of compiled code
    #[arg(long, hide_short_help = true)]
    pub(super) no_cache: bool,
}

/// Where the tasks of a sweep run.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct BackendArgs {
    /// Where tasks run: `threads` (the default) or confined `processes`
    #[arg(long, value_name = "WHERE", default_value_t = Backend::Threads, hide_short_help = true, hide_default_value = true)]
    pub(super) backend: Backend,
}

impl LimitArgs {
    /// The limits that were typed.
    pub(super) fn spec(&self) -> LimitsSpec {
        let Self { budget, timeout, memory, tasks_per_fork, .. } = *self;
        LimitsSpec { budget, timeout, memory, tasks_per_fork }
    }
}

/// Reads a number of seconds above 0.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=1e9).contains(seconds)).map(Duration::from_secs_f64);
    seconds.ok_or_else(|| format!("`{text}` is not a time; give seconds from 0.001 to 1e9"))
}

/// Reads a number of combinations.
fn generation(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number of combinations; give 1 to 1000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the help of a command on a terminal of 110 columns.
    fn lines(command: &str, all: bool) -> usize {
        help_of(Cli::command().term_width(110), command, all).unwrap().to_string().lines().count()
    }

    #[test]
    fn the_common_options_fit_a_screen_and_all_of_them_two() {
        for command in ["sweep", "watch", "compare", "backtest", "monte-carlo", "serve"] {
            let (common, all) = (lines(command, false), lines(command, true));
            assert!((20..=60).contains(&common), "`host {command} -h` has {common} lines of 60");
            assert!((common + 1..=120).contains(&all), "`host {command} --help` has {all} lines of 120");
        }
    }

    /// The commands without subcommands, and the words that lead to them.
    fn leaves(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            leaves(inner, &format!("{words} {}", inner.get_name()), found);
        }
        if !command.has_subcommands() {
            found.push((words.trim().to_owned(), command.clone()));
        }
    }

    #[test]
    fn every_command_that_says_what_it_does_can_be_quiet() {
        let (mut cli, mut found) = (Cli::command(), Vec::new());
        cli.build();
        leaves(&cli, "", &mut found);
        assert!(found.len() > 20, "{}", found.len());
        for (words, command) in found.iter().filter(|(words, _)| words != "completions") {
            let quiet = command.get_arguments().find(|arg| arg.get_long() == Some("quiet"));
            assert_eq!(quiet.and_then(clap::Arg::get_short), Some('q'), "host {words}");
        }
    }

    #[test]
    fn an_option_has_the_same_letter_in_every_command() {
        let (mut cli, mut found) = (Cli::command(), Vec::new());
        cli.build();
        leaves(&cli, "", &mut found);
        let letters = [("plugin", 'p'), ("data", 'd'), ("out", 'o'), ("workers", 'j')];
        for (words, command) in &found {
            for arg in command.get_arguments() {
                let letter = letters.iter().find(|(name, _)| arg.get_long() == Some(name)).map(|(_, letter)| *letter);
                let is_free = letters.iter().all(|(_, letter)| arg.get_short() != Some(*letter));
                assert!(letter == arg.get_short() || letter.is_none() && is_free, "host {words}: {arg}");
            }
        }
    }

    #[test]
    fn every_option_is_in_the_long_help_but_those_that_are_old_or_for_tests() {
        let mut cli = Cli::command();
        cli.build();
        let help = help_of(Cli::command(), "sweep", true).unwrap().to_string();
        let is_listed = |arg: &&clap::Arg| help.contains(&format!("--{} ", arg.get_long().unwrap_or_default()));
        let options = cli.find_subcommand("sweep").unwrap().get_arguments().filter(|arg| !arg.is_positional());
        let unlisted: Vec<_> = options.filter(|arg| !is_listed(arg)).collect();
        assert!(unlisted.iter().all(|arg| arg.is_hide_set()), "{unlisted:?}");
        assert_eq!(unlisted.len(), 15, "13 rules, sizing and forks");
    }
}
