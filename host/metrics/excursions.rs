//! Maximum adverse and favourable excursion (MAE, MFE) of every trade.
//!
//! Never part of a sweep's metrics: it goes through the bars of every trade.

use std::{collections::HashMap, ops::Range};

use serde::Serialize;

use crate::{
    broker::{Fill, FillAt, Ledger, Settings, Trade},
    model::{OrderKind, Series},
};

/// How far the price went against a trade and for it, each as a fraction of the average entry price's absolute value, 0 or above.
///
/// Only prices count that the position has seen for certain:
///
/// - those of its entry and its exit, slippage included, so that a return without fees lies between `-mae` and `mfe`;
/// - lows and highs of all bars between those of the entry and of the exit;
/// - of the entry bar its low and its high where the fill was at its open, nothing more where it was at its close. Where it
///   was in between, the close, and for a limit or a stop order the extreme that lies beyond its price: a limit order that
///   buys is reached from above, so that the low comes after it;
/// - of the exit bar nothing more where the fill was at its open, its low and its high where it was at its close, its open
///   where it was in between. What is open at the end is taken as closed at the last close.
///
/// Without a record of orders ([`Ledger::with_orders`]) fills of orders count as in between. A position that the host has
/// closed, by liquidation or at the end of the data, has seen no more of that bar than its exit price.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Excursion {
    /// The maximum adverse excursion: below the entry for a long position, above it for a short one.
    pub mae: f64,
    /// The maximum favourable excursion.
    pub mfe: f64,
}

/// The excursions of some trades together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Excursions {
    /// How many trades there are; the rest is undefined where there is none.
    pub trades: usize,
    /// The mean of the adverse ones.
    pub mean_mae: Option<f64>,
    /// The largest adverse one.
    pub worst_mae: Option<f64>,
    /// The mean of the favourable ones.
    pub mean_mfe: Option<f64>,
    /// The largest favourable one.
    pub best_mfe: Option<f64>,
}

/// The excursions of each trade of `ledger`, which holds what was traded on `series` under `settings`.
///
/// # Panics
///
/// Panics if the books are of other series.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use host::{
///     broker::{Ledger, Settings, Timeline, Workspace, simulate},
///     metrics::excursions,
///     model::{Series, Targets},
/// };
///
/// let series = Arc::from([Series {
///     symbol: "A".into(),
///     time: vec![1, 2, 3, 4],
///     open: vec![10.0, 10.0, 11.0, 12.0],
///     high: vec![10.0, 11.0, 12.5, 20.0],
///     low: vec![10.0, 9.0, 10.5, 1.0],
///     close: vec![10.0, 11.0, 12.0, 12.0],
///     volume: vec![0.0; 4],
///     ..Series::default()
/// }]);
/// let targets = Targets { at: vec![0, 2], instrument: vec![0; 2], exposure: vec![1.0, 0.0] };
/// let (settings, mut ledger) = (Settings::default(), Ledger::new());
/// simulate(&series, &Timeline::of(&series), &targets, &settings, &mut Workspace::new(), &mut ledger);
/// // Bought at the open of the second bar at 10, sold at the open of the last.
/// let [only] = excursions(&ledger, &series, &settings)[..] else { unreachable!() };
/// assert_eq!((only.mae, only.mfe), (0.1, 0.25));
/// ```
pub fn excursions(ledger: &Ledger, series: &[Series], settings: &Settings) -> Vec<Excursion> {
    let fills = Fills::of(ledger, settings);
    let excursion = |trade: &Trade| {
        let series = &series[trade.instrument as usize];
        seen(trade, series, fills.entry(trade, series), fills.exit(trade, series)).around(trade)
    };
    ledger.trades.iter().map(excursion).collect()
}

impl Excursions {
    /// Takes some excursions together.
    pub fn of(excursions: impl IntoIterator<Item = Excursion>) -> Self {
        let (mut all, mut mae, mut mfe) = (Self::default(), 0.0, 0.0);
        for Excursion { mae: adverse, mfe: favourable } in excursions {
            all.trades += 1;
            (mae, mfe) = (mae + adverse, mfe + favourable);
            all.worst_mae = Some(all.worst_mae.map_or(adverse, |worst: f64| worst.max(adverse)));
            all.best_mfe = Some(all.best_mfe.map_or(favourable, |best: f64| best.max(favourable)));
        }
        let mean = |sum: f64| (all.trades > 0).then(|| sum / all.trades as f64);
        Self { mean_mae: mean(mae), mean_mfe: mean(mfe), ..all }
    }
}

/// When in its bar a fill was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Open,
    /// In between, while the price rose.
    Rising,
    /// In between, while the price fell.
    Falling,
    /// In between.
    Within,
    Close,
}

/// The fills of a ledger, to be found by the trades that came of them.
struct Fills<'a> {
    ledger: &'a Ledger,
    settings: &'a Settings,
    /// By instrument and bar, in their order.
    by_bar: HashMap<(u32, u32), Vec<&'a Fill>>,
}

impl<'a> Fills<'a> {
    fn of(ledger: &'a Ledger, settings: &'a Settings) -> Self {
        let mut by_bar: HashMap<_, Vec<_>> = HashMap::new();
        for fill in &ledger.fills {
            by_bar.entry((fill.instrument, fill.bar)).or_default().push(fill);
        }
        Self { ledger, settings, by_bar }
    }

    /// When the first fill was that a trade came of.
    fn entry(&self, trade: &Trade, series: &Series) -> Moment {
        let mut fills = self.at(trade.instrument, trade.entry_bar);
        let entry = fills.find(|fill| fill.units * trade.units > 0.0);
        entry.map_or(Moment::Within, |fill| self.moment(fill, series))
    }

    /// When the fill was that has ended a trade.
    fn exit(&self, trade: &Trade, series: &Series) -> Moment {
        if trade.open {
            return Moment::Close;
        }
        let mut fills = self.at(trade.instrument, trade.exit_bar);
        let exit = fills.find(|fill| fill.units * trade.units < 0.0 && fill.price == trade.exit_price);
        exit.map_or(Moment::Within, |fill| self.moment(fill, series))
    }

    fn at(&self, instrument: u32, bar: u32) -> impl Iterator<Item = &'a Fill> {
        self.by_bar.get(&(instrument, bar)).into_iter().flatten().copied()
    }

    fn moment(&self, fill: &Fill, series: &Series) -> Moment {
        let at_market = match self.settings.fill {
            FillAt::NextOpen => Moment::Open,
            FillAt::Close => Moment::Close,
        };
        if fill.order == 0 {
            return at_market;
        }
        let orders = &self.ledger.orders;
        let Ok(place) = orders.binary_search_by_key(&fill.order, |record| record.order) else { return Moment::Within };
        let (request, open) = (&orders[place].request, series.open[fill.bar as usize]);
        // A record has prices as they were asked for: rounded, they may be a tick from there.
        let tick = self.settings.for_contract(&series.contract).tick.unwrap_or(0.0);
        let sign = request.side.sign();
        let (rises, falls) =
            if sign > 0.0 { (Moment::Rising, Moment::Falling) } else { (Moment::Falling, Moment::Rising) };
        match request.kind {
            OrderKind::Market => at_market,
            OrderKind::Stop if sign * (open - request.stop) >= tick => Moment::Open,
            OrderKind::Stop => rises,
            OrderKind::Limit if sign * (request.limit - open) > tick => Moment::Open,
            OrderKind::Limit => falls,
            OrderKind::StopLimit | OrderKind::TrailingStop | OrderKind::TrailingStopPercent => Moment::Within,
        }
    }
}

/// Prices between two bounds.
#[derive(Debug, Clone, Copy)]
struct Seen {
    low: f64,
    high: f64,
}

impl Seen {
    fn see(&mut self, price: f64) {
        (self.low, self.high) = (self.low.min(price), self.high.max(price));
    }

    fn see_bars(&mut self, series: &Series, bars: Range<usize>) {
        series.low[bars.clone()].iter().chain(&series.high[bars]).for_each(|price| self.see(*price));
    }

    fn around(self, trade: &Trade) -> Excursion {
        let size = trade.entry_price.abs();
        let below = (trade.entry_price - self.low) / size;
        let above = (self.high - trade.entry_price) / size;
        let (mae, mfe) = if trade.is_long() { (below, above) } else { (above, below) };
        Excursion { mae, mfe }
    }
}

/// The prices that the position of `trade` has seen for certain, with fills at these moments of its first and last bar.
fn seen(trade: &Trade, series: &Series, entry: Moment, exit: Moment) -> Seen {
    let mut seen = Seen { low: trade.entry_price, high: trade.entry_price };
    seen.see(trade.exit_price);
    let (first, last) = (trade.entry_bar as usize, trade.exit_bar as usize);
    let start = first + usize::from(entry != Moment::Open);
    let end = last + usize::from(exit == Moment::Close);
    if start < end {
        seen.see_bars(series, start..end);
    }
    if first < end && !matches!(entry, Moment::Open | Moment::Close) {
        match entry {
            Moment::Rising => seen.see(series.high[first]),
            Moment::Falling => seen.see(series.low[first]),
            _ => {}
        }
        seen.see(series.close[first]);
    }
    if first < last && exit != Moment::Open {
        seen.see(series.open[last]);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{OrderRecord, OrderStatus},
        model::{OrderRequest, Side},
    };

    const LOW: [f64; 4] = [90.0, 80.0, 70.0, 60.0];
    const HIGH: [f64; 4] = [110.0, 120.0, 130.0, 140.0];

    fn check(trade: &Trade, entry: Moment, exit: Moment, mae: f64, mfe: f64) {
        let (open, close) = (vec![100.0; 4], vec![102.0; 4]);
        let series = Series { low: LOW.to_vec(), high: HIGH.to_vec(), open, close, ..Series::default() };
        let found = seen(trade, &series, entry, exit).around(trade);
        assert_eq!(found, Excursion { mae, mfe }, "{trade:?} {entry:?} {exit:?}");
    }

    fn trade(units: f64, entry_bar: u32, exit_bar: u32, exit_price: f64) -> Trade {
        Trade {
            instrument: 0,
            units,
            entry_bar,
            exit_bar,
            entry_time: 0,
            exit_time: 0,
            entry_price: 100.0,
            exit_price,
            entry_fees: 0.0,
            exit_fees: 0.0,
            pnl: 0.0,
            pnl_ratio: 0.0,
            open: false,
        }
    }

    #[test]
    fn a_bar_counts_from_the_moment_of_the_entry_to_that_of_the_exit() {
        let long = trade(1.0, 0, 2, 105.0);
        check(&long, Moment::Open, Moment::Open, 0.2, 0.2);
        check(&long, Moment::Open, Moment::Close, 0.3, 0.3);
        check(&long, Moment::Close, Moment::Close, 0.3, 0.3);
        check(&trade(1.0, 0, 1, 105.0), Moment::Open, Moment::Open, 0.1, 0.1);
        check(&trade(1.0, 0, 1, 105.0), Moment::Close, Moment::Open, 0.0, 0.05);
        check(&trade(1.0, 1, 1, 95.0), Moment::Open, Moment::Close, 0.2, 0.2);
        check(&trade(1.0, 1, 1, 95.0), Moment::Close, Moment::Close, 0.05, 0.0);
        check(&trade(1.0, 1, 1, 95.0), Moment::Open, Moment::Open, 0.05, 0.0);
    }

    #[test]
    fn a_fill_within_a_bar_has_seen_what_must_have_come_after_it() {
        let long = trade(1.0, 0, 2, 99.0);
        check(&long, Moment::Within, Moment::Open, 0.2, 0.2);
        let next = trade(1.0, 0, 1, 99.0);
        check(&next, Moment::Within, Moment::Within, 0.01, 0.02);
        check(&next, Moment::Rising, Moment::Within, 0.01, 0.1);
        check(&next, Moment::Falling, Moment::Open, 0.1, 0.02);
        check(&trade(1.0, 0, 0, 99.0), Moment::Falling, Moment::Within, 0.01, 0.0);
        check(&trade(1.0, 0, 0, 102.0), Moment::Falling, Moment::Close, 0.1, 0.02);
    }

    #[test]
    fn the_kind_of_an_order_tells_when_it_was_filled() {
        let series = Series { open: vec![100.0], ..Series::default() };
        let fill = Fill { instrument: 0, bar: 0, units: 1.0, price: 100.0, fee: 0.0, order: 7 };
        let check = |request: OrderRequest, tick: Option<f64>, expected: Moment| {
            let record = OrderRecord {
                order: 7,
                request,
                parent: 0,
                sent: 0,
                ended: 0,
                filled: 1.0,
                value: 100.0,
                price: 100.0,
                status: OrderStatus::Filled,
            };
            let mut ledger = Ledger::new();
            ledger.orders.push(record);
            let settings = Settings { tick, ..Settings::default() };
            assert_eq!(Fills::of(&ledger, &settings).moment(&fill, &series), expected, "{request:?}");
        };
        check(OrderRequest::market(0, Side::Buy, 1.0), None, Moment::Open);
        check(OrderRequest::limit(0, Side::Buy, 1.0, 101.0), None, Moment::Open);
        check(OrderRequest::limit(0, Side::Buy, 1.0, 101.0), Some(1.0), Moment::Falling);
        check(OrderRequest::limit(0, Side::Buy, 1.0, 99.0), None, Moment::Falling);
        check(OrderRequest::limit(0, Side::Sell, 1.0, 101.0), None, Moment::Rising);
        check(OrderRequest::stop(0, Side::Buy, 1.0, 101.0), None, Moment::Rising);
        check(OrderRequest::stop(0, Side::Sell, 1.0, 101.0), None, Moment::Open);
        check(OrderRequest::stop(0, Side::Sell, 1.0, 99.0), None, Moment::Falling);
        let stop_limit = OrderRequest { kind: OrderKind::StopLimit, ..OrderRequest::stop(0, Side::Buy, 1.0, 99.0) };
        check(stop_limit, None, Moment::Within);
        let unrecorded = Fills::of(&Ledger::new(), &Settings::default()).moment(&fill, &series);
        assert_eq!(unrecorded, Moment::Within);
    }

    #[test]
    fn a_short_position_suffers_from_highs() {
        let series = Series { low: vec![95.0, 1.0], high: vec![120.0, 1.0], ..Series::default() };
        let short = trade(-1.0, 0, 1, 97.0);
        let found = seen(&short, &series, Moment::Open, Moment::Open).around(&short);
        assert_eq!(found, Excursion { mae: 0.2, mfe: 0.05 });
    }

    #[test]
    fn together_they_have_a_mean_and_an_extreme() {
        assert_eq!(Excursions::of([]), Excursions::default());
        let two = Excursions::of([Excursion { mae: 0.25, mfe: 0.5 }, Excursion { mae: 0.75, mfe: 0.0 }]);
        assert_eq!((two.trades, two.mean_mae, two.worst_mae), (2, Some(0.5), Some(0.75)));
        assert_eq!((two.mean_mfe, two.best_mfe), (Some(0.25), Some(0.5)));
    }
}
