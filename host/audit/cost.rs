//! Cost of an answer: units and time for each bar, and how they grow with the number of bars.
//!
//! Never judges a number of nanoseconds: they are the machine's.

use std::{sync::Arc, time::Instant};

use super::{
    Check, Cost, Verdict,
    ready::{Ready, Subject},
};
use crate::model::{Params, Series};

/// Runs whose least time counts.
const RUNS: usize = 5;

/// Computing that grows faster than this power of the number of bars is noted.
const STEEP: f64 = 1.25;

/// Asks for the defaults on the whole data and on the first half of it. Other parameters may be windows as long as the half,
/// which say nothing about growth.
pub(super) fn measure<R: Ready>(subject: &Subject<'_, R>, whole: &R) -> (Cost, Check) {
    const NAME: &str = "growth";
    let bars = count(&subject.series);
    let Some(defaults) = subject.sets.first().filter(|_| subject.is_worth_asking(0)) else {
        let why = "the defaults use up their limits";
        return (Cost { bars, ..Cost::default() }, Check::new(NAME, Verdict::Skipped, why));
    };
    let memory = whole.memory(defaults);
    let Some(series) = half(subject) else {
        let cost = Cost { bars, memory, ..Cost::default() };
        return (cost, Check::new(NAME, Verdict::Skipped, "the first half of the data has no bar of an instrument"));
    };
    let half_bars = count(&series);
    let half = R::new(subject.strategy, series, &subject.patience);
    let added = memory.zip(half.memory(defaults)).map(|(whole, half)| whole as f64 - half as f64);
    let cost = Cost {
        bars,
        half_bars,
        nanos: nanos(whole, defaults).map(|nanos| nanos / bars as f64),
        half_nanos: nanos(&half, defaults).map(|nanos| nanos / half_bars as f64),
        units: subject.answers[0].units.map(|units| units as f64 / bars as f64),
        half_units: half.answer(defaults).units.map(|units| units as f64 / half_bars as f64),
        memory,
        memory_per_bar: added.map(|added| added / (bars - half_bars) as f64),
    };
    let power = |(half, whole)| power(half, whole, bars as f64 / half_bars as f64);
    let growth = match cost.half_units.zip(cost.units).and_then(power) {
        None => Check::new(NAME, Verdict::Skipped, "no computing was counted"),
        Some(power) => {
            let verdict = if power > STEEP { Verdict::Noted } else { Verdict::Passed };
            Check::new(NAME, verdict, format!("computing grows like the number of bars to the power of {power:.2}"))
        }
    };
    (cost, growth)
}

/// The bars of the first half of the time stamps; none if an instrument or all of them have no bar there.
fn half<R: Ready>(subject: &Subject<'_, R>) -> Option<Arc<[Series]>> {
    let times = subject.timeline.times();
    let last = *times.get((times.len() / 2).checked_sub(1)?)?;
    let half =
        |(at, one): (usize, &Series)| Some(one.first(subject.timeline.known(at, last))).filter(|one| !one.is_empty());
    subject.series.iter().enumerate().map(half).collect()
}

fn count(series: &[Series]) -> usize {
    series.iter().map(Series::len).sum()
}

/// The least time of an answer; none where there is no answer.
fn nanos<R: Ready>(ready: &R, params: &Params) -> Option<f64> {
    let time = |_| {
        let start = Instant::now();
        let answered = ready.work(params);
        answered.then(|| start.elapsed().as_nanos() as f64)
    };
    (0..RUNS).map(time).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::min)
}

/// The power of the number of bars that computing grows with, from `half` units a bar to `whole`, where there are `more`
/// times as many bars.
fn power(half: f64, whole: f64, more: f64) -> Option<f64> {
    (half > 0.0).then(|| 1.0 + (whole / half).ln() / more.ln())
}
