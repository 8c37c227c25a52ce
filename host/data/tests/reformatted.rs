//! The same bars, however their columns stand, are called and are written.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{csv, load, plain, with};

/// Bars with a day, a time of day, prices and a volume.
#[derive(Debug, Clone)]
struct Bars {
    rows: Vec<[u32; 5]>,
    is_daily: bool,
}

/// How bars are written.
#[derive(Debug, Clone)]
struct Style {
    delimiter: char,
    decimal: char,
    groups: bool,
    date: &'static str,
    /// The order of the columns, and the names of open, high, low, close and volume.
    order: Vec<usize>,
    names: &'static [&'static str; 6],
    /// What stands before the header.
    before: &'static str,
    newest_first: bool,
    newline: &'static str,
    is_quoted: bool,
    has_more: bool,
}

const NAMES: [[&str; 6]; 5] = [
    ["Date", "Open", "High", "Low", "Close", "Volume"],
    ["t", "o", "h", "l", "c", "v"],
    ["<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"],
    ["Datum", "Eröffnung", "Hoch", "Tief", "Schluss", "Volumen"],
    ["timestamp", "1. open", "2. high", "3. low", "4. close", "5. volume"],
];

fn any_bars() -> impl Strategy<Value = Bars> {
    // Prices in cents, of which a high is the greatest.
    let row = (100_000..900_000_u32, 0..5_000_u32, 0..5_000_u32, 0..5_000_u32, 0..2_000_000_u32);
    let row = row.prop_map(|(low, a, b, c, volume)| [low + a, low + a + b + c, low, low + a + b, volume]);
    (vec(row, 40..60), any::<bool>()).prop_map(|(rows, is_daily)| Bars { rows, is_daily })
}

fn any_style() -> impl Strategy<Value = Style> {
    let marks = select(&[(',', '.'), (';', '.'), (';', ','), ('\t', '.'), ('\t', ','), ('|', '.')][..]);
    let dates = select(&["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y%m%d"][..]);
    let before = select(&["", "# made by a program\n", "https://www.example.com\n", "Prices of one share\n\n"][..]);
    let order = Just((0..6).collect::<Vec<usize>>()).prop_shuffle();
    (marks, any::<bool>(), dates, order, select(&NAMES[..]), before, any::<[bool; 4]>()).prop_map(
        |((delimiter, decimal), groups, date, order, names, before, [newest_first, crlf, is_quoted, has_more])| Style {
            delimiter,
            decimal,
            groups,
            date,
            order,
            names: NAMES.iter().find(|known| **known == names).unwrap(),
            before,
            newest_first,
            newline: if crlf { "\r\n" } else { "\n" },
            is_quoted,
            has_more,
        },
    )
}

const PLAIN: Style = Style {
    delimiter: ',',
    decimal: '.',
    groups: false,
    date: "%Y-%m-%d",
    order: Vec::new(),
    names: &NAMES[0],
    before: "",
    newest_first: false,
    newline: "\n",
    is_quoted: false,
    has_more: false,
};

impl Style {
    fn number(&self, whole: u32, cents: Option<u32>) -> String {
        let mark = if self.decimal == '.' { ',' } else { '.' };
        let digits = whole.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if self.groups && at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(mark);
            }
            text.push(digit);
        }
        match cents {
            Some(cents) => format!("{text}{}{cents:02}", self.decimal),
            None => text,
        }
    }

    fn time(&self, bar: usize, is_daily: bool) -> String {
        let (days, minutes) = if is_daily { (bar, 0) } else { (20 + bar / 20, 570 + 15 * (bar % 20)) };
        let date = jiff::civil::date(2024, 1, 1).checked_add(jiff::Span::new().days(days as i64)).unwrap();
        let date = date.strftime(self.date).to_string();
        if is_daily { date } else { format!("{date} {:02}:{:02}", minutes / 60, minutes % 60) }
    }

    fn write(&self, bars: &Bars) -> String {
        let row = |bar: usize| {
            let [open, high, low, close, volume] = bars.rows[bar];
            let price = |cents: u32| self.number(cents / 100, Some(cents % 100));
            let time = self.time(bar, bars.is_daily);
            [time, price(open), price(high), price(low), price(close), self.number(volume, None)].to_vec()
        };
        let mut rows: Vec<Vec<String>> = (0..bars.rows.len()).map(row).collect();
        if self.newest_first {
            rows.reverse();
        }
        rows.insert(0, self.names.map(str::to_owned).to_vec());
        let order: Vec<usize> = if self.order.is_empty() { (0..6).collect() } else { self.order.clone() };
        let quoted = |cell: &String| {
            let needs = self.is_quoted || cell.contains(self.delimiter);
            if needs { format!("\"{cell}\"") } else { cell.clone() }
        };
        let line = |(at, cells): (usize, &Vec<String>)| {
            let mut cells: Vec<String> = order.iter().map(|place| quoted(&cells[*place])).collect();
            if self.has_more {
                cells.push(if at == 0 { "Remark".to_owned() } else { format!("x{at}") });
            }
            cells.join(&self.delimiter.to_string()) + self.newline
        };
        let before = self.before.replace('\n', self.newline);
        before + &rows.iter().enumerate().map(line).collect::<String>()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn columns_that_move_have_other_names_and_other_forms_have_the_same_bars(bars in any_bars(), style in any_style()) {
        let expected = csv(&PLAIN.write(&bars), plain()).unwrap();
        let text = style.write(&bars);
        let found = csv(&text, plain()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(found.dataset.series(), expected.dataset.series(), "{}", text);
        // What was recognised reads the file the same way again.
        let files = found.files.iter().map(|file| (file.name.clone(), file.description.clone())).collect();
        let again = csv(&text, with(|options| options.files = files)).unwrap();
        prop_assert_eq!(again.dataset.fingerprint(), expected.dataset.fingerprint());
    }

    #[test]
    fn a_damaged_text_is_read_or_refused(
        bars in any_bars(),
        style in any_style(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = style.write(&bars).into_bytes();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        let _ = load(&[("a.csv", &bytes)], plain());
    }
}
