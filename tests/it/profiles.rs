//! The profiles of other engines against runs of theirs on the bundled bars: the same trades, equity and statistics.
//!
//! Where the numbers come from is told in `tests/reference/README.md`.

use std::{
    convert::Infallible,
    fs::File,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use host::{
    broker::{AtEnd, BuyingPower, Client, Fill, FillAt, Ledger, Profile, Settings, Sizing, Timeline, Workspace, trade},
    data::Dataset,
    metrics::{Statistic, backtesting_py, vectorbt},
    model::{BarEvent, Command, Commands, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side},
};
use serde_json::{Value, json};

/// Relative difference that rounding alone may make.
const TOLERANCE: f64 = 1e-9;

/// All of the account, but for the last bit: what backtesting.py takes for an order without a size.
const ALL_IN: f64 = 1.0 - f64::EPSILON;

/// The bars that all runs are on.
static SERIES: LazyLock<Arc<[Series]>> = LazyLock::new(|| Dataset::bundled().unwrap().shared());

/// A run of another engine, or the signals of a strategy.
pub(crate) struct Reference(pub(crate) Value);

impl Reference {
    fn read(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reference/{name}.json"));
        let file = File::open(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        Self(serde_json::from_reader(file).unwrap())
    }

    /// The names of all files of an engine, without what they begin and end with.
    fn runs(engine: &str) -> Vec<String> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let run = |name: String| Some(name.strip_prefix(engine)?.strip_suffix(".json")?.to_owned());
        let mut runs: Vec<String> = names.filter_map(run).collect();
        runs.sort();
        runs
    }

    pub(crate) fn number(&self, pointer: &str) -> f64 {
        self.0.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at `{pointer}`"))
    }

    pub(crate) fn option(&self, name: &str) -> Option<f64> {
        self.0["options"][name].as_f64()
    }

    pub(crate) fn is_on(&self, option: &str) -> bool {
        self.0["options"][option].as_bool().unwrap()
    }

    pub(crate) fn rows(&self, name: &str) -> &[Value] {
        self.0[name].as_array().unwrap_or_else(|| panic!("no list `{name}`"))
    }

    /// The cells of the column `name` of `table`, a number each.
    fn column(&self, table: &str, columns: &str, name: &str) -> Vec<f64> {
        let place = self.rows(columns).iter().position(|column| column == name).unwrap();
        self.rows(table).iter().map(|row| row[place].as_f64().unwrap()).collect()
    }

    /// What the engine says of a statistic, durations in days; `None` where it says that it is undefined.
    pub(crate) fn statistic(&self, name: &str) -> Option<f64> {
        let value = ["stats", "metrics"].iter().find_map(|group| self.0[*group].get(name));
        // It is left out where it would be 0.
        let value = value.or_else(|| (name == "Commissions [$]").then_some(&Value::Null));
        match value.unwrap_or_else(|| panic!("the run has no `{name}`")) {
            Value::String(text) if text == "nan" || text == "NaT" => None,
            Value::String(text) => Some(days(text)),
            Value::Null => Some(0.0),
            // Where no fall took more than one bar, it has the depth in place of the duration.
            Value::Number(_) if name.contains("Duration") => None,
            number => number.as_f64(),
        }
    }
}

/// The days of a duration that is written like `12 days 05:36:26.915887`.
fn days(text: &str) -> f64 {
    let (days, clock) = text.split_once(" days ").unwrap();
    let parts = clock.split(':').map(|part| part.parse::<f64>().unwrap());
    days.parse::<f64>().unwrap() + parts.fold(0.0, |sum, part| sum * 60.0 + part) / 86_400.0
}

/// The bars at which a strategy's indicators ask for an entry or an exit.
struct Signals {
    entries: Vec<bool>,
    exits: Vec<bool>,
}

impl Signals {
    /// None at all.
    fn none() -> Self {
        let never = vec![false; SERIES[0].len()];
        Self { entries: never.clone(), exits: never }
    }

    /// Those of the strategy that a run is named after, from bar `first` on.
    fn of(run: &str, bars: usize, first: usize) -> Self {
        let strategy = run.split('_').next().unwrap();
        let file = Reference::read(&format!("signals_{strategy}"));
        let at = |name| {
            let mut at = vec![false; bars];
            for bar in file.rows(name) {
                let bar = bar.as_u64().unwrap() as usize;
                at[bar] = bar >= first;
            }
            at
        };
        Self { entries: at("entries"), exits: at("exits") }
    }
}

/// A strategy that acts on signals: `rule` hears whether there is one to enter and one to leave.
struct Follower<R> {
    signals: Signals,
    rule: R,
    bar: usize,
    commands: Commands,
}

impl<R: FnMut(&mut Commands, bool, bool, &BarEvent)> Client for Follower<R> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        let (enters, leaves) = (self.signals.entries[self.bar], self.signals.exits[self.bar]);
        self.bar += 1;
        (self.rule)(&mut self.commands, enters, leaves, bar);
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// What the strategies of backtesting.py's runs do.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// Long from one signal to the other.
    LongFlat(OrderRequest),
    /// Long after one signal, short after the other; a repeated signal closes and opens anew.
    LongShort,
    /// Long from one signal to the other, unless a stop or a limit ends it before.
    Bracket,
    /// Long while flat, flat while long.
    WhileFlat,
}

fn share(side: Side, share: f64) -> OrderRequest {
    OrderRequest { measure: Measure::Equity, ..OrderRequest::market(0, side, share) }
}

pub(crate) fn leave(commands: &mut Commands, position: f64) {
    if position != 0.0 {
        let side = if position > 0.0 { Side::Sell } else { Side::Buy };
        commands.submit(OrderRequest { reduce_only: true, ..OrderRequest::market(0, side, position.abs()) });
    }
}

impl Style {
    /// That of a run; `None` where it is the stream of orders.
    fn of(reference: &Reference) -> Option<Self> {
        Some(match reference.0["strategy"].as_str().unwrap() {
            "Orders" => return None,
            "SmaLongFlat" => Self::LongFlat(match reference.0["params"]["size"].as_f64() {
                Some(units) if units >= 1.0 => OrderRequest::market(0, Side::Buy, units),
                size => share(Side::Buy, size.unwrap_or(ALL_IN)),
            }),
            "SmaLongShort" => Self::LongShort,
            "SmaBracket" => Self::Bracket,
            _ => Self::WhileFlat,
        })
    }

    /// The exposure while long, where the strategy is no more than that of being long or flat.
    fn exposure(self) -> Option<f64> {
        match self {
            Self::LongFlat(OrderRequest { measure: Measure::Equity, quantity, .. }) => Some(quantity),
            Self::WhileFlat => Some(ALL_IN),
            _ => None,
        }
    }

    fn act(self, commands: &mut Commands, enters: bool, leaves: bool, bar: &BarEvent) {
        let is_flat = bar.position == 0.0;
        match self {
            Self::LongFlat(entry) if enters => _ = commands.submit(entry),
            Self::LongShort if enters || leaves => {
                leave(commands, bar.position);
                commands.submit(share(if enters { Side::Buy } else { Side::Sell }, ALL_IN));
            }
            Self::Bracket if enters && is_flat => {
                let entry = commands.submit(share(Side::Buy, ALL_IN));
                commands.bracket(entry, bar.close * 0.96, bar.close * 1.08);
            }
            Self::WhileFlat if enters && is_flat => _ = commands.submit(share(Side::Buy, ALL_IN)),
            _ if leaves => leave(commands, bar.position),
            _ => {}
        }
    }
}

/// A stream of orders of every kind, a new one every fifth bar, which prices of that bar alone decide on. So they are
/// touched, gapped over and hit within one bar by the hundred.
struct Stream {
    bar: usize,
    entry: u64,
    /// Whether entries by limit and by stop have exits too.
    exits: bool,
}

impl Stream {
    fn act(&mut self, commands: &mut Commands, bar: &BarEvent) {
        let BarEvent { high, low, close, position, .. } = *bar;
        let entry = |kind, side, limit, stop| OrderRequest { kind, limit, stop, ..share(side, 0.5) };
        let none = f64::NAN;
        let order = match (self.bar % 5, self.bar / 5 % 4) {
            (0, 0) if low < close => Some((share(Side::Buy, 0.5), low, close + (close - low))),
            (0, 1) if high > close => Some((share(Side::Sell, 0.5), high, close - (high - close))),
            (0, 2) if low < close => Some((entry(OrderKind::Limit, Side::Buy, low, none), low - (close - low), close)),
            (0, 3) if high > close => {
                Some((entry(OrderKind::Stop, Side::Buy, none, high), close, high + (high - close)))
            }
            (4, _) => {
                commands.cancel(self.entry);
                leave(commands, position);
                None
            }
            _ => None,
        };
        if let Some((request, stop_loss, take_profit)) = order.filter(|_| self.bar > 0) {
            self.entry = commands.submit(request);
            if self.exits || request.kind == OrderKind::Market {
                commands.bracket(self.entry, stop_loss, take_profit);
            }
        }
        self.bar += 1;
    }
}

/// What the generators of vectorbt's runs ask for.
struct Wishes {
    up: f64,
    down: f64,
    /// Whether a wish is repeated at every bar.
    always: bool,
    /// Whether signals count only where they ask for a side that is not held.
    signals: bool,
    latest: Option<f64>,
}

impl Wishes {
    fn of(run: &str) -> Self {
        let always = run.contains("rebal60");
        let (up, down) = (if always { 0.6 } else { 1.0 }, if run.contains("longshort") { -1.0 } else { 0.0 });
        Self { up, down, always, signals: run.contains("signals"), latest: None }
    }

    fn act(&mut self, commands: &mut Commands, enters: bool, leaves: bool, bar: &BarEvent) {
        let wish = if enters { Some(self.up) } else { leaves.then_some(self.down) };
        self.latest = wish.or(self.latest);
        let is_new = |wish: &f64| match *wish {
            up if up > 0.0 => bar.position <= 0.0,
            0.0 => bar.position > 0.0,
            _ => bar.position >= 0.0,
        };
        let wish = if self.always { self.latest } else { wish.filter(|wish| !self.signals || is_new(wish)) };
        if let Some(exposure) = wish {
            commands.push(Command::Target { instrument: 0, exposure });
        }
    }
}

/// Asserts that two numbers are the same but for rounding.
fn agree(what: &str, ours: f64, theirs: f64) {
    agree_at_scale(what, ours, theirs, ours.abs().max(theirs.abs()));
}

/// Asserts that two amounts of money are the same but for rounding at the scale of `scale`.
fn agree_at_scale(what: &str, ours: f64, theirs: f64, scale: f64) {
    let difference = (ours - theirs).abs();
    assert!(difference <= TOLERANCE * scale, "{what}: {ours:?} here, {theirs:?} there, {:e} apart", difference / scale);
}

pub(crate) fn equity_agrees(reference: &Reference, ledger: &Ledger) {
    let equity = ledger.equity();
    assert_eq!(equity.len(), reference.number("/bars") as usize);
    for (at, theirs) in reference.rows("equity_every_50th_bar").iter().enumerate() {
        agree(&format!("equity at bar {}", 50 * at), equity[50 * at], theirs.as_f64().unwrap());
    }
    agree("final equity", ledger.final_equity(), reference.number("/equity_last"));
}

pub(crate) fn statistics_agree(reference: &Reference, statistics: &[Statistic]) {
    for Statistic { name, value } in statistics {
        match value.zip(reference.statistic(name)) {
            Some((ours, theirs)) => agree(name, ours, theirs),
            None => assert_eq!(*value, reference.statistic(name), "{name}"),
        }
    }
}

/// Trades a run anew.
fn trade_by(settings: &Settings, signals: Signals, rule: impl FnMut(&mut Commands, bool, bool, &BarEvent)) -> Ledger {
    settings.check().unwrap();
    let mut ledger = Ledger::with_orders();
    let mut client = Follower { signals, rule, bar: 0, commands: Commands::default() };
    trade(&SERIES, &Timeline::of(&SERIES), settings, &mut Workspace::new(), &mut ledger, &mut client).unwrap();
    ledger
}

pub(crate) fn trades_of_backtesting_py_agree(reference: &Reference, ledger: &Ledger) {
    let column = |name| reference.column("trades", "trade_columns", name);
    let [units, entry_bar, exit_bar] = ["size", "entry_bar", "exit_bar"].map(column);
    let [entry_price, exit_price, pnl, fees] = ["entry_price", "exit_price", "pnl", "commission"].map(column);
    let closed: Vec<_> = ledger.trades.iter().filter(|trade| !trade.open).collect();
    for (at, trade) in closed.iter().enumerate().take(units.len()) {
        let what = format!("trade {at}");
        let ours = (f64::from(trade.entry_bar), f64::from(trade.exit_bar), trade.units);
        // What is opened within the last bar ends one bar before that there, where fills at the close are booked late.
        assert_eq!(ours, (entry_bar[at], exit_bar[at].max(entry_bar[at]), units[at]), "{what}");
        // What a trade closes may be a part of what was opened.
        let prices = |bar, units: f64| -> Vec<f64> {
            let is_of = |fill: &&Fill| fill.bar == bar && fill.units * units > 0.0;
            ledger.fills.iter().filter(is_of).map(|fill| fill.price).collect()
        };
        let (entries, exits) = (prices(trade.entry_bar, trade.units), prices(trade.exit_bar, -trade.units));
        assert!(entries.contains(&entry_price[at]), "{what}: {entries:?} for {}", entry_price[at]);
        assert!(exits.contains(&exit_price[at]), "{what}: {exits:?} for {}", exit_price[at]);
        agree(&what, trade.entry_price, entry_price[at]);
        agree(&what, trade.exit_price, exit_price[at]);
        agree(&what, trade.entry_fees + trade.exit_fees, fees[at]);
        // Profit is a difference of values that may be nearly equal, so rounding shows at their scale.
        agree_at_scale(&what, trade.pnl, pnl[at], trade.units.abs() * trade.entry_price);
    }
    assert_eq!(closed.len(), units.len(), "number of trades");
    let open = ledger.trades.iter().filter(|trade| trade.open);
    let open: Vec<Value> = open.map(|trade| json!([trade.units as i64, trade.entry_bar])).collect();
    let theirs: Vec<Value> = reference.rows("open_trades").iter().map(|row| json!([row[0], row[1]])).collect();
    assert_eq!(open, theirs);
}

/// The exits that every trade had are those that were asked for.
fn exits_agree(reference: &Reference, ledger: &Ledger) {
    let column = |name| reference.column("trades", "trade_columns", name);
    let theirs: Vec<_> = column("sl").into_iter().zip(column("tp")).collect();
    let filled = |order: u64| ledger.fills.iter().any(|fill| fill.order == order);
    let exits: Vec<_> = ledger.orders.iter().filter(|exit| exit.parent != 0 && filled(exit.parent)).collect();
    let ours: Vec<_> = exits.chunks(2).map(|pair| (pair[0].request.stop, pair[1].request.limit)).collect();
    assert_eq!(ours, theirs);
}

/// What is asked for in orders can be asked for in exposures, to the last bit.
fn targets_do_the_same(settings: &Settings, signals: Signals, exposure: f64, ledger: &Ledger) {
    let by_targets = trade_by(settings, signals, |commands, enters, leaves, bar| {
        if enters && bar.position == 0.0 {
            commands.target(0, exposure);
        } else if leaves {
            commands.target(0, 0.0);
        }
    });
    assert_eq!(by_targets.equity(), ledger.equity());
    assert_eq!(by_targets.trades, ledger.trades);
}

fn reproduce_backtesting_py(run: &str) {
    let reference = Reference::read(&format!("backtesting_py_{run}"));
    let mut settings = Profile::BacktestingPy.apply(Settings {
        initial_cash: reference.option("cash").unwrap(),
        fill: if reference.is_on("trade_on_close") { FillAt::Close } else { FillAt::NextOpen },
        commission_bps: reference.option("commission").unwrap() * 1e4,
        ..Settings::default()
    });
    if reference.is_on("finalize_trades") {
        settings.rules.at_end = AtEnd::LastBar;
    }
    let first_bar = reference.number("/first_bar") as usize;
    let style = Style::of(&reference);
    let ledger = if let Some(style) = style {
        let signals = Signals::of(run, SERIES[0].len(), first_bar + 1);
        trade_by(&settings, signals, |commands, enters, leaves, bar| style.act(commands, enters, leaves, bar))
    } else {
        let mut stream = Stream { bar: 0, entry: 0, exits: reference.0["params"]["exits"].as_bool().unwrap_or(false) };
        trade_by(&settings, Signals::none(), |commands, _, _, bar| stream.act(commands, bar))
    };
    trades_of_backtesting_py_agree(&reference, &ledger);
    if let Some(exposure) = style.and_then(Style::exposure) {
        targets_do_the_same(&settings, Signals::of(run, SERIES[0].len(), first_bar + 1), exposure, &ledger);
    }
    if let Some(Style::Bracket) = style {
        exits_agree(&reference, &ledger);
    }
    equity_agrees(&reference, &ledger);
    statistics_agree(&reference, &backtesting_py(&ledger, &SERIES[0].time, &SERIES[0].close, first_bar));
}

pub(crate) fn orders_of_vectorbt_agree(reference: &Reference, ledger: &Ledger) {
    let step = reference.number("/kept_every") as usize;
    for (fill, order) in ledger.fills.iter().step_by(step).zip(reference.rows("orders")) {
        let side = if fill.units > 0.0 { "buy" } else { "sell" };
        assert_eq!((u64::from(fill.bar), side), (order[0].as_u64().unwrap(), order[1].as_str().unwrap()));
        let number = |column: usize| order[column].as_f64().unwrap();
        let what = format!("order at bar {}", fill.bar);
        // An order that rebalances is the small difference of two large positions.
        let scale = 1e-6 * ledger.curve().at(fill.bar as usize).abs() / fill.price;
        agree_at_scale(&what, fill.units.abs(), number(2), number(2).max(scale));
        assert_eq!(fill.price, number(3), "{what}");
        agree_at_scale(&what, fill.fee, number(4), number(4).max(scale * fill.price));
    }
    assert_eq!(ledger.fills.len(), reference.number("/order_count") as usize, "number of orders");
    let sizes: f64 = ledger.fills.iter().map(|fill| fill.units.abs()).sum();
    agree("sum of sizes", sizes, reference.number("/order_size_sum"));
}

pub(crate) fn trades_of_vectorbt_agree(reference: &Reference, ledger: &Ledger) {
    let step = reference.number("/kept_every") as usize;
    assert_eq!(ledger.trades.len(), reference.number("/trade_count") as usize, "number of trades");
    for (ours, theirs) in ledger.trades.iter().step_by(step).zip(reference.rows("trades")) {
        let number = |column: usize| theirs[column].as_f64().unwrap();
        let what = format!("trade from bar {} to {}", ours.entry_bar, ours.exit_bar);
        assert_eq!((f64::from(ours.entry_bar), f64::from(ours.exit_bar)), (number(1), number(4)));
        assert_eq!((ours.is_long(), ours.open), (theirs[9] == "long", theirs[10] == "open"), "{what}");
        let scale = 1e-6 * ledger.initial_cash.max(ledger.final_equity());
        agree_at_scale(&what, ours.units.abs(), number(0), number(0).max(scale / ours.entry_price));
        agree(&what, ours.entry_price, number(2));
        agree_at_scale(&what, ours.entry_fees, number(3), number(3).max(scale));
        agree(&what, ours.exit_price, number(5));
        agree_at_scale(&what, ours.exit_fees, number(6), number(6).max(scale));
        agree_at_scale(&what, ours.pnl, number(7), (ours.entry_price * ours.units.abs()).max(scale));
        agree_at_scale(&what, ours.pnl_ratio, number(8), 1.0);
    }
    let profit: f64 = ledger.trades.iter().map(|trade| trade.pnl).sum();
    agree("sum of profits", profit, reference.number("/trade_pnl_sum"));
}

fn reproduce_vectorbt(run: &str) {
    let reference = Reference::read(&format!("vectorbt_{run}"));
    let settings = Profile::Vectorbt.apply(Settings {
        initial_cash: reference.option("init_cash").unwrap(),
        fill: if reference.0["options"]["price"] == "close" { FillAt::Close } else { FillAt::NextOpen },
        sizing: reference.option("size").map_or(Sizing::Equity, Sizing::Units),
        commission_bps: reference.option("fees").unwrap() * 1e4,
        commission_per_order: reference.option("fixed_fees").unwrap_or(0.0),
        slippage_bps: reference.option("slippage").unwrap_or(0.0) * 1e4,
        ..Settings::default()
    });
    let mut settings = settings;
    // Signals have an infinite size there, by which a short sale is cut to what free cash pays for.
    if run.contains("signals") {
        settings.rules.funds = BuyingPower::FreeCash;
    }
    let mut wishes = Wishes::of(run);
    let signals = Signals::of(run, SERIES[0].len(), 0);
    let ledger = trade_by(&settings, signals, |commands, enters, leaves, bar| {
        wishes.act(commands, enters, leaves, bar);
    });
    orders_of_vectorbt_agree(&reference, &ledger);
    trades_of_vectorbt_agree(&reference, &ledger);
    equity_agrees(&reference, &ledger);
    statistics_agree(&reference, &vectorbt(&ledger, &SERIES[0].time, &SERIES[0].close, None));
}

#[test]
fn all_runs_of_backtesting_py_are_reproduced_by_its_profile() {
    check_all("backtesting_py_", 36, reproduce_backtesting_py);
}

#[test]
fn all_runs_of_vectorbt_are_reproduced_by_its_profile() {
    check_all("vectorbt_", 38, reproduce_vectorbt);
}

#[test]
fn a_position_opened_within_the_last_bar_does_not_end_before_it() {
    let mut settings = Profile::BacktestingPy.apply(Settings { fill: FillAt::Close, ..Settings::default() });
    settings.rules.at_end = AtEnd::LastBar;
    let bars = SERIES[0].len();
    let signals = Signals { entries: (1..=bars).map(|bar| bar + 1 == bars).collect(), ..Signals::none() };
    let ledger = trade_by(&settings, signals, |commands, enters, _, bar| {
        if enters {
            commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 2.0 * bar.close));
        }
    });
    let bars: Vec<_> = ledger.trades.iter().map(|trade| (trade.entry_bar, trade.exit_bar)).collect();
    assert_eq!(bars, [(7982, 7982)]);
}

/// Reproduces every run of an engine, of which there are `count`, and names those that differ.
fn check_all(engine: &str, count: usize, reproduce: fn(&str)) {
    let runs = Reference::runs(engine);
    assert_eq!(runs.len(), count);
    let differ: Vec<_> = runs.iter().filter(|run| std::panic::catch_unwind(|| reproduce(run)).is_err()).collect();
    assert!(differ.is_empty(), "{} of {count} runs differ: {differ:#?}", differ.len());
}
