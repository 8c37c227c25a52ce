//! Rows that are taken by columns, beside the same rows one by one.

use proptest::prelude::*;

use super::{
    parquet::{Column, Stored, packed},
    *,
};

/// A cell of a price: most are well, and beside each other so that bars are well, too.
fn price() -> impl Strategy<Value = f64> {
    prop_oneof![
        30 => Just(10.0),
        3 => Just(10.123_456_789_012_345),
        1 => Just(11.0),
        1 => Just(0.0),
        1 => Just(-1.5),
        1 => Just(-0.0),
    ]
}

/// Minutes after the row before: most rows are a minute apart.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![30 => Just(1_i64), 1 => Just(0), 1 => Just(7), 1 => Just(-3)]
}

fn options() -> impl Strategy<Value = LoadOptions> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(sort, drop_bad, negative_prices)| LoadOptions {
        sort,
        drop_bad,
        negative_prices,
        ..LoadOptions::default()
    })
}

/// What reading tells, but how the file is written.
fn told(read: Result<Loaded, String>) -> Result<(Dataset, Vec<String>, bool), String> {
    read.map(|loaded| (loaded.dataset, loaded.notices, loaded.is_in_order))
}

/// How a row of a text is written that is not plain.
#[derive(Debug, Clone, Copy)]
enum Spoiled {
    Not,
    Blanks,
    Exponent,
    Word,
    NoVolume,
    Short,
    Long,
    EmptyLine,
    Return,
    Offset,
    Zulu,
}

fn spoiled() -> impl Strategy<Value = Spoiled> {
    use Spoiled::*;
    let some = [Blanks, Exponent, Word, NoVolume, Short, Long, EmptyLine, Return, Offset, Zulu];
    prop_oneof![25 => Just(Not), 2 => prop::sample::select(some.to_vec())]
}

fn line(minute: i64, [open, high, low, close, volume]: [f64; 5], spoiled: Spoiled) -> String {
    let time = format_time(1_704_067_200_000_000_000 + minute * 60_000_000_000);
    // Midnights are written as dates.
    let time = time.trim_end_matches('Z');
    let row = format!("{time},{open},{high},{low},{close},{volume}");
    match spoiled {
        Spoiled::Not => row + "\n",
        Spoiled::Blanks => row.replace(',', " , ") + "\n",
        Spoiled::Exponent => row + "e1\n",
        Spoiled::Word => row.replacen(",10", ",ten", 1) + "\n",
        Spoiled::NoVolume => format!("{time},{open},{high},{low},{close},\n"),
        Spoiled::Short => format!("{time},{open},{high}\n"),
        Spoiled::Long => row + ",1\n",
        Spoiled::EmptyLine => format!("\n\r\n{row}\n"),
        Spoiled::Return => row + "\r\n",
        Spoiled::Offset => row.replacen(',', "+01:00,", 1) + "\n",
        Spoiled::Zulu => row.replacen(',', "Z,", 1) + "\n",
    }
}

proptest! {
    #[test]
    fn lines_of_plain_numbers_are_read_as_the_library_of_all_texts_reads_them(
        rows in prop::collection::vec((step(), [price(), price(), price(), price(), price()], spoiled()), 1..40),
        options in options(),
        all_zoned: bool,
        ends: bool,
    ) {
        let mut minute = 1;
        let mut text = String::new();
        for (step, values, spoiled) in rows {
            minute += step;
            let spoiled = if all_zoned { Spoiled::Offset } else { spoiled };
            text += &line(minute, values, spoiled);
        }
        if !ends {
            text.pop();
        }
        // A quote in the header makes a text that is not plain.
        let quoted = format!("\"Date\",Open,High,Low,Close,Volume\n{text}");
        prop_assert_eq!(told(csv(&bars(&text), options.clone())), told(csv(&quoted, options)));
    }

    #[test]
    fn time_stamps_and_floats_are_read_as_epochs_and_floats_are(
        rows in prop::collection::vec((step(), [price(), price(), price(), price(), price()]), 1..200),
        options in options(),
        wholes: bool,
        missing in prop::option::of(0..200_usize),
    ) {
        let times: Vec<_> = rows
            .iter()
            .scan(1_704_067_200_000, |time, (step, _)| {
                *time += step * 60_000;
                Some(Some(*time))
            })
            .collect();
        let column = |at: usize| rows.iter().map(|(_, values)| Some(values[at])).collect::<Vec<_>>();
        let mut low = column(2);
        if let Some(value) = missing.and_then(|at| low.get_mut(at)) {
            *value = None;
        }
        let volume = match wholes {
            true => Stored::I64(column(4).into_iter().map(|value| value.map(|value| value as i64)).collect()),
            false => Stored::F64(column(4)),
        };
        let named = |line: &str, values: Stored| (line.to_owned(), values);
        let mut columns: Vec<Column> = vec![
            named("required int64 time (TIMESTAMP(MILLIS,true))", Stored::I64(times.clone())),
            named("required double open", Stored::F64(column(0))),
            named("optional double high", Stored::F64(column(1))),
            named("optional double low", Stored::F64(low)),
            named("required double close", Stored::F64(column(3))),
            named(if wholes { "optional int64 volume" } else { "optional double volume" }, volume),
        ];
        let stamps = load(&[("a.parquet", &packed(&columns))], options.clone());
        columns[0] = named("required int64 time", Stored::I64(times));
        prop_assert_eq!(told(stamps), told(load(&[("a.parquet", &packed(&columns))], options)));
    }
}
