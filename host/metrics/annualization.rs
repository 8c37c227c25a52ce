//! Annualization: how many bars make a year.

use std::fmt;

use serde::{Serialize, Serializer};

const DAY: i64 = 86_400_000_000_000;

/// The number of bars that make a year, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Annualization {
    /// Bars per year.
    pub periods_per_year: f64,
    /// Where the number comes from.
    pub basis: Basis,
}

/// Where a number of bars per year comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Basis {
    /// The user gave it.
    Given,
    /// Several bars a day: the median of those days that have any, times 365 or 252 days.
    Intraday {
        /// Bars on a median day.
        bars_per_day: f64,
        /// Whether the market is open on weekends.
        weekends: bool,
    },
    /// One bar a day, on 365 or 252 days of the year.
    Daily {
        /// Whether the market is open on weekends.
        weekends: bool,
    },
    /// One bar a week: 52.
    Weekly,
    /// One bar a month: 12.
    Monthly,
    /// One bar a quarter: 4.
    Quarterly,
    /// One bar a year: 1.
    Yearly,
    /// Any other spacing: 365.25 days over the median distance of two bars.
    Spacing {
        /// Days between two bars.
        days: f64,
    },
}

impl Annualization {
    /// Takes the number of bars per year from the user.
    pub fn given(periods_per_year: f64) -> Self {
        Self { periods_per_year, basis: Basis::Given }
    }

    /// Infers the number of bars per year from strictly increasing times in nanoseconds since the Unix epoch.
    ///
    /// The median distance of two bars decides. A market is open on weekends where the two weekdays with the fewest bars
    /// have more than 0.6 of the 2/7 of all bars that they would have if all days were alike. Fewer than two bars say
    /// nothing, and neither do several bars a day on fewer than three days.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::metrics::Annualization;
    ///
    /// let hours: Vec<i64> = (0..1000).map(|hour| hour * 3_600_000_000_000).collect();
    /// let found = Annualization::infer(&hours).unwrap();
    /// assert_eq!(found.to_string(), "8760 (24 bars a day, weekends included)");
    /// ```
    pub fn infer(times: &[i64]) -> Option<Self> {
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let days = median(gaps)? / DAY as f64;
        let basis = match days {
            d if d < 0.8 => Basis::Intraday { bars_per_day: bars_per_day(times)?, weekends: trades_on_weekends(times) },
            d if d < 1.5 => Basis::Daily { weekends: trades_on_weekends(times) },
            5.0..9.0 => Basis::Weekly,
            26.0..35.0 => Basis::Monthly,
            80.0..100.0 => Basis::Quarterly,
            350.0..380.0 => Basis::Yearly,
            days => Basis::Spacing { days },
        };
        basis.periods_per_year().map(|periods_per_year| Self { periods_per_year, basis })
    }
}

impl Basis {
    fn periods_per_year(self) -> Option<f64> {
        let days = |weekends| if weekends { 365.0 } else { 252.0 };
        match self {
            Self::Given => None,
            Self::Intraday { bars_per_day, weekends } => Some(bars_per_day * days(weekends)),
            Self::Daily { weekends } => Some(days(weekends)),
            Self::Weekly => Some(52.0),
            Self::Monthly => Some(12.0),
            Self::Quarterly => Some(4.0),
            Self::Yearly => Some(1.0),
            Self::Spacing { days } => Some(365.25 / days),
        }
    }
}

impl fmt::Display for Annualization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.periods_per_year, self.basis)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = |weekends: bool| if weekends { "weekends included" } else { "weekdays only" };
        match self {
            Self::Given => f.write_str("as given"),
            Self::Intraday { bars_per_day, weekends } => write!(f, "{bars_per_day} bars a day, {}", days(*weekends)),
            Self::Daily { weekends } => write!(f, "daily bars, {}", days(*weekends)),
            Self::Weekly => f.write_str("weekly bars"),
            Self::Monthly => f.write_str("monthly bars"),
            Self::Quarterly => f.write_str("quarterly bars"),
            Self::Yearly => f.write_str("yearly bars"),
            Self::Spacing { days } => write!(f, "a bar every {days} days"),
        }
    }
}

impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The middle value, or the mean of the middle two.
fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let high = *values.get(values.len() / 2)?;
    let low = values[(values.len() - 1) / 2];
    Some((low as f64 + high as f64) / 2.0)
}

fn bars_per_day(times: &[i64]) -> Option<f64> {
    let counts: Vec<_> =
        times.chunk_by(|a, b| a.div_euclid(DAY) == b.div_euclid(DAY)).map(|day| day.len() as i64).collect();
    // The first and the last day may be parts of one.
    if counts.len() < 3 { None } else { median(counts) }
}

/// Whether the two weekdays with the fewest bars have more than 0.6 of the 2/7 that they would have if all were alike.
/// They are not looked for by name: midnight in Tokyo is the day before in UTC.
fn trades_on_weekends(times: &[i64]) -> bool {
    let mut bars = [0usize; 7];
    for time in times {
        bars[time.div_euclid(DAY).rem_euclid(7) as usize] += 1;
    }
    bars.sort_unstable();
    (bars[0] + bars[1]) as f64 / times.len() as f64 > 2.0 / 7.0 * 0.6
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = DAY / 24;

    fn check(times: impl IntoIterator<Item = i64>) -> String {
        let times: Vec<i64> = times.into_iter().collect();
        Annualization::infer(&times).map_or_else(|| "nothing".to_owned(), |found| found.to_string())
    }

    fn weekdays(days: i64) -> impl Iterator<Item = i64> {
        (-20..days).filter(|day| !matches!(day.rem_euclid(7), 2 | 3)).map(|day| day * DAY)
    }

    #[test]
    fn bars_per_year_follow_from_the_distance_of_bars() {
        assert_eq!(check(weekdays(900)), "252 (daily bars, weekdays only)");
        assert_eq!(check((0..900).map(|day| day * DAY)), "365 (daily bars, weekends included)");
        assert_eq!(check((0..900).map(|hour| hour * HOUR)), "8760 (24 bars a day, weekends included)");
        assert_eq!(
            check(weekdays(90).flat_map(|day| (0..7).map(move |hour| day + (14 + hour) * HOUR))),
            "1764 (7 bars a day, weekdays only)"
        );
        // Midnight in Tokyo is 15:00 of the day before in UTC.
        assert_eq!(check(weekdays(900).map(|day| day - 9 * HOUR)), "252 (daily bars, weekdays only)");
        assert_eq!(check((0..40).map(|hour| hour * HOUR)), "nothing");
        assert_eq!(check((0..90).map(|week| week * 7 * DAY)), "52 (weekly bars)");
        assert_eq!(check([0, 31, 59, 90, 120, 151].map(|day| day * DAY)), "12 (monthly bars)");
        assert_eq!(check([0, 90, 181, 273, 365].map(|day| day * DAY)), "4 (quarterly bars)");
        assert_eq!(check([0, 365, 730, 1096].map(|day| day * DAY)), "1 (yearly bars)");
        assert_eq!(check([0, 3, 6].map(|day| day * DAY)), "121.75 (a bar every 3 days)");
    }

    #[test]
    fn one_bar_or_none_says_nothing() {
        assert_eq!(check([]), "nothing");
        assert_eq!(check([DAY]), "nothing");
    }
}
