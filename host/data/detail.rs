//! Finer bars: which are those of an instrument, and whether they are of the same prices.
//!
//! Never changes a bar.

use std::sync::Arc;

use super::{
    error::counted,
    notices::{interval, shown},
};
use crate::model::Series;

/// How far finer bars may lie beyond the extremes of their bar before that is told, as a share of the price. Files round prices.
const ROUNDING: f64 = 1e-6;

/// How far extremes may be apart before a bar counts as another one, as a share of its range.
const FAR: f64 = 0.1;

/// Instruments that are named in a message.
const SHOWN: usize = 3;

/// Why finer bars cannot be those of a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetailError {
    /// They are of other instruments.
    #[error(
        "the finer bars are of {detail}, and the bars of {own}; give both the same names: those of their files, or of a column `Symbol`"
    )]
    OtherInstruments {
        /// The instruments of the bars.
        own: String,
        /// Those of the finer bars.
        detail: String,
    },
    /// They last as long as the bars, or longer.
    #[error(
        "the finer bars of `{symbol}` are {detail}, which are not finer than its {own}; give finer ones, or leave them out"
    )]
    NotFiner {
        /// The instrument.
        symbol: String,
        /// How long its bars last.
        own: String,
        /// How long the finer ones do.
        detail: String,
    },
    /// It is unknown how long bars last.
    #[error(
        "how long the {which} of `{symbol}` last cannot be told from their times, so that it is unknown which belong together; give a \
             file with more of them"
    )]
    NoInterval {
        /// The instrument.
        symbol: String,
        /// Which bars.
        which: &'static str,
    },
    /// All of them lie outside of the session.
    #[error("no finer bar of `{symbol}` begins within its session; check `--session` and `--timezone`")]
    OutsideSession {
        /// The instrument.
        symbol: String,
    },
    /// None of them lies in a bar.
    #[error(
        "no finer bar of `{symbol}` begins within one of its bars: they are of {detail}, the bars of {own}; give those of the same \
             days, and check `--timezone`"
    )]
    Elsewhere {
        /// The instrument.
        symbol: String,
        /// From when to when its bars are.
        own: String,
        /// The same of the finer ones.
        detail: String,
    },
    /// Most of them lie elsewhere than their bars.
    #[error(
        "the finer bars of `{symbol}` do not make its bars: {others} of {bars} have other extremes (the first on {first}); check \
             `--timezone`, `--session` and `--bar-time`, and adjust both for splits and dividends, or none"
    )]
    Misplaced {
        /// The instrument.
        symbol: String,
        /// How many bars have extremes that are far from those of their finer bars.
        others: usize,
        /// How many have finer bars.
        bars: usize,
        /// The first of them.
        first: String,
    },
    /// They are of other prices.
    #[error(
        "the finer bars of `{symbol}` are of other prices than its bars: on {time} they lie between {finer_low} and {finer_high}, and \
             the bar between {low} and {high}; adjust both for splits and dividends, or none"
    )]
    OtherPrices {
        /// The instrument.
        symbol: String,
        /// The time of the first such bar.
        time: String,
        /// Its low.
        low: f64,
        /// Its high.
        high: f64,
        /// The lowest low of its finer bars.
        finer_low: f64,
        /// The highest high of them.
        finer_high: f64,
    },
}

/// Returns `series` with those of `details` that are theirs, and what to tell of it.
pub(super) fn attach(series: &[Series], details: &[Series]) -> Result<(Vec<Series>, Vec<String>), DetailError> {
    let of = |one: &Series| match (series, details) {
        ([_], [only]) => Some(only),
        _ => details.iter().find(|detail| detail.symbol == one.symbol),
    };
    let mut notices = Vec::new();
    let mut without = Vec::new();
    let mut all = Vec::with_capacity(series.len());
    for one in series {
        let Some(detail) = of(one) else {
            without.push(format!("`{}`", one.symbol));
            all.push(one.clone());
            continue;
        };
        if detail.symbol != one.symbol {
            notices.push(format!("the finer bars of `{}` are those that are called `{}`", one.symbol, detail.symbol));
        }
        let detail = Series { detail: None, ..detail.in_session() };
        let fine = Series { detail: Some(Arc::new(detail)), ..one.clone() };
        notices.extend(check(&fine)?);
        all.push(fine);
    }
    if without.len() == series.len() {
        let names = |all: &[Series]| listed(all.iter().map(|one| format!("`{}`", one.symbol)).collect());
        return Err(DetailError::OtherInstruments { own: names(series), detail: names(details) });
    }
    if !without.is_empty() {
        let have = if without.len() == 1 { "has" } else { "have" };
        notices.push(format!("{} {have} no finer bars: orders trade by the bars alone", listed(without)));
    }
    Ok((all, notices))
}

/// The first names, and how many more there are.
fn listed(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Checks the finer bars of an instrument; returns what to tell of them.
fn check(series: &Series) -> Result<Vec<String>, DetailError> {
    let Some(detail) = &series.detail else { return Ok(Vec::new()) };
    let symbol = || series.symbol.clone();
    let lasts = |one: &Series, which| one.schedule.interval.ok_or(DetailError::NoInterval { symbol: symbol(), which });
    if detail.is_empty() {
        return Err(DetailError::OutsideSession { symbol: symbol() });
    }
    if lasts(detail, "finer bars")? >= lasts(series, "bars")? {
        let kind = |one: &Series| interval(&one.schedule).unwrap_or_default();
        return Err(DetailError::NotFiner { symbol: symbol(), own: kind(series), detail: kind(detail) });
    }
    let (mut bare, mut beyond, mut far, mut first) = (0, 0, 0, None);
    for at in 0..series.len() {
        let range = series.detail_of(at);
        if range.is_empty() {
            bare += 1;
            continue;
        }
        let finer_low = detail.low[range.clone()].iter().copied().fold(f64::INFINITY, f64::min);
        let finer_high = detail.high[range].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Some data have an open or a close beyond the extremes.
        let low = series.low[at].min(series.open[at]).min(series.close[at]);
        let high = series.high[at].max(series.open[at]).max(series.close[at]);
        let time = || shown(&series.schedule, series.time[at]);
        if finer_low > high || finer_high < low {
            return Err(DetailError::OtherPrices { symbol: symbol(), time: time(), low, high, finer_low, finer_high });
        }
        let rounding = ROUNDING * high.abs().max(low.abs());
        let apart = (finer_low - low).abs().max((finer_high - high).abs());
        if apart > rounding {
            beyond += 1;
            far += usize::from(apart > rounding + FAR * (high - low));
            first
                .get_or_insert_with(|| format!("{}: {finer_low} to {finer_high}, and the bar {low} to {high}", time()));
        }
    }
    let bars = series.len();
    if bare == bars {
        let span = |one: &Series| {
            format!("{} to {}", shown(&one.schedule, one.time[0]), shown(&one.schedule, one.time[one.len() - 1]))
        };
        return Err(DetailError::Elsewhere { symbol: symbol(), own: span(series), detail: span(detail) });
    }
    let mut notices = Vec::new();
    if let Some(first) = first.clone().filter(|_| 2 * far > bars - bare) {
        return Err(DetailError::Misplaced { symbol: symbol(), others: far, bars: bars - bare, first });
    }
    if bare > 0 {
        let of = counted(bars as u64, "bar");
        notices.push(format!(
            "{bare} of {of} of `{}` have no finer bars: orders trade there by the bar alone",
            series.symbol
        ));
    }
    if let Some(first) = first {
        let of = counted((bars - bare) as u64, "bar");
        notices.push(format!(
            "{beyond} of {of} of `{}` have other extremes than their finer bars (the first on {first}); such a bar is followed if an order is \
             near by its own extremes, and then the finer bars decide",
            series.symbol
        ));
    }
    Ok(notices)
}

#[cfg(test)]
mod tests {
    use crate::{
        data::Dataset,
        model::{Schedule, Series},
    };

    const HOUR: i64 = 3_600_000_000_000;

    /// Hours from `first` on, each of the low and high of its place.
    fn hours(symbol: &str, first: i64, extremes: &[(f64, f64)]) -> Series {
        let column = |pick: fn(&(f64, f64)) -> f64| extremes.iter().map(pick).collect::<Vec<f64>>();
        Series {
            symbol: symbol.into(),
            time: (first..).take(extremes.len()).map(|at| at * HOUR).collect(),
            open: column(|bar| bar.0),
            high: column(|bar| bar.1),
            low: column(|bar| bar.0),
            close: column(|bar| bar.1),
            volume: vec![1.0; extremes.len()],
            schedule: Schedule { interval: Some(HOUR), ..Schedule::default() },
            ..Series::default()
        }
    }

    fn days(symbol: &str, extremes: &[(f64, f64)]) -> Series {
        let mut series = hours(symbol, 0, extremes);
        series.time.iter_mut().for_each(|time| *time *= 24);
        series.schedule = Schedule { dates: true, interval: Some(24 * HOUR), ..Schedule::default() };
        series
    }

    fn attached(own: Vec<Series>, detail: Vec<Series>) -> Result<(Dataset, Vec<String>), String> {
        let (own, detail) = (Dataset::new(own).unwrap(), Dataset::new(detail).unwrap());
        own.with_detail(&detail).map_err(|error| error.to_string())
    }

    #[test]
    fn finer_bars_belong_to_the_bar_in_which_they_begin() {
        let fine = hours("fine", 20, &[(1.0, 2.0); 8]);
        let (data, notices) = attached(vec![days("A", &[(1.0, 2.0); 3])], vec![fine]).unwrap();
        let series = &data.series()[0];
        assert_eq!([0, 1, 2].map(|at| series.detail_of(at)), [0..4, 4..8, 8..8]);
        assert_eq!(
            notices,
            [
                "the finer bars of `A` are those that are called `fine`",
                "1 of 3 bars of `A` have no finer bars: orders trade there by the bar alone"
            ]
        );
        // What ends sooner has another fingerprint, and the same finer bars.
        assert_eq!(data.first(&[2]).series()[0].detail_of(1), 4..8);
        assert_eq!(data.without_detail().series()[0].detail, None);
    }

    #[test]
    fn several_instruments_are_told_apart_by_their_names() {
        let own = || ["A", "B"].map(|name| days(name, &[(1.0, 2.0); 2])).to_vec();
        let (data, notices) = attached(own(), vec![hours("B", 0, &[(1.0, 2.0); 48])]).unwrap();
        assert!(data.series()[0].detail.is_none() && data.series()[1].detail.is_some());
        assert_eq!(notices, ["`A` has no finer bars: orders trade by the bars alone"]);
        let error = attached(own(), vec![hours("C", 0, &[(1.0, 2.0); 48])]).unwrap_err();
        assert!(error.starts_with("the finer bars are of `C`, and the bars of `A`, `B`"), "{error}");
    }

    #[test]
    fn what_cannot_be_the_finer_bars_is_refused_with_the_reason() {
        let own = || vec![days("A", &[(1.0, 2.0); 3])];
        let check = |detail: Series, text: &str| {
            let error = attached(own(), vec![detail]).unwrap_err();
            assert!(error.contains(text), "`{text}` is not in: {error}");
        };
        check(days("A", &[(1.0, 2.0); 3]), "are daily bars, which are not finer than its daily bars");
        check(hours("A", 1000, &[(1.0, 2.0); 3]), "no finer bar of `A` begins within one of its bars");
        check(
            Series { schedule: Schedule::default(), ..hours("A", 0, &[(1.0, 2.0)]) },
            "how long the finer bars of `A` last",
        );
        check(hours("A", 22, &[(1.0, 2.0), (1.0, 2.0), (3.0, 4.0)]), "on 1970-01-02 they lie between 3 and 4");
    }

    #[test]
    fn other_extremes_are_told_with_the_first_of_them() {
        let fine = || hours("A", 0, &[(1.0, 1.5); 72]);
        let (_, notices) = attached(vec![days("A", &[(1.0, 1.5), (1.0, 2.0), (1.0, 1.52)])], vec![fine()]).unwrap();
        let told = "2 of 3 bars of `A` have other extremes than their finer bars (the first on 1970-01-02: 1 to 1.5, and the bar 1 to 2); \
                    such a bar is followed if an order is near by its own extremes, and then the finer bars decide";
        assert_eq!(notices, [told]);
        let error = attached(vec![days("A", &[(1.0, 1.5), (1.0, 2.0), (1.0, 2.0)])], vec![fine()]).unwrap_err();
        assert!(error.contains("2 of 3 have other extremes") && error.contains("`--session`"), "{error}");
    }
}
