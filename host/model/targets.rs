//! Targets: which exposure to hold from which bar on.

use super::Series;

/// Target exposures, sorted by the time of their bars. The three columns are equally long.
///
/// From bar `at[i]` of the series of instrument `instrument[i]` on, `exposure[i]` of the account's equity is to be held
/// in that instrument, until its next entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Targets {
    /// Indices of bars, counted from 0 in the instrument's own series.
    pub at: Vec<u32>,
    /// Indices of instruments, counted from 0 in the order of the data set.
    pub instrument: Vec<u32>,
    /// Shares of equity: 1 is fully long, 0 flat, -1 fully short.
    pub exposure: Vec<f64>,
}

/// Why [`Targets`] cannot be traded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetsError {
    /// The columns differ in length.
    #[error(
        "the lists of targets differ in length: {at} of `at`, {instrument} of `instrument`, {exposure} of `exposure`"
    )]
    Ragged {
        /// Entries of `at`.
        at: usize,
        /// Entries of `instrument`.
        instrument: usize,
        /// Entries of `exposure`.
        exposure: usize,
    },
    /// An entry names an instrument that the data set has not.
    #[error("target {entry} names instrument {instrument}, but the data has {count} (counted from 0)")]
    NoInstrument {
        /// Index of the entry.
        entry: usize,
        /// The instrument that it names.
        instrument: u32,
        /// The number of instruments.
        count: usize,
    },
    /// An entry names a bar that its instrument has not.
    #[error("target {entry} names bar {at}, but `{symbol}` has {bars} bars (counted from 0)")]
    NoBar {
        /// Index of the entry.
        entry: usize,
        /// The bar that it names.
        at: u32,
        /// The instrument's name.
        symbol: String,
        /// The number of its bars.
        bars: usize,
    },
    /// An entry lies before the one in front of it, or names the same bar of the same instrument.
    #[error(
        "target {entry} (bar {at} of `{symbol}`) does not come after the target before it; targets are sorted by the \
         time of their bars, at most one for each bar of each instrument"
    )]
    Unsorted {
        /// Index of the entry.
        entry: usize,
        /// The bar that it names.
        at: u32,
        /// The instrument's name.
        symbol: String,
    },
    /// An exposure is NaN or infinite.
    #[error("target {entry} asks for an exposure of {exposure}; an exposure is a finite number")]
    NotFinite {
        /// Index of the entry.
        entry: usize,
        /// The exposure asked for.
        exposure: f64,
    },
}

impl Targets {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// Checks that the answer can be traded on `series`: see the cases of [`TargetsError`].
    ///
    /// # Errors
    ///
    /// Returns the first problem found.
    pub fn check(&self, series: &[Series]) -> Result<(), TargetsError> {
        let (at, instrument, exposure) = (self.at.len(), self.instrument.len(), self.exposure.len());
        if at != instrument || at != exposure {
            return Err(TargetsError::Ragged { at, instrument, exposure });
        }
        // The last bar named of each instrument, plus one, so that zero means none.
        let mut seen = vec![0u32; series.len()];
        let mut latest = i64::MIN;
        for (entry, ((&at, &instrument), &exposure)) in
            self.at.iter().zip(&self.instrument).zip(&self.exposure).enumerate()
        {
            let Some(bars) = series.get(instrument as usize) else {
                return Err(TargetsError::NoInstrument { entry, instrument, count: series.len() });
            };
            let symbol = || bars.symbol.clone();
            let Some(&time) = bars.time.get(at as usize) else {
                return Err(TargetsError::NoBar { entry, at, symbol: symbol(), bars: bars.len() });
            };
            let seen = &mut seen[instrument as usize];
            if time < latest || at < *seen {
                return Err(TargetsError::Unsorted { entry, at, symbol: symbol() });
            }
            if !exposure.is_finite() {
                return Err(TargetsError::NotFinite { entry, exposure });
            }
            (*seen, latest) = (at + 1, time);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_instruments() -> Vec<Series> {
        let series =
            |symbol: &str, time: &[i64]| Series { symbol: symbol.into(), time: time.to_vec(), ..Series::default() };
        vec![series("A", &[10, 20, 30]), series("B", &[20, 40])]
    }

    fn check(entries: &[(u32, u32, f64)]) -> Result<(), TargetsError> {
        let targets = Targets {
            at: entries.iter().map(|e| e.0).collect(),
            instrument: entries.iter().map(|e| e.1).collect(),
            exposure: entries.iter().map(|e| e.2).collect(),
        };
        targets.check(&two_instruments())
    }

    #[test]
    fn sorted_targets_of_two_instruments_are_accepted() {
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[(0, 0, 1.0), (1, 0, 0.5), (0, 1, -1.0), (2, 0, 0.0), (1, 1, 0.0)]), Ok(()));
    }

    #[test]
    fn what_cannot_be_traded_is_named() {
        assert!(matches!(check(&[(3, 0, 1.0)]), Err(TargetsError::NoBar { entry: 0, at: 3, .. })));
        assert!(matches!(check(&[(0, 2, 1.0)]), Err(TargetsError::NoInstrument { entry: 0, .. })));
        assert!(matches!(check(&[(0, 0, f64::NAN)]), Err(TargetsError::NotFinite { entry: 0, .. })));
        assert!(matches!(check(&[(1, 0, 1.0), (0, 0, 1.0)]), Err(TargetsError::Unsorted { entry: 1, .. })));
        assert!(matches!(check(&[(1, 0, 1.0), (1, 0, 0.0)]), Err(TargetsError::Unsorted { entry: 1, .. })));
        assert!(matches!(check(&[(1, 1, 1.0), (2, 0, 0.0)]), Err(TargetsError::Unsorted { entry: 1, .. })));
        let ragged = Targets { at: vec![0], ..Targets::default() };
        assert!(matches!(ragged.check(&two_instruments()), Err(TargetsError::Ragged { at: 1, .. })));
    }
}
