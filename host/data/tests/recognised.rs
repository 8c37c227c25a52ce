//! What files say of themselves: headers, zones, columns and prices that look like something else.

use super::{csv, plain, with};
use crate::model::Series;

/// Rows of five days, after `header`, as `row` writes the number of the day.
fn text(header: &str, row: impl Fn(u32) -> String) -> String {
    header.to_owned() + &(2..7).map(|day| row(day) + "\n").collect::<String>()
}

fn series(text: &str) -> Vec<Series> {
    let loaded = csv(text, plain()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    loaded.dataset.series().to_vec()
}

fn refused(text: &str) -> String {
    csv(text, plain()).map(|loaded| loaded.dataset.summary()).unwrap_err()
}

#[test]
fn names_that_look_like_numbers_are_names() {
    let wide = text(
        "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,7203.T,005930.KS,7203.T,005930.KS,7203.T,005930.KS,7203.T,005930.KS\nDate,,,,,,,,\n",
        |day| format!("2024-01-{day:02},2,20,3,30,1,10,2,20"),
    );
    let found: Vec<_> = series(&wide).iter().map(|one| (one.symbol.clone(), one.len(), one.high[0])).collect();
    assert_eq!(found, [("7203.T".to_owned(), 5, 3.0), ("005930.KS".to_owned(), 5, 30.0)]);
    let one = text("Ticker,7203.T,7203.T,7203.T,7203.T\nPrice,Open,High,Low,Close\nDate,,,,\n", |day| {
        format!("2024-01-{day:02},2,3,1,2")
    });
    assert_eq!(series(&one)[0].symbol, "7203.T");
    let features = text("Date,Open,High,Low,Close,Volume,f0,f1,f2,f3,f4,f5,5d,10d\n", |day| {
        format!("2024-01-{day:02},2,3,1,2,9,1,2,3,4,5,6,7,8")
    });
    assert_eq!(series(&features)[0].volume, [9.0; 5]);
    let value = text("observation_date,SP500\n", |day| format!("2024-01-{day:02},47{day}.5"));
    assert_eq!(series(&value)[0].close[1], 473.5);
}

#[test]
fn zones_in_the_name_of_a_column_count_and_abbreviations_are_asked_for() {
    let timed = |name: &str| {
        text(&format!("Time ({name}),Open,High,Low,Close\n"), |day| format!("2024-07-0{day} 09:30:00,2,3,1,2"))
    };
    let hour = |name: &str| series(&timed(name))[0].time[0] / 3_600_000_000_000 % 24;
    // 09:30 there is this hour in UTC.
    let cases = [("UTC+8", 1), ("GMT-5", 14), ("UTC+01:00", 8), ("EET", 6), ("America/New York", 13), ("GMT", 9)];
    for (name, expected) in cases {
        assert_eq!(hour(name), expected, "{name}");
    }
    for name in ["ET", "EST", "PST", "JST"] {
        assert!(refused(&timed(name)).contains("which may be several; say which (`--timezone"), "{name}");
    }
    let named = text("Time,Open,High,Low,Close\n", |day| format!("2024-01-0{day} 09:30:00 EST,2,3,1,2"));
    let zone = |zone: &str| with(|options| options.timezone = Some(zone.parse().unwrap()));
    assert_eq!(csv(&named, zone("America/New_York")).unwrap().dataset.series()[0].time[0] / 3_600_000_000_000 % 24, 14);
    let other = csv(&named, zone("Europe/London")).map(|_| ()).unwrap_err();
    assert!(other.contains("but the zone that is said is called GMT or BST"), "{other}");
    let column = text("Date,Timezone,Open,High,Low,Close\n", |day| format!("2024-01-0{day},America/New_York,2,3,1,2"));
    assert!(
        csv(&column, plain()).unwrap().notices.iter().any(|notice| notice.contains("`Timezone`, which is not used"))
    );
}

#[test]
fn what_is_not_clear_without_a_header_is_not_taken() {
    let adjusted = text("", |day| format!("2024-01-0{day},100.5,101.5,99.5,100.{day}1,98.{day}2,500{day}"));
    assert_eq!(series(&adjusted)[0].volume[0], 5002.0);
    let alone = text("", |day| format!("2024-01-0{day},100.5,101.5,99.5,100.{day}1,98.{day}2"));
    assert_eq!(series(&alone)[0].volume, [0.0; 5]);
    let coinbase = text("", |day| format!("170{day}294000,90.5,110.5,100.5,105.5,8.1"));
    let error = refused(&coinbase);
    assert!(error.contains("`--read time=1 --read low=2 --read high=3 --read open=4 --read close=5`"), "{error}");
    let long = text("Date,variable,value\n", |day| {
        let row = |name: &str, value: u32| format!("2024-01-0{day},{name},{value}");
        [row("open", 2), row("high", 3), row("low", 1), row("close", 2)].join("\n")
    });
    assert!(refused(&long).contains("write a row for each bar"), "{}", refused(&long));
    let treasury = text("Date,Open,High,Low,Close\n", |day| format!("2024-01-0{day},112'160,113'000,112'005,112'155"));
    assert!(refused(&treasury).contains("`Open` is `112'160`"), "{}", refused(&treasury));
}

#[test]
fn a_header_in_a_comment_is_read_again_as_it_was_described() {
    for header in [
        "#Date,Open,High,Low,Close\n",
        "# by a program\n# Date,Open,High,Low,Close\n",
        "Ticker,A,A,A,A\nPrice,Open,High,Low,Close\nDate,,,,\n",
    ] {
        let text = text(header, |day| format!("2024-01-0{day},2,3,1,2"));
        let loaded = csv(&text, plain()).unwrap();
        let files = loaded.files.iter().map(|file| (file.name.clone(), file.description.clone())).collect();
        let again =
            csv(&text, with(|options| options.files = files)).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!(again.dataset, loaded.dataset, "{header}");
    }
}
