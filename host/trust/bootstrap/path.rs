//! Equity along a path of returns: growth and drawdown.

/// Equity that returns are compounded to, from 1.
#[derive(Debug)]
pub(crate) struct Path {
    equity: f64,
    /// Equity over its last peak.
    level: f64,
    lowest: f64,
}

impl Path {
    pub(crate) fn new() -> Self {
        Self { equity: 1.0, level: 1.0, lowest: 1.0 }
    }

    pub(crate) fn step(&mut self, value: f64) {
        let factor = factor(value);
        self.equity *= factor;
        let level = self.level * factor;
        self.level = if level < 1.0 { level } else { 1.0 };
        self.lowest = if self.level < self.lowest { self.level } else { self.lowest };
    }

    /// Equity at the end.
    pub(crate) fn equity(&self) -> f64 {
        self.equity.min(f64::MAX)
    }

    /// The deepest fall from a peak, a share: zero or negative. The initial equity is the first peak.
    pub(crate) fn max_drawdown(&self) -> f64 {
        self.lowest - 1.0
    }
}

impl FromIterator<f64> for Path {
    fn from_iter<I: IntoIterator<Item = f64>>(returns: I) -> Self {
        returns.into_iter().fold(Self::new(), |mut path, value| {
            path.step(value);
            path
        })
    }
}

/// The factor by which a return changes equity. A loss of more than everything is a loss of everything.
pub(crate) fn factor(value: f64) -> f64 {
    (1.0 + value).max(0.0)
}
