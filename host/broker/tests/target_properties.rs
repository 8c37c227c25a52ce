//! Properties of every run with targets, for any prices, targets and costs.

use std::sync::Arc;

use proptest::prelude::*;

use crate::broker::{FillAt, Ledger, Settings, Sizing, Timeline, Workspace, simulate};
use crate::model::{Contract, Series, Targets};

/// Differences that rounding explains, as a share of the money that moved.
const ROUNDING: f64 = 1e-9;

/// One data set, what is wished for on it, and the account.
#[derive(Debug, Clone)]
struct Case {
    series: Vec<Series>,
    targets: Targets,
    settings: Settings,
}

impl Case {
    fn run(&self) -> Ledger {
        self.targets.check(&self.series).unwrap();
        self.settings.check().unwrap();
        let mut ledger = Ledger::new();
        simulate(
            &Arc::from(&*self.series),
            &Timeline::of(&self.series),
            &self.targets,
            &self.settings,
            &mut Workspace::new(),
            &mut ledger,
        );
        ledger
    }

    /// The money that moved: the scale of rounding.
    fn scale(&self, ledger: &Ledger) -> f64 {
        let largest = ledger.equity().iter().fold(self.settings.initial_cash, |most, equity| most.max(equity.abs()));
        largest + ledger.traded_value
    }
}

/// One step of time of one instrument: (has a bar, move overnight, move within the bar, wish).
type Step = (bool, f64, f64, Option<f64>);

fn steps(exposure: std::ops::RangeInclusive<f64>) -> impl Strategy<Value = Vec<Step>> {
    let wish = prop::option::weighted(0.2, prop_oneof![Just(0.0), exposure]);
    prop::collection::vec((prop::bool::weighted(0.8), 0.7..1.4f64, 0.7..1.4f64, wish), 0..40)
}

fn settings() -> impl Strategy<Value = Settings> {
    let fill = prop_oneof![Just(FillAt::NextOpen), Just(FillAt::Close)];
    let sizing = prop_oneof![
        Just(Sizing::Equity),
        (0.1..300.0f64).prop_map(Sizing::Units),
        (10.0..20_000.0f64).prop_map(Sizing::Cash)
    ];
    let lot = prop::option::of(0.01..20.0f64);
    (fill, sizing, 0.0..200.0f64, 0.0..5.0f64, 0.0..100.0f64, lot).prop_map(
        |(fill, sizing, commission_bps, commission_per_order, slippage_bps, lot)| Settings {
            initial_cash: 10_000.0,
            fill,
            sizing,
            commission_bps,
            commission_per_order,
            slippage_bps,
            lot,
            ..Settings::default()
        },
    )
}

fn case(
    instruments: std::ops::RangeInclusive<usize>,
    exposure: std::ops::RangeInclusive<f64>,
) -> impl Strategy<Value = Case> {
    let all = prop::collection::vec(steps(exposure), instruments);
    (all, settings()).prop_map(|(all, settings)| {
        let (series, wishes): (Vec<_>, Vec<_>) = all.iter().map(|steps| walk(steps)).unzip();
        Case { targets: merge(&series, &wishes), series, settings }
    })
}

/// Turns steps into bars, and the wishes at them.
fn walk(steps: &[Step]) -> (Series, Vec<(u32, f64)>) {
    let (mut series, mut wishes, mut price) = (Series::default(), Vec::new(), 50.0);
    for (time, &(present, overnight, within, wish)) in (0i64..).zip(steps) {
        let open = price * overnight;
        price = open * within;
        if !present {
            continue;
        }
        wishes.extend(wish.map(|exposure| (series.len() as u32, exposure)));
        series.time.push(time);
        series.open.push(open);
        series.high.push(open.max(price));
        series.low.push(open.min(price));
        series.close.push(price);
        series.volume.push(0.0);
    }
    (series, wishes)
}

fn merge(series: &[Series], wishes: &[Vec<(u32, f64)>]) -> Targets {
    let mut all: Vec<_> = (0u32..)
        .zip(series.iter().zip(wishes))
        .flat_map(|(i, (bars, wishes))| wishes.iter().map(move |&(at, x)| (bars.time[at as usize], i, at, x)))
        .collect();
    all.sort_by_key(|&(time, ..)| time);
    Targets {
        at: all.iter().map(|entry| entry.2).collect(),
        instrument: all.iter().map(|entry| entry.1).collect(),
        exposure: all.iter().map(|entry| entry.3).collect(),
    }
}

/// Plays the fills again; returns cash after each and the equity at every stamp that they explain.
fn replay(case: &Case, ledger: &Ledger) -> (Vec<f64>, Vec<f64>) {
    let timeline = Timeline::of(&case.series);
    let (mut cash, mut units) = (case.settings.initial_cash, vec![0.0; case.series.len()]);
    let (mut cashes, mut fills) = (Vec::new(), ledger.fills.iter().peekable());
    let equity = (0..timeline.len()).map(|stamp| {
        let now = timeline.times()[stamp];
        let due = |fill: &&crate::broker::Fill| case.series[fill.instrument as usize].time[fill.bar as usize] <= now;
        while let Some(fill) = fills.next_if(due) {
            cash -= fill.units * fill.price + fill.fee;
            units[fill.instrument as usize] += fill.units;
            cashes.push(cash);
        }
        let held = case.series.iter().zip(&units).map(|(bars, units)| {
            let seen = bars.time.partition_point(|&time| time <= now);
            if seen == 0 { 0.0 } else { units * bars.close[seen - 1] }
        });
        cash + held.sum::<f64>()
    });
    let equity = equity.collect();
    (cashes, equity)
}

proptest! {
    #[test]
    fn cash_and_positions_are_equity(case in case(0..=3, -1.5..=1.5)) {
        let ledger = case.run();
        let (_, equity) = replay(&case, &ledger);
        prop_assert_eq!(ledger.equity().len(), equity.len());
        // An account that is wiped out closes what has no bar at that stamp too, booked at a bar before it.
        let first = ledger.wiped_out.map_or(0, |_| equity.len() - 1);
        for (booked, explained) in ledger.equity().iter().zip(&equity).skip(first) {
            prop_assert!((booked - explained).abs() <= ROUNDING * case.scale(&ledger), "{booked} {explained}");
        }
    }

    #[test]
    fn stamp_by_stamp_gives_the_same_bits_as_from_fill_to_fill(case in case(0..=3, -1.5..=1.5)) {
        let jumped = case.run();
        let mut walked = Ledger::new();
        let (series, timeline) = (Arc::from(&*case.series), Timeline::of(&case.series));
        crate::broker::simulate::play((&case.targets).into(), &series, &timeline, &case.settings, &mut Workspace::new(), &mut walked);
        let bits = |ledger: &Ledger| ledger.equity().iter().map(|equity| equity.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&jumped), bits(&walked));
        prop_assert_eq!(&jumped.fills, &walked.fills);
        prop_assert_eq!(&jumped.trades, &walked.trades);
        prop_assert_eq!((jumped.fees.to_bits(), jumped.wiped_out), (walked.fees.to_bits(), walked.wiped_out));
        prop_assert_eq!(jumped.stamps_in_market, walked.stamps_in_market);
        prop_assert!(jumped.curve().spans().eq(walked.curve().spans()));
    }

    #[test]
    fn fees_and_trades_add_up(case in case(0..=3, -1.5..=1.5)) {
        let ledger = case.run();
        let scale = ROUNDING * case.scale(&ledger);
        let fees: f64 = ledger.fills.iter().map(|fill| fill.fee).sum();
        let shared: f64 = ledger.trades.iter().map(|trade| trade.entry_fees + trade.exit_fees).sum();
        let won: f64 = ledger.trades.iter().map(|trade| trade.pnl).sum();
        prop_assert!((fees - ledger.fees).abs() <= scale);
        prop_assert!((shared - ledger.fees).abs() <= scale);
        prop_assert!((won - (ledger.final_equity() - ledger.initial_cash)).abs() <= scale);
    }

    #[test]
    fn nothing_trades_before_its_decision(case in case(0..=3, -1.5..=1.5)) {
        let ledger = case.run();
        let wait = u32::from(case.settings.fill == FillAt::NextOpen);
        let wishes: Vec<_> = case.targets.instrument.iter().zip(&case.targets.at).collect();
        let end = ledger.wiped_out.map(|stamp| Timeline::of(&case.series).times()[stamp]);
        for fill in &ledger.fills {
            let decided = wishes.contains(&(&fill.instrument, &fill.bar.wrapping_sub(wait)));
            prop_assert!(decided || end.is_some());
            let time = case.series[fill.instrument as usize].time[fill.bar as usize];
            prop_assert!(end.is_none_or(|end| time <= end));
        }
    }

    #[test]
    fn an_account_that_is_only_long_never_borrows(mut case in case(0..=3, 0.0..=1.5)) {
        case.settings.commission_per_order = 0.0;
        let ledger = case.run();
        let (cashes, _) = replay(&case, &ledger);
        let slack = -ROUNDING * case.scale(&ledger);
        prop_assert!(cashes.iter().all(|&cash| cash >= slack), "{cashes:?}");
        prop_assert_eq!(ledger.wiped_out, None);
    }

    #[test]
    fn a_position_that_was_opened_or_grew_is_worth_no_more_than_equity(case in case(1..=1, -2.0..=2.0)) {
        let ledger = case.run();
        let (cashes, _) = replay(&case, &ledger);
        let mut held = 0.0f64;
        for (fill, cash) in ledger.fills.iter().zip(&cashes) {
            let before = held;
            held += fill.units;
            let (value, slack) = (held * fill.price, ROUNDING * case.scale(&ledger));
            if (held.abs() > before.abs() || held * before < 0.0) && value.abs() > slack {
                prop_assert!(value.abs() <= cash + value + slack, "{fill:?} {cash}");
            }
        }
    }

    #[test]
    fn an_account_that_wants_nothing_stays_as_it_is(mut case in case(0..=3, -1.0..=1.0)) {
        case.targets.exposure.fill(0.0);
        let ledger = case.run();
        prop_assert!(ledger.fills.is_empty());
        prop_assert!(ledger.equity().iter().all(|&equity| equity == 10_000.0));
    }

    #[test]
    fn an_idle_instrument_beside_it_changes_no_bit(
        alone in case(1..=1, -1.5..=1.5),
        present in prop::collection::vec(any::<bool>(), 40),
    ) {
        let mut beside = alone.clone();
        let mut idle = Series { symbol: "idle".into(), ..Series::default() };
        for (time, _) in alone.series[0].time.iter().zip(&present).filter(|(_, present)| **present) {
            idle.time.push(*time);
            for column in [&mut idle.open, &mut idle.high, &mut idle.low, &mut idle.close, &mut idle.volume] {
                column.push(7.0);
            }
        }
        beside.series.push(idle);
        let (alone, beside) = (alone.run(), beside.run());
        let bits = |ledger: &Ledger| ledger.equity().iter().map(|equity| equity.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&alone), bits(&beside));
        prop_assert_eq!(&alone.fills, &beside.fills);
        prop_assert_eq!(&alone.trades, &beside.trades);
        prop_assert_eq!((alone.fees.to_bits(), alone.wiped_out), (beside.fees.to_bits(), beside.wiped_out));
        prop_assert_eq!(alone.stamps_in_market, beside.stamps_in_market);
    }

    #[test]
    fn an_order_leaves_whole_lots(mut case in case(1..=1, -1.5..=1.5)) {
        case.settings.lot = Some(0.25);
        let ledger = case.run();
        prop_assert!(ledger.fills.iter().all(|fill| (fill.units * 4.0).fract() == 0.0), "{:?}", ledger.fills);
    }

    #[test]
    fn a_multiplier_is_worth_what_larger_prices_are(case in case(0..=3, -1.5..=1.5)) {
        let mut larger = case.clone();
        for series in &mut larger.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price *= 8.0);
            }
        }
        let mut pointed = case.clone();
        pointed.settings.multiplier = 8.0;
        let (larger, pointed) = (larger.run(), pointed.run());
        let bits = |ledger: &Ledger| ledger.equity().iter().map(|equity| equity.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&larger), bits(&pointed));
        prop_assert_eq!(larger.fees.to_bits(), pointed.fees.to_bits());
        prop_assert_eq!((larger.traded_value, larger.cut), (pointed.traded_value, pointed.cut));
        for (one, other) in larger.trades.iter().zip(&pointed.trades) {
            prop_assert_eq!((one.units, one.pnl, one.pnl_ratio), (other.units, other.pnl, other.pnl_ratio));
            prop_assert_eq!(one.entry_price, other.entry_price * 8.0);
        }
    }

    #[test]
    fn terms_of_the_instruments_are_as_good_as_the_accounts(case in case(1..=3, -1.5..=1.5)) {
        let mut given = case.clone();
        let Settings { lot, commission_bps, commission_per_order, .. } = case.settings;
        for series in &mut given.series {
            series.contract = Contract {
                lot,
                commission_bps: Some(commission_bps),
                commission_per_order: Some(commission_per_order),
                ..Contract::default()
            };
        }
        (given.settings.commission_bps, given.settings.commission_per_order, given.settings.lot) = (7.0, 7.0, None);
        if lot.is_some() {
            given.settings.lot = Some(3.0);
        }
        let (one, other) = (case.run(), given.run());
        prop_assert_eq!(one.equity(), other.equity());
        prop_assert_eq!(&one.fills, &other.fills);
    }

    #[test]
    fn prices_below_zero_keep_the_books_right(mut case in case(1..=3, -1.5..=1.5), down in 20.0..120.0f64) {
        for series in &mut case.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price -= down);
            }
        }
        let ledger = case.run();
        let mut walked = Ledger::new();
        let (series, timeline) = (Arc::from(&*case.series), Timeline::of(&case.series));
        crate::broker::simulate::play((&case.targets).into(), &series, &timeline, &case.settings, &mut Workspace::new(), &mut walked);
        prop_assert_eq!(ledger.equity(), walked.equity());
        prop_assert_eq!(&ledger.fills, &walked.fills);
        prop_assert_eq!((ledger.wiped_out, ledger.cut, ledger.unpriced), (walked.wiped_out, walked.cut, walked.unpriced));
        prop_assert_eq!(ledger.below_lot, walked.below_lot);
        let (_, equity) = replay(&case, &ledger);
        let first = ledger.wiped_out.map_or(0, |_| equity.len() - 1);
        for (booked, explained) in ledger.equity().iter().zip(&equity).skip(first) {
            prop_assert!((booked - explained).abs() <= ROUNDING * case.scale(&ledger), "{booked} {explained}");
        }
        for fill in &ledger.fills {
            let series = &case.series[fill.instrument as usize];
            let bar = fill.bar as usize;
            let found = [series.open[bar], series.close[bar]].map(|price| (fill.price - price) * fill.units);
            prop_assert!(found.iter().any(|cost| *cost >= 0.0), "slippage is against the order: {fill:?}");
            prop_assert!(fill.fee >= 0.0);
        }
        let won: f64 = ledger.trades.iter().map(|trade| trade.pnl).sum();
        prop_assert!((won - (ledger.final_equity() - ledger.initial_cash)).abs() <= ROUNDING * case.scale(&ledger));
    }
}
