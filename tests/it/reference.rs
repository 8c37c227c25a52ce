//! Our broker and metrics against runs of vectorbt on the bundled bars: the same orders, trades, equity and figures.
//!
//! Where the numbers come from is told in `tests/reference/README.md`.

use std::{fs, path::PathBuf};

use host::{
    broker::{FillAt, Ledger, Settings, Sizing, Timeline, Workspace, simulate},
    data::Dataset,
    metrics::{Annualization, Frame, Metrics, Scratch, Selection},
    model::{Series, Targets},
};
use serde_json::Value;

/// Relative difference that rounding alone may make.
const TOLERANCE: f64 = 1e-9;

/// One run of the other engine.
struct Reference(Value);

impl Reference {
    fn read(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reference/{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        Self(serde_json::from_str(&text).unwrap())
    }

    fn number(&self, pointer: &str) -> f64 {
        self.0.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at `{pointer}`"))
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.0.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no list at `{pointer}`"))
    }

    fn bars(&self, pointer: &str) -> Vec<usize> {
        self.list(pointer).iter().map(|bar| bar.as_u64().unwrap() as usize).collect()
    }

    fn settings(&self) -> Settings {
        let option = |name: &str| self.0["options"][name].as_f64();
        Settings {
            initial_cash: option("init_cash").unwrap(),
            fill: if self.0["options"]["price"] == "close" { FillAt::Close } else { FillAt::NextOpen },
            sizing: option("size").map_or(Sizing::Equity, Sizing::Units),
            commission_bps: option("fees").unwrap() * 1e4,
            commission_per_order: option("fixed_fees").unwrap_or(0.0),
            slippage_bps: option("slippage").unwrap_or(0.0) * 1e4,
            lot: None,
            ..Settings::default()
        }
    }

    /// What the run asked for at each bar, if anything: the rules of its generator in terms of exposures.
    fn wishes(&self, run: &str) -> Vec<Option<f64>> {
        let mut wishes = vec![None; self.number("/bars") as usize];
        let (up, down) = if run.contains("rebal60") { (0.6, 0.0) } else { (1.0, 0.0) };
        let down = if run.contains("longshort") { -1.0 } else { down };
        let strategy = run.split('_').next().unwrap();
        let signals = Self::read(&format!("signals_{strategy}"));
        for bar in signals.bars("/exits") {
            wishes[bar] = Some(down);
        }
        for bar in signals.bars("/entries") {
            wishes[bar] = Some(up);
        }
        let mut latest = None;
        for wish in &mut wishes {
            let changed = wish.filter(|_| *wish != latest);
            latest = wish.or(latest);
            if run.contains("rebal60") {
                *wish = latest;
            } else if run.contains("signals") {
                // Signals to enter what is held already are ignored there; targets repeat.
                *wish = changed;
            }
        }
        wishes
    }

    fn targets(&self, run: &str) -> Targets {
        let mut targets = Targets::default();
        for (bar, wish) in self.wishes(run).into_iter().enumerate() {
            if let Some(exposure) = wish {
                targets.at.push(bar as u32);
                targets.instrument.push(0);
                targets.exposure.push(exposure);
            }
        }
        targets
    }
}

/// Asserts that two numbers are the same but for rounding.
fn agree(what: &str, ours: f64, theirs: f64) {
    let difference = (ours - theirs).abs();
    let size = ours.abs().max(theirs.abs());
    assert!(difference <= TOLERANCE * size, "{what}: {ours:?} here, {theirs:?} there, {:e} apart", difference / size);
}

/// Asserts that two sizes of an order are the same but for rounding, or but for the last bits of a position of `scale`:
/// an order that rebalances is the small difference of two large positions.
fn agree_or_round(what: &str, ours: f64, theirs: f64, scale: f64) {
    if (ours - theirs).abs() > 1e-15 * scale {
        agree(what, ours, theirs);
    }
}

/// Asserts that two amounts of money are the same but for rounding at the scale of `scale`.
fn agree_at_scale(what: &str, ours: f64, theirs: f64, scale: f64) {
    let difference = (ours - theirs).abs();
    assert!(difference <= TOLERANCE * scale, "{what}: {ours:?} here, {theirs:?} there, at a scale of {scale}");
}

fn orders_agree(reference: &Reference, ledger: &Ledger) {
    assert_eq!(ledger.fills.len(), reference.number("/order_count") as usize, "number of orders");
    let step = reference.number("/kept_every") as usize;
    for (fill, order) in ledger.fills.iter().step_by(step).zip(reference.list("/orders")) {
        let side = if fill.units > 0.0 { "buy" } else { "sell" };
        assert_eq!((u64::from(fill.bar), side), (order[0].as_u64().unwrap(), order[1].as_str().unwrap()));
        let number = |column: usize| order[column].as_f64().unwrap();
        let equity = ledger.curve().at(fill.bar as usize);
        agree_or_round(&format!("size at bar {}", fill.bar), fill.units.abs(), number(2), equity / fill.price);
        agree(&format!("price at bar {}", fill.bar), fill.price, number(3));
        agree_or_round(&format!("fees at bar {}", fill.bar), fill.fee, number(4), equity);
    }
    let sizes: f64 = ledger.fills.iter().map(|fill| fill.units.abs()).sum();
    agree("sum of sizes", sizes, reference.number("/order_size_sum"));
    agree("sum of fees", ledger.fees, reference.number("/stats/Total Fees Paid"));
}

fn trades_agree(reference: &Reference, ledger: &Ledger) {
    assert_eq!(ledger.trades.len(), reference.number("/trade_count") as usize, "number of trades");
    let step = reference.number("/kept_every") as usize;
    for (ours, theirs) in ledger.trades.iter().step_by(step).zip(reference.list("/trades")) {
        let number = |column: usize| theirs[column].as_f64().unwrap();
        let what = format!("trade from bar {} to {}", ours.entry_bar, ours.exit_bar);
        assert_eq!((f64::from(ours.entry_bar), f64::from(ours.exit_bar)), (number(1), number(4)));
        assert_eq!((ours.is_long(), ours.open), (theirs[9] == "long", theirs[10] == "open"), "{what}");
        agree_or_round(&what, ours.units.abs(), number(0), ledger.final_equity() / ours.entry_price);
        agree(&what, ours.entry_price, number(2));
        agree_or_round(&what, ours.entry_fees, number(3), ledger.final_equity());
        agree(&what, ours.exit_price, number(5));
        agree_or_round(&what, ours.exit_fees, number(6), ledger.final_equity());
        // Profit is a difference of values that may be nearly equal, so rounding shows at their scale.
        agree_at_scale(&what, ours.pnl, number(7), ours.entry_price * ours.units.abs());
        agree_at_scale(&what, ours.pnl_ratio, number(8), 1.0);
    }
    let profit: f64 = ledger.trades.iter().map(|trade| trade.pnl).sum();
    agree("sum of profits", profit, reference.number("/trade_pnl_sum"));
}

fn equity_agrees(reference: &Reference, ledger: &Ledger) {
    assert_eq!(ledger.curve().len(), reference.number("/bars") as usize);
    for (ours, theirs) in ledger.equity().iter().step_by(50).zip(reference.list("/equity_every_50th_bar")) {
        agree("equity", *ours, theirs.as_f64().unwrap());
    }
    agree("final equity", ledger.final_equity(), reference.number("/equity_last"));
}

fn metrics_agree(reference: &Reference, ledger: &Ledger, series: &[Series]) {
    let periods_per_year = reference.number("/metrics/ann_factor");
    let timeline = Timeline::of(series);
    let frame = Frame::new(timeline.times(), timeline.days(), Ok(Annualization::given(periods_per_year)), 0.0);
    let metrics = Metrics::of(ledger, &frame, Selection::all(), &mut Scratch::default());
    for (ours, theirs) in [
        ("total_return", "/metrics/total_return"),
        ("sharpe", "/metrics/sharpe"),
        ("sortino", "/metrics/sortino"),
        ("omega", "/metrics/omega"),
        ("max_drawdown", "/metrics/max_drawdown"),
        ("annual_volatility", "/metrics/annualized_volatility"),
        ("final_equity", "/metrics/final_value"),
        ("trades", "/metrics/n_closed"),
        ("win_rate", "/metrics/win_rate"),
        ("fees", "/stats/Total Fees Paid"),
        ("profit_factor", "/stats/Profit Factor"),
        ("expectancy", "/stats/Expectancy"),
    ] {
        agree(ours, metrics.get(ours).flatten().unwrap(), reference.number(theirs));
    }
    // vectorbt's growth per year is by the number of bars, ours by the days that pass.
    let growth = 1.0 + reference.number("/metrics/total_return");
    let years = (timeline.times()[timeline.len() - 1] - timeline.times()[0]) as f64 / 86_400e9 / 365.25;
    let cagr = growth.powf(1.0 / years) - 1.0;
    agree("cagr", metrics.cagr.unwrap(), cagr);
    agree("calmar", metrics.calmar.unwrap(), cagr / -reference.number("/metrics/max_drawdown"));
    agree("best_trade", metrics.best_trade.unwrap() * 100.0, reference.number("/stats/Best Trade [%]"));
    agree("worst_trade", metrics.worst_trade.unwrap() * 100.0, reference.number("/stats/Worst Trade [%]"));
    let all = metrics.trades.unwrap() + metrics.open_trades.unwrap();
    assert_eq!(all, reference.number("/metrics/n_trades"));
}

fn check(run: &str) {
    let reference = Reference::read(&format!("vectorbt_{run}"));
    let dataset = Dataset::bundled().unwrap();
    let series = dataset.series();
    let targets = reference.targets(run);
    targets.check(series).unwrap();
    let mut ledger = Ledger::new();
    simulate(
        &dataset.shared(),
        &Timeline::of(series),
        &targets,
        &reference.settings(),
        &mut Workspace::new(),
        &mut ledger,
    );
    orders_agree(&reference, &ledger);
    trades_agree(&reference, &ledger);
    equity_agrees(&reference, &ledger);
    metrics_agree(&reference, &ledger, series);
}

#[test]
fn target_percent_orders_are_those_of_vectorbt() {
    for strategy in ["sma10-20", "sma20-50", "sma5-30", "sma50-200", "rsi14", "donchian20-10"] {
        check(&format!("{strategy}_longflat_targetpct_close"));
        check(&format!("{strategy}_longflat_targetpct_nextopen"));
    }
}

#[test]
fn a_position_rebalanced_at_every_bar_is_that_of_vectorbt() {
    check("sma10-20_rebal60_targetpct_close");
    check("sma10-20_rebal60_targetpct_nextopen");
}

#[test]
fn signals_that_put_all_cash_to_work_are_those_of_vectorbt() {
    for strategy in ["sma10-20", "sma20-50", "sma5-30", "sma50-200", "rsi14", "donchian20-10"] {
        check(&format!("{strategy}_longflat_signals_close"));
        check(&format!("{strategy}_longflat_signals_nextopen"));
    }
}

#[test]
fn reversals_from_long_to_short_and_back_are_those_of_vectorbt() {
    for strategy in ["sma20-50", "sma5-30", "sma50-200"] {
        check(&format!("{strategy}_longshort_signals_close"));
        check(&format!("{strategy}_longshort_signals_nextopen"));
    }
}

#[test]
fn fixed_sizes_fixed_fees_and_slippage_are_those_of_vectorbt() {
    for options in ["size10", "fixedfee_slip"] {
        check(&format!("sma10-20_{options}_signals_close"));
        check(&format!("sma10-20_{options}_signals_nextopen"));
    }
}
