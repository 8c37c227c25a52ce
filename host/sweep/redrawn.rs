//! The trades of one combination drawn again: how its profits fare in other orders, and what such trades could have come to.
//!
//! Never runs a strategy: it takes the books of a run.

use serde::Serialize;

use super::parallel::ParallelBacktester;
use crate::{
    backtest::Market,
    broker::{Ledger, Trade},
    trust::{MonteCarlo, TrustError, monte_carlo},
};

/// The shares at which quantiles of luck are taken.
pub const LUCK_LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Why trades are not drawn again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedrawError {
    /// No trade was closed.
    #[error("no trade was closed, so that there is nothing to draw from")]
    NoTrades,
    /// Nothing was left before a trade.
    #[error("the account had {equity} before closed trade {number}, of which its profit is not a share")]
    NoEquity {
        /// The number of the trade, counted from 1 in the order of exits.
        number: usize,
        /// Quote currency before it.
        equity: f64,
    },
    /// A number is out of its range.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// What closed trades come to when they are drawn again. Quantiles are at [`LUCK_LEVELS`], ascending: the worst comes first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RedrawnTrades {
    /// Closed trades.
    pub trades: usize,
    /// Shuffles, and as many resamples.
    pub draws: usize,
    /// What all draws follow from.
    pub seed: u64,
    /// The profit of the trades as they were, one after another, as a share of the initial equity. No order changes it.
    pub total_return: f64,
    /// The deepest fall of equity from a peak after a trade, in the order of exits, a share: zero or negative.
    pub max_drawdown: f64,
    /// Quantiles of the profit of resamples, as a share of the initial equity.
    pub resampled_return: Vec<f64>,
    /// Quantiles of the deepest fall of resamples, a share.
    pub resampled_drawdown: Vec<f64>,
    /// The share of resamples that end below the initial equity.
    pub loss: f64,
    /// Quantiles of the deepest fall of shuffles, a share.
    pub shuffled_drawdown: Vec<f64>,
    /// The share of shuffles that fall at most as deep as the order of exits. Near 0 that order was lucky, near 1 unlucky.
    pub shuffled_rank: f64,
}

impl RedrawnTrades {
    fn new((trades, draws, seed): (usize, usize, u64), found: MonteCarlo) -> Self {
        Self {
            trades,
            draws,
            seed,
            total_return: found.final_equity - 1.0,
            max_drawdown: found.max_drawdown,
            resampled_return: found.resampled.final_equity.iter().map(|equity| equity - 1.0).collect(),
            resampled_drawdown: found.resampled.max_drawdown,
            loss: found.resampled.loss,
            shuffled_drawdown: found.shuffled_drawdown,
            shuffled_rank: found.shuffled_rank,
        }
    }
}

impl ParallelBacktester {
    /// Shuffles and resamples the closed trades of a run `draws` times each, on all workers. `ledger` has the books of a run on
    /// `market`; [`profit_shares`] says what of a trade is drawn. The same `seed` draws the same on any number of workers.
    ///
    /// # Errors
    ///
    /// Returns an error if no trade was closed, or a profit is not a share of what was there before; or if `draws` is 0.
    pub fn redraw_trades(
        &self,
        (market, ledger): (&Market, &Ledger),
        draws: usize,
        seed: u64,
    ) -> Result<RedrawnTrades, RedrawError> {
        let profits = profit_shares(market, ledger)?;
        let found = self.on_workers(|| monte_carlo(&profits, draws, seed, &LUCK_LEVELS))?;
        Ok(RedrawnTrades::new((profits.len(), draws, seed), found))
    }
}

/// The profits of the closed trades after all fees, in the order of their exits, each as a share of the equity before the trade:
/// that at the close of the last time stamp before its entry, or the initial cash.
///
/// That equity has what other open positions have won or lost by then. Trades that overlap, of several instruments or of one
/// position that was reduced in parts, are shares of the same equity, and are drawn as if they had followed each other. So
/// all of them together may come to more or less than the run did; open trades and interest are missing, too.
///
/// # Errors
///
/// Returns an error if no trade was closed, or nothing was left before one.
pub fn profit_shares(market: &Market, ledger: &Ledger) -> Result<Vec<f64>, RedrawError> {
    let before = |trade: &Trade| {
        let entry = market.timeline().stamp(trade.instrument as usize, trade.entry_bar as usize);
        entry.checked_sub(1).map_or(ledger.initial_cash, |last| ledger.curve().at(last))
    };
    let share = |(number, trade): (usize, &Trade)| match before(trade) {
        equity if equity > 0.0 => Ok(trade.pnl / equity),
        equity => Err(RedrawError::NoEquity { number, equity }),
    };
    let profits: Vec<f64> =
        (1..).zip(ledger.trades.iter().filter(|trade| !trade.open)).map(share).collect::<Result<_, _>>()?;
    if profits.is_empty() { Err(RedrawError::NoTrades) } else { Ok(profits) }
}
