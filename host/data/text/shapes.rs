//! Shapes of texts without a header: which column is which, as far as the rows tell.
//!
//! Never takes an order that the prices contradict.

use std::path::Path;

use crate::data::{
    description::FileDescription,
    error::{DataError, excerpt},
    fields::Field,
    numbers::Marks,
};

/// The columns of the klines of Binance behind the volume.
const KLINES: [&str; 6] =
    ["Close time", "Quote volume", "Trades", "Taker buy volume", "Taker buy quote volume", "Ignore"];

/// Orders of prices that other sources have.
const ORDERS: [[&str; 4]; 4] = [
    ["Open", "Close", "High", "Low"],
    ["Low", "High", "Open", "Close"],
    ["Close", "High", "Low", "Open"],
    ["High", "Low", "Open", "Close"],
];

/// Returns a name for each column of `rows`, which are the first ones of a text without a header.
pub(crate) fn names(path: &Path, rows: &[&[String]], described: &FileDescription) -> Result<Vec<String>, DataError> {
    let width = rows.first().map_or(0, |row| row.len());
    let numbered = |at: usize| format!("column {}", at + 1);
    let told = |field| described.column(field).is_some();
    if told(Field::Time) && told(Field::Close) {
        return Ok((0..width).map(numbered).collect());
    }
    let rows: Vec<&[String]> = rows.iter().copied().filter(|row| row.len() == width).collect();
    let all = |at: usize, is: fn(&str) -> bool| at < width && rows.iter().all(|row| is(&row[at]));
    let mut names: Vec<String> = Vec::new();
    if all(0, is_name) {
        names.push("Symbol".to_owned());
    }
    let at = names.len();
    let first = all(at, is_date_or_time);
    if first && all(at, is_date) && all(at + 1, is_time_of_day) {
        names.extend(["Date".to_owned(), "Time".to_owned()]);
    } else if first {
        names.push("Date".to_owned());
    }
    let at = names.len();
    let prices: Vec<[f64; 4]> = rows.iter().filter_map(|row| four(row, at)).collect();
    let refused = |why: String| Err(DataError::NoHeader { path: path.to_owned(), row: shown(&rows), why });
    if !first {
        return refused("its first column is not a time".to_owned());
    }
    if width == at + 1 || width == at + 2 && !prices.len().eq(&rows.len()) {
        names.extend(["Close".to_owned(), "Volume".to_owned()].into_iter().take(width - at));
        return Ok(names);
    }
    if prices.len() < rows.len() {
        return refused("four prices do not stand behind its time".to_owned());
    }
    if !fits(&prices, ["Open", "High", "Low", "Close"]) {
        let other = ORDERS.iter().find(|order| fits(&prices, **order));
        let hint = other.map_or_else(String::new, |order| {
            let option = |(place, name): (usize, &&str)| format!("--read {}={}", name.to_lowercase(), at + place + 1);
            let options: Vec<String> = order.iter().enumerate().map(option).collect();
            format!("; the order {} would do (`--read time={at} {}`)", order.join(", "), options.join(" "))
        });
        return refused(format!(
            "the prices behind its time are not open, high, low and close, since a high would be below another{hint}"
        ));
    }
    names.extend(["Open", "High", "Low", "Close"].map(str::to_owned));
    let at = names.len();
    let is_price = at < width && rows.iter().zip(&prices).all(|(row, prices)| is_another_price(&row[at], *prices));
    let rest: &[&str] = match (is_price, at + 1 < width) {
        (false, _) => &["Volume"],
        // An average price stands before the volume, an adjusted one may.
        (true, true) => &["Another price", "Volume"],
        (true, false) => &["Another price"],
    };
    names.extend(rest.iter().map(|name| (*name).to_owned()).take(width.saturating_sub(at)));
    if width == 12 && names.len() == 6 {
        names.extend(KLINES.map(str::to_owned));
    }
    names.extend((names.len()..width).map(numbered));
    Ok(names)
}

fn shown(rows: &[&[String]]) -> String {
    rows.first().map_or_else(String::new, |row| excerpt(&row.join(",")))
}

fn is_name(cell: &str) -> bool {
    cell.starts_with(char::is_alphabetic) && !is_date_or_time(cell)
}

/// Whether a cell may be a time: it has digits, and besides them what stands in dates only.
fn is_date_or_time(cell: &str) -> bool {
    const WORDS: [&str; 23] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon", "tue", "wed", "thu",
        "fri", "sat", "sun", "am", "pm", "gmt", "utc",
    ];
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let word = |word: &str| word.len() < 2 || WORDS.iter().any(|known| word.to_lowercase().starts_with(known));
    let words = cell.split(|c: char| !c.is_alphabetic()).filter(|text| !text.is_empty());
    digits > 3 && (words.into_iter().all(word) || cell.contains('['))
}

/// Whether a cell has a date alone.
fn is_date(cell: &str) -> bool {
    is_date_or_time(cell) && !cell.contains(':') && cell.chars().filter(char::is_ascii_digit).count() <= 8
}

/// Whether a cell has a time of day alone.
fn is_time_of_day(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let is_compact = digits == cell.len() && (3..=6).contains(&digits) && is_clock(cell);
    cell.contains(':') && digits > 2 && !cell.contains(['-', '/']) || is_compact
}

fn is_clock(digits: &str) -> bool {
    let padded = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    let parts: Vec<u32> =
        padded.as_bytes().chunks(2).filter_map(|two| std::str::from_utf8(two).ok()?.parse().ok()).collect();
    parts.first().is_some_and(|hour| *hour <= 24) && parts[1..].iter().all(|part| *part < 60)
}

fn number(cell: &str) -> Option<f64> {
    [Marks { decimal: '.' }, Marks { decimal: ',' }].into_iter().find_map(|marks| marks.read(cell, false))
}

fn four(row: &[String], at: usize) -> Option<[f64; 4]> {
    let cells = row.get(at..at + 4)?;
    Some([number(&cells[0])?, number(&cells[1])?, number(&cells[2])?, number(&cells[3])?])
}

/// Whether all prices are bars, if they stand in this order.
fn fits(prices: &[[f64; 4]], order: [&str; 4]) -> bool {
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap_or_default();
    let (high, low) = (place("High"), place("Low"));
    prices.iter().all(|prices| prices.iter().all(|price| prices[low] <= *price && *price <= prices[high]))
}

/// Whether a value has a fraction, and is about as large as the prices before it.
fn is_another_price(cell: &str, prices: [f64; 4]) -> bool {
    const FAR: f64 = 3.0;
    let is_near = |value: f64| prices[2] / FAR <= value && value <= prices[1] * FAR;
    cell.contains(['.', ',']) && number(cell).is_some_and(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str], described: &FileDescription) -> Result<String, String> {
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| row.split([',', ';']).map(str::to_owned).collect()).collect();
        let rows: Vec<&[String]> = cells.iter().map(Vec::as_slice).collect();
        names(Path::new("a.csv"), &rows, described).map(|names| names.join(",")).map_err(|error| error.to_string())
    }

    #[test]
    fn vendors_shapes_are_told_by_their_rows() {
        let cases = [
            (
                "1704067200000,42283.5,42554.5,42261.0,42475.2,1271.6,1704070799999,53957248.9,47134,682.5,28957416.8,0",
                "Date,Open,High,Low,Close,Volume,Close time,Quote volume,Trades,Taker buy volume,Taker buy quote volume,Ignore",
            ),
            ("1704067200,42283.5,42554.5,42261.0,42475.2,12.7,471", "Date,Open,High,Low,Close,Volume,column 7"),
            (
                "1704067200,42283.5,42554.5,42261.0,42475.2,42400.1,12.7,47",
                "Date,Open,High,Low,Close,Another price,Volume,column 8",
            ),
            ("2024.01.02,09:30,1.1,1.2,1.0,1.15,77", "Date,Time,Open,High,Low,Close,Volume"),
            ("20240102 090000;1.1;1.2;1.0;1.15;0", "Date,Open,High,Low,Close,Volume"),
            ("01/31/2024,0930,1.1,1.2,1.0,1.15,77,3", "Date,Time,Open,High,Low,Close,Volume,column 8"),
            ("AAPL,20240102,1.1,1.2,1.0,1.15,77", "Symbol,Date,Open,High,Low,Close,Volume"),
            ("2024-01-02,1.5", "Date,Close"),
        ];
        for (row, expected) in cases {
            assert_eq!(of(&[row], &FileDescription::default()).as_deref(), Ok(expected), "{row}");
        }
    }

    #[test]
    fn another_order_is_asked_for_with_what_would_do() {
        let refused = |rows: &[&str]| of(rows, &FileDescription::default()).unwrap_err();
        let bitfinex = refused(&["1704067200000,100,110,120,90,5", "1704153600000,110,105,115,95,5"]);
        assert!(bitfinex.contains("the order Open, Close, High, Low would do"), "{bitfinex}");
        assert!(refused(&["x,y,2024-01-02,1,2,1,2"]).contains("is not a time"));
        assert!(refused(&["2024-01-02,a,1,2,1,2"]).contains("four prices"));
        let mut told = FileDescription::default();
        told.set("time", "1").unwrap();
        told.set("close", "3").unwrap();
        assert_eq!(
            of(&["1704067200000,100,110,120,90"], &told).unwrap(),
            "column 1,column 2,column 3,column 4,column 5"
        );
    }
}
