//! Audits of Rust functions that look ahead in every known way, and of some that only seem to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    backtest::EventStrategy,
    model::{BarEvent, Commands, ParamSpec, Series, Targets, Value},
    task::{ErrorKind, TaskError},
};

/// Daily bars that move up and down by a few percent.
fn walk(symbol: &str, bars: usize, seed: u64, keep: impl Fn(usize) -> bool) -> Series {
    const DAY: i64 = 86_400_000_000_000;
    let mut random = seeded::Random::new(seed, &[]);
    let mut series = Series { symbol: symbol.into(), ..Series::default() };
    let mut price = 100.0;
    for bar in 0..bars {
        let open = price;
        price *= 1.0 + 0.06 * (random.fraction() - 0.5);
        if keep(bar) {
            series.time.push(bar as i64 * DAY);
            series.open.push(open);
            series.high.push(open.max(price));
            series.low.push(open.min(price));
            series.close.push(price);
            series.volume.push(1000.0 * random.fraction());
        }
    }
    series
}

fn one() -> Dataset {
    Dataset::new(vec![walk("ONE", 300, 1, |_| true)]).unwrap()
}

/// A strategy without parameters that holds the first instrument wherever `rule` says so.
fn holding(rule: impl Fn(&[Series], usize) -> bool + Send + Sync + 'static) -> Strategy {
    Strategy::native("rule", vec![], move |series, _| Ok(held(series, |bar| rule(series, bar))))
}

fn held(series: &[Series], rule: impl Fn(usize) -> bool) -> Targets {
    let mut targets = Targets::default();
    let mut before = false;
    for bar in 0..series[0].len() {
        if rule(bar) != before {
            before = !before;
            targets.at.push(bar as u32);
            targets.instrument.push(0);
            targets.exposure.push(f64::from(u8::from(before)));
        }
    }
    targets
}

fn rises(series: &Series, bar: usize) -> bool {
    bar > 0 && series.close[bar] > series.close[bar - 1]
}

fn run(strategy: &Strategy, data: &Dataset) -> Report {
    audit(strategy, data, &Params::new(), &Options::default(), &mut |_| true).unwrap()
}

/// Runs `strategy` on one instrument, and returns the only finding.
fn finding(strategy: &Strategy) -> Finding {
    let mut report = run(strategy, &one());
    assert_eq!((report.checks[0].verdict, report.findings.len()), (Verdict::Failed, 1), "{:?}", report.checks);
    report.findings.remove(0)
}

#[test]
fn what_looks_back_only_is_clean() {
    let report = run(&holding(|series, bar| rises(&series[0], bar)), &one());
    assert!(report.is_clean() && report.is_decided(), "{:?}", report.checks);
    assert!(report.findings.is_empty());
}

#[test]
fn a_look_at_the_next_close_is_caught_at_the_first_bar_that_shows_it() {
    let finding = finding(&holding(|series, bar| bar + 1 < series[0].len() && rises(&series[0], bar + 1)));
    assert_eq!(finding.reach, 1);
    assert_eq!(finding.known_until, finding.time);
    // Every bar of this strategy depends on the next one, so that the search ends at the very first.
    assert_eq!(finding.bar, 0);
    assert_ne!(finding.with_future, finding.without);
}

#[test]
fn a_mean_over_the_whole_series_is_caught() {
    let finding = finding(&holding(|series, bar| {
        let close = &series[0].close;
        close[bar] < close.iter().sum::<f64>() / close.len() as f64
    }));
    assert!(finding.reach > 100, "{finding:?}");
}

#[test]
fn the_reach_of_a_look_is_told() {
    let finding = finding(&holding(|series, bar| series[0].close.get(bar + 7).is_some_and(|next| *next > 100.0)));
    assert_eq!(finding.reach, 7);
}

#[test]
fn a_look_that_only_one_choice_takes_is_caught() {
    let choices = ["plain", "slow", "fast", "wide", "prophetic", "narrow"].map(Value::from).to_vec();
    let mode = ParamSpec {
        name: "mode".into(),
        doc: String::new(),
        default: choices[0].clone(),
        minimum: None,
        maximum: None,
        choices,
    };
    let strategy = Strategy::native("moody", vec![mode], |series, params| {
        let ahead = usize::from(params["mode"] == Value::from("prophetic"));
        Ok(held(series, |bar| bar + ahead < series[0].len() && rises(&series[0], bar + ahead)))
    });
    assert_eq!(finding(&strategy).params["mode"], Value::from("prophetic"));
}

#[test]
fn a_look_on_a_single_day_is_caught_where_the_data_is_cut_everywhere() {
    // The sign of the move after bar 123 decides what is done on bar 123, and there only.
    let strategy = holding(|series, bar| {
        let last = series[0].len() - 1;
        rises(&series[0], (bar + usize::from(bar == 123)).min(last))
    });
    let options = Options { cuts: usize::MAX, ..Options::default() };
    let report = audit(&strategy, &one(), &Params::new(), &options, &mut |_| true).unwrap();
    assert_eq!((report.findings[0].bar, report.findings[0].reach), (123, 1));
}

#[test]
fn a_look_that_is_hidden_where_the_data_is_shorter_is_caught_by_other_prices() {
    let finding = finding(&holding(|series, bar| {
        let ahead = usize::from(series[0].len() == 300);
        bar + ahead < series[0].len() && rises(&series[0], bar + ahead)
    }));
    assert_ne!(finding.future, Future::Ended);
}

#[test]
fn a_position_that_is_closed_on_the_last_bar_depends_on_where_the_data_ends() {
    let report = run(&holding(|series, bar| bar + 1 < series[0].len() && rises(&series[0], bar)), &one());
    assert!(report.checks[0].detail.contains("on where the data ends"), "{:?}", report.checks[0]);
    assert_eq!((report.findings[0].future, report.findings[0].reach), (Future::Ended, 1));
}

#[test]
fn bars_of_two_calendars_that_are_joined_by_their_numbers_are_caught() {
    let second = walk("TWO", 300, 2, |bar| bar % 10 != 9);
    let data = Dataset::new(vec![walk("ONE", 300, 1, |_| true), second]).unwrap();
    let by_number = holding(|series, bar| bar < series[1].len() && rises(&series[1], bar));
    let finding = run(&by_number, &data).findings.remove(0);
    // Up to bar 8 both have the same days; from bar 9 on the second is ahead.
    assert_eq!((finding.symbol.as_str(), finding.bar >= 9), ("ONE", true));
    let by_time = holding(|series, bar| {
        let known = series[1].time.partition_point(|time| *time <= series[0].time[bar]);
        known > 0 && rises(&series[1], known - 1)
    });
    let report = run(&by_time, &data);
    assert!(report.is_clean(), "{:?}", report.findings);
    let order = report.checks.iter().find(|check| check.name == "order of instruments").unwrap();
    assert_eq!(order.verdict, Verdict::Noted);
}

#[test]
fn parameters_that_are_refused_for_the_future_are_caught() {
    let picky = Strategy::native("picky", vec![], |series, _| {
        let close = &series[0].close;
        match close[close.len() - 1] < 100.0 {
            true => Ok(held(series, |bar| rises(&series[0], bar))),
            false => Err(TaskError::new(ErrorKind::InvalidParams, "would lose")),
        }
    });
    let finding = finding(&picky);
    let decisions = [finding.with_future, finding.without];
    assert!(decisions.contains(&Decision::Refused("would lose".into())), "{decisions:?}");
}

#[test]
fn a_refusal_for_want_of_bars_is_no_fault() {
    let strategy = Strategy::native("patient", vec![], |series, _| match series[0].len() {
        0..100 => Err(TaskError::failed("needs 100 bars")),
        _ => Ok(held(series, |bar| rises(&series[0], bar))),
    });
    let report = run(&strategy, &one());
    assert!(report.is_clean() && report.is_decided());
    assert!(report.checks[0].detail.contains("failed: needs 100 bars"), "{}", report.checks[0].detail);
}

#[test]
fn what_never_trades_is_not_called_clean() {
    let report = run(&holding(|_, _| false), &one());
    assert!(!report.is_decided());
    let single = Dataset::new(vec![walk("ONE", 1, 1, |_| true)]).unwrap();
    assert!(!run(&holding(|_, _| true), &single).is_decided());
}

#[test]
fn what_differs_from_run_to_run_fails_for_that_and_proves_nothing_else() {
    let runs = AtomicUsize::new(0);
    let fickle = holding(move |_, bar| bar == runs.fetch_add(1, Ordering::Relaxed) % 7);
    let report = run(&fickle, &one());
    let verdicts: Vec<_> = report.checks[..2].iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts, [Verdict::Skipped, Verdict::Failed]);
    assert!(report.findings.is_empty());
}

#[test]
fn a_listener_ends_an_audit() {
    let strategy = holding(|series, bar| rises(&series[0], bar));
    let mut heard = 0;
    let mut listener = |progress: Progress| {
        heard += 1;
        assert_eq!(progress.done + 1, heard);
        heard < 5
    };
    let stopped = audit(&strategy, &one(), &Params::new(), &Options::default(), &mut listener);
    assert!(matches!(stopped, Err(AuditError::Stopped)));
    assert_eq!(heard, 5);
}

#[test]
fn a_seed_gives_the_same_report() {
    let strategy = holding(|series, bar| bar + 3 < series[0].len() && rises(&series[0], bar + 3));
    let report = |seed| audit(&strategy, &one(), &Params::new(), &Options { seed, ..Options::quick() }, &mut |_| true);
    assert_eq!(report(4).unwrap().findings, report(4).unwrap().findings);
}

#[test]
fn a_trial_catches_what_looks_ahead_often() {
    let at_end = |series: &[Series], bar: usize| series[0].close[(bar + 5).min(series[0].len() - 1)];
    let mean = |series: &[Series]| series[0].close.iter().sum::<f64>() / series[0].len() as f64;
    let cheats: [(&str, Strategy); 5] = [
        ("tomorrow", holding(|series, bar| bar + 1 < series[0].len() && rises(&series[0], bar + 1))),
        ("next week", holding(move |series, bar| at_end(series, bar) > series[0].close[bar])),
        ("the mean of all", holding(move |series, bar| series[0].close[bar] < mean(series))),
        ("the last close", holding(|series, bar| series[0].close.last() > Some(&series[0].close[bar]))),
        (
            "this year's high",
            holding(|series, bar| {
                let highs = &series[0].high[..series[0].len().min(bar + 200)];
                series[0].close[bar] > 0.9 * highs.iter().copied().fold(0.0, f64::max)
            }),
        ),
    ];
    let honest = holding(|series, bar| rises(&series[0], bar));
    for seed in 0..20 {
        let data = Dataset::new(vec![walk("ONE", 600, 100 + seed, |_| true)]).unwrap();
        let tried = |strategy: &Strategy| {
            audit(strategy, &data, &Params::new(), &Options { seed, ..Options::trial() }, &mut |_| true).unwrap()
        };
        for (name, cheat) in &cheats {
            assert!(!tried(cheat).is_clean(), "{name}, seed {seed}");
        }
        let report = tried(&honest);
        assert!(report.is_clean() && report.is_decided(), "seed {seed}: {:?}", report.checks);
    }
}

/// Holds the first instrument from the bar of this number on.
struct HoldsFrom {
    bar: usize,
    heard: usize,
    /// Where to leave the number of bars at the end.
    count: Arc<AtomicUsize>,
}

impl EventStrategy for HoldsFrom {
    fn on_bar(&mut self, _: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
        if self.heard == self.bar {
            broker.target(0, 1.0);
        }
        self.heard += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        self.count.store(self.heard, Ordering::Relaxed);
        Ok(())
    }
}

/// A strategy that is told how many bars the run before had, and says from which bar on to hold.
fn holds_from(bar: impl Fn(usize) -> usize + Send + Sync + 'static) -> Strategy {
    let count = Arc::new(AtomicUsize::new(300));
    Strategy::native_events("holds_from", vec![], move |_, _| {
        let bar = bar(count.load(Ordering::Relaxed));
        Ok(Box::new(HoldsFrom { bar, heard: 0, count: Arc::clone(&count) }))
    })
}

fn check_of<'a>(report: &'a Report, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

#[test]
fn what_hears_bars_one_by_one_is_compared_by_its_fills() {
    let report = run(&holds_from(|_| 0), &one());
    assert_eq!((report.mode, report.answered), (Mode::Events, 1));
    assert!(report.is_clean() && report.is_decided(), "{:?}", report.checks);
    let ahead = check_of(&report, "look-ahead");
    assert!(ahead.detail.contains(" fills are the same"), "{}", ahead.detail);
    assert!(!ahead.detail.contains("; 0 fills"), "{}", ahead.detail);
    assert_eq!(check_of(&report, "two runs").detail, "the same fills, equity, log and units");
    assert!(report.cost.nanos.is_some() && report.cost.half_bars == 150);
}

#[test]
fn fills_that_differ_from_run_to_run_are_caught() {
    let runs = AtomicUsize::new(0);
    let report = run(&holds_from(move |_| runs.fetch_add(1, Ordering::Relaxed) % 7), &one());
    assert_eq!(
        report.checks[..2].iter().map(|check| check.verdict).collect::<Vec<_>>(),
        [Verdict::Skipped, Verdict::Failed]
    );
    assert_eq!(report.checks[1].detail, "other fills");
    assert!(!report.is_clean());
}

#[test]
fn a_run_that_knows_where_other_data_ended_is_caught() {
    let options = Options { cuts: usize::MAX, ..Options::default() };
    let strategy = holds_from(|bars| bars / 10);
    let report = audit(&strategy, &one(), &Params::new(), &options, &mut |_| true).unwrap();
    let ahead = check_of(&report, "look-ahead");
    assert_eq!(ahead.verdict, Verdict::Failed);
    // The first run on all data after one that ended with the first bar.
    let expected = "runs part where the data ends on 1970-01-02: bar 1 of ONE, 1970-01-02: the run on all data trades";
    assert!(ahead.detail.starts_with(expected), "{}", ahead.detail);
    assert!(ahead.detail.ends_with("the run that ends there nothing"), "{}", ahead.detail);
}

#[test]
fn two_ways_that_differ_are_noted_at_the_first_bar_and_parameters() {
    let signals = holding(|_, bar| bar >= 20);
    let data = one();
    let sets = samples::sets(signals.description(), &Params::new(), &Options::default()).unwrap();
    let (_, subject) = asked::<BySignals>(&signals, &data, sets, &Options::default()).unwrap();
    let compare = |events: &Strategy| {
        let signals = events::backtest(&signals, Mode::Signals, data.shared()).unwrap();
        both_ways::compare(&subject, &signals, &events::backtest(events, Mode::Events, data.shared()).unwrap())
    };
    let same = compare(&holds_from(|_| 20));
    assert_eq!(
        (same.verdict, same.detail.as_str()),
        (Verdict::Passed, "`signals` and `events` trade alike: 1 fills, equity")
    );
    let other = compare(&holds_from(|_| 19));
    assert_eq!(other.verdict, Verdict::Noted);
    assert!(other.detail.starts_with("they part: bar 20 of ONE, 1970-01-21: `signals` trades nothing, `events` "));
    let broken = compare(&Strategy::native_events("broken", vec![], |_, _| Err(TaskError::failed("no"))));
    assert_eq!(broken.detail, "they part: `signals` answers, `events` fails (failed: no)");
}

#[test]
fn a_brief_audit_cuts_long_data_at_fewer_places() {
    let cuts = [0, 8_000, LONG, 2 * LONG, 100 * LONG].map(|bars| Options::brief(bars).cuts);
    assert_eq!(cuts, [20, 20, 20, 10, FEWEST]);
}
