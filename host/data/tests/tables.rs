//! Tables as data frames write them: texts for numbers, missing volumes, indices without a name, columns of two levels.

use super::{
    Loaded, TWO, check, drop_bad, load,
    parquet::{Column, Stored, dates, packed, packed_beside, prices, with as replaced},
    plain, problems, shown, with,
};

fn column(line: &str, values: Stored) -> Column {
    (line.to_owned(), values)
}

fn floats(values: &[f64]) -> Stored {
    Stored::F64(values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect())
}

fn longs(values: &[i64]) -> Stored {
    Stored::I64(values.iter().copied().map(Some).collect())
}

fn texts(values: &[&str]) -> Stored {
    Stored::Bytes(values.iter().map(|text| Some(text.as_bytes().to_vec())).collect())
}

fn read(columns: &[Column]) -> Result<Loaded, String> {
    load(&[("a.parquet", &packed(columns))], plain())
}

#[test]
fn prices_and_volumes_may_be_texts() {
    let columns = replaced(prices(dates()), "optional binary open (STRING)", texts(&["1.0", " 2e0 "]));
    let columns = replaced(columns, "optional binary volume (STRING)", texts(&["10", "20.0"]));
    check(read(&columns), &TWO);
    let bad =
        ["", "x1"].map(|text| read(&replaced(prices(dates()), "optional binary open (STRING)", texts(&[text, "x"]))));
    let expected = ["`open` is empty", "`open` is `x1`, which is not a number"];
    for (found, expected) in bad.into_iter().zip(expected) {
        let second = "`a.parquet` row 2: `open` is `x`, which is not a number".to_owned();
        assert_eq!(problems(found), [format!("`a.parquet` row 1: {expected}"), second]);
    }
}

#[test]
fn texts_of_numbers_may_have_marks() {
    let opens = |values: [&str; 2]| replaced(prices(dates()), "optional binary open (STRING)", texts(&values));
    for (values, mark) in [(["1,0", "2,00"], ','), (["$1.0", "2"], '.'), (["1.00", "0,002.0"], '.')] {
        let loaded = read(&opens(values));
        let loaded = loaded.unwrap();
        let cell = values.into_iter().find(|text| text.parse::<f64>().is_err()).unwrap();
        let notice = format!("`a.parquet` has numbers like `{cell}`, read with the decimal mark `{mark}`");
        assert_eq!(loaded.notices, [notice]);
        check(Ok(loaded), &TWO);
    }
    let error = read(&opens(["1.00", "2,00"])).unwrap_err();
    assert!(error.contains("`1.00` has a decimal point, and `2,00` a decimal comma"), "{error}");
    let given = with(|options| options.read.decimal = Some(','));
    let columns = replaced(prices(dates()), "optional binary volume (STRING)", texts(&["10,000", "0,020K"]));
    check(load(&[("a.parquet", &packed(&columns))], given), &TWO);
}

#[test]
fn a_missing_volume_is_zero_and_is_told() {
    let cases: [(&str, Stored); 6] = [
        ("optional int64 volume", Stored::I64(vec![None, Some(20)])),
        ("optional double volume", Stored::F64(vec![None, Some(20.0)])),
        ("optional double volume", Stored::F64(vec![Some(f64::NAN), Some(20.0)])),
        ("optional binary volume (STRING)", texts(&["", "20"])),
        ("optional binary volume (STRING)", texts(&["-", "20"])),
        ("optional int64 volume (DECIMAL(10,2))", Stored::I64(vec![None, Some(2000)])),
    ];
    for (line, values) in cases {
        let loaded = read(&replaced(prices(dates()), line, values)).unwrap();
        let notice = "`a.parquet` has 1 bar without a volume, taken as zero: row 1";
        assert_eq!(loaded.notices, [notice], "{line}");
        check(Ok(loaded), &["2024-01-02 1 3 0.5 2 0", TWO[1]]);
    }
    let none = read(&replaced(prices(dates()), "optional double volume", Stored::F64(vec![None, None]))).unwrap();
    assert_eq!(none.dataset.series()[0].volume, [0.0, 0.0]);
    let infinite = replaced(prices(dates()), "optional double volume", floats(&[f64::INFINITY, 20.0]));
    assert_eq!(problems(read(&infinite)), ["`a.parquet` row 1: `volume` is inf, which is not finite"]);
    let null_price = replaced(prices(dates()), "optional double low", floats(&[f64::NAN, 1.5]));
    assert_eq!(problems(read(&null_price)), ["`a.parquet` row 1: `low` is null"]);
}

#[test]
fn epochs_may_be_floats() {
    let seconds = [1_704_153_600.0, 1_704_240_000.0];
    for factor in [1.0, 1e3, 1e6, 1e9] {
        let values = floats(&seconds.map(|second| second * factor));
        check(read(&prices(column("optional double date", values))), &TWO);
    }
    let parts = floats(&[1_704_153_600.25, 1_704_240_000.0]);
    let loaded = read(&prices(column("required double time", parts))).unwrap();
    assert!(shown(&loaded.dataset.series()[0])[0].starts_with("2024-01-02T00:00:00.25Z "));
    let milliseconds = floats(&[1_704_153_600_123e6, 1_704_240_000_456e6]);
    let loaded = read(&prices(column("optional double time", milliseconds))).unwrap();
    assert_eq!(loaded.dataset.series()[0].time, [1_704_153_600_123_000_000, 1_704_240_000_456_000_000]);
    let bad = Stored::F64(vec![Some(f64::INFINITY), Some(f64::NAN)]);
    let range = "the time is out of range; times lie between 1677-09-21 and 2262-04-11";
    let expected = [format!("`a.parquet` row 1: {range}"), "`a.parquet` row 2: the time is null".to_owned()];
    assert_eq!(problems(read(&prices(column("optional double time", bad)))), expected);
    let small = read(&prices(column("optional double date", floats(&[45_293.0, 45_294.0]))));
    assert!(problems(small)[0].contains("`45293` looks like a date of Excel: 2024-01-02"));
}

#[test]
fn an_index_without_a_name_is_the_time_if_it_holds_times() {
    for name in ["__index_level_0__", "index"] {
        let cases: [(&str, Stored); 5] = [
            ("int64 @ (TIMESTAMP(MILLIS,false))", longs(&[1_704_153_600_000, 1_704_240_000_000])),
            ("binary @ (STRING)", texts(&["2024-01-02", "2024-01-03"])),
            ("int64 @", longs(&[1_704_153_600, 1_704_240_000])),
            ("int64 @", longs(&[20_240_102, 20_240_103])),
            ("double @", floats(&[1_704_153_600.0, 1_704_240_000.0])),
        ];
        for (line, values) in cases {
            let loaded = read(&prices(column(&format!("optional {}", line.replace('@', name)), values))).unwrap();
            assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
            check(Ok(loaded), &TWO);
        }
        for (line, values) in [("int64 @", longs(&[0, 1])), ("binary @ (STRING)", texts(&["a", "b"]))] {
            let error = read(&prices(column(&format!("optional {}", line.replace('@', name)), values))).unwrap_err();
            assert!(error.starts_with("`a.parquet` has no column `Date`"), "{error}");
        }
    }
}

#[test]
fn an_index_that_the_metadata_names_or_the_only_time_is_the_time_and_is_told() {
    let stamps = || longs(&[1_704_153_600_000, 1_704_240_000_000]);
    let told = |loaded: Loaded, name: &str| {
        let notice = format!("`a.parquet` takes the column `{name}` as the time (`--read time=NAME` takes another)");
        assert_eq!(loaded.notices, [notice]);
        check(Ok(loaded), &TWO);
    };
    told(read(&prices(column("optional int64 bar (TIMESTAMP(MILLIS,false))", stamps()))).unwrap(), "bar");
    let columns = prices(column("optional binary bar (STRING)", texts(&["2024-01-02", "2024-01-03"])));
    let metadata = [("pandas", r#"{"index_columns": ["bar"]}"#)];
    told(load(&[("a.parquet", &packed_beside(&metadata, &columns))], plain()).unwrap(), "bar");
    for metadata in
        [r#"{"index_columns": [{"kind": "range", "start": 0}]}"#, "[", "{}", r#"{"index_columns": ["open"]}"#]
    {
        let file = packed_beside(&[("pandas", metadata)], &columns);
        let error = load(&[("a.parquet", &file)], plain()).unwrap_err();
        assert!(error.starts_with("`a.parquet` has no column `Date`"), "{error}");
    }
    let mut two = prices(column("optional int64 bar (TIMESTAMP(MILLIS,false))", stamps()));
    two.push(column("optional int64 updated (TIMESTAMP(MILLIS,false))", stamps()));
    assert!(read(&two).unwrap_err().starts_with("`a.parquet` has no column `Date`"));
    let likely = prices(column("optional int64 updated (TIMESTAMP(MILLIS,false))", longs(&[0, 0])));
    let mut likely: Vec<Column> = likely;
    likely.push(column("optional binary day (STRING)", texts(&["2024-01-02", "2024-01-03"])));
    check(read(&likely), &TWO);
}

#[test]
fn two_columns_of_times_that_say_the_same_are_one() {
    let mut columns = prices(column("optional int64 timestamp", longs(&[1_704_153_600, 1_704_240_000])));
    columns.push(column("optional binary datetime (STRING)", texts(&["2024-01-02", "2024-01-03"])));
    let loaded = read(&columns).unwrap();
    assert!(loaded.notices[0].contains("several columns of times: `timestamp` is taken"), "{:?}", loaded.notices);
    check(Ok(loaded), &TWO);
    columns[0].1 = longs(&[1_704_153_601, 1_704_240_000]);
    assert!(read(&columns).unwrap_err().contains("two columns for `Date`"));
}

#[test]
fn symbols_may_be_texts_in_plain_bytes() {
    let bytes = |values: [&[u8]; 2]| Stored::Fixed(values.map(|value| Some(value.to_vec())).to_vec());
    let mut columns = prices(dates());
    columns.push(column("optional fixed_len_byte_array(4) symbol", bytes([b"ABC\0", b"ABC\0"])));
    let loaded = read(&columns).unwrap();
    assert_eq!(loaded.dataset.series()[0].symbol, "ABC");
    check(Ok(loaded), &TWO);
    columns.last_mut().unwrap().1 = bytes([&[0xff; 4], &[0xff; 4]]);
    assert_eq!(read(&columns).unwrap_err(), "cannot read `a.parquet` as Parquet");
    *columns.last_mut().unwrap() = column("optional double symbol", floats(&[1.0, 1.0]));
    let error = read(&columns).unwrap_err();
    assert_eq!(error, "column `symbol` of `a.parquet` is of type Float64; it must be a text or a whole number");
}

/// Writes the name of a field and an instrument.
type Naming = fn(&str, &str) -> String;

/// A table with columns of two levels.
fn wide(name: Naming) -> Vec<(String, Stored)> {
    let rows = |a: [f64; 3], b: [f64; 3]| [("A", a), ("B", b)];
    let nan = f64::NAN;
    let fields = [
        ("Open", rows([1.0, 2.0, 3.0], [10.0, nan, 30.0])),
        ("High", rows([3.0, 4.0, 5.0], [30.0, nan, 50.0])),
        ("Low", rows([0.5, 1.5, 2.5], [5.0, nan, 25.0])),
        ("Close", rows([2.0, 3.0, 4.0], [20.0, nan, 40.0])),
        ("Volume", rows([10.0, 20.0, 30.0], [100.0, nan, nan])),
    ];
    let columns = fields.into_iter().flat_map(|(field, values)| values.map(|(symbol, values)| (field, symbol, values)));
    columns.map(|(field, symbol, values)| (name(field, symbol), floats(&values))).collect()
}

const A: [&str; 3] = ["2024-01-02 1 3 0.5 2 10", "2024-01-03 2 4 1.5 3 20", "2024-01-04 3 5 2.5 4 30"];
const B: [&str; 2] = ["2024-01-02 10 30 5 20 100", "2024-01-04 30 50 25 40 0"];

fn three_dates() -> Stored {
    Stored::I32([19724, 19725, 19726].map(Some).to_vec())
}

#[test]
fn columns_of_two_levels_are_the_bars_of_several_instruments() {
    let names: [(Naming, &str); 3] = [
        (|field, symbol| format!("('{field}', '{symbol}')"), "Date"),
        (|field, symbol| format!("('{symbol}', '{field}')"), "('Date', '')"),
        (|field, symbol| format!("(\"{field}\", '{symbol}')"), "('Date', '')"),
    ];
    for (name, date) in names {
        let mut columns = wide(name);
        columns.insert(0, (date.to_owned(), three_dates()));
        let file = super::parquet::packed_named(&columns);
        let loaded = load(&[("a.parquet", &file)], plain()).unwrap();
        let found: Vec<_> =
            loaded.dataset.series().iter().map(|series| (series.symbol.as_str(), shown(series))).collect();
        let own = |bars: &[&str]| bars.iter().map(|bar| (*bar).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [("A", own(&A)), ("B", own(&B))]);
        let expected = [
            "`a.parquet` has columns of their own for 2 instruments: `A`, `B`",
            "`a.parquet` leaves out rows in which an instrument has no prices: 1 row of `B`",
            "`a.parquet` has 1 bar without a volume, taken as zero: row 3",
        ];
        assert_eq!(loaded.notices[..3], expected, "{:?}", loaded.notices);
        let only = load(&[("a.parquet", &file)], with(|options| options.symbols = vec!["A".to_owned()])).unwrap();
        check(Ok(only), &A);
        let only = load(&[("a.parquet", &file)], with(|options| options.symbols = vec!["B".to_owned()])).unwrap();
        check(Ok(only), &B);
        let unknown = load(&[("a.parquet", &file)], with(|options| options.symbols = vec!["C".to_owned()]));
        assert_eq!(unknown.unwrap_err(), "unknown symbol `C`; known: `A`, `B`");
    }
}

#[test]
fn a_row_of_two_levels_that_is_half_there_is_a_fault() {
    let mut columns = wide(|field, symbol| format!("('{field}', '{symbol}')"));
    columns.insert(0, ("Date".to_owned(), three_dates()));
    let at = columns.iter().position(|(name, _)| name == "('Low', 'B')").unwrap();
    columns[at].1 = floats(&[5.0, 1.0, 25.0]);
    let file = super::parquet::packed_named(&columns);
    let expected = "`a.parquet` row 2: `('Open', 'B')` is null; `('High', 'B')` is null; `('Close', 'B')` is null";
    assert_eq!(problems(load(&[("a.parquet", &file)], plain())), [expected]);
    assert_eq!(load(&[("a.parquet", &file)], drop_bad()).unwrap().dataset.series()[1].len(), 2);
    let columns: Vec<_> = columns.into_iter().filter(|(name, _)| name != "('High', 'B')").collect();
    let error = load(&[("a.parquet", &super::parquet::packed_named(&columns))], plain()).unwrap_err();
    assert!(error.contains("has no column `High`"), "{error}");
}

#[test]
fn one_instrument_in_columns_of_two_levels_is_named_by_them() {
    let mut columns = wide(|field, symbol| format!("('{field}', '{symbol}')"));
    columns.retain(|(name, _)| !name.contains("'B'"));
    columns.insert(0, ("Date".to_owned(), three_dates()));
    let loaded = load(&[("a.parquet", &super::parquet::packed_named(&columns))], plain()).unwrap();
    assert_eq!(loaded.dataset.series()[0].symbol, "A");
    assert_eq!(loaded.notices, ["`a.parquet` has columns of their own for 1 instrument: `A`"]);
    check(Ok(loaded), &A);
}

#[test]
fn whole_prices_of_databento_count_billionths() {
    let stamps = longs(&[1_704_153_600_000_000_000, 1_704_240_000_000_000_000]);
    let table = |prices: [Stored; 4], line: &str| {
        let names = ["open", "high", "low", "close"];
        let other = |name: &str| column(&format!("optional int64 {name}"), longs(&[1, 1]));
        let mut columns = vec![column("optional int64 ts_event", stamps.clone())];
        columns.extend(["rtype", "publisher_id", "instrument_id"].map(other));
        columns.extend(names.into_iter().zip(prices).map(|(name, price)| column(&line.replace('@', name), price)));
        columns.push(column("optional int64 volume", longs(&[10, 20])));
        columns
    };
    let raw = || [[1_000_000_000, 2_000_000_000], [3_000_000_000, 4_000_000_000], [500_000_000, 1_500_000_000]];
    let raw = [longs(&raw()[0]), longs(&raw()[1]), longs(&raw()[2]), longs(&[2_000_000_000, 3_000_000_000])];
    let loaded = read(&table(raw.clone(), "optional int64 @")).unwrap();
    let notice = "`a.parquet` has prices of Databento as whole numbers: they are divided by 1000000000";
    assert_eq!(loaded.notices, [notice]);
    check(Ok(loaded), &TWO);
    let pretty = [floats(&[1.0, 2.0]), floats(&[3.0, 4.0]), floats(&[0.5, 1.5]), floats(&[2.0, 3.0])];
    let loaded = read(&table(pretty, "optional double @")).unwrap();
    assert!(loaded.notices.is_empty());
    check(Ok(loaded), &TWO);
    let odd = [1_104_410_001_i64, 1_104_680_003, 1_103_110_007, 1_103_790_009];
    let odd_columns = odd.map(|price| longs(&[price, price]));
    let loaded = read(&table(odd_columns, "optional int64 @")).unwrap();
    let series = &loaded.dataset.series()[0];
    assert_eq!(
        [series.open[0], series.high[0], series.low[0], series.close[0]],
        [1.104410001, 1.104680003, 1.103110007, 1.103790009]
    );
    // Without the other columns, whole numbers are prices.
    let mut plain_names = table(raw, "optional int64 @");
    plain_names[1].0 = "optional int64 kind".to_owned();
    assert_eq!(read(&plain_names).unwrap().dataset.series()[0].open, [1e9, 2e9]);
}

#[test]
fn a_file_that_is_cut_off_or_encrypted_is_refused() {
    let whole = packed(&prices(dates()));
    let mut encrypted = whole.clone();
    let end = encrypted.len() - 1;
    (encrypted[3], encrypted[end]) = (b'E', b'E');
    assert_eq!(
        load(&[("a.parquet", &encrypted)], plain()).unwrap_err(),
        "`a.parquet` is encrypted Parquet; decrypt it"
    );
    encrypted[3] = b'1';
    for bytes in [&whole[..whole.len() - 4], &whole[..100], &encrypted] {
        assert_eq!(load(&[("a.parquet", bytes)], plain()).unwrap_err(), "cannot read `a.parquet` as Parquet");
    }
}

#[test]
fn symbols_with_blanks_around_them_are_found_in_spite_of_statistics() {
    let mut columns = prices(dates());
    columns.push(column("optional binary symbol (STRING)", texts(&[" A", " A"])));
    let only = with(|options| options.symbols = vec!["A".to_owned()]);
    check(load(&[("a.parquet", &packed(&columns))], only), &TWO);
}

#[test]
fn texts_may_be_plain_bytes_and_whole_numbers_decimals() {
    let columns = prices(column("optional binary date", texts(&["2024-01-02", "2024-01-03"])));
    check(read(&replaced(columns, "optional binary open", texts(&["1", "2"]))), &TWO);
    for factor in [1, 1_000, 1_000_000_000] {
        let epochs = [1_704_153_600, 1_704_240_000].map(|second: i64| second * factor);
        let bytes = epochs.map(|epoch| Some(i128::from(epoch).to_be_bytes().to_vec())).to_vec();
        let wide = column("optional fixed_len_byte_array(16) date (DECIMAL(38,0))", Stored::Fixed(bytes));
        check(read(&prices(wide)), &TWO);
        check(read(&prices(column("optional int64 date (DECIMAL(18,0))", longs(&epochs)))), &TWO);
    }
    let exact = Stored::Bytes(vec![Some(1_704_153_600_123_456_789_i64.to_be_bytes().to_vec()), None]);
    let columns = prices(column("optional binary date (DECIMAL(38,0))", exact));
    assert_eq!(problems(read(&columns)), ["`a.parquet` row 2: the time is null"]);
    let loaded = load(&[("a.parquet", &packed(&columns))], drop_bad()).unwrap();
    assert_eq!(loaded.dataset.series()[0].time, [1_704_153_600_123_456_789]);
    let mut named = prices(dates());
    named.push(column("optional int64 symbol (DECIMAL(18,0))", longs(&[600_519, 600_519])));
    assert_eq!(read(&named).unwrap().dataset.series()[0].symbol, "600519");
}

#[test]
fn a_date_and_a_time_of_day_may_be_whole_numbers() {
    let table = |times: Stored, line: &str| {
        let mut columns = prices(column("optional int64 date", longs(&[20_240_102, 20_240_103])));
        columns.push(column(line, times));
        columns
    };
    for (times, name, expected) in [
        ([0, 930], "HHMM", "2024-01-03T09:30:00Z"),
        ([0, 2359], "HHMM", "2024-01-03T23:59:00Z"),
        ([0, 93_001], "HHMMSS", "2024-01-03T09:30:01Z"),
        ([0, 235_959], "HHMMSS", "2024-01-03T23:59:59Z"),
    ] {
        let loaded = read(&table(longs(&times), "optional int64 time")).unwrap();
        assert_eq!(
            loaded.notices[0],
            format!("`a.parquet` has times of day as whole numbers in `time`, read as {name}")
        );
        assert_eq!(shown(&loaded.dataset.series()[0])[1], format!("{expected} 2 4 1.5 3 20"));
    }
    let bad = problems(read(&table(longs(&[961, 2300]), "optional int64 time")));
    assert_eq!(bad, ["`a.parquet` row 1: time of day `961` is not one (HHMM)"]);
    let large = read(&table(longs(&[0, 34_200_000]), "optional int64 time")).unwrap_err();
    assert_eq!(large, "cannot read `a.parquet` as Parquet");
}
