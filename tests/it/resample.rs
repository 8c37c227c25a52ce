//! Longer bars: those of polars, with the bars themselves as their finer ones.

use std::{fs, path::PathBuf};

use host::{
    cli::Exit,
    data::{Dataset, LoadOptions},
    model::{Series, Timeframe, format_date_time, format_time},
};

use crate::support::{Folder, check_refused, host};

const FOLDER: &str = "tests/reference/resample";

fn options(zone: &str, session: &str) -> LoadOptions {
    let mut options = LoadOptions::default();
    (options.timezone, options.session) = (Some(zone.parse().unwrap()), Some(session.parse().unwrap()));
    options
}

/// The bars of the file `name`, as longer ones.
fn longer(name: &str, options: LoadOptions, timeframe: &str) -> Series {
    let mut options = options;
    options.timeframe = Some(timeframe.parse().unwrap());
    let loaded = Dataset::load(&[PathBuf::from(format!("{FOLDER}/{name}.csv"))], &options).unwrap();
    loaded.dataset.series()[0].clone()
}

/// Bars as the lines of a file, with times in UTC.
fn lines(series: &Series) -> Vec<String> {
    let line = |at: usize| {
        let bar = series.bar(at);
        let time = if series.schedule.dates { format_time(bar.time) } else { format_date_time(bar.time) };
        format!("{time},{},{},{},{},{}", bar.open, bar.high, bar.low, bar.close, bar.volume)
    };
    (0..series.len()).map(line).collect()
}

fn expected(name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{FOLDER}/{name}.csv")).unwrap();
    let number = |cell: &str| cell.parse::<f64>().map_or_else(|_| cell.to_owned(), |number| number.to_string());
    text.lines().skip(1).map(|line| line.split(',').map(number).collect::<Vec<_>>().join(",")).collect()
}

/// Holds that each bar has the bars that it was made of, in their order.
fn check_detail(series: &Series) {
    let detail = series.detail.as_ref().unwrap();
    let mut next = 0;
    for at in 0..series.len() {
        let range = series.detail_of(at);
        assert!(!range.is_empty() && range.start == next, "{at}: {range:?}");
        next = range.end;
        assert_eq!(detail.open[range.start], series.open[at]);
        assert_eq!(detail.close[range.end - 1], series.close[at]);
        assert_eq!(detail.high[range.clone()].iter().copied().fold(f64::MIN, f64::max), series.high[at]);
        assert_eq!(detail.low[range.clone()].iter().copied().fold(f64::MAX, f64::min), series.low[at]);
        assert_eq!(detail.volume[range].iter().sum::<f64>(), series.volume[at]);
    }
    assert_eq!(next, detail.len());
}

#[test]
fn longer_bars_are_those_of_polars_over_a_change_of_clocks_and_for_sessions() {
    for (name, zone, session) in
        [("new-york", "America/New_York", "09:30-16:00"), ("chicago", "America/Chicago", "17:00-16:00")]
    {
        for timeframe in ["1h", "1d", "1w", "1mo", "3mo"] {
            let series = longer(name, options(zone, session), timeframe);
            assert_eq!(lines(&series), expected(&format!("{name}-{timeframe}")), "{name} {timeframe}");
            check_detail(&series);
        }
    }
}

#[test]
fn weeks_months_quarters_and_years_are_those_of_polars() {
    let days = Dataset::bundled().unwrap();
    for timeframe in ["1w", "1mo", "3mo", "12mo"] {
        let (longer, notices) = days.with_timeframe(timeframe.parse().unwrap()).unwrap();
        assert_eq!(lines(&longer.series()[0]), expected(&format!("msft-{timeframe}")), "{timeframe}");
        assert!(notices[0].contains("daily bars, by which orders trade"), "{notices:?}");
        check_detail(&longer.series()[0]);
    }
    let (same, notices) = days.with_timeframe(Timeframe::Day).unwrap();
    assert_eq!((same, notices), (days, vec![]));
}

#[test]
fn bars_outside_of_the_session_are_told() {
    let mut options = options("America/New_York", "09:30-16:00");
    options.timeframe = Some(Timeframe::Day);
    let loaded = Dataset::load(&[PathBuf::from(format!("{FOLDER}/new-york.csv"))], &options).unwrap();
    let told = |notice: &String| notice.contains("bars outside of the session are left out");
    assert!(loaded.notices.iter().any(told), "{:?}", loaded.notices);
}

#[test]
fn the_command_takes_a_timeframe_and_finer_bars_decide() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let data = format!("--data {FOLDER}/chicago.csv --timezone America/Chicago --session 17:00-16:00");
    let run = host(&format!(
        "data convert {FOLDER}/chicago.csv --out {} --timeframe 1h --timezone America/Chicago --session 17:00-16:00",
        path("hours.parquet")
    ));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let args =
        "sweep --plugin sma_cross --param fast=3,5 --param slow=8,13 --stop-loss 0.5% --take-profit 0.5% --no-store";
    let [made, given, alone] = ["made.csv", "given.csv", "alone.csv"].map(path);
    let hours = path("hours.parquet");
    for (data, out) in [
        (format!("{data} --timeframe 1h"), &made),
        (
            format!("--data {hours} --detail {FOLDER}/chicago.csv --timezone America/Chicago --session 17:00-16:00"),
            &given,
        ),
        (format!("--data {hours}"), &alone),
    ] {
        let run = host(&format!("{args} {data} --out {out}"));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
    }
    let [made, given, alone] = [made, given, alone].map(|path| fs::read(path).unwrap());
    assert_eq!(made, given);
    assert_ne!(made, alone);
    // A request has the timeframe.
    let (results, again) = (path("r.parquet"), path("again.csv"));
    assert_eq!(host(&format!("{args} {data} --timeframe 1h --out {results}")).exit, Exit::Success);
    let run = host(&format!("sweep --request {results} --data {FOLDER}/chicago.csv --no-store --out {again}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert_eq!(fs::read(again).unwrap(), made);
}

#[test]
fn a_timeframe_that_the_data_cannot_have_is_refused() {
    let args = "backtest --plugin sma_cross";
    check_refused(&format!("{args} --timeframe 1h"), &["`MSFT` has daily bars, of which no bars of `1h` can be made"]);
    check_refused(&format!("{args} --timeframe 7min"), &["`7min` is not a timeframe", "`4h`"]);
    let night = format!("{args} --data {FOLDER}/new-york.csv --timeframe 1d --session 02:00-03:00");
    check_refused(&night, &["no bar of `new-york` begins within its session 02:00-03:00", "`--timezone`"]);
}
