//! The calendars of markets: days, months, years and bars per year of zones and sessions, against numbers computed apart.
//!
//! Bars and numbers are those of `tests/reference/calendars.py`.

use std::{fs, path::PathBuf, sync::Arc};

use host::{
    broker::{Ledger, Settings, Sizing, Timeline, Workspace, simulate},
    metrics::{Annualization, Frame, Metrics, PeriodReturn, Scratch, Selection, monthly_returns, yearly_returns},
    model::{Schedule, Series, Targets},
};
use serde_json::Value;

const SECOND: i64 = 1_000_000_000;

fn read(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reference/calendar_{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn series(reference: &Value, schedule: Schedule) -> Series {
    let (open, close) = (numbers(&reference["open"]), numbers(&reference["close"]));
    let pairs = || open.iter().zip(&close);
    let mut series = Series {
        symbol: "A".into(),
        time: numbers(&reference["time"]).iter().map(|seconds| *seconds as i64 * SECOND).collect(),
        high: pairs().map(|(open, close)| open.max(*close)).collect(),
        low: pairs().map(|(open, close)| open.min(*close)).collect(),
        volume: vec![0.0; open.len()],
        open,
        close,
        schedule,
        ..Series::default()
    };
    series.schedule.complete(&mut series.time);
    series
}

fn targets(reference: &Value) -> Targets {
    let mut targets = Targets::default();
    for (bar, exposure) in (0u32..).zip(reference["exposure"].as_array().unwrap()) {
        if let Some(exposure) = exposure.as_f64() {
            targets.at.push(bar);
            targets.instrument.push(0);
            targets.exposure.push(exposure);
        }
    }
    targets
}

/// Near enough for sums in another order.
fn agree(name: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-3), "{name} is {ours}, and {theirs} in pandas");
}

fn check(name: &str, schedule: Schedule) {
    let reference = read(name);
    let expected = &reference["expected"];
    let series: Arc<[Series]> = Arc::from([series(&reference, schedule)]);
    let (timeline, mut ledger) = (Timeline::of(&series), Ledger::new());
    let settings = Settings { sizing: Sizing::Units(20.0), ..Settings::default() };
    simulate(&series, &timeline, &targets(&reference), &settings, &mut Workspace::new(), &mut ledger);

    let annualization = Annualization::infer(&timeline);
    let periods = annualization.map(|annualization| annualization.periods_per_year);
    assert_eq!(periods, Ok(expected["periods_per_year"].as_f64().unwrap()), "{name}");
    let days = timeline.days().chunk_by(|one, other| one == other).count();
    assert_eq!(days as u64, expected["days"].as_u64().unwrap(), "{name}");

    let frame = Frame::new(timeline.times(), timeline.days(), annualization, 0.03);
    let metrics = Metrics::of(&ledger, &frame, Selection::all(), &mut Scratch::default());
    for (metric, value) in expected["metrics"].as_object().unwrap() {
        let ours = metrics.get(metric).flatten().unwrap_or_else(|| panic!("{metric} is undefined"));
        agree(&format!("{metric} of {name}"), ours, value.as_f64().unwrap());
    }
    check_periods(&monthly_returns(&ledger, &frame), &expected["months"]);
    check_periods(&yearly_returns(&ledger, &frame), &expected["years"]);
}

/// Each period is the year, the month where it is one, and the return.
fn check_periods(ours: &[PeriodReturn], theirs: &Value) {
    let theirs: Vec<_> = theirs.as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let name: Vec<f64> = std::iter::once(f64::from(ours.year)).chain(ours.month.map(f64::from)).collect();
        let (change, period) = theirs.split_last().unwrap();
        assert_eq!(name, period);
        agree(&format!("the return of {name:?}"), ours.change.unwrap(), *change);
    }
}

fn zone(name: &str, offsets: &[(&str, i32)]) -> Schedule {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as i64;
    let offsets = offsets.iter().map(|(from, hours)| (moment(from), hours * 3600)).collect();
    Schedule { zone: Some(name.into()), offsets, ..Schedule::default() }
}

#[test]
fn equities_of_new_york_over_both_changes_of_the_clocks() {
    let changes = [("2023-03-12T07:00:00Z", -4), ("2023-11-05T06:00:00Z", -5), ("2024-03-10T07:00:00Z", -4)];
    check("new_york", zone("America/New_York", &changes));
}

#[test]
fn days_of_tokyo_are_those_that_are_written() {
    check("tokyo", zone("Asia/Tokyo", &[("1970-01-01T00:00:00Z", 9)]));
}

#[test]
fn sessions_of_chicago_belong_to_the_day_on_which_they_close() {
    let changes = [("2023-11-05T07:00:00Z", -6), ("2024-03-10T08:00:00Z", -5)];
    let session = "17:00-16:00".parse().ok();
    check("chicago", Schedule { session, ..zone("America/Chicago", &changes) });
}
