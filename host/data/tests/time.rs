//! Zones, dates, hours that come twice or never, and what time stamps say.

use super::*;
use crate::model::BarTime;

const DAY: i64 = 86_400_000_000_000;

fn zone(name: &str) -> LoadOptions {
    with(|options| options.timezone = Some(name.parse().unwrap()))
}

fn sorted(options: LoadOptions) -> LoadOptions {
    LoadOptions { sort: true, ..options }
}

/// A file with a bar at each time, of prices that differ.
fn at(times: &[&str]) -> String {
    let row = |(at, time): (usize, &&str)| format!("{time},{0},{0},{0},{0},1\n", 100 + at);
    bars(&times.iter().enumerate().map(row).collect::<String>())
}

fn read(times: &[&str], options: LoadOptions) -> Result<Series, String> {
    Ok(csv(&at(times), options)?.dataset.series()[0].clone())
}

/// The days that the bars belong to.
fn days(series: &Series) -> Vec<String> {
    series.time.iter().map(|time| format_time(series.schedule.day(*time) * DAY)).collect()
}

fn stamps(series: &Series) -> Vec<String> {
    series.time.iter().map(|time| format_time(*time)).collect()
}

#[test]
fn daily_bars_belong_to_the_day_that_is_written() {
    let expected = ["2024-03-28", "2024-03-29", "2024-04-01"];
    let files: [&[&str]; 10] = [
        &["2024-03-28", "2024-03-29", "2024-04-01"],
        &["20240328", "20240329", "20240401"],
        &["2024-03-28 00:00:00", "2024-03-29 00:00:00", "2024-04-01 00:00:00"],
        &["2024-03-28 00:00:00-04:00", "2024-03-29 00:00:00-04:00", "2024-04-01 00:00:00-04:00"],
        // The clocks of Europe are set forward on 31 March.
        &["2024-03-28 00:00:00+01:00", "2024-03-29 00:00:00+01:00", "2024-04-01 00:00:00+02:00"],
        &["2024-03-28T00:00:00+09:00", "2024-03-29T00:00:00+09:00", "2024-04-01T00:00:00+09:00"],
        &["2024-03-28T00:00:00+13:45", "2024-03-29T00:00:00+13:45", "2024-04-01T00:00:00+13:45"],
        &["2024-03-28T00:00:00Z", "2024-03-29T00:00:00Z", "2024-04-01T00:00:00Z"],
        &["1711584000", "1711670400", "1711929600"],
        &["1711584000000", "1711670400000", "1711929600000"],
    ];
    for file in files {
        let series = read(file, plain()).unwrap();
        assert!(series.schedule.dates, "{file:?}");
        assert_eq!(stamps(&series), expected, "{file:?}");
        assert_eq!(days(&series), expected, "{file:?}");
    }
    // Midnights of New York, in UTC.
    let utc = ["2024-03-08T05:00:00Z", "2024-03-11T04:00:00Z", "2024-03-12T04:00:00Z"];
    let series = read(&utc, zone("America/New_York")).unwrap();
    assert_eq!(stamps(&series), ["2024-03-08", "2024-03-11", "2024-03-12"]);
    assert!(!read(&utc, plain()).unwrap().schedule.dates);
    let epochs = ["1709874000", "1710129600", "1710216000"];
    assert_eq!(stamps(&read(&epochs, zone("America/New_York")).unwrap()), ["2024-03-08", "2024-03-11", "2024-03-12"]);
}

/// `count` hours from 2024-01-30 22:00 on, in a form that `jiff` writes.
fn hours(pattern: &str, count: i64) -> Vec<String> {
    let text =
        |hour: i64| jiff::Timestamp::from_second(1_706_652_000 + 3_600 * hour).unwrap().strftime(pattern).to_string();
    (0..count).map(text).collect()
}

#[test]
fn times_of_any_form_are_read_where_the_file_settles_it() {
    let patterns = [
        "%d/%m/%Y %H:%M",
        "%m/%d/%Y %-I:%M %p",
        "%m/%d/%y %I:%M:%S%p",
        "%d.%m.%Y %H:%M:%S.000",
        "%-d-%-m-%Y %-H:%M",
        "%Y-%-m-%-d %-H:%M",
        "%d-%b-%Y %H:%M",
        "%B %-d, %Y %H:%M",
        "%a %b %d %Y %H:%M:%S",
        "%Y%m%d%H%M%S",
        "%Y%m%d%H%M",
        "%Y%m%d %H%M%S",
        "%d%m%Y %H%M",
        "%Y.%m.%d %H:%M",
        "%Y%m%d-%H:%M:%S.000",
    ];
    let expected: Vec<String> = hours("%Y-%m-%dT%H:%M:%SZ", 40);
    for pattern in patterns {
        let times = hours(pattern, 40);
        let names: Vec<&str> = times.iter().map(String::as_str).collect();
        let quoted: Vec<String> = times.iter().map(|time| format!("\"{time}\"")).collect();
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        let loaded = csv(&at(&quoted), plain()).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let read = stamps(&loaded.dataset.series()[0]);
        let midnight = |time: &String| time.replace("T00:00:00Z", "");
        assert_eq!(
            read.iter().map(midnight).collect::<Vec<_>>(),
            expected.iter().map(midnight).collect::<Vec<_>>(),
            "{names:?}"
        );
        let is_native = ["%Y-%-m-%-d %-H:%M", "%Y%m%d %H%M%S", "%Y.%m.%d %H:%M"].contains(&pattern);
        let is_told =
            loaded.notices.iter().any(|notice| notice.starts_with("`a.csv` has times that are written as `%"));
        assert!(is_told || is_native, "{pattern}: {:?}", loaded.notices);
        // In two columns.
        let rows: String = times
            .iter()
            .filter_map(|time| time.split_once(' '))
            .filter(|(date, _)| !date.contains(char::is_alphabetic))
            .map(|(date, time)| format!("{date},{time},1,1,1,1\n"))
            .collect();
        if !rows.is_empty() {
            let loaded = csv(&format!("Date,Time,Open,High,Low,Close\n{rows}"), plain());
            let series = loaded.unwrap_or_else(|error| panic!("{pattern}: {error}")).dataset.series()[0].clone();
            assert_eq!(stamps(&series), read, "{pattern}");
        }
    }
}

#[test]
fn times_that_fit_two_forms_are_asked_for() {
    let error = read(&["01/02/2024", "02/02/2024", "05/02/2024"], plain()).unwrap_err();
    assert_eq!(
        error,
        "`a.csv`: column `Date`, line 2: time `01/02/2024` is 2024-02-01 as `%d/%m/%Y` or 2024-01-02 as `%m/%d/%Y`, and no time of the file settles \
         which; say how times are written (`--read 'date-format=%d/%m/%Y'` or `--read 'date-format=%m/%d/%Y'`)"
    );
    let error = read(&["31/01/2024", "01/31/2024", "02/02/2024"], plain()).unwrap_err();
    assert!(error.starts_with("`a.csv`: column `Date`, line 3: times are written"), "{error}");
    assert!(error.contains("times are written in two forms: `31/01/2024` as `%d/%m/%Y`, but `01/31/2024`"), "{error}");
    let error = read(&["31/01/2024", "Total", "02/02/2024"], plain()).unwrap_err();
    assert!(error.contains("line 3: time `Total` is not written as `%d/%m/%Y`"), "{error}");
    let error = read(&["2024-01-31", "31/01/2024"], plain()).unwrap_err();
    let expected = "the data has 1 problem\n  `a.csv` line 3: time `31/01/2024` reads as `%d/%m/%Y`, but the file begins with an \
                    ISO time without a zone\nrows whose times are in another form or zone are never dropped: write \
                    all times in one form, or take the rows out";
    assert_eq!(error, expected);
    for (first, other) in [
        ("1706572800", "\"Jan 31, 2024\""),
        ("1706572800", "2024-01-31"),
        ("1706572800", "1706659200000"),
        ("2024-01-30", "2024-01-31T00:00:00Z"),
        ("2024-01-30", "20240131"),
        ("2024-01-30", "1706659200"),
    ] {
        let error = read(&[first, other], drop_bad()).unwrap_err();
        assert!(
            error.contains(", but the file begins with ") && error.contains("never dropped"),
            "{first} {other}: {error}"
        );
        assert!(!error.contains("--drop-bad"), "{error}");
    }
    // One bad row in front of times that need no form.
    for rest in [["2024-01-30", "2024-01-31"], ["1706572800000", "1706659200000"]] {
        let error = read(&["x", rest[0], rest[1]], plain()).unwrap_err();
        assert!(error.contains("line 2: `x` is not a time"), "{error}");
        assert_eq!(read(&["x", rest[0], rest[1]], drop_bad()).unwrap().len(), 2);
    }
}

#[test]
fn times_with_the_name_of_their_zone_are_its_local_ones() {
    let files: [&[&str]; 4] = [
        &["20240102  09:30:00 US/Eastern", "20240702  09:30:00 US/Eastern"],
        &["2024-01-02 09:30:00 America/New_York", "2024-07-02 09:30:00 America/New_York"],
        &["2024-01-02T09:30[America/New_York]", "2024-07-02T09:30[America/New_York]"],
        &["02.01.2024 09:30:00.000 GMT-0500", "02.07.2024 09:30:00.000 GMT-0400"],
    ];
    for file in files {
        for options in [plain(), zone("Asia/Tokyo")] {
            let series = read(file, options).unwrap();
            assert_eq!(stamps(&series), ["2024-01-02T14:30:00Z", "2024-07-02T13:30:00Z"], "{file:?}");
        }
        assert_eq!(days(&read(file, plain()).unwrap()), ["2024-01-02", "2024-07-02"], "{file:?}");
    }
    assert_eq!(stamps(&read(&["20240102 09:30:00 Japan"], plain()).unwrap()), ["2024-01-02T00:30:00Z"]);
    let two = ["20240102 09:30:00 US/Eastern", "20240103 09:30:00 US/Central"];
    assert!(read(&two, plain()).unwrap_err().contains("line 3: time `20240103 09:30:00 US/Central` is in the zone"));
    let unknown = ["20240102 09:30:00 Mars/Base", "20240103 09:30:00 Mars/Base"];
    assert!(read(&unknown, plain()).unwrap_err().contains("unknown time zone `Mars/Base`"));
    for (file, place) in [(two, "line 3"), (unknown, "line 2")] {
        let error = read(&file, drop_bad()).unwrap_err();
        assert!(error.starts_with(&format!("`a.csv`: column `Date`, {place}: time `2024")), "{error}");
    }
    let short = ["2024-01-02 09:30:00 EST", "2024-07-02 09:30:00 EDT"];
    let error = read(&short, plain()).unwrap_err();
    assert!(
        error.contains("is in the zone `EST`, which does not say") && error.contains("(`--timezone America/New_York`)"),
        "{error}"
    );
    let series = read(&short, zone("America/New_York")).unwrap();
    assert_eq!(stamps(&series), ["2024-01-02T14:30:00Z", "2024-07-02T13:30:00Z"]);
    assert!(read(&short, zone("-05:00")).unwrap_err().contains("that is no fixed offset"));
    assert_eq!(stamps(&read(&short[..1], zone("-05:00")).unwrap()), ["2024-01-02T14:30:00Z"]);
}

#[test]
fn a_day_that_begins_late_is_a_date_too() {
    // In São Paulo the clocks were set forward at midnight: 2018-11-04 begins at 01:00.
    let written = ["2018-11-02 00:00:00-03:00", "2018-11-03 00:00:00-03:00", "2018-11-04 01:00:00-02:00"];
    let expected = ["2018-11-02", "2018-11-03", "2018-11-04"];
    assert_eq!(stamps(&read(&written, plain()).unwrap()), expected);
    assert_eq!(stamps(&read(&written, zone("America/Sao_Paulo")).unwrap()), expected);
    assert_eq!(stamps(&read(&expected, zone("America/Sao_Paulo")).unwrap()), expected);
}

#[test]
fn dates_and_local_midnights_share_their_stamps() {
    let (dates, midnights) =
        (at(&["2024-01-02", "2024-01-03"]), at(&["2024-01-02 00:00:00-05:00", "2024-01-03 00:00:00-05:00"]));
    let loaded = load(&[("a.csv", dates.as_bytes()), ("b.csv", midnights.as_bytes())], plain()).unwrap();
    assert_eq!(loaded.dataset.series()[0].time, loaded.dataset.series()[1].time);
    assert_eq!(loaded.notices, [""; 0]);
}

#[test]
fn intraday_bars_belong_to_the_day_of_their_zone() {
    let times = ["2024-01-02 19:30:00-05:00", "2024-01-02 20:00:00-05:00", "2024-01-02 20:30:00-05:00"];
    let series = read(&times, plain()).unwrap();
    assert_eq!(days(&series), ["2024-01-02"; 3]);
    assert_eq!(stamps(&series)[0], "2024-01-03T00:30:00Z");
    assert_eq!(series.schedule.format(series.time[0]), "2024-01-02T19:30:00-05:00");
    // A zone that is given counts, whatever the file writes.
    let tokyo = read(&times, zone("Asia/Tokyo")).unwrap();
    assert_eq!((days(&tokyo), stamps(&tokyo)), (vec!["2024-01-03".to_owned(); 3], stamps(&series)));
    let local = read(&["2024-01-02 19:30", "2024-01-02 20:00", "2024-01-02 20:30"], zone("America/New_York")).unwrap();
    assert_eq!((local.time, days(&series)), (series.time.clone(), days(&series)));
    let fixed = read(&["2024-01-02 19:30", "2024-01-02 20:00", "2024-01-02 20:30"], zone("-05:00")).unwrap();
    assert_eq!((&fixed.time, fixed.schedule.zone.as_deref()), (&series.time, Some("-05:00")));
}

#[test]
fn written_offsets_hold_in_any_order_of_the_rows() {
    let mut times: Vec<String> = Vec::new();
    for (from, to, offset) in [(1, 3, "-05:00"), (4, 10, "-04:00"), (11, 12, "-05:00")] {
        for month in from..=to {
            times.extend((1..=3).map(|day| format!("2024-{month:02}-{day:02} 23:30:00{offset}")));
        }
    }
    let names: Vec<&str> = times.iter().map(String::as_str).collect();
    let expected: Vec<String> = times.iter().map(|time| time[..10].to_owned()).collect();
    let forward = read(&names, plain()).unwrap();
    assert_eq!(days(&forward), expected);
    let shuffled: Vec<&str> = (0..names.len()).map(|at| names[at * 17 % names.len()]).collect();
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    for other in [shuffled, reversed] {
        let series = read(&other, sort()).unwrap();
        assert_eq!(days(&series), expected);
    }
}

#[test]
fn an_hour_that_comes_twice_is_told_by_the_order_of_the_rows() {
    let times = [
        "2024-11-03 00:30",
        "2024-11-03 01:00",
        "2024-11-03 01:30",
        "2024-11-03 01:00",
        "2024-11-03 01:30",
        "2024-11-03 02:00",
    ];
    let expected: Vec<String> =
        ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"].map(|time| format!("2024-11-03T{time}:00Z")).into();
    let loaded = csv(&at(&times), zone("America/New_York")).unwrap();
    assert_eq!((stamps(&loaded.dataset.series()[0]), loaded.notices.len()), (expected.clone(), 0));
    let hourly = ["2024-11-03 00:00", "2024-11-03 01:00", "2024-11-03 01:00", "2024-11-03 02:00"];
    assert_eq!(read(&hourly, zone("America/New_York")).unwrap().len(), 4);
    let reversed: Vec<&str> = times.iter().rev().copied().collect();
    assert_eq!(stamps(&read(&reversed, sorted(zone("America/New_York"))).unwrap()), expected);
    let mixed = [times[1], times[5], times[3], times[0]];
    let error = read(&mixed, sorted(zone("America/New_York"))).unwrap_err();
    assert!(error.contains("line 2: time 2024-11-03T01:00:00 comes twice in America/New_York"), "{error}");
    assert!(error.contains("put the rows in the order of time") && !error.contains("--drop-bad"), "{error}");
    // Sorted by what the clock shows, rows do not tell the passes; one that stands twice is no bar of the other pass.
    let sorted_rows = [times[0], times[1], times[3], times[2], times[4], times[5]];
    let newest_first: Vec<&str> = sorted_rows.iter().rev().copied().collect();
    for rows in [&sorted_rows[..], &newest_first] {
        for options in [
            zone("America/New_York"),
            sorted(zone("America/New_York")),
            LoadOptions { drop_bad: true, ..sorted(zone("America/New_York")) },
        ] {
            let error = read(rows, options).unwrap_err();
            assert!(error.contains("comes twice in America/New_York, and nothing tells which"), "{error}");
            assert_eq!(error.matches("comes twice in America/New_York").count(), 4, "{error}");
            assert!(!error.contains("--drop-bad") && !error.contains("--sort"), "{error}");
        }
    }
    let row = |time: &str, price: u32| format!("{time},{price},{price},{price},{price},1\n");
    let twice: String =
        [(0, 1), (1, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)].map(|(at, price)| row(times[at], price)).concat();
    let error = csv(&bars(&twice), zone("America/New_York")).unwrap_err();
    assert!(error.contains("line 4: time 2024-11-03T01:00:00-04:00 repeats that of line 3"), "{error}");
    assert!(error.ends_with("drop the bad rows (`--drop-bad`)"), "{error}");
    let dropped = csv(&bars(&twice), LoadOptions { drop_bad: true, ..zone("America/New_York") }).unwrap();
    assert_eq!(stamps(&dropped.dataset.series()[0]), expected);
    let once = csv(&at(&[times[0], times[1], times[5]]), zone("America/New_York")).unwrap();
    assert_eq!(
        once.notices[0],
        "`a.csv` has 1 time of an hour that comes twice in America/New_York, of which one pass is there, taken as the \
         first: line 3 (2024-11-03T01:00:00)"
    );
}

#[test]
fn an_hour_that_comes_twice_in_an_unknown_zone_is_never_dropped() {
    let files: [&[&str]; 5] = [
        // São Paulo set clocks back at midnight.
        &["2018-02-17 22:00", "2018-02-17 23:00", "2018-02-17 23:00", "2018-02-18 00:00"],
        &["2024-11-03 00:00", "2024-11-03 01:00", "2024-11-03 01:00", "2024-11-03 02:00"],
        &["2024-11-03 01:00", "2024-11-03 01:30", "2024-11-03 01:00", "2024-11-03 01:30", "2024-11-03 02:00"],
        &[
            "2024-10-27 02:00",
            "2024-10-27 02:15",
            "2024-10-27 02:30",
            "2024-10-27 02:45",
            "2024-10-27 02:00",
            "2024-10-27 02:15",
            "2024-10-27 03:00",
        ],
        &["20241103 010000", "20241103 010000", "20241103 020000"],
    ];
    for file in files {
        for options in [plain(), sort(), drop_bad(), both()] {
            let error = read(file, options).unwrap_err();
            assert!(error.contains("--timezone America/New_York"), "{file:?}: {error}");
            assert!(!error.contains("--drop-bad") && !error.contains("--sort"), "{file:?}: {error}");
        }
    }
    // By day, or with an offset, a time that comes again is a bad row.
    for file in [
        ["2024-11-03 12:00", "2024-11-03 12:00", "2024-11-03 13:00"],
        ["2024-11-03T01:00Z", "2024-11-03T01:00Z", "2024-11-03T02:00Z"],
    ] {
        assert!(read(&file, plain()).unwrap_err().ends_with("correct them, or drop the bad rows (`--drop-bad`)"));
        let loaded = csv(&at(&file), drop_bad()).unwrap();
        assert!(loaded.notices[0].contains("line 3 (time") && loaded.notices[0].contains("with other values"));
    }
}

#[test]
fn an_hour_that_does_not_exist_is_taken_after_the_change_unless_it_collides() {
    let times = ["2024-03-10 01:30", "2024-03-10 02:00", "2024-03-10 02:30", "2024-03-10 04:00"];
    let loaded = csv(&at(&times), zone("America/New_York")).unwrap();
    assert_eq!(stamps(&loaded.dataset.series()[0])[1..3], ["2024-03-10T07:00:00Z", "2024-03-10T07:30:00Z"]);
    assert!(
        loaded.notices[0]
            .starts_with("`a.csv` has 2 times of an hour that America/New_York does not have, taken as after"),
        "{:?}",
        loaded.notices
    );
    let fixed = ["2024-03-10 01:30", "2024-03-10 02:00", "2024-03-10 02:30", "2024-03-10 03:00", "2024-03-10 03:30"];
    for options in [zone("America/New_York"), LoadOptions { drop_bad: true, ..sorted(zone("America/New_York")) }] {
        let error = read(&fixed, options).unwrap_err();
        assert!(error.contains("line 3: time 2024-03-10T02:00:00 does not exist in America/New_York"), "{error}");
        assert!(error.contains("(`--timezone -05:00`)"), "{error}");
    }
    assert_eq!(stamps(&read(&fixed, zone("-05:00")).unwrap())[1], "2024-03-10T07:00:00Z");
}

#[test]
fn sessions_and_bar_times_are_those_of_the_options_and_of_the_instrument() {
    let terms = InstrumentTerms {
        bar_time: Some(BarTime::Open),
        timezone: Some("Asia/Tokyo".parse().unwrap()),
        ..InstrumentTerms::default()
    };
    let options = with(|options| {
        options.timezone = Some("America/Chicago".parse().unwrap());
        options.session = Some("17:00-16:00".parse().unwrap());
        options.bar_time = Some(BarTime::Close);
        options.instruments.insert("b".to_owned(), terms);
        options.instruments.insert("bb".to_owned(), InstrumentTerms::default());
    });
    let text = at(&["2024-01-07 17:00", "2024-01-07 18:00", "2024-01-07 19:00"]);
    let loaded = load(&[("a.csv", text.as_bytes()), ("b.csv", text.as_bytes())], options).unwrap();
    let [a, b] = loaded.dataset.series() else { panic!("{:?}", loaded.dataset) };
    assert_eq!(days(a), ["2024-01-07", "2024-01-08", "2024-01-08"]);
    assert_eq!((a.schedule.bar_time, b.schedule.bar_time), (BarTime::Close, BarTime::Open));
    assert_eq!((stamps(a)[0].as_str(), stamps(b)[0].as_str()), ("2024-01-07T23:00:00Z", "2024-01-07T08:00:00Z"));
    let notice = "the instruments file has `bb`, which the data does not have; did you mean `b`?";
    assert_eq!(loaded.notices[0], notice);
    assert!(loaded.notices.iter().any(|notice| notice.starts_with("bars differ in length or in what their times say")));
}

#[test]
fn the_summary_says_what_was_read() {
    let summary = |files: &[(&str, &[u8])], options| load(files, options).unwrap().dataset.summary();
    let hourly = at(&["2024-01-02 09:00", "2024-01-02 10:00", "2024-01-02 11:00"]);
    let daily = at(&["2024-01-02", "2024-01-03"]);
    assert_eq!(
        summary(&[("a.csv", hourly.as_bytes())], plain()),
        "`a`, 3 bars of 1 hour, 2024-01-02T09:00:00Z to 2024-01-02T11:00:00Z, times of UTC, each at its beginning"
    );
    assert_eq!(
        summary(&[("a.csv", hourly.as_bytes())], zone("Europe/Berlin")),
        "`a`, 3 bars of 1 hour, 2024-01-02T09:00:00+01:00 to 2024-01-02T11:00:00+01:00, times of Europe/Berlin, each at its beginning"
    );
    assert_eq!(summary(&[("a.csv", daily.as_bytes())], plain()), "`a`, 2 daily bars, 2024-01-02 to 2024-01-03, dates");
    let files: Vec<_> = ["a.csv", "b.csv", "c.csv", "d.csv"].map(|name| (name, daily.as_bytes())).into();
    assert_eq!(
        summary(&files, plain()),
        "4 instruments (`a`, `b`, `c`, ...), 8 daily bars, 2024-01-02 to 2024-01-03, dates"
    );
}

proptest! {
    #[test]
    fn moments_written_as_local_times_come_back(
        name in prop::sample::select(&["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kolkata", "America/Havana"][..]),
        start in 0..60_i64,
        minutes in prop::sample::select(&[15, 30, 60][..]),
    ) {
        let zone_of = jiff::tz::TimeZone::get(name).unwrap();
        // 200 hours from noon of any sixth day of a year.
        let first: jiff::Timestamp = "2024-01-01T12:00:00Z".parse().unwrap();
        let first = i64::try_from(first.as_nanosecond()).unwrap() + start * 6 * DAY;
        let moments: Vec<i64> = (0..12_000 / minutes).map(|bar| first + bar * minutes * 60_000_000_000).collect();
        let local = |moment: &i64| {
            zone_of.to_datetime(jiff::Timestamp::from_nanosecond((*moment).into()).unwrap()).to_string()
        };
        let times: Vec<String> = moments.iter().map(local).collect();
        let names: Vec<&str> = times.iter().map(String::as_str).collect();
        let series = read(&names, zone(name)).unwrap();
        prop_assert_eq!(series.time, moments);
    }
}
