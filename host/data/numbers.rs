//! Numbers as people and spreadsheets write them: `1.173,01`, `$1,173.01`, `1.71M`.
//!
//! Never guesses the decimal mark from one cell: the numbers of the whole file settle it, or it is asked for.

/// The mark between the whole part of numbers and their fraction, which all numbers of a file agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// `.` or `,`.
    pub(super) decimal: char,
}

/// What the numbers of a file say about their decimal mark.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    point: Witness,
    comma: Witness,
    /// Numbers such as `1,173`, which may be either.
    open: Witness,
}

/// How many numbers say something, and the first of them.
#[derive(Debug, Default)]
struct Witness {
    count: u64,
    first: String,
}

/// Marks that may stand between groups of digits, besides the one of `,` and `.` that is not decimal.
const GROUPS: [char; 6] = ['\'', '’', ' ', '\u{a0}', '\u{202f}', '_'];

const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₹'];

impl Evidence {
    /// Takes a cell of a column of numbers into account.
    pub(super) fn see(&mut self, text: &str) {
        let Some((body, _)) = bare(text) else { return };
        let count = |mark: char| body.chars().filter(|c| *c == mark).count();
        let before = |mark: char| body.split_once(mark).map_or("", |(before, _)| before);
        let after = |mark: char| body.rsplit_once(mark).map_or("", |(_, after)| after);
        let is_group = |mark: char| {
            after(mark).len() == 3 && (1..=3).contains(&before(mark).len()) && !before(mark).starts_with('0')
        };
        let slot = match (count(','), count('.')) {
            (0, 0) => return,
            (commas, points) if commas > 0 && points > 0 => {
                if body.rfind(',') > body.rfind('.') {
                    &mut self.comma
                } else {
                    &mut self.point
                }
            }
            (1, 0) if is_group(',') => &mut self.open,
            (1, 0) => &mut self.comma,
            (0, 1) if is_group('.') => return,
            (0, 1) | (_, 0) => &mut self.point,
            (0, _) | (_, _) => &mut self.comma,
        };
        if slot.count == 0 {
            text.clone_into(&mut slot.first);
        }
        slot.count += 1;
    }

    /// The marks of most numbers; those that do not fit them are mistakes.
    ///
    /// # Errors
    ///
    /// Returns what numbers could mean, where they do not say it.
    pub(super) fn settle(self) -> Result<Marks, String> {
        /// How many times more often one mark must be there than the other.
        const CLEAR: u64 = 3;
        let Self { point, comma, open } = self;
        match (point.count, comma.count) {
            (0, 0) if open.count > 0 => Err(format!(
                "number `{}` may have a decimal comma or thousands, and no other number tells; say which \
                 (`--read decimal=,` or `--read decimal=.`)",
                open.first
            )),
            (points, commas) if points >= CLEAR * commas => Ok(Marks { decimal: '.' }),
            (points, commas) if commas >= CLEAR * points => Ok(Marks { decimal: ',' }),
            _ => Err(format!(
                "number `{}` has a decimal point, and `{}` a decimal comma; say which it is (`--read decimal=.` or \
                 `--read decimal=,`), or correct the other",
                point.first, comma.first
            )),
        }
    }
}

impl Marks {
    /// Reads a number, which may have groups of digits and a currency; with `units` also a unit behind, as in `1.71M`.
    pub(super) fn read(self, text: &str, units: bool) -> Option<f64> {
        let (body, power) = bare(text)?;
        if power > 0 && !units {
            return None;
        }
        let is_negative = text.contains('-') && text.find('-') < text.find(|c: char| c.is_ascii_digit());
        let (number, exponent) = match body.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (body, 0),
        };
        let (whole, fraction) = number.split_once(self.decimal).unwrap_or((number, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = self.without_groups(whole)?;
        // 112'160 is a price of 32nds in Chicago, and a number of thousands in Zurich.
        if whole.contains(['\'', '’']) && fraction.is_empty() && !units {
            return None;
        }
        if !is_digits(fraction) || digits.is_empty() && fraction.is_empty() {
            return None;
        }
        let sign = if is_negative { "-" } else { "" };
        let value: f64 = format!("{sign}{digits}.{fraction}e{}", exponent.checked_add(power)?).parse().ok()?;
        value.is_finite().then_some(value)
    }

    /// The digits of a whole part, whose groups have three digits, or two before the last one, as in India.
    fn without_groups(self, whole: &str) -> Option<String> {
        let other = if self.decimal == '.' { ',' } else { '.' };
        let Some(mark) = whole.chars().find(|c| !c.is_ascii_digit()) else { return Some(whole.to_owned()) };
        if mark != other && !GROUPS.contains(&mark) {
            return None;
        }
        let groups: Vec<&str> = whole.split(mark).collect();
        let (first, last) = (groups.first()?.len(), groups.last()?.len());
        let between = groups.get(1..groups.len() - 1)?;
        let is_western = (1..=3).contains(&first) && between.iter().all(|group| group.len() == 3);
        let is_indian = (1..=2).contains(&first) && between.iter().all(|group| group.len() == 2);
        let is_digits = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
        (is_digits && last == 3 && (is_western || is_indian)).then(|| groups.concat())
    }
}

/// Whether a cell that is no plain number may be one with marks.
pub(super) fn is_marked(text: &str) -> bool {
    bare(text).is_some()
}

/// Whether a cell says that there is no value.
pub(super) fn is_nothing(text: &str) -> bool {
    const WORDS: [&str; 11] = ["", "null", "nan", "n/a", "na", "none", "-", "--", "\\n", "#n/a", "#n/a n/a"];
    // Nearly all cells are numbers.
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A number without sign, currency and unit, and the power of ten of the unit; none for what is no number.
fn bare(text: &str) -> Option<(&str, i32)> {
    let is_edge = |c: char| CURRENCIES.contains(&c) || c.is_whitespace() || matches!(c, '+' | '-');
    let text = text.trim();
    let signs = text.chars().take_while(|c| is_edge(*c)).filter(|c| matches!(c, '+' | '-')).count();
    let body = text.trim_start_matches(is_edge);
    let body = body.trim_end_matches(|c: char| CURRENCIES.contains(&c) || c.is_whitespace());
    let power = match body.chars().last()? {
        'K' | 'k' => 3,
        'M' | 'm' => 6,
        'B' | 'b' => 9,
        'T' | 't' => 12,
        _ => 0,
    };
    let body = if power > 0 { body[..body.len() - 1].trim_end() } else { body };
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | 'e' | 'E' | '+' | '-') || GROUPS.contains(&c);
    let is_number = body.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',')) && body.chars().all(fits);
    (is_number && signs < 2 && body.contains(|c: char| c.is_ascii_digit())).then_some((body, power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settled(cells: &[&str]) -> Result<char, String> {
        let mut evidence = Evidence::default();
        cells.iter().for_each(|cell| evidence.see(cell));
        evidence.settle().map(|marks| marks.decimal)
    }

    #[test]
    fn all_numbers_of_a_file_settle_the_decimal_mark() {
        let cases: [(&[&str], char); 9] = [
            (&["1173,01", "12"], ','),
            (&["1.173,01"], ','),
            (&["1,173.01"], '.'),
            (&["1,173", "12.5"], '.'),
            (&["1,173", "12,5"], ','),
            (&["1,234,567"], '.'),
            (&["1.234.567"], ','),
            (&["1.234"], '.'),
            (&["0,173"], ','),
        ];
        for (cells, expected) in cases {
            assert_eq!(settled(cells), Ok(expected), "{cells:?}");
        }
        assert!(settled(&["1,173", "2,500"]).unwrap_err().contains("`1,173` may have a decimal comma or thousands"));
        assert!(settled(&["1,5", "2.5"]).unwrap_err().contains("`2.5` has a decimal point, and `1,5` a decimal comma"));
    }

    #[test]
    fn numbers_are_read_with_groups_currencies_and_units() {
        let point = Marks { decimal: '.' };
        let comma = Marks { decimal: ',' };
        let cases = [
            (point, "$1,173.01", Some(1173.01)),
            (point, "-$5", Some(-5.0)),
            (point, "1 173.5 €", Some(1173.5)),
            (point, "1'173.5", Some(1173.5)),
            (point, "12,34,567.5", Some(1_234_567.5)),
            (point, "1.71M", Some(1_710_000.0)),
            (point, "2.5 B", Some(2_500_000_000.0)),
            (point, "1.2e3", Some(1200.0)),
            (comma, "1.173,01", Some(1173.01)),
            (comma, "1.173", Some(1173.0)),
            (comma, "0,30000000000000004", Some(0.300_000_000_000_000_04)),
            (point, "1,17", None),
            (point, "1,1733.5", None),
            (point, "1.173,01", None),
            (point, "1.5x", None),
            (point, "", None),
            (point, ".", None),
            (point, "1-2", None),
            (point, "--5", None),
            (comma, "1.17", None),
        ];
        for (marks, text, expected) in cases {
            assert_eq!(marks.read(text, true), expected, "{text}");
        }
        assert_eq!(point.read("1.71M", false), None);
    }

    proptest! {
        #[test]
        fn a_number_written_with_marks_is_the_number_nearest_to_it(whole in 0..2_000_000_000_u64, fraction in 0..10_000_u32, comma: bool, grouped: bool) {
            let digits = whole.to_string();
            let mark = if comma { '.' } else { ',' };
            let mut text = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if grouped && at > 0 && (digits.len() - at) % 3 == 0 {
                    text.push(mark);
                }
                text.push(digit);
            }
            let decimal = if comma { ',' } else { '.' };
            text = format!("{text}{decimal}{fraction:04}");
            let expected: f64 = format!("{whole}.{fraction:04}").parse().unwrap();
            prop_assert_eq!(Marks { decimal }.read(&text, false), Some(expected));
            prop_assert_eq!(settled(&[&text]), Ok(decimal));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let mut evidence = Evidence::default();
            evidence.see(&text);
            let _ = evidence.settle();
            let _ = Marks { decimal: ',' }.read(&text, true);
        }
    }
}
