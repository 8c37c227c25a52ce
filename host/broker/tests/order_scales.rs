//! Properties of every run with orders under other prices: lower ones, larger ones, and those of a grid.

use proptest::{prelude::*, sample::select};

use crate::broker::{
    OrderStatus, Settings, Sizing,
    tests::order_properties::{Act, Case, case},
};
use crate::model::{Measure, OrderKind, RejectReason};

proptest! {
    #[test]
    fn prices_that_are_all_lower_by_as_much_make_the_same_trades(mut case in case(), all_below in any::<bool>()) {
        // Whole prices and no costs, so that nothing is rounded.
        let free = Settings { initial_cash: 1e9, sizing: Sizing::Units(16.0), ..Settings::default() };
        case.settings = Settings { fill: case.settings.fill, rules: case.settings.rules, volume_share: case.settings.volume_share, ..free };
        for series in &mut case.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price = price.round());
            }
        }
        for act in case.acts.iter_mut().flatten() {
            match act {
                Act::Order(request) => {
                    (request.limit, request.stop) = (request.limit.round(), request.stop.ceil());
                    request.measure = Measure::Units;
                    request.quantity = request.quantity.min(200.0);
                    if request.kind == OrderKind::TrailingStopPercent {
                        request.kind = OrderKind::TrailingStop;
                    }
                }
                Act::Bracket { stop_loss, take_profit, .. } => {
                    (*stop_loss, *take_profit) = (stop_loss.round(), take_profit.round());
                }
                Act::Pair { .. } | Act::Cancel { .. } | Act::Target(..) => {}
            }
        }
        prop_assume!(case.series.iter().all(|series| !series.is_empty() && series.low.iter().all(|low| *low > 0.0)));
        let lowest = |case: &Case| case.series.iter().flat_map(|one| one.low.first()).fold(0.0f64, |most, low| most.max(*low));
        let down = if all_below { 1024.0 } else { lowest(&case) };
        let mut lower = case.clone();
        for series in &mut lower.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price -= down);
            }
        }
        for act in lower.acts.iter_mut().flatten() {
            match act {
                Act::Order(request) if request.kind == OrderKind::TrailingStop => {}
                Act::Order(request) => (request.limit, request.stop) = (request.limit - down, request.stop - down),
                Act::Bracket { stop_loss, take_profit, .. } => {
                    (*stop_loss, *take_profit) = (*stop_loss - down, *take_profit - down);
                }
                Act::Pair { .. } | Act::Cancel { .. } | Act::Target(..) => {}
            }
        }
        let ((one, heard, rejects), (other, heard_lower, rejects_lower)) = (case.run(), lower.run());
        prop_assert_eq!((heard, rejects), (heard_lower, rejects_lower));
        prop_assert_eq!(one.fills.len(), other.fills.len());
        for (one, other) in one.fills.iter().zip(&other.fills) {
            prop_assert_eq!((one.units, one.price - down), (other.units, other.price));
        }
        let near = 1e-9 * (case.scale(&one) + case.scale(&other));
        prop_assert!(one.equity().iter().zip(other.equity()).all(|(one, other)| (one - other).abs() <= near));
    }

    #[test]
    fn a_multiplier_trades_what_larger_prices_do(mut case in case()) {
        case.settings.tick = None;
        let mut larger = case.clone();
        for series in &mut larger.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price *= 8.0);
            }
        }
        for act in larger.acts.iter_mut().flatten() {
            match act {
                Act::Order(request) => {
                    request.limit *= 8.0;
                    if request.kind != OrderKind::TrailingStopPercent {
                        request.stop *= 8.0;
                    }
                }
                Act::Bracket { stop_loss, take_profit, .. } => {
                    (*stop_loss, *take_profit) = (*stop_loss * 8.0, *take_profit * 8.0);
                }
                Act::Pair { .. } | Act::Cancel { .. } | Act::Target(..) => {}
            }
        }
        case.settings.multiplier = 8.0;
        let ((pointed, heard, rejects), (larger, heard_larger, rejects_larger)) = (case.run(), larger.run());
        prop_assert_eq!((heard, rejects), (heard_larger, rejects_larger));
        prop_assert_eq!(pointed.equity(), larger.equity());
        prop_assert_eq!((pointed.fees, pointed.borrow_costs, pointed.cut), (larger.fees, larger.borrow_costs, larger.cut));
        for (one, other) in pointed.fills.iter().zip(&larger.fills) {
            prop_assert_eq!((one.units, one.price * 8.0, one.fee), (other.units, other.price, other.fee));
        }
    }

    #[test]
    fn on_grids_flat_is_flat_filled_is_filled_and_a_cent_is_a_cent(
        mut case in case(),
        lot in select(vec![0.01, 0.1, 0.25, 1.0]),
        tick in select(vec![0.01, 0.05, 0.25]),
    ) {
        (case.settings.lot, case.settings.tick) = (Some(lot), Some(tick));
        (case.settings.slippage_bps, case.settings.slippage_impact) = (0.0, 0.0);
        for series in &mut case.series {
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
                column.iter_mut().for_each(|price| *price = ((*price / tick).round().max(1.0) / (1.0 / tick).round()).max(tick));
            }
        }
        let (ledger, heard, _) = case.run();
        let places = |number: f64| number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let (of_lot, of_tick) = (places(lot), places(tick));
        let mut held = vec![0i64; case.series.len()];
        for fill in &ledger.fills {
            prop_assert!(places(fill.units) <= of_lot, "{fill:?}");
            prop_assert!(places(fill.price) <= of_tick, "{fill:?}");
            held[fill.instrument as usize] += (fill.units * 100.0).round() as i64;
        }
        prop_assert!(heard.iter().all(|(_, units)| places(*units) <= of_lot));
        let open = ledger.trades.iter().filter(|trade| trade.open).map(|trade| trade.instrument as usize);
        let still: Vec<_> = (0..held.len()).filter(|at| held[*at] != 0).collect();
        prop_assert_eq!(open.collect::<Vec<_>>(), still);
        prop_assert!(ledger.trades.iter().all(|trade| places(trade.units) <= of_lot && trade.units != 0.0));
        for record in &ledger.orders {
            prop_assert!(places(record.filled) <= of_lot, "{record:?}");
            let units: i64 = ledger.fills.iter().filter(|fill| fill.order == record.order)
                .map(|fill| (fill.units.abs() * 100.0).round() as i64).sum();
            prop_assert_eq!(units, (record.filled * 100.0).round() as i64, "{:?}", record);
            match record.status {
                OrderStatus::FilledInPart(_) => prop_assert!(record.filled > 0.0),
                OrderStatus::Cancelled(_) | OrderStatus::Expired | OrderStatus::Rejected(_) => prop_assert_eq!(record.filled, 0.0),
                OrderStatus::Open | OrderStatus::Filled => {}
            }
            // What counts units is refused at once, a share or an amount when its price is known.
            let is_late = record.status == OrderStatus::Rejected(RejectReason::LotSize) && record.ended != record.sent;
            prop_assert!(!is_late || record.request.measure != Measure::Units, "{record:?}");
        }
        let refused = ledger.orders.iter().filter(|record| matches!(record.status, OrderStatus::Rejected(_))).count() as u64;
        prop_assert!(ledger.rejected >= refused);
    }
}
