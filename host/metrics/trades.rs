//! Trade statistics: win rate, profit factor, SQN, streaks and more, from the closed trades.

use super::{Metrics, odds, ratio};
use crate::broker::Trade;

/// The largest deviation of P&L, as a share of its mean, that rounding alone explains.
const NOISE: f64 = 1e-12;

/// Sums over the closed trades of one run.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    count: f64,
    longs: f64,
    wins: f64,
    losses: f64,
    won: f64,
    lost: f64,
    ratios: f64,
    bars: f64,
    most_bars: f64,
}

impl Totals {
    fn of<'a>(closed: impl Iterator<Item = &'a Trade>) -> Self {
        let mut totals = Self::default();
        for trade in closed {
            totals.add(trade);
        }
        totals
    }

    fn add(&mut self, trade: &Trade) {
        let bars = f64::from(trade.bars_held());
        self.count += 1.0;
        self.longs += f64::from(u8::from(trade.is_long()));
        self.ratios += trade.pnl_ratio;
        self.bars += bars;
        self.most_bars = self.most_bars.max(bars);
        if trade.pnl > 0.0 {
            self.wins += 1.0;
            self.won += trade.pnl;
        } else if trade.pnl < 0.0 {
            self.losses += 1.0;
            self.lost += trade.pnl;
        }
    }
}

impl Metrics {
    pub(super) fn trades(&mut self, trades: &[Trade]) {
        let closed = || trades.iter().filter(|trade| !trade.open);
        let totals = Totals::of(closed());
        self.trades = Some(totals.count);
        self.open_trades = Some(trades.len() as f64 - totals.count);
        self.long_trades = Some(totals.longs);
        self.short_trades = Some(totals.count - totals.longs);
        self.average_trade = ratio(totals.ratios, totals.count);
        self.best_trade = closed().map(|trade| trade.pnl_ratio).max_by(f64::total_cmp);
        self.worst_trade = closed().map(|trade| trade.pnl_ratio).min_by(f64::total_cmp);
        self.average_bars_held = ratio(totals.bars, totals.count);
        self.max_bars_held = ratio(totals.most_bars, 1.0).filter(|_| totals.count > 0.0);
        self.max_consecutive_wins = Some(longest_run(closed(), |trade| trade.pnl > 0.0));
        self.max_consecutive_losses = Some(longest_run(closed(), |trade| trade.pnl < 0.0));
        self.money(&totals);
        self.sqn = sqn(closed(), &totals);
    }

    /// What was won and lost, and how they compare.
    fn money(&mut self, totals: &Totals) {
        self.win_rate = ratio(totals.wins, totals.count);
        self.average_win = ratio(totals.won, totals.wins);
        self.average_loss = ratio(totals.lost, totals.losses);
        self.profit_factor = odds(totals.won, -totals.lost);
        self.expectancy = ratio(totals.won + totals.lost, totals.count);
        self.payoff_ratio = self.average_win.and_then(|win| odds(win, -self.average_loss.unwrap_or(0.0)));
        self.kelly = self.win_rate.zip(self.payoff_ratio).map(|(rate, payoff)| rate - (1.0 - rate) / payoff);
    }
}

fn longest_run<'a>(closed: impl Iterator<Item = &'a Trade>, belongs: impl Fn(&Trade) -> bool) -> f64 {
    let (mut run, mut longest) = (0u32, 0u32);
    for trade in closed {
        run = if belongs(trade) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    f64::from(longest)
}

fn sqn<'a>(closed: impl Iterator<Item = &'a Trade>, totals: &Totals) -> Option<f64> {
    if totals.count < 2.0 {
        return None;
    }
    let mean = (totals.won + totals.lost) / totals.count;
    let squares = closed.fold(0.0, |sum, trade| sum + (trade.pnl - mean) * (trade.pnl - mean));
    let deviation = (squares / (totals.count - 1.0)).sqrt();
    (deviation > NOISE * mean.abs()).then(|| totals.count.sqrt() * mean / deviation)
}
