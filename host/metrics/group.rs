//! Groups of metrics: what is computed together.

/// What metrics are computed with: the members of one cost little once one of them is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// What the books say as they are: costs nothing.
    Books,
    /// The first two moments of the returns, and what falls short.
    Moments,
    /// The deepest drawdown.
    Depth,
    /// Every drawdown, with its depth and its length.
    Falls,
    /// The drawdown at every bar.
    Ulcer,
    /// Gains and losses per bar.
    Gains,
    /// The third and the fourth moment of the returns.
    Shape,
    /// Quantiles of the returns.
    Tails,
    /// The logarithm of equity at every bar.
    Trend,
    /// Equity at the ends of days, months and years.
    Calendar,
    /// Equity summed over all bars.
    MeanEquity,
    /// The closed trades.
    Trades,
    /// Returns by days beside those of a benchmark.
    Relative,
}
