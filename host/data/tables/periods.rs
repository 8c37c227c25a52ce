//! Periods of pandas: numbers of days, weeks, months → the beginning of each.
//!
//! Never guesses a frequency: a number without one is no period.

use jiff::civil::Date;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// What periods count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frequency {
    /// Units of so many nanoseconds.
    Fixed(i64),
    /// Mondays to Fridays.
    BusinessDays,
    /// Weeks that end so many days after a Sunday.
    Weeks(i64),
    /// So many months, in years that end with a month, counted from 1.
    Months { length: i64, end: i64 },
}

/// The months by their names, as pandas has them.
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Frequency {
    /// The frequency that pandas writes as `text`: `D`, `W-SUN`, `Q-DEC`, `15min`.
    ///
    /// A number in front does not count: the periods of `15min` are numbered by minutes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let (unit, anchor) = text.split_once('-').map_or((text, None), |(unit, anchor)| (unit, Some(anchor)));
        let place = |names: &[&str], default: &str| {
            let name = anchor.unwrap_or(default);
            names.iter().position(|known| *known == name).and_then(|at| i64::try_from(at).ok())
        };
        let years = |length| Some(Self::Months { length, end: place(&MONTHS, "DEC")? + 1 });
        match unit {
            "Y" | "A" => return years(12),
            "Q" => return years(3),
            "W" => return place(&WEEKDAYS, "SUN").map(Self::Weeks),
            _ if anchor.is_some() => return None,
            _ => {}
        }
        Some(match unit {
            "M" => Self::Months { length: 1, end: 12 },
            "B" => Self::BusinessDays,
            "D" => Self::Fixed(DAY),
            "h" | "H" => Self::Fixed(3_600_000_000_000),
            "min" | "T" => Self::Fixed(60_000_000_000),
            "s" | "S" => Self::Fixed(1_000_000_000),
            "ms" | "L" => Self::Fixed(1_000_000),
            "us" | "U" => Self::Fixed(1_000),
            "ns" | "N" => Self::Fixed(1),
            _ => return None,
        })
    }

    /// The frequency that the metadata of pandas' type of periods names.
    pub(crate) fn of_extension(name: &str, metadata: &str) -> Option<Self> {
        if name != "pandas.period" {
            return None;
        }
        let metadata: serde_json::Value = serde_json::from_str(metadata).ok()?;
        Self::parse(metadata.get("freq")?.as_str()?)
    }

    /// When the period `number` begins, in nanoseconds since 1970; nothing if that is out of range.
    pub(crate) fn start(self, number: i64) -> Option<i64> {
        // The Monday of the week that 1970 begins in, in days since 1970.
        const MONDAY: i64 = -3;
        match self {
            Self::Fixed(unit) => number.checked_mul(unit),
            Self::BusinessDays => {
                // The first day of 1970 is a Thursday.
                let days = number.checked_sub(MONDAY)?;
                days.div_euclid(5).checked_mul(7)?.checked_add(MONDAY + days.rem_euclid(5))?.checked_mul(DAY)
            }
            Self::Weeks(end) => number.checked_sub(1)?.checked_mul(7)?.checked_add(MONDAY + end)?.checked_mul(DAY),
            Self::Months { length, end } => {
                let months = number.checked_mul(length)?.checked_add(12 * 1970 + end - 12)?;
                let (year, month) = (months.div_euclid(12).try_into().ok()?, months.rem_euclid(12) + 1);
                let date = Date::new(year, month.try_into().ok()?, 1).ok()?;
                let days = (date - Date::constant(1970, 1, 1)).get_days();
                i64::from(days).checked_mul(DAY)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format_time;

    /// Frequency, number, beginning: as pandas 3.1 has them.
    const OF_PANDAS: [(&str, i64, &str); 104] = [
        ("Y-DEC", -1, "1969-01-01"),
        ("Y-DEC", 0, "1970-01-01"),
        ("Y-DEC", 54, "2024-01-01"),
        ("Y-DEC", 54, "2024-01-01"),
        ("Y-JUN", 0, "1969-07-01"),
        ("Y-JUN", 0, "1969-07-01"),
        ("Y-JUN", 54, "2023-07-01"),
        ("Y-JUN", 54, "2023-07-01"),
        ("Y-JAN", 0, "1969-02-01"),
        ("Y-JAN", 0, "1969-02-01"),
        ("Y-JAN", 54, "2023-02-01"),
        ("Y-JAN", 55, "2024-02-01"),
        ("Q-DEC", -1, "1969-10-01"),
        ("Q-DEC", 0, "1970-01-01"),
        ("Q-DEC", 216, "2024-01-01"),
        ("Q-DEC", 216, "2024-01-01"),
        ("Q-JAN", 3, "1969-11-01"),
        ("Q-JAN", 3, "1969-11-01"),
        ("Q-JAN", 219, "2023-11-01"),
        ("Q-JAN", 220, "2024-02-01"),
        ("Q-NOV", 0, "1969-12-01"),
        ("Q-NOV", 0, "1969-12-01"),
        ("Q-NOV", 216, "2023-12-01"),
        ("Q-NOV", 217, "2024-03-01"),
        ("M", -1, "1969-12-01"),
        ("M", 0, "1970-01-01"),
        ("M", 648, "2024-01-01"),
        ("M", 650, "2024-03-01"),
        ("W-SUN", 0, "1969-12-22"),
        ("W-SUN", 1, "1969-12-29"),
        ("W-SUN", 2823, "2024-01-29"),
        ("W-SUN", 2828, "2024-03-04"),
        ("W-MON", 0, "1969-12-23"),
        ("W-MON", 1, "1969-12-30"),
        ("W-MON", 2823, "2024-01-30"),
        ("W-MON", 2827, "2024-02-27"),
        ("W-TUE", 0, "1969-12-24"),
        ("W-TUE", 1, "1969-12-31"),
        ("W-TUE", 2823, "2024-01-31"),
        ("W-TUE", 2827, "2024-02-28"),
        ("W-WED", 0, "1969-12-25"),
        ("W-WED", 1, "1970-01-01"),
        ("W-WED", 2822, "2024-01-25"),
        ("W-WED", 2827, "2024-02-29"),
        ("W-THU", -1, "1969-12-19"),
        ("W-THU", 0, "1969-12-26"),
        ("W-THU", 2822, "2024-01-26"),
        ("W-THU", 2827, "2024-03-01"),
        ("W-FRI", -1, "1969-12-20"),
        ("W-FRI", 0, "1969-12-27"),
        ("W-FRI", 2822, "2024-01-27"),
        ("W-FRI", 2827, "2024-03-02"),
        ("W-SAT", -1, "1969-12-21"),
        ("W-SAT", 0, "1969-12-28"),
        ("W-SAT", 2822, "2024-01-28"),
        ("W-SAT", 2827, "2024-03-03"),
        ("B", -5, "1969-12-25"),
        ("B", 0, "1970-01-01"),
        ("B", 14109, "2024-01-31"),
        ("B", 14132, "2024-03-04"),
        ("D", -7, "1969-12-25"),
        ("D", 0, "1970-01-01"),
        ("D", 19753, "2024-01-31"),
        ("D", 19786, "2024-03-04"),
        ("h", -158, "1969-12-25T10:00:00Z"),
        ("h", 0, "1970-01-01"),
        ("h", 474081, "2024-01-31T09:00:00Z"),
        ("h", 474864, "2024-03-04"),
        ("min", -9473, "1969-12-25T10:07:00Z"),
        ("min", 0, "1970-01-01"),
        ("min", 28444897, "2024-01-31T09:37:00Z"),
        ("min", 28491840, "2024-03-04"),
        ("s", -568380, "1969-12-25T10:07:00Z"),
        ("s", 0, "1970-01-01"),
        ("s", 1706693831, "2024-01-31T09:37:11Z"),
        ("s", 1709510400, "2024-03-04"),
        ("ms", -568380000, "1969-12-25T10:07:00Z"),
        ("ms", 0, "1970-01-01"),
        ("ms", 1706693831123, "2024-01-31T09:37:11.123Z"),
        ("ms", 1709510400000, "2024-03-04"),
        ("us", -568380000000, "1969-12-25T10:07:00Z"),
        ("us", 0, "1970-01-01"),
        ("us", 1706693831123456, "2024-01-31T09:37:11.123456Z"),
        ("us", 1709510400000000, "2024-03-04"),
        ("ns", -568380000000000, "1969-12-25T10:07:00Z"),
        ("ns", 0, "1970-01-01"),
        ("ns", 1706693831123456789, "2024-01-31T09:37:11.123456789Z"),
        ("ns", 1709510400000000000, "2024-03-04"),
        ("15min", -9473, "1969-12-25T10:07:00Z"),
        ("15min", 0, "1970-01-01"),
        ("15min", 28444897, "2024-01-31T09:37:00Z"),
        ("15min", 28491840, "2024-03-04"),
        ("2D", -7, "1969-12-25"),
        ("2D", 0, "1970-01-01"),
        ("2D", 19753, "2024-01-31"),
        ("2D", 19786, "2024-03-04"),
        ("2W-SUN", 0, "1969-12-22"),
        ("2W-SUN", 1, "1969-12-29"),
        ("2W-SUN", 2823, "2024-01-29"),
        ("2W-SUN", 2828, "2024-03-04"),
        ("3h", -158, "1969-12-25T10:00:00Z"),
        ("3h", 0, "1970-01-01"),
        ("3h", 474081, "2024-01-31T09:00:00Z"),
        ("3h", 474864, "2024-03-04"),
    ];

    #[test]
    fn periods_begin_where_pandas_has_it() {
        for (frequency, number, expected) in OF_PANDAS {
            let start = Frequency::parse(frequency).unwrap().start(number);
            assert_eq!(start.map(format_time).as_deref(), Some(expected), "{frequency} {number}");
        }
    }

    #[test]
    fn old_names_are_the_new_ones_and_others_are_none() {
        for (old, new) in [("A-JUN", "Y-JUN"), ("A", "Y-DEC"), ("Q", "Q-DEC"), ("W", "W-SUN"), ("H", "h"), ("T", "min")]
        {
            assert_eq!(Frequency::parse(old), Frequency::parse(new), "{old}");
        }
        for text in ["", "X", "D-SUN", "W-JAN", "Q-SUN", "ME", "-"] {
            assert_eq!(Frequency::parse(text), None, "{text}");
        }
        let of = |name, text| Frequency::of_extension(name, text);
        assert_eq!(of("pandas.period", r#"{"freq": "D"}"#), Some(Frequency::Fixed(DAY)));
        assert_eq!(of("pandas.interval", r#"{"freq": "D"}"#), None);
        assert_eq!(of("pandas.period", "D"), None);
    }

    #[test]
    fn a_period_out_of_range_is_none() {
        for frequency in ["Y", "Q", "M", "W", "B", "D", "h"] {
            for number in [i64::MIN, i64::MAX, 200_000_000_000] {
                assert_eq!(Frequency::parse(frequency).unwrap().start(number), None, "{frequency} {number}");
            }
        }
    }
}
