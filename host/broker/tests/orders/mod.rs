//! The rules of orders, one by one, on bars small enough to follow by hand: each fails under the other choice of its rule.

mod life;
mod prices;

use std::{convert::Infallible, sync::Arc};

use crate::broker::{
    AtEnd, Bankruptcy, Booking, Client, ExitTiming, FillAt, GapFills, Intrabar, Ledger, LimitFills, LotRounding,
    MissingBars, OrderStatus, Priority, Rules, Settings, StopLimits, TickRounding, Timeline, TradeError, Trailing,
    Workspace, trade,
};
use crate::model::{
    BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side,
    TimeInForce,
};

const NAN: f64 = f64::NAN;

/// The day of a bar, and its open, high, low and close.
type DatedBar = (i64, (f64, f64, f64, f64));

/// Bars given as (open, high, low, close), a day apart, with a volume of 100.
pub(super) fn bars(prices: &[(f64, f64, f64, f64)]) -> Series {
    dated(&(0..).zip(prices.iter().copied()).collect::<Vec<_>>())
}

/// The same with the day of each.
pub(super) fn dated(prices: &[DatedBar]) -> Series {
    let column = |pick: fn(&(f64, f64, f64, f64)) -> f64| prices.iter().map(|(_, bar)| pick(bar)).collect::<Vec<_>>();
    Series {
        symbol: "A".into(),
        time: prices.iter().map(|(day, _)| day * 86_400_000_000_000).collect(),
        open: column(|bar| bar.0),
        high: column(|bar| bar.1),
        low: column(|bar| bar.2),
        close: column(|bar| bar.3),
        volume: vec![100.0; prices.len()],
        ..Series::default()
    }
}

/// A bar whose four prices are one.
pub(super) fn flat(price: f64) -> (f64, f64, f64, f64) {
    (price, price, price, price)
}

/// What a strategy heard beside bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heard {
    Fill(FillEvent),
    Reject(u64, RejectReason),
}

/// A strategy that does what its closures do.
struct Script<'a> {
    on_bar: &'a mut dyn FnMut(&BarEvent, &mut Commands),
    on_heard: &'a mut dyn FnMut(Heard, &mut Commands),
    commands: Commands,
    heard: Vec<Heard>,
}

impl Client for Script<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        (self.on_bar)(bar, &mut self.commands);
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        self.heard.push(Heard::Fill(*fill));
        (self.on_heard)(Heard::Fill(*fill), &mut self.commands);
        Ok(())
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Infallible> {
        self.heard.push(Heard::Reject(order, reason));
        (self.on_heard)(Heard::Reject(order, reason), &mut self.commands);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// The books of one run, and what the strategy heard.
pub(super) struct Run {
    pub(super) ledger: Ledger,
    pub(super) heard: Vec<Heard>,
}

impl Run {
    /// Fills as (order, bar, units, price).
    pub(super) fn fills(&self) -> Vec<(u64, u32, f64, f64)> {
        self.ledger.fills.iter().map(|fill| (fill.order, fill.bar, fill.units, fill.price)).collect()
    }

    pub(super) fn rejects(&self) -> Vec<(u64, RejectReason)> {
        let reject = |heard: &Heard| match heard {
            Heard::Reject(order, reason) => Some((*order, *reason)),
            Heard::Fill(_) => None,
        };
        self.heard.iter().filter_map(reject).collect()
    }
}

pub(super) fn run_all(
    series: &[Series],
    settings: Settings,
    on_bar: &mut dyn FnMut(&BarEvent, &mut Commands),
    on_heard: &mut dyn FnMut(Heard, &mut Commands),
) -> Result<Run, TradeError<Infallible>> {
    settings.check().unwrap();
    let mut script = Script { on_bar, on_heard, commands: Commands::default(), heard: vec![] };
    let mut ledger = Ledger::with_orders();
    trade(&Arc::from(series), &Timeline::of(series), &settings, &mut Workspace::new(), &mut ledger, &mut script)?;
    Ok(Run { ledger, heard: script.heard })
}

/// Runs a strategy that has sent `commands` from its start, and does nothing else.
pub(super) fn run_started(series: &[Series], settings: Settings, commands: Commands) -> (Ledger, Vec<Heard>) {
    let mut script = Script { on_bar: &mut |_, _| (), on_heard: &mut |_, _| (), commands, heard: vec![] };
    let mut ledger = Ledger::with_orders();
    trade(&Arc::from(series), &Timeline::of(series), &settings, &mut Workspace::new(), &mut ledger, &mut script)
        .unwrap();
    (ledger, script.heard)
}

/// Runs `on_bar` with books of one's own.
pub(super) fn run_in(
    ledger: &mut Ledger,
    series: &[Series],
    on_bar: &mut dyn FnMut(&BarEvent, &mut Commands),
) -> Result<(), TradeError<Infallible>> {
    let mut script = Script { on_bar, on_heard: &mut |_, _| (), commands: Commands::default(), heard: vec![] };
    trade(&Arc::from(series), &Timeline::of(series), &Settings::default(), &mut Workspace::new(), ledger, &mut script)
}

/// Runs `script`, which gets the number of each bar of the first instrument.
pub(super) fn run(series: &[Series], settings: Settings, mut script: impl FnMut(usize, &mut Commands)) -> Run {
    let mut bar = 0;
    let mut on_bar = |event: &BarEvent, commands: &mut Commands| {
        if event.instrument == 0 {
            script(bar, commands);
            bar += 1;
        }
    };
    run_all(series, settings, &mut on_bar, &mut |_, _| ()).unwrap()
}

/// Sends `requests` at the close of the first bar.
pub(super) fn send(series: &[Series], settings: Settings, requests: &[OrderRequest]) -> Run {
    run(series, settings, |bar, commands| {
        if bar == 0 {
            requests.iter().for_each(|request| _ = commands.submit(*request));
        }
    })
}

/// Sends an entry with exits at the close of the first bar.
pub(super) fn send_bracket(series: &[Series], settings: Settings, entry: OrderRequest, exits: (f64, f64)) -> Run {
    run(series, settings, |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(entry);
            commands.bracket(entry, exits.0, exits.1);
        }
    })
}

pub(super) fn ruled(change: impl FnOnce(&mut Rules)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.rules);
    settings
}

pub(super) fn buy(quantity: f64) -> OrderRequest {
    OrderRequest::market(0, Side::Buy, quantity)
}

pub(super) fn sell(quantity: f64) -> OrderRequest {
    OrderRequest::market(0, Side::Sell, quantity)
}
