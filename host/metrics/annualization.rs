//! Annualization: how many bars make a year, by what the time stamps show.
//!
//! Never guesses: where two numbers are as likely, neither is taken.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{broker::Timeline, model::majority};

const DAY: i64 = 86_400_000_000_000;
const MEAN_YEAR: f64 = 365.25;

/// Days from the first bar to the last from which on their number says how many there are in a year. (The trading days of
/// one year span some days less than a year.)
const A_YEAR: i64 = 350;

/// Days from which on the number of bars can show that a pattern does not hold.
const A_MONTH: i64 = 28;

/// How far a known number may be from the observed one.
const NEAR: f64 = 0.02;

/// How far a pattern may be from what a month or more of data shows.
const FAR: f64 = 0.15;

/// The share of days on which a market that closes daily has a bar in the hour of its break, at most: clocks that are
/// changed move the break.
const SELDOM: f64 = 0.6;

/// The number of bars that make a year, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Annualization {
    /// Bars per year.
    pub periods_per_year: f64,
    /// Where the number comes from.
    pub basis: Basis,
    /// The next likely number, where less than a year of data cannot tell them apart.
    pub or: Option<f64>,
}

/// Where a number of bars per year comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Basis {
    /// The user gave it.
    Given,
    /// The days of a year on which the market trades, times the bars of a day.
    Days {
        /// The days of a week on which it trades.
        week: Week,
        /// Bars on a median day.
        bars_per_day: f64,
    },
    /// One bar a week: 52.
    Weekly,
    /// One bar a month: 12.
    Monthly,
    /// One bar a quarter: 4.
    Quarterly,
    /// One bar a year: 1.
    Yearly,
    /// As many bars as the data has in 365.25 days, in four digits.
    Observed,
}

/// The days on which a market trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Week {
    /// Five days a week but holidays: 252 days a year.
    Exchange,
    /// Five days a week: 260 days a year.
    Weekdays,
    /// Six days a week, as where each week begins with a bar of a Sunday: 313 days a year.
    SixDays,
    /// Every day: 365 days a year.
    EveryDay,
}

/// Why bars do not say how many of them make a year.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Undetermined {
    /// Fewer than two bars, or several a day on fewer than three days.
    #[error("undefined for so few bars")]
    TooFewBars,
    /// The data has no weekend, and a market that closes on weekends has as many bars a day as one that does not.
    #[error("undefined: {closed} or {open}, as no weekend is in the data")]
    NoWeekend {
        /// Bars per year if the market closes on weekends.
        closed: f64,
        /// Bars per year if it does not.
        open: f64,
    },
}

impl Annualization {
    /// Takes the number of bars per year from the user.
    pub fn given(periods_per_year: f64) -> Self {
        Self { periods_per_year, basis: Basis::Given, or: None }
    }

    /// Infers the number of bars per year from the time stamps and their days.
    ///
    /// From a year of data on, the number of bars decides: where it is within 2 % of a known number (52, 12, 4 or 1 a year;
    /// 252, 260, 313 or 365 days a year times the bars of a median day), that number is taken, else what was observed. Of
    /// less data the pattern decides: which days of the week have bars, and whether the market closes within a day. Bars of
    /// instruments that do not last alike have no pattern; their number decides from a week on.
    ///
    /// # Errors
    ///
    /// Returns why nothing can be said, where the data fits two patterns or is too little for any.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{broker::Timeline, metrics::Annualization, model::Series};
    ///
    /// let hours = (0..200).map(|hour| hour * 3_600_000_000_000).collect();
    /// let timeline = Timeline::of(&[Series { time: hours, ..Series::default() }]);
    /// let found = Annualization::infer(&timeline)?;
    /// assert_eq!(found.to_string(), "8760 (24 bars a day, weekends included)");
    /// # Ok::<(), host::metrics::Undetermined>(())
    /// ```
    pub fn infer(timeline: &Timeline) -> Result<Self, Undetermined> {
        let seen = Seen::of(timeline.times(), timeline.days()).ok_or(Undetermined::TooFewBars)?;
        if timeline.is_by_ends() {
            return if seen.span >= 7 { Ok(seen.observed()) } else { Err(Undetermined::TooFewBars) };
        }
        let found = seen.pattern();
        if seen.span >= A_YEAR {
            // What a pattern cannot say does not matter any more.
            return Ok(seen.known().unwrap_or_else(|| seen.observed()));
        }
        let found = found?;
        let fits = seen.span < A_MONTH || (seen.rate / found.periods_per_year - 1.0).abs() <= FAR;
        Ok(if fits { found } else { seen.observed() })
    }
}

/// What time stamps show.
struct Seen {
    /// Days from the first bar to the last, without those of long gaps.
    span: i64,
    /// The median distance of two bars, in days.
    distance: f64,
    /// Bars in 365.25 days.
    rate: f64,
    /// Each day that has bars, and how many.
    days: Vec<(i64, usize)>,
    /// Bars of a median day.
    bars_per_day: f64,
    /// Whether the market closes within most days.
    closes_daily: bool,
}

/// The distances of bars that follow each other, in nanoseconds.
struct Distances {
    median: f64,
    quartile: f64,
    /// Whether half of them are the median.
    is_regular: bool,
}

impl Distances {
    fn of(times: &[i64]) -> Option<Self> {
        let gaps = || times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        // Most data has one distance, which is the least: it need not be sorted.
        if let Some(usual) = majority(times).filter(|usual| gaps().all(|gap| gap >= *usual)) {
            return Some(Self { median: usual as f64, quartile: usual as f64, is_regular: true });
        }
        let mut gaps: Vec<i64> = gaps().collect();
        let median = median(&mut gaps)?;
        let is_regular = 2 * gaps.iter().filter(|gap| **gap as f64 == median).count() >= gaps.len();
        Some(Self { median, quartile: gaps[gaps.len() / 4] as f64, is_regular })
    }
}

impl Seen {
    fn of(times: &[i64], days: &[i64]) -> Option<Self> {
        let Distances { median: distance, quartile, is_regular } = Distances::of(times)?;
        let by_day: Vec<_> = days.chunk_by(|a, b| a == b).map(|day| (day[0], day.len())).collect();
        // Where data is missing, there is nothing to count.
        let span = days.last()? - days.first()? - missing_days(&by_day);
        let bars = times.len() as f64;
        let days_between = if span > 0 { span as f64 } else { (times.last()? - times.first()?) as f64 / DAY as f64 };
        // Between the first and the last day lies one day less than there are, with as many bars as a day has on average.
        let count = by_day.len() as f64;
        let steps = if by_day.len() > 1 { bars / count * (count - 1.0) } else { bars - 1.0 };
        // Of two bars a day the median distance may be that over the night.
        let closes_daily = closes_daily(times, quartile);
        // Bars that are missing shorten no day of a market that never closes.
        let all_day = (is_regular && !closes_daily).then_some(DAY as f64 / distance);
        Some(Self {
            span,
            distance: distance / DAY as f64,
            rate: steps / days_between * MEAN_YEAR,
            bars_per_day: all_day.or_else(|| bars_per_day(&by_day))?,
            closes_daily,
            days: by_day,
        })
    }

    /// As many bars as there are in a mean year.
    fn observed(&self) -> Annualization {
        let digits = (3.0 - libm::log10(self.rate).floor()).clamp(0.0, 9.0);
        let scale = libm::pow(10.0, digits);
        let periods_per_year = (self.rate * scale).round() / scale;
        Annualization { periods_per_year, basis: Basis::Observed, or: None }
    }

    /// Whether days have several bars, also where the night between them is longer than a bar.
    fn is_intraday(&self) -> bool {
        self.distance < 0.8 || self.distance < 1.5 && self.bars_per_day >= 1.5
    }

    /// The known number next to the observed one, where one is near.
    fn known(&self) -> Option<Annualization> {
        let bases = match self.distance {
            days if days < 1.5 => Week::ALL.map(|week| self.on(week)).to_vec(),
            _ => self.longer().into_iter().collect(),
        };
        let off = |basis: &Basis| basis.periods_per_year().map(|known| (self.rate / known - 1.0).abs());
        let near = bases.into_iter().filter(|basis| off(basis).is_some_and(|off| off <= NEAR));
        near.min_by(|a, b| off(a).unwrap_or(1.0).total_cmp(&off(b).unwrap_or(1.0))).map(Annualization::by)
    }

    /// What the pattern says, without regard to how many bars there are.
    fn pattern(&self) -> Result<Annualization, Undetermined> {
        if self.distance >= 1.5 {
            return Ok(self.longer().map_or_else(|| self.observed(), Annualization::by));
        }
        if self.is_intraday() && self.days.len() < 3 {
            return Err(Undetermined::TooFewBars);
        }
        // Markets of 24 hours close on no holidays but two.
        let closing = if self.is_intraday() && !self.closes_daily { Week::Weekdays } else { Week::Exchange };
        let number = |week: Week| week.days() * self.bars_per_day;
        let open = Week::EveryDay;
        let week = self.week().ok_or(Undetermined::NoWeekend { closed: number(closing), open: number(open) })?;
        let (week, or) = match week {
            Open::FiveDays if closing == Week::Exchange => (Week::Exchange, Some(number(Week::Weekdays))),
            Open::FiveDays => (Week::Weekdays, Some(number(Week::Exchange))),
            Open::SixDays => (Week::SixDays, None),
            Open::EveryDay => (Week::EveryDay, None),
        };
        Ok(Annualization { or, ..Annualization::by(self.on(week)) })
    }

    fn on(&self, week: Week) -> Basis {
        Basis::Days { week, bars_per_day: if self.is_intraday() { self.bars_per_day } else { 1.0 } }
    }

    /// What bars of more than a day are called.
    fn longer(&self) -> Option<Basis> {
        match self.distance {
            5.0..9.0 => Some(Basis::Weekly),
            26.0..35.0 => Some(Basis::Monthly),
            80.0..100.0 => Some(Basis::Quarterly),
            350.0..380.0 => Some(Basis::Yearly),
            _ => None,
        }
    }

    /// On which days of a week the market is open; `None` where the data does not have the days that tell.
    fn week(&self) -> Option<Open> {
        const FRIDAY: usize = 4;
        const SATURDAY: usize = 5;
        const SUNDAY: usize = 6;
        let week = self.weekdays();
        let is_open = |day: usize| week[day] == Some(true);
        let is_closed = |day: usize| week[day] == Some(false);
        let both = is_open(SATURDAY) && is_open(SUNDAY);
        if self.span >= 7 {
            let open = (0..7).filter(|day| is_open(*day)).count();
            return Some(match open {
                7 => Open::EveryDay,
                // A weekday without a bar is one that is missing.
                6 if both => Open::EveryDay,
                6 => Open::SixDays,
                _ if both && self.span < 14 => Open::EveryDay,
                _ => Open::FiveDays,
            });
        }
        if is_open(SATURDAY) {
            return Some(Open::EveryDay);
        }
        if is_closed(SATURDAY) {
            let with_sundays = is_open(SUNDAY) && is_open(FRIDAY);
            return Some(if with_sundays { Open::SixDays } else { Open::FiveDays });
        }
        match (self.is_intraday(), self.closes_daily) {
            (true, true) => Some(Open::FiveDays),
            (true, false) if is_open(SUNDAY) => Some(Open::EveryDay),
            _ => None,
        }
    }

    /// For each day of the week from Monday on, whether the market is open; `None` where no such day is in the data.
    ///
    /// A day counts with half of the bars of a median day. The first and the last day may be cut: of those a Saturday counts
    /// with any.
    fn weekdays(&self) -> [Option<bool>; 7] {
        let weekday = |day: i64| (day + 3).rem_euclid(7) as usize;
        let (mut full, mut there) = ([0.0; 7], [0.0; 7]);
        let (first, last) = (self.days[0].0, self.days[self.days.len() - 1].0);
        let is_cut = |day: i64| day == first || day == last;
        for (day, bars) in &self.days {
            let is_full = *bars as f64 >= self.bars_per_day / 2.0;
            full[weekday(*day)] += f64::from(u8::from(is_full || weekday(*day) == 5 && is_cut(*day)));
        }
        for (at, there) in there.iter_mut().enumerate() {
            let before = (at as i64 - weekday(first) as i64).rem_euclid(7);
            *there = if before > self.span { 0.0 } else { ((self.span - before) / 7 + 1) as f64 };
        }
        std::array::from_fn(|day| (there[day] > 0.0).then(|| full[day] >= 0.3 * there[day]))
    }
}

/// The days of a week on which a market is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    FiveDays,
    SixDays,
    EveryDay,
}

impl Week {
    const ALL: [Self; 4] = [Self::Exchange, Self::Weekdays, Self::SixDays, Self::EveryDay];

    /// Days of trading in a year.
    pub(super) fn days(self) -> f64 {
        match self {
            Self::Exchange => 252.0,
            Self::Weekdays => 260.0,
            Self::SixDays => 313.0,
            Self::EveryDay => 365.0,
        }
    }
}

impl Annualization {
    fn by(basis: Basis) -> Self {
        // Only what has a number of its own gets here.
        Self { periods_per_year: basis.periods_per_year().unwrap_or(f64::NAN), basis, or: None }
    }
}

impl Basis {
    fn periods_per_year(self) -> Option<f64> {
        match self {
            Self::Given | Self::Observed => None,
            Self::Days { week, bars_per_day } => Some(week.days() * bars_per_day),
            Self::Weekly => Some(52.0),
            Self::Monthly => Some(12.0),
            Self::Quarterly => Some(4.0),
            Self::Yearly => Some(1.0),
        }
    }
}

impl fmt::Display for Annualization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { periods_per_year, basis, or } = self;
        write!(f, "{periods_per_year} ({basis}")?;
        match (or, basis) {
            (None, _) => f.write_str(")"),
            (Some(or), Basis::Days { week: Week::Exchange, .. }) => write!(f, "; {or} if it has no holidays)"),
            (Some(or), _) => write!(f, "; {or} if it has holidays)"),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("as given"),
            Self::Days { week, bars_per_day: 1.0 } => write!(f, "daily bars, {week}"),
            Self::Days { week, bars_per_day } => write!(f, "{bars_per_day} bars a day, {week}"),
            Self::Weekly => f.write_str("weekly bars"),
            Self::Monthly => f.write_str("monthly bars"),
            Self::Quarterly => f.write_str("quarterly bars"),
            Self::Yearly => f.write_str("yearly bars"),
            Self::Observed => f.write_str("as many bars as the data has in a year"),
        }
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchange => "weekdays only",
            Self::Weekdays => "weekdays only, no holidays",
            Self::SixDays => "six days a week",
            Self::EveryDay => "weekends included",
        })
    }
}

impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The middle value, or the mean of the middle two. Sorts the values.
fn median(values: &mut [i64]) -> Option<f64> {
    values.sort_unstable();
    let high = *values.get(values.len() / 2)?;
    let low = values[(values.len() - 1) / 2];
    Some((low as f64 + high as f64) / 2.0)
}

/// Whether there is an hour, or the distance of two bars within a day if that is longer, in which most days have no bar.
fn closes_daily(times: &[i64], distance: f64) -> bool {
    let hours = (DAY as f64 / distance.max(DAY as f64 / 24.0)).floor().max(1.0);
    if hours < 2.0 {
        // Each day with a bar has one in its only part.
        return false;
    }
    let hour = |time: i64| (time.rem_euclid(DAY) as f64 / DAY as f64 * hours) as usize;
    let mut with_bar = vec![0usize; hours as usize];
    for of_hour in times.chunk_by(|a, b| a.div_euclid(DAY) == b.div_euclid(DAY) && hour(*a) == hour(*b)) {
        with_bar[hour(of_hour[0])] += 1;
    }
    let days = times.chunk_by(|a, b| a.div_euclid(DAY) == b.div_euclid(DAY)).count();
    with_bar.iter().any(|count| (*count as f64) < SELDOM * days as f64)
}

/// The days of gaps that are longer than holidays: ten times as long as usual, and more than ten days.
fn missing_days(by_day: &[(i64, usize)]) -> i64 {
    const LONGEST: i64 = 10;
    let gaps = || by_day.windows(2).map(|pair| pair[1].0 - pair[0].0);
    if gaps().all(|gap| gap <= LONGEST) {
        return 0;
    }
    let mut gaps: Vec<i64> = gaps().collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(1);
    gaps.into_iter().filter(|gap| *gap > LONGEST * usual.max(1)).map(|gap| gap - usual).sum()
}

/// Bars of a median day, without the first and the last day, which may be cut, and without those that have less than
/// half of what most have.
fn bars_per_day(days: &[(i64, usize)]) -> Option<f64> {
    let half = median(&mut days.iter().map(|(_, bars)| *bars as i64).collect::<Vec<_>>())? / 2.0;
    let counts = |days: &[(i64, usize)]| {
        let full = days.iter().map(|(_, bars)| *bars as i64).filter(|bars| *bars as f64 >= half);
        median(&mut full.collect::<Vec<_>>())
    };
    days.get(1..days.len() - 1).and_then(counts).or_else(|| counts(days))
}
