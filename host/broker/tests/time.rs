//! When things happen: parts of the data with what comes before them, bars of different length, sessions.

use std::{convert::Infallible, sync::Arc};

use proptest::prelude::*;

use super::orders::{Run, buy, run_all};
use crate::broker::{
    Client, FillAt, Ledger, Settings, Timeline, WarmUp, Wishes, Workspace, simulate, simulate_after, trade_after,
};
use crate::model::{
    BarEvent, Commands, EventKind, FillEvent, OrderKind, OrderRequest, RejectReason, Schedule, Series, Side, Targets,
    TimeInForce,
};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Bars of one price each.
fn flat(bars: impl IntoIterator<Item = (i64, f64)>) -> Series {
    let (time, price): (Vec<_>, Vec<_>) = bars.into_iter().unzip();
    let mut series = Series {
        time,
        open: price.clone(),
        high: price.clone(),
        low: price.clone(),
        close: price.clone(),
        volume: vec![1.0; price.len()],
        ..Series::default()
    };
    series.schedule.complete(&mut series.time);
    series
}

/// Three days, and their hours. A day opens at 100, 200, 300 and closes 50 higher; the price of an hour is its number.
fn days_and_hours() -> [Series; 2] {
    let mut days = flat((0..3).map(|day| (day * DAY, 100.0 * (day + 1) as f64)));
    days.close.iter_mut().for_each(|close| *close += 50.0);
    days.high = days.close.clone();
    [days, flat((0..72).map(|hour| (hour * HOUR, 1.0 + hour as f64)))]
}

/// Runs a strategy that sends each of `orders` when it hears of a bar: instrument, number of the bar, order.
fn run(series: &[Series], settings: Settings, orders: &[(u32, i64, OrderRequest)]) -> Run {
    let mut on_bar = |event: &BarEvent, commands: &mut Commands| {
        let is_now = |order: &&(u32, i64, OrderRequest)| (order.0, order.1) == (event.instrument, event.time);
        orders.iter().filter(is_now).for_each(|(.., order)| _ = commands.submit(*order));
    };
    run_all(series, settings, &mut on_bar, &mut |_, _| ()).unwrap()
}

#[test]
fn a_close_that_is_still_to_come_trades_nothing() {
    let series = days_and_hours();
    // The close of the first day is known at midnight: the hour after that is the first to trade in.
    let after_day = run(&series, Settings::default(), &[(0, 0, OrderRequest::market(1, Side::Buy, 1.0))]);
    assert_eq!(after_day.fills(), [(1, 24, 1.0, 25.0)]);
    // An hour of the second day cannot trade at the open of that day.
    let after_hour = run(&series, Settings::default(), &[(1, 30 * HOUR, buy(1.0))]);
    assert_eq!(after_hour.fills(), [(1, 2, 1.0, 300.0)]);
    let at_close = Settings { fill: FillAt::Close, ..Settings::default() };
    let after_hour = run(&series, at_close, &[(1, 30 * HOUR, buy(1.0))]);
    assert_eq!(after_hour.fills(), [(1, 1, 1.0, 250.0)], "the close of that day is still to come");
}

#[test]
fn an_order_sees_nothing_of_a_bar_that_began_before_it() {
    let series = days_and_hours();
    let limit = OrderRequest::limit(0, Side::Buy, 1.0, 210.0);
    let stop = OrderRequest::stop(0, Side::Buy, 1.0, 240.0);
    let trailing = OrderRequest { kind: OrderKind::TrailingStop, ..OrderRequest::stop(0, Side::Sell, 1.0, 10.0) };
    let sent = [(1, 30 * HOUR, limit), (1, 30 * HOUR, stop), (1, 30 * HOUR, trailing)];
    let ran = run(&series, Settings::default(), &sent);
    // The second day's open at 200 and its way to 250 are over for orders of its sixth hour.
    assert!(ran.fills().iter().all(|(_, bar, ..)| *bar == 2), "{:?}", ran.fills());
}

#[test]
fn an_order_for_the_day_lives_as_long_as_the_session() {
    let chicago = Schedule {
        session: Some("17:00-16:00".parse().unwrap()),
        offsets: vec![(0, -6 * 3600)],
        ..Schedule::default()
    };
    // From 20:00 to 08:00 in Chicago, over midnight in UTC twice: a new session begins at 23:00 UTC.
    let mut evening = flat((20..50).map(|hour| (hour * HOUR, 100.0)));
    evening.schedule = Schedule { interval: Some(HOUR), ..chicago };
    let day = |time: i64| {
        let order = OrderRequest { time_in_force: TimeInForce::Day, ..OrderRequest::limit(0, Side::Buy, 1.0, 50.0) };
        let ran = run(std::slice::from_ref(&evening), Settings::default(), &[(0, time * HOUR, order)]);
        ran.ledger.orders[0].ended as i64 + 20
    };
    assert_eq!(day(20), 23, "the session that ends at 22:00 UTC");
    assert_eq!(day(23), 47, "midnight in UTC and in Chicago are within the session");
    let mut utc = evening.clone();
    utc.schedule = Schedule { interval: Some(HOUR), ..Schedule::default() };
    let order = OrderRequest { time_in_force: TimeInForce::Day, ..OrderRequest::limit(0, Side::Buy, 1.0, 50.0) };
    let ran = run(&[utc], Settings::default(), &[(0, 23 * HOUR, order)]);
    assert_eq!(ran.ledger.orders[0].ended + 20, 48, "the first bar after is in a day of its own, and so is the order");
}

/// A strategy that plays targets as it hears of their bars, and counts what it hears.
struct Player<'a> {
    targets: &'a Targets,
    /// For each instrument the number of bars heard.
    bars: Vec<u32>,
    positions: Vec<f64>,
    commands: Commands,
}

impl<'a> Player<'a> {
    fn new(targets: &'a Targets, instruments: usize) -> Self {
        let mut commands = Commands::default();
        commands.push(crate::model::Command::Mute { event: EventKind::Time });
        Self { targets, bars: vec![0; instruments], positions: Vec::new(), commands }
    }
}

impl Client for Player<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        let at = &mut self.bars[bar.instrument as usize];
        let Targets { at: bars, instrument, exposure } = self.targets;
        for entry in 0..bars.len() {
            if (bars[entry], instrument[entry]) == (*at, bar.instrument) {
                self.commands.target(bar.instrument, exposure[entry]);
            }
        }
        *at += 1;
        self.positions.push(bar.position);
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

/// Hours and days with prices, targets in the order of the timeline, and the bars that come before the period.
#[derive(Debug, Clone)]
struct Case {
    series: Vec<Series>,
    targets: Targets,
    skipped: Vec<usize>,
    settings: Settings,
}

fn case() -> impl Strategy<Value = Case> {
    let prices = prop::collection::vec(50.0..200.0f64, 5 * 24);
    let wishes = prop::collection::vec((0..2u32, 0..120u32, -1.5..1.5f64), 0..20);
    let fill = prop_oneof![Just(FillAt::NextOpen), Just(FillAt::Close)];
    (prices, wishes, 0..100i64, fill, any::<bool>(), 0.0..50.0f64).prop_map(
        |(prices, wishes, from, fill, mixed, commission_bps)| {
            let hours = |shift: usize| {
                let price = |hour: usize| prices[(hour + shift) % prices.len()];
                flat((0..5 * 24).map(|hour| (hour as i64 * HOUR, price(hour))))
            };
            let days = flat((0..5).map(|day| (day as i64 * DAY, prices[day])));
            let series = vec![if mixed { days } else { hours(7) }, hours(0)];
            let before = |one: &Series| one.time.partition_point(|time| one.schedule.opens(*time) < from * HOUR);
            let skipped = series.iter().map(before).collect();
            let timeline = Timeline::of(&series);
            let mut entries: Vec<_> = wishes
                .into_iter()
                .map(|(instrument, at, exposure)| (instrument, at % series[instrument as usize].len() as u32, exposure))
                .map(|(instrument, at, exposure)| {
                    (timeline.stamp(instrument as usize, at as usize), instrument, at, exposure)
                })
                .collect();
            entries.sort_by_key(|(stamp, instrument, ..)| (*stamp, *instrument));
            entries.dedup_by_key(|(stamp, instrument, ..)| (*stamp, *instrument));
            let targets = Targets {
                at: entries.iter().map(|entry| entry.2).collect(),
                instrument: entries.iter().map(|entry| entry.1).collect(),
                exposure: entries.iter().map(|entry| entry.3).collect(),
            };
            Case { series, targets, skipped, settings: Settings { fill, commission_bps, ..Settings::default() } }
        },
    )
}

/// The bars before the period, and those of it.
fn split(case: &Case) -> (WarmUp, Arc<[Series]>) {
    let bars = || case.series.iter().zip(&case.skipped);
    let series: Vec<_> = bars().map(|(one, skipped)| one.first(*skipped)).collect();
    let timeline = Timeline::of(&series);
    (WarmUp { series, timeline }, bars().map(|(one, skipped)| one.part(*skipped..one.len())).collect())
}

fn bits(ledger: &Ledger) -> Vec<u64> {
    ledger.equity().iter().map(|equity| equity.to_bits()).collect()
}

proptest! {
    #[test]
    fn a_period_is_traded_alike_by_targets_and_by_whoever_hears_of_its_bars(case in case()) {
        let (warm_up, traded) = split(&case);
        let timeline = Timeline::of(&traded);
        let (mut before, mut later) = (vec![None; traded.len()], Targets::default());
        for ((&at, &instrument), &exposure) in case.targets.at.iter().zip(&case.targets.instrument).zip(&case.targets.exposure) {
            match (at as usize).checked_sub(case.skipped[instrument as usize]) {
                None => before[instrument as usize] = Some(exposure),
                Some(bar) => {
                    later.at.push(bar as u32);
                    later.instrument.push(instrument);
                    later.exposure.push(exposure);
                }
            }
        }
        let before: Vec<_> = (0..).zip(before).filter_map(|(instrument, exposure)| Some((instrument, exposure?))).collect();
        let (mut jumped, mut heard) = (Ledger::new(), Ledger::new());
        let wishes = Wishes { before: &before, ..Wishes::from(&later) };
        simulate_after(wishes, &traded, &timeline, &case.settings, &mut Workspace::new(), &mut jumped);
        let mut player = Player::new(&case.targets, traded.len());
        trade_after(&warm_up, &traded, &timeline, &case.settings, &mut Workspace::new(), &mut heard, &mut player).unwrap();
        prop_assert_eq!(bits(&jumped), bits(&heard));
        prop_assert_eq!(&jumped.fills, &heard.fills);
        let bars: usize = case.series.iter().map(Series::len).sum();
        let ledger_ended = jumped.wiped_out.is_some();
        let heard = player.positions.len();
        prop_assert!(heard == bars || (ledger_ended && heard < bars), "each bar is heard once: {heard} of {bars}");
        let early: usize = case.skipped.iter().sum();
        prop_assert!(player.positions[..early].iter().all(|position| *position == 0.0));
    }

    #[test]
    fn nothing_trades_in_a_bar_that_began_before_the_decision(case in case()) {
        let timeline = Timeline::of(&case.series);
        let mut ledger = Ledger::new();
        let series = Arc::from(&*case.series);
        simulate(&series, &timeline, &case.targets, &case.settings, &mut Workspace::new(), &mut ledger);
        for fill in &ledger.fills {
            let one = &case.series[fill.instrument as usize];
            let bar = fill.bar as usize;
            let at = if case.settings.fill == FillAt::Close { one.schedule.ends(one.time[bar]) } else { one.schedule.opens(one.time[bar]) };
            let decided = case.targets.at.iter().zip(&case.targets.instrument).any(|(decision, instrument)| {
                *instrument == fill.instrument && one.schedule.ends(one.time[*decision as usize]) <= at
            });
            prop_assert!(decided || ledger.wiped_out.is_some(), "{fill:?}");
        }
    }

    #[test]
    fn a_period_that_is_all_of_the_data_changes_nothing(case in case()) {
        let timeline = Timeline::of(&case.series);
        let series = Arc::from(&*case.series);
        let (mut whole, mut part) = (Ledger::new(), Ledger::new());
        simulate(&series, &timeline, &case.targets, &case.settings, &mut Workspace::new(), &mut whole);
        let mut player = Player::new(&case.targets, series.len());
        trade_after(&WarmUp::default(), &series, &timeline, &case.settings, &mut Workspace::new(), &mut part, &mut player).unwrap();
        prop_assert_eq!(bits(&whole), bits(&part));
    }
}

#[test]
fn orders_from_before_the_period_are_refused() {
    let series = flat((0..6).map(|day| (day * DAY, 10.0)));
    let warm_up = WarmUp { series: vec![series.first(3)], timeline: Timeline::of(&[series.first(3)]) };
    let traded: Arc<[Series]> = Arc::from([series.part(3..6)]);
    struct Early {
        bars: usize,
        refused: Vec<(u64, RejectReason)>,
        commands: Commands,
    }
    impl Client for Early {
        type Error = Infallible;
        fn on_bar(&mut self, _: &BarEvent) -> Result<(), Infallible> {
            if self.bars == 1 || self.bars == 3 {
                let entry = self.commands.submit(buy(1.0));
                self.commands.bracket(entry, 5.0, 20.0);
            }
            self.bars += 1;
            Ok(())
        }
        fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
            Ok(())
        }
        fn on_fill(&mut self, _: &FillEvent) -> Result<(), Infallible> {
            Ok(())
        }
        fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Infallible> {
            self.refused.push((order, reason));
            Ok(())
        }
        fn finish(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
        fn commands(&mut self) -> &mut Commands {
            &mut self.commands
        }
    }
    let mut client = Early { bars: 0, refused: Vec::new(), commands: Commands::default() };
    let mut ledger = Ledger::with_orders();
    let settings = Settings::default();
    trade_after(&warm_up, &traded, &Timeline::of(&traded), &settings, &mut Workspace::new(), &mut ledger, &mut client)
        .unwrap();
    assert_eq!(client.refused, [(1, RejectReason::NoBar), (2, RejectReason::NoBar)]);
    assert_eq!(ledger.fills.len(), 1, "the entry of the period's first bar");
    assert_eq!((ledger.fills[0].order, ledger.fills[0].bar), (4, 1));
}
