//! Files as users have them, good and bad, through the front door.

mod arrow;
mod joining;
mod kinds;
mod parquet;
mod recognised;
mod reformatted;
mod sources;
mod stretches;
mod tables;
mod time;
mod vendors;

use std::fs;

use proptest::prelude::*;

use self::parquet::{dates, packed, prices};
use super::*;
use crate::model::format_time;

/// Options, by what differs from the default.
fn with(change: impl FnOnce(&mut LoadOptions)) -> LoadOptions {
    let mut options = LoadOptions::default();
    change(&mut options);
    options
}

fn plain() -> LoadOptions {
    LoadOptions::default()
}

fn sort() -> LoadOptions {
    with(|options| options.sort = true)
}

fn drop_bad() -> LoadOptions {
    with(|options| options.drop_bad = true)
}

fn both() -> LoadOptions {
    with(|options| (options.sort, options.drop_bad) = (true, true))
}

fn adjusted() -> LoadOptions {
    with(|options| options.adjusted = true)
}

/// Loads files of the given names and contents; texts name them without their directory.
fn load(files: &[(&str, &[u8])], options: LoadOptions) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
    for (path, (_, content)) in paths.iter().zip(files) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let bare = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let mut loaded = Dataset::load(&paths, &options).map_err(|error| bare(error.to_string()))?;
    loaded.notices = loaded.notices.into_iter().map(bare).collect();
    Ok(loaded)
}

fn csv(text: &str, options: LoadOptions) -> Result<Loaded, String> {
    load(&[("a.csv", text.as_bytes())], options)
}

/// The rows with a header before them.
fn bars(rows: &str) -> String {
    format!("Date,Open,High,Low,Close,Volume\n{rows}")
}

/// Each bar as `time open high low close volume`.
fn shown(series: &Series) -> Vec<String> {
    let Series { time, open, high, low, close, volume, .. } = series;
    (0..series.len())
        .map(|i| format!("{} {} {} {} {} {}", format_time(time[i]), open[i], high[i], low[i], close[i], volume[i]))
        .collect()
}

fn check(loaded: Result<Loaded, String>, expected: &[&str]) {
    assert_eq!(shown(&loaded.unwrap().dataset.series()[0]), expected);
}

fn check_refused(loaded: Result<Loaded, String>, expected: &str) {
    assert_eq!(loaded.unwrap_err(), expected);
}

/// The problems of a file, without the first line of the message and the ways out.
fn problems(loaded: Result<Loaded, String>) -> Vec<String> {
    let text = loaded.unwrap_err();
    text.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

const TWO: [&str; 2] = ["2024-01-02 1 3 0.5 2 10", "2024-01-03 2 4 1.5 3 20"];

#[test]
fn a_table_is_read_however_it_is_written() {
    check(csv(&bars("2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,20\n"), plain()), &TWO);
    check(
        csv("\u{feff}Date;Open;High;Low;Close;Volume\r\n2024-01-02;1;3;.5;2;10\r\n2024-01-03;2;4;1.5;3;2e1", plain()),
        &TWO,
    );
    let tabs =
        "date\topen\thigh\tlow\tclose\tvol\n\n 2024-01-02\t1\t3\t0.5\t 2 \t10\n\n2024-01-03\t2\t4\t1.5\t3\t20\n\n";
    check(load(&[("a.tsv", tabs.as_bytes())], plain()), &TWO);
    check(
        csv(
            "\"Date\",Open,High,Low,Close,\"Volume\",Note\n\"2024-01-02\",1,3,0.5,\"2\",10,\"a, b\"\n2024-01-03,2,4,1.5,3,20,\n",
            plain(),
        ),
        &TWO,
    );
    check(csv("Volume,Close,Low,High,Open,Date\n10,2,0.5,3,1,1704153600\n20,3,1.5,4,2,1704240000\n", plain()), &TWO);
    check(csv(",Open,High,Low,Close,Volume\n2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,20\n", plain()), &TWO);
    check(
        csv(
            "Date,Time,Open,High,Low,Close,Volume\n20240102,00:00,1,3,0.5,2,10\n20240103,00:00,2,4,1.5,3,20\n",
            plain(),
        ),
        &TWO,
    );
    check(csv("Date,Open,High,Low,Close,Volume\r2024-01-02,1,3,0.5,2,10\r2024-01-03,2,4,1.5,3,20\r", plain()), &TWO);
}

#[test]
fn a_file_without_volume_has_none_and_says_so() {
    let loaded = csv("Date,Open,High,Low,Close\n2024-01-02,1,3,0.5,2\n", plain()).unwrap();
    assert_eq!(loaded.dataset.series()[0].volume, [0.0]);
    assert_eq!(loaded.notices, ["`a.csv` has no column `Volume`: every volume is zero"]);
}

#[test]
fn the_adjusted_close_scales_the_bar_when_asked_for() {
    let text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,12,8,10,5,100\n";
    check(csv(text, adjusted()), &["2024-01-02 5 6 4 5 100"]);
    check(csv(text, plain()), &["2024-01-02 10 12 8 10 100"]);
    let notices = csv(text, plain()).unwrap().notices;
    assert_eq!(notices, ["`a.csv` has a column `Adj Close`, which is not used unless asked for (`--adjusted`)"]);
    let text = "Date,Open,High,Low,Close,Adj Close\n2024-01-02,1,3,0.5,2,0\n2024-01-03,1,3,0.5,0,1\n\
                2024-01-04,1,3,0.5,2,x\n";
    assert_eq!(
        problems(csv(text, adjusted())),
        [
            "`a.csv` line 2: adjusted close 0 is not above zero",
            "`a.csv` line 3: close 0 is not above zero",
            "`a.csv` line 4: `Adj Close` is `x`, which is not a number"
        ]
    );
}

#[test]
fn symbols_and_files_are_instruments_in_the_order_of_their_first_rows() {
    let both = "Symbol,Date,Open,High,Low,Close\n\
                B,2024-01-02,1,1,1,1\nA,2024-01-02,2,2,2,2\nB,2024-01-03,3,3,3,3\n";
    let one = bars("2024-01-02,1,3,0.5,2,10\n");
    let loaded = load(&[("x.csv", both.as_bytes()), ("Spy.csv", one.as_bytes())], plain()).unwrap();
    let found: Vec<_> = loaded.dataset.series().iter().map(|s| (s.symbol.as_str(), s.len())).collect();
    assert_eq!(found, [("B", 2), ("A", 1), ("Spy", 1)]);
    assert_eq!(loaded.dataset.bars(), 4);
}

#[test]
fn one_instrument_from_two_files_names_both() {
    let text = bars("2024-01-02,1,3,0.5,2,10\n");
    check_refused(
        load(&[("a/spy.csv", text.as_bytes()), ("b/spy.csv", text.as_bytes())], plain()),
        "both `a/spy.csv` and `b/spy.csv` have bars of `spy`; give each instrument once",
    );
}

#[test]
fn what_is_no_data_file_is_named_with_the_way_out() {
    let check = |name: &str, content: &[u8], expected: &str| {
        let error = load(&[(name, content)], plain()).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    };
    check("a.csv", b"", "`a.csv` is empty; a data file has a header");
    check("a.csv", b"\n\n", "`a.csv` is empty; a data file has a header");
    check("a.csv", b"Date,Open,High,Low,Close,Volume\n", "`a.csv` has no rows; a data file has a header");
    check("a.csv", b"Date,Open\n2024-01-02,\xff\n", "`a.csv` is not UTF-8: line 2");
    check("a.csv", b"PAR1....", "cannot read `a.csv` as Parquet");
    check("a.xlsx", b"PK\x03\x04..", "`a.xlsx` is damaged or cut off: zip ends after 0 unpacked bytes");
    check("a.pq", b"PAR1 and then nothing", "cannot read `a.pq` as Parquet");
    check(
        "a.csv",
        b"Date,Close,High\n2024-01-02,1,1\n",
        "`a.csv` has no column `Open` (or `o`, `openprice`, `priceopen`, `opening`, `pxopen`); it has `Date`, `Close`, `High`; say which",
    );
    check("a.csv", b",Open,High,Low,Close\n0,1,1,1,1\n", "`a.csv` has no column `Date`");
    let error = |path: PathBuf| Dataset::load(&[path], &plain()).unwrap_err().to_string();
    assert_eq!(error("no/such.csv".into()), "no data file `no/such.csv`; check the path");
    assert!(matches!(Dataset::load(&[], &plain()), Err(DataError::Nothing)));
}

#[test]
fn an_unknown_extension_is_decided_by_the_content() {
    let content = packed(&prices(dates()));
    check(load(&[("a.data", &content)], plain()), &TWO);
}

#[test]
fn every_bad_row_is_listed_with_its_line() {
    let text = bars(
        "2024-01-02,1,3,0.5,2,10\n\
         2024-01-03,x,,0.5,2,10\n\
         \n\
         2024-01-04,1,3,0.5,NaN,10\n\
         01/05/2024,1,3,0.5,2,10\n\
         2024-01-06,-1,3,0,2,10\n\
         2024-01-07,1,3,4,2,-5\n\
         2024-01-08,1,3,0.5\n\
         2024-01-09,\"1,5\",3,0.5,2,inf\n\
         2024-01-02,1,3,0.5,2,10\n\
         2024-01-02,1,3,0.5,2,10\n",
    )
    .replace('\n', "\r\n");
    let expected = [
        "`a.csv` line 3: `Open` is `x`, which is not a number; `High` is empty",
        "`a.csv` line 5: `Close` is `NaN`, which is not finite",
        "`a.csv` line 6: time `01/05/2024` reads as `%d/%m/%Y` or `%m/%d/%Y`, but the file begins with an ISO time without a \
         zone",
        "`a.csv` line 7: open -1 is not above zero; low 0 is not above zero",
        "`a.csv` line 8: high 3 is below low 4; volume -5 is below zero",
        "`a.csv` line 9: the row has 4 cells, the header 6",
        "`a.csv` line 10: `Open` is `1,5`, which is not a number with the decimal mark `.`; \
         `Volume` is `inf`, which is not finite",
        "`a.csv` line 11: time 2024-01-02 repeats that of line 2",
        "`a.csv` line 12: time 2024-01-02 repeats that of line 11",
    ];
    assert_eq!(problems(csv(&text, plain())), expected);
    let text = text.replace("01/05/2024", "soon");
    let error = csv(&text, drop_bad()).unwrap_err();
    let negative = "the data has 1 problem\n  `a.csv` line 7: open -1 is not above zero; low 0 is not above zero\n\
                    prices below zero are read with `--negative-prices`, and never dropped";
    assert_eq!(error, negative);
    let loaded = csv(&text.replace("-1,3,0,2", "1,3,0,2"), drop_bad()).unwrap();
    assert_eq!(shown(&loaded.dataset.series()[0]), TWO[..1]);
    let notice = "dropped 9 of 10 rows of `a.csv`: line 3 (`Open` is `x`, which is not a number; `High` is empty), \
                  line 5 (`Close` is `NaN`, which is not finite), line 6 (`soon` is not a time; write ISO dates or \
                  date-times (2024-01-31, 2024-01-31T09:30:00Z)) and 6 more";
    assert_eq!(loaded.notices, [notice]);
}

#[test]
fn the_first_twenty_problems_and_the_count_are_given_over_all_files() {
    let rows = |count: usize| bars(&"2024-01-02,0,3,0.5,2,10\n".repeat(count));
    let (few, many) = (rows(15), rows(1000));
    let error = load(&[("a.csv", few.as_bytes()), ("b.csv", many.as_bytes())], plain()).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 23);
    assert_eq!(lines[0], "the data has 1015 problems");
    assert_eq!(lines[16], "  `b.csv` line 2: open 0 is not above zero");
    let remedy = "every row is bad, so that dropping them leaves nothing: correct the file, or say how it is written (`--read \
                  NAME=VALUE`)";
    assert_eq!(lines[21..], ["  and 995 more", remedy]);
}

#[test]
fn rows_out_of_order_are_sorted_when_told_to() {
    let text = bars("2024-01-03,2,4,1.5,3,20\n2024-01-02,1,3,0.5,2,10\n2024-01-04,3,3,3,3,0\n");
    let expected = "the data has 1 problem\n  \
                    `a.csv` line 3: time 2024-01-02 is before 2024-01-03, the bar above\n\
                    sort the rows by time (`--sort`)";
    check_refused(csv(&text, plain()), expected);
    check_refused(csv(&text, drop_bad()), expected);
    check(csv(&text, sort()), &[TWO[0], TWO[1], "2024-01-04 3 3 3 3 0"]);
    let notices = csv(&text, sort()).unwrap().notices;
    assert_eq!(
        notices,
        [
            "sorted `a.csv` by time; older than the bar above: 1 bar: line 3 (time 2024-01-02 is before 2024-01-03, the bar \
          above)"
        ]
    );
}

#[test]
fn a_file_with_the_newest_bar_first_is_read_from_its_end() {
    let text = bars("2024-01-04,3,3,3,3,0\n2024-01-03,2,4,1.5,3,20\n2024-01-02,1,3,0.5,2,10\n");
    for options in [plain(), sort(), both()] {
        let loaded = csv(&text, options);
        let notice = "`a.csv` has the newest bar first, and is read from its end";
        assert_eq!(loaded.as_ref().unwrap().notices, [notice]);
        check(loaded, &[TWO[0], TWO[1], "2024-01-04 3 3 3 3 0"]);
    }
}

#[test]
fn whether_bars_are_in_the_order_of_their_rows_is_told() {
    let rows = |order: [u32; 3]| {
        let row = |day: u32| format!("2024-01-0{day},1,2,0.5,1.5,10\n");
        format!("date,open,high,low,close,volume\n{}", order.map(row).concat())
    };
    for (order, is_in_order) in [([1, 2, 3], true), ([3, 2, 1], false), ([2, 1, 3], false)] {
        let loaded = load(&[("a.csv", rows(order).as_bytes())], sort()).unwrap();
        assert_eq!((loaded.is_in_order, loaded.dataset.bars()), (is_in_order, 3), "{order:?}");
    }
    let mixed = "symbol,date,open,high,low,close\nA,2024-01-01,1,2,1,2\nB,2024-01-01,1,2,1,2\nA,2024-01-02,1,2,1,2\n";
    assert!(load(&[("a.csv", mixed.as_bytes())], plain()).unwrap().is_in_order);
}

#[test]
fn a_doubled_time_stays_a_problem_when_sorted_and_loses_its_later_rows_when_dropped() {
    let text = bars("2024-01-03,2,4,1.5,3,20\n2024-01-02,1,3,0.5,2,10\n2024-01-03,9,9,9,9,9\n");
    assert_eq!(
        problems(csv(&text, sort())),
        ["`a.csv` line 4: time 2024-01-03 repeats that of line 2, with other values"]
    );
    check(csv(&text, both()), &TWO);
    assert!(csv(&text, drop_bad()).unwrap_err().ends_with("sort the rows by time (`--sort`)"));
}

#[test]
fn dropping_everything_of_an_instrument_is_an_error() {
    check_refused(
        csv(&bars("2024-01-02,0,3,0.5,2,10\n"), drop_bad()),
        "`a` has no bars: all its rows in `a.csv` are bad and dropped: line 2 (open 0 is not above zero)",
    );
    let text = "Symbol,Date,Open,High,Low,Close\nA,2024-01-02,1,1,1,1\nB,2024-01-02,1,1,2,1\n";
    let error = csv(text, drop_bad()).unwrap_err();
    assert!(error.starts_with("`B` has no bars"), "{error}");
    let text = "Symbol,Date,Open,High,Low,Close\nA,2024-01-02,1,1,1,1\n2024-01-03,1,1,1\n";
    assert_eq!(csv(text, drop_bad()).unwrap().dataset.bars(), 1);
    let error = csv("Symbol,Date,Open,High,Low,Close\n ,2024-01-02,1,1,1,1\n", drop_bad()).unwrap_err();
    assert!(error.ends_with("line 2 (the symbol is empty)"), "{error}");
}

#[test]
fn an_open_or_close_outside_the_bar_is_kept_and_mentioned() {
    let loaded = csv(&bars("2024-01-02,1,3,1.5,2,10\n"), plain()).unwrap();
    let notice =
        "`a.csv` has 1 bar with open or close outside low to high, kept: line 2 (open 1 and close 2, 1.5 to 3)";
    assert_eq!(loaded.notices, [notice]);
}

#[test]
fn the_same_bars_have_the_same_fingerprint_from_any_source() {
    let from_parquet = load(&[("a.parquet", &packed(&prices(dates())))], plain()).unwrap().dataset;
    let from_csv = csv(&bars("2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,20\n"), plain()).unwrap().dataset;
    let in_memory = Dataset::new(from_csv.series().to_vec()).unwrap();
    assert_eq!(from_parquet, from_csv);
    assert_eq!(in_memory, from_csv);
    let other = csv(&bars("2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,21\n"), plain()).unwrap().dataset;
    assert_ne!(other.fingerprint(), from_csv.fingerprint());
}

#[test]
fn a_volume_of_minus_zero_is_zero() {
    let volume = |text| csv(&bars(text), plain()).unwrap().dataset.fingerprint();
    assert_eq!(volume("2024-01-02,1,3,0.5,2,-0\n"), volume("2024-01-02,1,3,0.5,2,0\n"));
}

#[test]
fn the_bundled_bars_are_those_of_their_source() {
    let data = Dataset::bundled().unwrap();
    let series = &data.series()[0];
    assert_eq!((series.symbol.as_str(), data.bars()), ("MSFT", 7983));
    let last = "2017-11-10 83.79 84.095 83.23 83.87 19396301";
    assert_eq!(shown(series)[7982], last);
    let fingerprint = "6a5f841ae37969cb0195f9bde9f5228f9312dd3f0ea746d8e60fc2d0cfeaa46f";
    assert_eq!(data.fingerprint().to_string(), fingerprint);
}

#[test]
fn the_csv_beside_the_bundled_bars_is_their_beginning() {
    let text = include_bytes!("../../../examples/data/msft-1986.csv");
    let first = load(&[("msft-1986.csv", text)], plain()).unwrap();
    assert_eq!(first.notices, [""; 0]);
    let bundled = Dataset::bundled().unwrap();
    assert_eq!(shown(&first.dataset.series()[0]), shown(&bundled.series()[0])[..60]);
}

#[test]
fn series_in_memory_pass_the_same_checks() {
    let good =
        csv(&bars("2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,20\n"), plain()).unwrap().dataset.series()[0].clone();
    let check = |change: fn(&mut Vec<Series>), expected: &str| {
        let mut series = vec![good.clone()];
        change(&mut series);
        assert_eq!(Dataset::new(series).unwrap_err().to_string(), expected);
    };
    check(Vec::clear, "no data is given; name at least one CSV or Parquet file");
    check(|s| s[0].symbol.clear(), "series 0 (counted from 0) has no symbol; name it");
    check(|s| s.push(s[0].clone()), "both `series 0` and `series 1` have bars of `a`; give each instrument once");
    check(
        |s| s[0] = Series { symbol: "a".into(), ..Series::default() },
        "`a` has no bars; give it some, or leave it out",
    );
    check(
        |s| s[0].low.truncate(1),
        "the columns of `a` differ in length: time 2, open 2, high 2, low 1, close 2, volume 2; \
         give each bar a value in every column",
    );
    check(
        |s| {
            s[0].time.reverse();
            s[0].close[1] = f64::NAN;
        },
        "the data has 2 problems\n  `a` bar 1: close NaN is not finite\n  \
         `a` bar 1: time 2024-01-02 is before 2024-01-03, the bar above\n\
         correct them, or sort the rows by time (`--sort`) and drop the bad ones (`--drop-bad`)",
    );
}

/// Valid bars with strictly increasing times.
fn valid_bars() -> impl Strategy<Value = Series> {
    let price = || (1e-300..1e300_f64).prop_union(0.01..1000.0);
    let bar = (1..1_000_000_000_000_000_i64, price(), price(), price(), price(), 0.0..1e15_f64);
    proptest::collection::vec(bar, 1..40).prop_map(|bars| {
        let mut series = Series { symbol: "a".into(), ..Series::default() };
        let mut time = -1_000_000_000_000_000_000;
        for (step, open, a, b, close, volume) in bars {
            time += step;
            series.time.push(time);
            series.open.push(open);
            series.high.push(a.max(b));
            series.low.push(a.min(b));
            series.close.push(close);
            series.volume.push(volume);
        }
        series
    })
}

fn written(series: &Series) -> String {
    let Series { time, open, high, low, close, volume, .. } = series;
    let row = |i: usize| {
        let time = jiff::Timestamp::from_nanosecond(time[i].into()).unwrap();
        format!("{time},{},{},{},{},{}\n", open[i], high[i], low[i], close[i], volume[i])
    };
    bars(&(0..series.len()).map(row).collect::<String>())
}

/// A name and a content that a file may have, from hopeless to nearly right.
fn any_file() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let line = "([0-9.,;\"/:TZ eE+-]|NaN|\\PC){0,30}\n{0,2}";
    let text = proptest::collection::vec(line, 0..8).prop_map(|lines| bars(&lines.concat()).into_bytes());
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        bytes.prop_map(|bytes| ("a.csv", bytes)),
        text.prop_map(|text| ("a.csv", text)),
        "\\PC{0,100}".prop_map(|text| ("a.txt", text.into_bytes())),
    ]
}

proptest! {
    #[test]
    fn valid_bars_come_back_from_csv_with_the_same_bits(series in valid_bars()) {
        let loaded = csv(&written(&series), plain()).unwrap().dataset;
        prop_assert_eq!(loaded, Dataset::new(vec![series]).unwrap());
    }

    #[test]
    fn no_content_panics((name, content) in any_file(), sort: bool, drop_bad: bool) {
        let options = LoadOptions { sort, drop_bad, ..LoadOptions::default() };
        if let Ok(loaded) = load(&[(name, &content)], options) {
            let again = Dataset::new(loaded.dataset.series().to_vec()).unwrap();
            prop_assert_eq!(again, loaded.dataset);
        }
    }

    #[test]
    fn bars_arrive_whole_in_another_process_and_damage_never_panics(
        series in valid_bars(), at in 0..400_usize, byte: u8, cut in 0..400_usize,
    ) {
        let data = Dataset::new(vec![series]).unwrap();
        let mut bytes = data.to_bytes();
        assert_eq!(Dataset::from_bytes(&bytes).as_ref(), Some(&data));
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Some(damaged) = bytes.get_mut(at) {
            *damaged = byte;
        }
        // Whether it is read or refused depends on the byte.
        let _either = Dataset::from_bytes(&bytes);
    }

    #[test]
    fn a_damaged_parquet_file_never_panics(at in 4..2000_usize, byte: u8, cut in 0..4_usize) {
        let mut content = packed(&prices(dates()));
        let at = at % content.len();
        content[at] = byte;
        content.truncate(content.len() - cut * 7);
        // Whether it is read or refused depends on the byte.
        let _either = load(&[("a.parquet", &content)], plain());
    }
}
