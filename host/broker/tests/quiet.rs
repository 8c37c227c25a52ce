//! Quiet time stamps: a run that walks through them is the run that lives through each of them step by step, for any bars, orders
//! and rules.

use std::{convert::Infallible, sync::Arc};

use proptest::{prelude::*, test_runner::Config};

use super::order_properties::{request, settings};
use crate::{
    broker::{
        Booking, Client, Exits, FillAt, Ledger, Settings, Timeline, TradeError, WarmUp, Workspace, exchange::trade_by,
    },
    model::{
        BarEvent, BarTime, Command, Commands, EventKind, FillEvent, OrderRequest, RejectReason, Schedule, Series,
        random::{one_in, random, share},
    },
};

const HOUR: i64 = 3_600_000_000_000;

/// Everything that a strategy heard, with the bits of its numbers.
#[derive(Debug, PartialEq)]
enum Heard {
    Bar(u32, i64, [u64; 7]),
    Time(i64, u64),
    Fill(u64, u32, [u64; 3]),
    Reject(u64, RejectReason),
    Finish,
}

/// A strategy that does something now and then, which depends on how much it has heard.
struct Listener<'a> {
    seed: u64,
    /// One in so many events is answered.
    every: u64,
    requests: &'a [OrderRequest],
    mutes: bool,
    heard: Vec<Heard>,
    commands: Commands,
}

impl Listener<'_> {
    fn hear(&mut self, heard: Heard) -> Result<(), Infallible> {
        self.heard.push(heard);
        let at = self.heard.len() as u64;
        if !one_in(self.every, self.seed, at) {
            return Ok(());
        }
        let (pick, last) = (random(self.seed, at + 1_000_000), self.requests.len());
        let order = |back: u64| (at / self.every + 2).saturating_sub(back % 4);
        match pick % 16 {
            0..=6 => _ = self.commands.submit(self.requests[(pick / 16) as usize % last]),
            7..=9 => {
                let entry = self.commands.submit(self.requests[(pick / 16) as usize % last]);
                let [low, high] = [20.0 + 40.0 * share(self.seed, at), 50.0 + 60.0 * share(self.seed, at + 7)];
                self.commands.bracket(entry, low, high);
            }
            10 => self.commands.push(Command::OneCancelsOther { first: order(pick / 16), second: order(pick / 64) }),
            11 => self.commands.cancel(order(pick / 16)),
            12..=14 => self.commands.target((pick / 16 % 3) as u32, 2.4 * share(self.seed, at + 9) - 1.2),
            _ if self.mutes => {
                let events = [EventKind::Bar, EventKind::Time, EventKind::Fill, EventKind::Reject];
                self.commands.push(Command::Mute { event: events[(pick / 16) as usize % 4] });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Client for Listener<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        let &BarEvent { instrument, time, open, high, low, close, volume, position, equity } = bar;
        self.hear(Heard::Bar(instrument, time, [open, high, low, close, volume, position, equity].map(f64::to_bits)))
    }

    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), Infallible> {
        self.hear(Heard::Time(time, equity.to_bits()))
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        let &FillEvent { order, instrument, quantity, price, fee } = fill;
        self.hear(Heard::Fill(order, instrument, [quantity, price, fee].map(f64::to_bits)))
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Infallible> {
        self.hear(Heard::Reject(order, reason))
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        self.hear(Heard::Finish)
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// Bars of up to three instruments: most have each hour, some leave hours out, some last longer, and some have a close beyond
/// their extremes.
fn market(seed: u64) -> Vec<Series> {
    let instruments = 1 + random(seed, 1) % 3;
    let hours = 20 + random(seed, 2) % 150;
    // Where little moves, few orders are reached.
    let scale = [0.002, 0.01, 0.05, 0.3][(random(seed, 3) % 4) as usize];
    (0..instruments)
        .map(|instrument| {
            let seed = random(seed, 10 + instrument);
            let lasts = if one_in(8, seed, 1) { 1 + random(seed, 2) % 5 } else { 1 };
            let missing = [0, 0, 10, 40][(random(seed, 3) % 4) as usize];
            let is_contained = !one_in(8, seed, 4);
            let mut series = Series { symbol: format!("S{instrument}"), ..Series::default() };
            let mut price = 40.0 + 20.0 * share(seed, 5);
            for hour in (0..hours).step_by(lasts as usize) {
                let step = |at: u64| scale * (share(seed, 100 * hour + at) - 0.5);
                let (open, close) = (price * (1.0 + step(6)), price * (1.0 + step(6)) * (1.0 + step(7)));
                price = close;
                if random(seed, 100 * hour + 8) % 100 < missing {
                    continue;
                }
                let room = if is_contained { 0.0 } else { scale / 4.0 };
                series.time.push(hour as i64 * HOUR);
                series.open.push(open);
                series.high.push(open.max(close) * (1.0 + step(9).abs() - room).max(0.5));
                series
                    .low
                    .push((open.min(close) * (1.0 - step(10).abs() + room)).min(series.high[series.high.len() - 1]));
                // What is held without an order to leave it is ruined only by a jump.
                price = if one_in(200, seed, 100 * hour + 12) { price * 1.8 } else { price };
                series.close.push(close);
                series.volume.push((random(seed, 100 * hour + 11) % 500) as f64);
            }
            series.schedule = Schedule {
                interval: Some(lasts as i64 * HOUR),
                bar_time: if one_in(8, seed, 12) { BarTime::Close } else { BarTime::Open },
                ..Schedule::default()
            };
            if one_in(3, seed, 13) {
                series.detail = Some(Arc::new(halves(&series, seed)));
            }
            series
        })
        .collect()
}

/// Finer bars: each bar in two halves, of which the first has the high and the second the low.
fn halves(series: &Series, seed: u64) -> Series {
    let half = series.schedule.interval.unwrap_or(HOUR) / 2;
    let mut halves = Series { symbol: series.symbol.clone(), ..Series::default() };
    for at in 0..series.len() {
        let (open, high, low, close) = (series.open[at], series.high[at], series.low[at], series.close[at]);
        let middle = low + (high - low) * share(seed, at as u64);
        for (time, open, high, low, close) in [
            (0, open, high, open.min(middle).max(low), middle),
            (half, middle, middle.max(close).min(high), low, close),
        ] {
            halves.time.push(series.time[at] + time);
            halves.open.push(open);
            halves.high.push(high);
            halves.low.push(low);
            halves.close.push(close);
            halves.volume.push(series.volume[at] / 2.0);
        }
    }
    let is_close = series.schedule.bar_time == BarTime::Close;
    halves.time.iter_mut().filter(|_| is_close).for_each(|time| *time -= half);
    halves.schedule = Schedule { interval: Some(half), ..series.schedule.clone() };
    halves
}

/// A run: the bars before it and within it, what is asked for, and the account.
struct Run {
    warm_up: WarmUp,
    series: Arc<[Series]>,
    timeline: Timeline,
    settings: Settings,
}

impl Run {
    fn new(seed: u64, mut settings: Settings) -> Self {
        let mut series = market(seed);
        let mut warm_up = WarmUp::default();
        if one_in(3, seed, 4) {
            let bars = (random(seed, 5) % 10) as usize;
            warm_up.series = series.iter().map(|one| one.first(bars.min(one.len()))).collect();
            warm_up.timeline = Timeline::of(&warm_up.series);
            series = series.iter().map(|one| one.part(bars.min(one.len())..one.len())).collect();
        }
        if one_in(4, seed, 6) {
            settings.rules.booking = Booking::NextBar;
        }
        if !one_in(3, seed, 7) {
            settings.borrow_rate = 0.0;
        }
        if one_in(3, seed, 10) {
            settings.initial_margin = settings.initial_margin.min(0.25);
            settings.maintenance_margin = 0.2 * share(seed, 11);
        }
        if one_in(4, seed, 8) {
            settings.first_bar = (random(seed, 9) % 30) as usize;
        }
        let timeline = Timeline::of(&series);
        Self { warm_up, series: series.into(), timeline, settings }
    }

    fn play(&self, by_steps: bool, listener: &mut Listener<'_>) -> (Ledger, Result<(), TradeError<Infallible>>) {
        let Self { warm_up, series, timeline, settings } = self;
        let (mut work, mut ledger) = (Workspace::new(), Ledger::with_orders());
        let ended = trade_by(
            (by_steps, Exits::default()),
            warm_up,
            series,
            timeline,
            settings,
            &mut work,
            &mut ledger,
            listener,
        );
        (ledger, ended)
    }
}

/// All that a ledger holds, with the bits of its numbers.
fn books(ledger: &Ledger) -> String {
    let equity: Vec<_> = ledger.equity().into_iter().map(f64::to_bits).collect();
    let Ledger { fills, trades, orders, .. } = ledger;
    let sums = (ledger.fees, ledger.borrow_costs, ledger.traded_value, ledger.stamps_in_market, ledger.wiped_out);
    let counts = (ledger.sent, ledger.rejected, ledger.cut, ledger.unpriced, ledger.below_lot);
    format!("{fills:?} {trades:?} {orders:?} {sums:?} {counts:?} {equity:?}")
}

fn check(seed: u64, settings: Settings, requests: &[OrderRequest]) -> Result<(), TestCaseError> {
    let run = Run::new(seed, settings);
    prop_assume!(run.settings.check().is_ok() && run.series.iter().any(|one| !one.is_empty()));
    let listener = || Listener {
        seed,
        every: [2, 5, 20, 60][(random(seed, 20) % 4) as usize],
        requests,
        mutes: one_in(3, seed, 21),
        heard: Vec::new(),
        commands: Commands::default(),
    };
    let (mut one, mut other) = (listener(), listener());
    let (expected, ended) = run.play(true, &mut one);
    let (ledger, walked) = run.play(false, &mut other);
    prop_assert_eq!(format!("{walked:?}"), format!("{ended:?}"));
    prop_assert_eq!(&other.heard, &one.heard);
    prop_assert_eq!(books(&ledger), books(&expected));
    Ok(())
}

proptest! {
    #![proptest_config(Config { max_global_rejects: 1_000_000, ..Config::default() })]

    #[test]
    fn a_walk_through_quiet_stamps_is_the_run_step_by_step(
        seed: u64,
        settings in settings(),
        requests in prop::collection::vec(request(), 1..8),
        is_close: bool,
    ) {
        let fill = if is_close { FillAt::Close } else { settings.fill };
        check(seed, Settings { fill, ..settings }, &requests)?;
    }
}
