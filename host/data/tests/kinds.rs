//! Prices below zero, volumes of zero, and notices on data of which every bar is well.

use super::*;

fn negative() -> LoadOptions {
    with(|options| options.negative_prices = true)
}

const OIL: &str =
    "2020-04-17,19,19.4,17.3,18.27,100\n2020-04-20,17.7,17.9,-40.3,-37.63,100\n2020-04-21,-14,0,-16.7,0,100\n";

#[test]
fn prices_below_zero_are_read_when_asked_for_and_never_dropped() {
    let text = bars(OIL);
    let refused = "the data has 2 problems\n  \
                   `a.csv` line 3: low -40.3 is not above zero; close -37.63 is not above zero\n  \
                   `a.csv` line 4: open -14 is not above zero; high 0 is not above zero; low -16.7 is not above zero; \
                   close 0 is not above zero\n\
                   prices below zero are read with `--negative-prices`, and never dropped";
    for options in [plain(), sort(), drop_bad(), both()] {
        check_refused(csv(&text, options), refused);
    }
    let loaded = csv(&text, negative()).unwrap();
    assert_eq!(
        shown(&loaded.dataset.series()[0])[1..],
        ["2020-04-20 17.7 17.9 -40.3 -37.63 100", "2020-04-21 -14 0 -16.7 0 100"]
    );
    let again = Dataset::with_negative_prices(loaded.dataset.series().to_vec()).unwrap();
    assert_eq!(again, loaded.dataset);
    assert!(Dataset::new(loaded.dataset.series().to_vec()).unwrap_err().to_string().contains("--negative-prices"));
    // Rows of zeros hold no prices, and what is wrong otherwise stays wrong.
    let bad = bars(&format!("{OIL}2020-04-22,0,0,0,0,0\n2020-04-23,-1,-2,-1,-1,5\n2020-04-24,-1,-1,-1,-1,-5\n"));
    assert_eq!(
        problems(csv(&bad, negative())),
        [
            "`a.csv` line 5: all prices are zero",
            "`a.csv` line 6: high -2 is below low -1",
            "`a.csv` line 7: volume -5 is below zero"
        ]
    );
    assert_eq!(csv(&bad, LoadOptions { drop_bad: true, ..negative() }).unwrap().dataset.bars(), 3);
    let adjusted = "Date,Open,High,Low,Close,Adj Close\n2020-04-17,4,4,4,4,2\n2020-04-20,-2,-2,-4,-4,-2\n2020-04-21,-2,-2,-4,-4,2\n";
    let options = LoadOptions { adjusted: true, ..negative() };
    assert_eq!(problems(csv(adjusted, options.clone())), ["`a.csv` line 4: adjusted close 2 does not scale close -4"]);
    let good = &adjusted[..adjusted.rfind("2020-04-21").unwrap()];
    assert_eq!(shown(&csv(good, options).unwrap().dataset.series()[0])[1], "2020-04-20 -1 -1 -2 -2 0");
}

#[test]
fn a_volume_of_zeros_gives_way_to_the_number_of_ticks() {
    let header = "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n";
    let row = |day: u32, ticks: &str, volume: u32| format!("2024.01.{day:02}\t1\t1\t1\t1\t{ticks}\t{volume}\t12\n");
    let volumes = |text: &str| {
        let loaded = csv(text, plain()).unwrap();
        (loaded.dataset.series()[0].volume.clone(), loaded.notices)
    };
    let taken = vec!["every volume of `a` is zero: the number of ticks is taken instead".to_owned()];
    assert_eq!(volumes(&format!("{header}{}{}", row(2, "5", 0), row(3, "0", 0))), (vec![5.0, 0.0], taken));
    assert_eq!(volumes(&format!("{header}{}{}", row(2, "5", 0), row(3, "6", 1))), (vec![0.0, 1.0], vec![]));
    let none = vec!["every volume of `a` is zero, so `--volume-share` would fill nothing".to_owned()];
    assert_eq!(volumes(&format!("{header}{}{}", row(2, "0", 0), row(3, "0", 0))), (vec![0.0; 2], none.clone()));
    assert_eq!(volumes(&format!("{header}{}{}", row(2, "x", 0), row(3, "7", 0))), (vec![0.0; 2], none.clone()));
    assert_eq!(volumes(&bars("2024-01-02,1,1,1,1,0\n")), (vec![0.0], none));
    // Which of two volumes counts is one choice for all files of an instrument.
    let (first, second) = (format!("{header}{}", row(2, "5", 0)), format!("{header}{}", row(3, "6", 9)));
    let files: [(&str, &[u8]); 2] = [("a-2024-part1.csv", first.as_bytes()), ("a-2024-part2.csv", second.as_bytes())];
    assert_eq!(load(&files, plain()).unwrap().dataset.series()[0].volume, [0.0, 9.0]);
}

/// Daily bars that move little, of a price that each day may change.
fn daily(price: impl Fn(usize) -> f64) -> String {
    let row = |day: usize| {
        let time = format_time((19_724 + day + 2 * (day / 5)) as i64 * 86_400_000_000_000);
        let close = price(day) * (1.0 + 0.01 * (day * 7 % 5) as f64);
        format!("{time},{},{},{},{close},10\n", close * 0.999, close * 1.01, close * 0.99)
    };
    bars(&(0..60).map(row).collect::<String>())
}

#[test]
fn what_may_be_wrong_is_told_once_for_each_kind() {
    let notices = |text: &str| csv(text, plain()).unwrap().notices;
    assert_eq!(notices(&daily(|_| 100.0)), [""; 0]);
    let split = notices(&daily(|day| if day < 30 { 100.0 } else { 25.0 }));
    assert_eq!(split.len(), 1, "{split:?}");
    assert!(
        split[0]
            .starts_with("`a` may have a split that prices are not adjusted for: from 103 to 24.975, about 1/4, at"),
        "{split:?}"
    );
    assert!(split[0].ends_with("(`a.csv` line 32)"), "{split:?}");
    let line = daily(|_| 100.0).lines().nth(31).unwrap().to_owned();
    let high = line.split(',').nth(2).unwrap();
    let spike = notices(&daily(|_| 100.0).replace(&line, &line.replace(high, "10100")));
    assert_eq!(spike.len(), 1, "{spike:?}");
    assert!(spike[0].starts_with("`a` may have a wrong price: a high of 10100, 97 times that"), "{spike:?}");
    let lines: Vec<String> = daily(|_| 100.0).lines().map(|line| format!("{line}\n")).collect();
    let gap = notices(&[&lines[..20], &lines[35..]].concat().concat());
    assert_eq!(gap.len(), 1, "{gap:?}");
    assert!(gap[0].starts_with("`a` has a gap of 15 days between 2024-01-26 (`a.csv` line 20) and"), "{gap:?}");
}

#[test]
fn the_bundled_bars_have_no_notice() {
    let content = include_bytes!("../../../examples/data/msft.parquet");
    assert_eq!(load(&[("msft.parquet", content)], plain()).unwrap().notices, [""; 0]);
}

#[test]
fn instruments_without_a_common_time_and_mixed_lengths_are_told() {
    let days = bars("2024-01-02,1,1,1,1,1\n2024-01-03,1,1,1,1,1\n");
    let hours = bars("2024-01-02 09:00,1,1,1,1,1\n2024-01-02 10:00,1,1,1,1,1\n");
    let loaded = load(&[("d.csv", days.as_bytes()), ("h.csv", hours.as_bytes())], plain()).unwrap();
    assert_eq!(
        loaded.notices,
        [
            "no time stamp is shared by `d` and `h`",
            "bars differ in length or in what their times say (`d` daily bars, `h` bars of 1 hour by their beginning): each is \
             delivered when it has ended"
        ]
    );
    let utc = bars("2024-01-02T05:00:00Z,1,1,1,1,1\n2024-01-03T05:00:00Z,1,1,1,1,1\n");
    let loaded =
        load(&[("d.csv", days.as_bytes()), ("e.csv", days.as_bytes()), ("u.csv", utc.as_bytes())], plain()).unwrap();
    assert_eq!(
        loaded.notices[0],
        "no other instrument shares a time stamp of `u`: some have dates, others times of day; `--timezone ZONE` takes \
         midnights of that zone as dates"
    );
}

#[test]
fn options_are_written_with_results_and_read_again() {
    let options = with(|options| {
        options.drop_bad = true;
        options.negative_prices = true;
        options.timezone = Some("America/New_York".parse().unwrap());
        options.session = Some("09:30-16:00".parse().unwrap());
        options.symbols = vec!["A".to_owned()];
        options.read.symbol = Some("Name".to_owned());
        options.instruments.insert("A".to_owned(), InstrumentTerms::default());
    });
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<LoadOptions>(&json).unwrap(), options);
    // Results of before have three options.
    let before = r#"{"sort":true,"drop_bad":false,"adjusted":false}"#;
    assert_eq!(serde_json::from_str::<LoadOptions>(before).unwrap(), sort());
    assert_eq!(serde_json::to_string(&sort()).unwrap(), before);
    assert!(
        serde_json::from_str::<LoadOptions>(r#"{"timezone":"Nowhere"}"#)
            .unwrap_err()
            .to_string()
            .contains("unknown time zone")
    );
}
