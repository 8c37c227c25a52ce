//! One instrument in several files, several instruments in one file, and instruments that are asked for.

use super::*;

/// Rows of hourly bars of `symbol`, from the hours on; each price is that of its hour.
fn hours(hours: std::ops::Range<i64>) -> String {
    let row = |hour: i64| {
        let time = format_time(1_704_067_200_000_000_000 + hour * 3_600_000_000_000);
        let time = if time.contains('T') { time } else { format!("{time}T00:00:00Z") };
        format!("{time},{0},{0},{0},{0},1\n", 100 + hour % 7)
    };
    hours.map(row).collect()
}

fn file(from: i64, until: i64) -> Vec<u8> {
    bars(&hours(from..until)).into_bytes()
}

fn named(symbol: &str, from: i64, until: i64) -> Vec<u8> {
    let rows = hours(from..until).lines().map(|line| format!("{symbol},{line}\n")).collect::<String>();
    format!("Symbol,Date,Open,High,Low,Close,Volume\n{rows}").into_bytes()
}

fn found(loaded: &Loaded) -> Vec<(String, usize)> {
    loaded.dataset.series().iter().map(|series| (series.symbol.clone(), series.len())).collect()
}

fn one(symbol: &str, bars: usize) -> Vec<(String, usize)> {
    vec![(symbol.to_owned(), bars)]
}

#[test]
fn files_whose_names_differ_by_a_date_are_joined_in_the_order_of_time() {
    // Ten hours before 2025, and ten from then on.
    let (first, second) = (file(8_774, 8_784), file(8_784, 8_794));
    let names = [
        ("BTC-1h-2024-12.csv", "BTC-1h-2025-01.csv", "BTC-1h"),
        ("BTC_202412.csv", "BTC_202501.csv", "BTC"),
        ("2024/BTC.csv", "2025/BTC.csv", "BTC"),
        ("BTC/2024-12-31.csv", "BTC/2025-01-01.csv", "BTC"),
        ("BTC-Dec-2024.csv", "BTC-Jan-2025.csv", "BTC"),
        ("BTC_2024Q4.csv", "BTC_2025Q1.csv", "BTC"),
        ("BTC_20241231T0000.csv", "BTC_20250101T0000.csv", "BTC"),
        ("BTC_20241201-20241231.csv", "BTC_20250101-20250131.csv", "BTC"),
        ("BTC-part1.csv", "BTC-part2.csv", "BTC"),
        ("BTC-1.csv", "BTC-2.csv", "BTC"),
    ];
    for (one_name, other, symbol) in names {
        let loaded = load(&[(other, &second), (one_name, &first)], plain()).unwrap();
        assert_eq!(found(&loaded), one(symbol, 20), "{one_name}");
        let notice = format!("`{one_name}` and `{other}` are joined as `{symbol}`, 20 bars");
        assert_eq!(loaded.notices, [notice]);
        let whole = load(&[(&format!("{symbol}.csv"), &file(8_774, 8_794))], plain()).unwrap();
        assert_eq!(loaded.dataset, whole.dataset);
    }
}

#[test]
fn what_may_be_two_instruments_is_not_joined() {
    let (first, second) = (file(0, 10), file(5, 15));
    let other = String::from_utf8(second).unwrap().replace("101,101,101,101", "109,109,109,109").into_bytes();
    let pairs = [
        ("ES-202403.csv", "ES-202406.csv", other.clone()),
        ("fund-1.csv", "fund-2.csv", file(2000, 2010)),
        ("fund-1.csv", "fund-2.csv", bars(&hours(10..20).replace(",10", ",90")).into_bytes()),
        ("BTC-60.csv", "BTC-240.csv", other),
        ("a.csv", "b.csv", file(10, 20)),
    ];
    for (one_name, other_name, content) in pairs {
        let loaded = load(&[(one_name, &first), (other_name, &content)], plain()).unwrap();
        assert_eq!(loaded.dataset.series().len(), 2, "{one_name} {other_name}");
    }
    let loaded = load(&[("fund-1.csv", &first), ("fund-2.csv", &file(2000, 2010))], plain()).unwrap();
    assert_eq!(
        loaded.notices,
        [
            "`fund-1.csv` and `fund-2.csv` are an instrument each, though only a date or a number tells them apart: \
             `fund-2.csv` does not go on where `fund-1.csv` ends",
            "no time stamp is shared by `fund-1` and `fund-2`"
        ]
    );
    let error = load(&[("AAPL/daily.csv", &first), ("MSFT/daily.csv", &file(10, 20))], plain()).unwrap_err();
    assert_eq!(error, "both `AAPL/daily.csv` and `MSFT/daily.csv` have bars of `daily`; give each instrument once");
}

#[test]
fn dates_of_names_that_the_bars_contradict_join_nothing() {
    // Hours from 2024-01-01 on: March begins at 1440, April at 2184.
    let cases: [(&str, &str, Vec<u8>, Vec<u8>); 8] = [
        // Contracts that expire in a month, with bars before it: one after the other, and with some in both.
        ("ES_202403.csv", "ES_202406.csv", file(0, 1_700), file(1_700, 3_700)),
        ("ES-Mar-2024.csv", "ES-Jun-2024.csv", file(0, 1_700), file(1_700, 3_700)),
        (
            "ES-2024-03.csv",
            "ES-2024-06.csv",
            file(0, 1_700),
            bars(&hours(1_600..3_700).replace(",10", ",20")).into_bytes(),
        ),
        ("CL_20240320.csv", "CL_20240422.csv", file(0, 1_700), file(1_700, 2_600)),
        ("ES_H_2024.csv", "ES_M_2024.csv", file(0, 1_700), file(1_700, 3_700)),
        ("ESH2024.csv", "ESM2024.csv", file(0, 1_700), file(1_700, 3_700)),
        // Days of downloads.
        ("SPY_20240331.csv", "SPY_20240430.csv", file(0, 1_000), file(1_000, 2_900)),
        (
            "SPY_20240331.csv",
            "SPY_20240430.csv",
            file(0, 1_000),
            bars(&hours(990..2_900).replace(",10", ",20")).into_bytes(),
        ),
    ];
    for (one_name, other, first, second) in cases {
        let loaded = load(&[(one_name, &first), (other, &second)], plain()).unwrap();
        assert_eq!(loaded.dataset.series().len(), 2, "{one_name} {other}");
        let is_told = loaded.notices.iter().any(|notice| notice.contains("are an instrument each"));
        assert!(is_told != (one_name.contains('H')), "{one_name}: {:?}", loaded.notices);
    }
    let loaded = load(&[("ES_202403.csv", &file(0, 1_700)), ("ES_202406.csv", &file(1_700, 3_700))], plain()).unwrap();
    assert_eq!(
        loaded.notices[0],
        "`ES_202403.csv` and `ES_202406.csv` are an instrument each, though only a date or a number tells them apart: the bars \
         of `ES_202403.csv`, 2024-01-01 to 2024-03-11T19:00:00Z, are not of the time that its name says, as with \
         contracts and with days of downloads"
    );
    // A history that is downloaded again goes on with the same bars.
    let loaded =
        load(&[("SPY_20240331.csv", &file(0, 1_000)), ("SPY_20240430.csv", &file(0, 2_900))], plain()).unwrap();
    assert_eq!(found(&loaded), one("SPY", 2_900));
    // A date that all have says nothing of one.
    let same = [("2023-11/BTC-1.csv", &file(0, 10)[..]), ("2023-11/BTC-2.csv", &file(10, 20)[..])];
    assert_eq!(found(&load(&same, plain()).unwrap()), one("BTC", 20));
    // Weeks that begin in the month before, and a bar at midnight behind the last day.
    let week = |from: i64, count: i64| {
        let row =
            |week: i64| format!("{},1,1,1,1,1\n", format_time(1_704_067_200_000_000_000 + week * 604_800_000_000_000));
        bars(&(from..from + count).map(row).collect::<String>()).into_bytes()
    };
    let loaded = load(&[("X-2024-01.csv", &week(0, 4)), ("X-2024-02.csv", &week(4, 5))], plain()).unwrap();
    assert_eq!(found(&loaded), one("X", 9));
}

#[test]
fn a_symbol_in_several_files_is_one_instrument() {
    let (first, second) = (named("BTC", 0, 10), named("BTC", 10, 20));
    let loaded = load(&[("b.csv", &second), ("a.csv", &first)], plain()).unwrap();
    assert_eq!(found(&loaded), one("BTC", 20));
    assert_eq!(loaded.notices, ["`a.csv` and `b.csv` are joined as `BTC`, 20 bars"]);
    // Milliseconds, then microseconds.
    let epochs = |unit: i64, from: i64| {
        let row = |hour: i64| format!("{},{1},{1},{1},{1},1\n", (1_735_653_600 + hour * 3600) * unit, 100 + hour);
        bars(&(from..from + 10).map(row).collect::<String>()).into_bytes()
    };
    let loaded = load(&[("B-2024.csv", &epochs(1_000, 0)), ("B-2025.csv", &epochs(1_000_000, 10))], plain()).unwrap();
    assert_eq!(found(&loaded), one("B", 20));
    // A folder of the partitioned kind names the symbol.
    let parts = [
        ("symbol=A/year=2024/part-0.csv", file(0, 10)),
        ("symbol=B/year=2024/part-0.csv", file(10, 20)),
        ("symbol=A/year=2025/part-0.csv", file(10, 20)),
    ];
    let parts: Vec<_> = parts.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    assert_eq!(found(&load(&parts, plain()).unwrap()), [("A".to_owned(), 20), ("B".to_owned(), 10)]);
}

#[test]
fn equal_bars_of_two_files_are_one_and_different_ones_are_refused() {
    let loaded = load(&[("a.csv", &named("BTC", 0, 10)), ("b.csv", &named("BTC", 8, 20))], plain()).unwrap();
    assert_eq!(found(&loaded), one("BTC", 20));
    let notice = "`a.csv` and `b.csv` are joined as `BTC`, 20 bars; 2 bars stand in two of them, and count once";
    assert_eq!(loaded.notices, [notice]);
    let other =
        String::from_utf8(named("BTC", 8, 20)).unwrap().replace("102,102,102,102", "103,103,103,103").into_bytes();
    for options in [plain(), both()] {
        let error = load(&[("a.csv", &named("BTC", 0, 10)), ("b.csv", &other)], options).unwrap_err();
        assert_eq!(
            error,
            "`a.csv` line 11 and `b.csv` line 3 have different bars of `BTC` at 2024-01-01T09:00:00Z; take one of the files \
             out, or correct the bars"
        );
    }
}

#[test]
fn files_of_like_names_that_differ_at_the_seam_are_refused() {
    let unfinished = hours(0..10).replace("102,102,102,102,1", "102,102,101,101,1");
    let first = bars(&unfinished).into_bytes();
    let error = load(&[("B-2024-01-01.csv", &first), ("B-2024-01-02.csv", &file(9, 20))], plain()).unwrap_err();
    assert_eq!(
        error,
        "`B-2024-01-01.csv` line 11 and `B-2024-01-02.csv` line 2 have different bars of `B` at 2024-01-01T09:00:00Z; take one of \
         the files out, or correct the bars"
    );
}

#[test]
fn files_of_one_symbol_agree_on_days_whatever_zone_they_write() {
    let dates = "Symbol,Date,Open,High,Low,Close\nA,2024-01-02,1,1,1,1\nA,2024-01-03,1,1,1,1\n";
    let midnights = "Symbol,Date,Open,High,Low,Close\nA,2024-01-04 00:00:00-05:00,1,1,1,1\n";
    let loaded = load(&[("a.csv", dates.as_bytes()), ("b.csv", midnights.as_bytes())], plain()).unwrap();
    let days: Vec<_> = loaded.dataset.series()[0].time.iter().map(|time| format_time(*time)).collect();
    assert_eq!(days, ["2024-01-02", "2024-01-03", "2024-01-04"]);
    let local = dates.replace("2024-01-02,", "2024-01-02 09:30,").replace("2024-01-03,", "2024-01-03 09:30,");
    let zoned = midnights.replace("00:00:00", "09:30:00");
    let files: [(&str, &[u8]); 2] = [("a.csv", local.as_bytes()), ("b.csv", zoned.as_bytes())];
    let error = load(&files, plain()).unwrap_err();
    assert!(
        error.starts_with("`a.csv` and `b.csv` both have bars of `A`, but only one of them has times with a zone"),
        "{error}"
    );
    let options = with(|options| options.timezone = Some("America/New_York".parse().unwrap()));
    assert_eq!(found(&load(&files, options).unwrap()), one("A", 3));
}

#[test]
fn several_instruments_under_an_unknown_column_are_told_with_the_column() {
    let row =
        |name: &str, day: u32, price: u32| format!("2024-01-{day:02},{price},{price},{price},{price},10,{name},7\n");
    let table = |column: &str, names: [&str; 2], by_day: bool| {
        let mut rows: Vec<(u32, String)> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            rows.extend((2..6).map(|day| (day, row(name, day, 10 + 50 * at as u32))));
        }
        if by_day {
            rows.sort_by_key(|(day, _)| *day);
        }
        format!(
            "date,open,high,low,close,volume,{column},exchange\n{}",
            rows.into_iter().map(|(_, row)| row).collect::<String>()
        )
    };
    let cases = [
        ("Name", ["AAL", "AAPL"]),
        ("stock_code", ["000001.SZ", "600000.SH"]),
        ("permno", ["10107", "14593"]),
        ("Stock Name", ["a b", "c"]),
    ];
    for (column, names) in cases {
        for by_day in [false, true] {
            let text = table(column, names, by_day);
            for options in [plain(), sort(), drop_bad(), both()] {
                let error = csv(&text, options).unwrap_err();
                let expected = format!(
                    "`a.csv` looks like several instruments: its times come again, and column `{column}` has 2 values (`{}`, `{}`); \
                     say that this column names them (`--read 'symbol={column}'`)",
                    names[0], names[1]
                );
                assert_eq!(error, expected);
            }
            let options = with(|options| options.read.symbol = Some(column.to_owned()));
            let loaded = csv(&text, options).unwrap();
            assert_eq!(found(&loaded), names.map(|name| (name.to_owned(), 4)));
        }
    }
    // Blocks of times that do not meet, which sorting would mix.
    let blocks = "Date,Open,High,Low,Close,Name\n2024-01-08,1,1,1,1,A\n2024-01-09,1,1,1,1,A\n2024-01-02,9,9,9,9,B\n2024-01-03,9,9,9,9,B\n";
    assert!(csv(blocks, sort()).unwrap_err().contains("--read 'symbol=Name'"));
    // Other columns of one instrument do not name it: those of bars out of order, and of an hour that comes twice.
    let weekdays = "Date,Open,High,Low,Close,Day\n2024-01-09,1,1,1,1,Tue\n2024-01-08,1,1,1,1,Mon\n2024-01-02,9,9,9,9,Tue\n2024-01-01,9,9,9,9,Mon\n";
    assert_eq!(csv(weekdays, sort()).unwrap().dataset.bars(), 4);
    let clocks = "Date,Open,High,Low,Close,Clock\n2024-11-03 01:00,1,1,1,1,EDT\n2024-11-03 01:30,2,1,1,1,EDT\n2024-11-03 01:00,3,3,3,3,EST\n2024-11-03 01:30,4,4,4,4,EST\n";
    assert!(csv(clocks, both()).unwrap_err().contains("--timezone America/New_York"));
    // Nothing names them.
    let text = table("x", ["", ""], false).replace(",,7", "").replace(",x,exchange", "");
    let text = text + &row("", 8, 3).replace(",,7", "") + &row("", 8, 4).replace(",,7", "");
    for options in [plain(), both()] {
        let error = csv(&text, options).unwrap_err();
        assert!(
            error.starts_with("`a.csv` looks like several instruments: 5 of 10 rows have the time of another one"),
            "{error}"
        );
        assert!(error.ends_with("(`--read symbol=NAME`)"), "{error}");
    }
}

#[test]
fn only_the_instruments_that_are_asked_for_are_read() {
    let wants = |symbols: &[&str]| {
        with(|options| options.symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect())
    };
    // What is not asked for may be anything.
    let text = "Symbol,Date,Open,High,Low,Close\nA,2024-01-02,1,1,1,1\nB,soon,x,1,1,1\nC,2024-01-02,2,2,2,2\nA,2024-01-03,1,1,1,1\n";
    assert_eq!(found(&csv(text, wants(&["A"])).unwrap()), one("A", 2));
    assert_eq!(found(&csv(text, wants(&["C", "A"])).unwrap()), [("A".to_owned(), 2), ("C".to_owned(), 1)]);
    check_refused(csv(text, wants(&["A", "D"])), "unknown symbol `D`; known: `B`, `C`, `A`");
    let stems: [(&str, &[u8]); 2] =
        [("msft.csv", &file(0, 5)), ("aapl.csv", b"Date,Open,High,Low,Close\nbad,1,1,1,1\n")];
    assert_eq!(found(&load(&stems, wants(&["msft"])).unwrap()), one("msft", 5));
    check_refused(load(&stems, wants(&["msf"])), "unknown symbol `msf`; did you mean `msft`?");
    let months: [(&str, &[u8]); 3] =
        [("B-2024-01-01.csv", &file(0, 5)), ("B-2024-01-02.csv", &file(5, 9)), ("C-2024-01-01.csv", b"")];
    assert!(load(&months, wants(&["B"])).unwrap_err().contains("`C-2024-01-01.csv` is empty"));
    assert_eq!(found(&load(&months[..2], wants(&["B"])).unwrap()), one("B", 9));
}

proptest! {
    #[test]
    fn any_split_of_a_series_joins_to_the_same_data(cuts in prop::collection::btree_set(1..99_i64, 1..6), overlap in 0..3_i64, by_symbol: bool) {
        let edges: Vec<i64> = [0].into_iter().chain(cuts).chain([100]).collect();
        let part = |pair: &[i64]| {
            let from = (pair[0] - overlap).max(0);
            if by_symbol { named("X", from, pair[1]) } else { file(from, pair[1]) }
        };
        let contents: Vec<Vec<u8>> = edges.windows(2).map(part).collect();
        let names: Vec<String> = (0..contents.len()).map(|at| format!("X-2024-part{}.csv", at + 1)).collect();
        let mut files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
        files.reverse();
        let joined = load(&files, plain()).unwrap();
        let whole = if by_symbol { named("X", 0, 100) } else { file(0, 100) };
        prop_assert_eq!(joined.dataset.fingerprint(), load(&[("X.csv", &whole)], plain()).unwrap().dataset.fingerprint());
    }
}
