//! Alignment: the returns of a benchmark for the periods of a run, by trading days.
//!
//! Never looks ahead: a period has what was known when its last day ended. Never makes a price up: where the benchmark has no
//! new bar, it stands still, and what stands still too long or too often is refused.

/// The most calendar days by which a benchmark may be older than the end of a period: the longest holidays of an exchange.
pub const STALE: i64 = 14;

/// A benchmark for the periods of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// The return of each period, as a share.
    pub returns: Vec<f64>,
    /// Periods without a new bar of the benchmark, whose return is 0.
    pub still: usize,
}

/// Why a benchmark does not fit a run. Days are counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum AlignError {
    /// A close is not a finite number above 0, so that returns on it mean nothing.
    Price {
        /// The bar, counted from 0.
        bar: usize,
        /// Its close, quote currency.
        close: f64,
    },
    /// The benchmark begins after the first period.
    Late {
        /// The last day of the first period.
        day: i64,
        /// The day of the benchmark's first bar; `None` where it has none.
        first: Option<i64>,
    },
    /// The benchmark has no bar for longer than [`STALE`] days.
    Stale {
        /// The last day of the period.
        day: i64,
        /// The day of the benchmark's last bar by then.
        last: i64,
    },
    /// Most periods have no new bar: the benchmark's bars last longer than the periods.
    Coarse {
        /// Periods with a new bar.
        fresh: usize,
        /// Periods.
        periods: usize,
    },
}

/// The returns of a benchmark, whose bars have ended on `bar_days` (never decreasing) with `closes`, for periods that end on `days`
/// (increasing), the first of which begins on day `first`.
///
/// The close of a period is the last by the end of its day. The first return is from the last close before `first`, or 0 where
/// there is none.
///
/// # Errors
///
/// Returns an error where the benchmark does not fit.
///
/// # Examples
///
/// ```
/// use host::metrics::align;
///
/// // Friday, Saturday, Monday; the benchmark rests at weekends.
/// let aligned = align(1, &[1, 2, 4], &[0, 1, 4], &[10.0, 11.0, 12.1])?;
/// assert_eq!(aligned.still, 1);
/// assert!((aligned.returns[0] - 0.1).abs() < 1e-15 && aligned.returns[1] == 0.0);
/// # Ok::<(), host::metrics::AlignError>(())
/// ```
pub fn align(first: i64, days: &[i64], bar_days: &[i64], closes: &[f64]) -> Result<Aligned, AlignError> {
    if let Some(bar) = closes.iter().position(|close| !(close.is_finite() && *close > 0.0)) {
        return Err(AlignError::Price { bar, close: closes[bar] });
    }
    // Where bars last longer than periods, no other beginning or end helps.
    let (fresh, periods) = fresh_while_there(days, bar_days);
    if 2 * fresh < periods {
        return Err(AlignError::Coarse { fresh, periods });
    }
    let mut known = bar_days.partition_point(|day| *day < first);
    let mut before = known.checked_sub(1).map(|last| closes[last]);
    let (mut returns, mut still) = (Vec::with_capacity(days.len()), 0);
    for &day in days {
        let passed = known + bar_days[known..].iter().take_while(|bar| **bar <= day).count();
        let Some(last) = passed.checked_sub(1) else {
            return Err(AlignError::Late { day, first: bar_days.first().copied() });
        };
        if day - bar_days[last] > STALE {
            return Err(AlignError::Stale { day, last: bar_days[last] });
        }
        still += usize::from(passed == known);
        let after = closes[last];
        returns.push(before.map_or(0.0, |before| (after - before) / before));
        (known, before) = (passed, Some(after));
    }
    let (periods, fresh) = (days.len(), days.len() - still);
    if 2 * fresh < periods { Err(AlignError::Coarse { fresh, periods }) } else { Ok(Aligned { returns, still }) }
}

/// Of the periods that end from the first bar to the last one: how many have a new bar, and how many there are.
fn fresh_while_there(days: &[i64], bar_days: &[i64]) -> (usize, usize) {
    let (Some(begin), Some(end)) = (bar_days.first(), bar_days.last()) else { return (0, 0) };
    let within = days.partition_point(|day| day < begin)..days.partition_point(|day| day <= end);
    let bars = |day: i64| bar_days.partition_point(|bar| *bar <= day);
    let before = |period: usize| period.checked_sub(1).map_or(0, |before| bars(days[before]));
    let fresh = within.clone().filter(|period| bars(days[*period]) > before(*period)).count();
    (fresh, within.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_what_was_known_at_its_end() {
        // Two bars of one day: the last counts. What comes after the last period is not looked at.
        let aligned = align(2, &[2, 3, 4], &[1, 2, 2, 3, 4, 5], &[1.0, 9.0, 2.0, 4.0, 3.0, 50.0]).unwrap();
        assert_eq!(aligned, Aligned { returns: vec![1.0, 1.0, -0.25], still: 0 });
        let later = align(2, &[2, 3, 4], &[1, 2, 2, 3, 4], &[1.0, 9.0, 2.0, 4.0, 3.0]).unwrap();
        assert_eq!(later, aligned);
    }

    #[test]
    fn the_first_return_is_nothing_without_a_close_before() {
        assert_eq!(align(5, &[5, 6], &[5, 6], &[2.0, 3.0]).unwrap().returns, [0.0, 0.5]);
        assert_eq!(align(5, &[5, 6], &[4, 5, 6], &[1.0, 2.0, 3.0]).unwrap().returns, [1.0, 0.5]);
        // A gap before the first period is not its return alone, but what was known.
        assert_eq!(align(5, &[5], &[3], &[1.0]), Err(AlignError::Coarse { fresh: 0, periods: 1 }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let closes = [1.0; 3];
        assert_eq!(align(0, &[0, 1], &[1, 2, 3], &closes), Err(AlignError::Late { day: 0, first: Some(1) }));
        assert_eq!(align(0, &[0], &[], &[]), Err(AlignError::Late { day: 0, first: None }));
        let stale = align(0, &[0, 1, 2, 17], &[0, 1, 2], &closes);
        assert_eq!(stale, Err(AlignError::Stale { day: 17, last: 2 }));
        assert!(align(0, &[0, 1, 2, 16], &[0, 1, 2], &closes).is_ok());
        let weeks = align(0, &[0, 1, 2, 3, 4, 7, 8], &[0, 7, 14], &closes);
        assert_eq!(weeks, Err(AlignError::Coarse { fresh: 2, periods: 7 }));
        for close in [0.0, -37.63, f64::NAN, f64::INFINITY] {
            let refused = align(0, &[0], &[0, 1, 2], &[1.0, close, 1.0]);
            assert!(matches!(refused, Err(AlignError::Price { bar: 1, .. })), "{close}");
        }
    }
}
