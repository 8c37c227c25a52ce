//! Equal bits whatever else is measured, on accounts that trade at random.

use std::sync::Arc;

use proptest::prelude::*;

use crate::metrics::{
    lanes::Kind,
    pass::{Pass, PassSums},
    *,
};
use crate::{
    broker::{FillAt, Settings, Sizing, Timeline, Workspace, simulate},
    model::{Series, Targets},
};

const DAY: i64 = 86_400_000_000_000;

/// What happens at one bar: the moves overnight and within the bar, and the exposure wished for at its close.
type Step = (f64, f64, Option<f64>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shift = || prop_oneof![4 => 0.97..1.03f64, 1 => Just(1.0), 1 => 0.6..1.6f64];
    let wish = prop::option::weighted(0.15, prop_oneof![Just(0.0), Just(1.0), -1.5..=1.5f64]);
    prop::collection::vec((shift(), shift(), wish), 0..150)
}

fn settings() -> impl Strategy<Value = Settings> {
    let fill = prop_oneof![Just(FillAt::NextOpen), Just(FillAt::Close)];
    let sizing = prop_oneof![Just(Sizing::Equity), Just(Sizing::Units(120.0)), Just(Sizing::Cash(8000.0))];
    (fill, sizing, prop_oneof![Just(0.0), 0.0..200.0f64]).prop_map(|(fill, sizing, commission_bps)| Settings {
        fill,
        sizing,
        commission_bps,
        ..Settings::default()
    })
}

/// Bars of which `a_day` are in one day, and the targets wished for.
fn market(steps: &[Step], a_day: i64) -> (Series, Targets) {
    let (mut series, mut targets, mut price) = (Series::default(), Targets::default(), 50.0);
    for (bar, &(overnight, within, wish)) in (0u32..).zip(steps) {
        let open = price * overnight;
        price = open * within;
        series.time.push(i64::from(bar) * DAY / a_day);
        series.open.push(open);
        series.high.push(open.max(price));
        series.low.push(open.min(price));
        series.close.push(price);
        series.volume.push(0.0);
        if let Some(exposure) = wish {
            targets.at.push(bar);
            targets.instrument.push(0);
            targets.exposure.push(exposure);
        }
    }
    (series, targets)
}

/// Lets an account trade at random, in one instrument or with an idle one beside it.
fn run(steps: &[Step], settings: &Settings, a_day: i64, risk_free: f64, instruments: usize) -> (Ledger, Frame) {
    let (only, targets) = market(steps, a_day);
    let series: Arc<[Series]> = vec![only; instruments].into();
    let (timeline, mut ledger) = (Timeline::of(&series), Ledger::new());
    simulate(&series, &timeline, &targets, settings, &mut Workspace::new(), &mut ledger);
    let frame = Frame::new(timeline.times(), timeline.days(), Annualization::infer(&timeline), risk_free);
    (ledger, frame)
}

/// The bits of all metrics.
fn measured(ledger: &Ledger, frame: &Frame, lanes: Kind) -> Vec<Option<u64>> {
    let mut scratch = Scratch { lanes, ..Scratch::default() };
    Metrics::of(ledger, frame, Selection::all(), &mut scratch).values().map(bits).to_vec()
}

fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}

proptest! {
    #[test]
    fn a_metric_has_the_same_bits_alone_as_with_all_others(
        steps in steps(),
        settings in settings(),
        a_day in prop_oneof![Just(1i64), Just(24)],
        risk_free in prop_oneof![Just(0.0), 0.0..0.1f64],
        instruments in 1usize..=2,
    ) {
        let (ledger, frame) = run(&steps, &settings, a_day, risk_free, instruments);
        let mut scratch = Scratch::default();
        let all = Metrics::of(&ledger, &frame, Selection::all(), &mut scratch);
        for (info, value) in Metrics::FIELDS.iter().zip(all.values()) {
            let selection = Selection::of([info.name]).unwrap();
            let alone = Metrics::of(&ledger, &frame, selection, &mut scratch);
            prop_assert_eq!(bits(alone.get(info.name).flatten()), bits(value), "{}", info.name);
            prop_assert!(alone.values().iter().flatten().count() <= 1, "{} brings others along", info.name);
        }
    }

    #[test]
    fn the_processor_changes_no_bit(
        steps in steps(),
        settings in settings(),
        a_day in prop_oneof![Just(1i64), Just(24)],
        risk_free in prop_oneof![Just(0.0), 0.0..0.1f64],
        instruments in 1usize..=2,
    ) {
        let (ledger, frame) = run(&steps, &settings, a_day, risk_free, instruments);
        prop_assert_eq!(measured(&ledger, &frame, Kind::Portable), measured(&ledger, &frame, Kind::Fastest));
    }

    #[test]
    fn stretches_say_what_equity_at_every_bar_says(steps in steps(), settings in settings()) {
        let (ledger, frame) = run(&steps, &settings, 1, 0.02, 1);
        let marked = Ledger::of_equity(ledger.initial_cash, &ledger.equity());
        let [ours, theirs] = [&ledger, &marked].map(|ledger| {
            let pass = Pass { ledger, rate: frame.rate(), list: None, falls: None, trend: None };
            let found: PassSums = Kind::Fastest.run(pass);
            let metrics = Metrics::of(ledger, &frame, Selection::all(), &mut Scratch::default());
            (found, metrics)
        });
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
        prop_assert_eq!(ours.0.depth.to_bits(), theirs.0.depth.to_bits());
        prop_assert!(near(ours.0.powers.first, theirs.0.powers.first), "{:?} {:?}", ours.0, theirs.0);
        prop_assert!(near(ours.0.powers.second, theirs.0.powers.second), "{:?} {:?}", ours.0, theirs.0);
        prop_assert!(near(ours.0.powers.shortfall, theirs.0.powers.shortfall), "{:?} {:?}", ours.0, theirs.0);
        for name in ["var_95", "best_day", "worst_day", "best_month", "ulcer_index", "average_drawdown_days"] {
            let [one, other] = [ours.1, theirs.1].map(|metrics| metrics.get(name).flatten());
            prop_assert!(one.zip(other).map_or(one == other, |(a, b)| near(a, b)), "{name}: {one:?} {other:?}");
        }
    }
}

/// A walk over so many bars with seldom an order, so that stretches are longer than what is passed together.
fn walk() -> impl Strategy<Value = Vec<Step>> {
    let shift = || 0.99..1.0101f64;
    let wish = prop::option::weighted(0.001, prop_oneof![Just(0.0), Just(1.0), -0.9..=0.9f64]);
    prop::collection::vec((shift(), shift(), wish), 2000..7000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn long_stretches_have_the_bits_of_every_processor_and_of_each_metric_alone(
        mut steps in walk(),
        settings in settings(),
        first in -1.0..1.0f64,
        a_day in prop_oneof![Just(1i64), Just(24)],
    ) {
        steps[0].2 = Some(first);
        let (ledger, frame) = run(&steps, &settings, a_day, 0.01, 1);
        let all = measured(&ledger, &frame, Kind::Fastest);
        prop_assert_eq!(&all, &measured(&ledger, &frame, Kind::Portable));
        let mut scratch = Scratch::default();
        for (info, value) in Metrics::FIELDS.iter().zip(all) {
            let alone = Metrics::of(&ledger, &frame, Selection::of([info.name]).unwrap(), &mut scratch);
            prop_assert_eq!(bits(alone.get(info.name).flatten()), value, "{}", info.name);
        }
    }
}
