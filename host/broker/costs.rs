//! Commission and slippage of an order.
//!
//! Never knows an account.

use super::{Settings, grid::Multiples};

/// Whether an order took the price that it found, or waited at its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liquidity {
    Taker,
    Maker,
}

/// What an order that is filled in parts was charged for those before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Charged {
    /// Commission before its bounds, without what an order costs as a whole.
    pub(super) linear: f64,
    /// Commission paid.
    pub(super) paid: f64,
}

/// The costs of the settings, in the form in which they are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    taker: f64,
    maker: f64,
    pub(super) per_unit: f64,
    pub(super) per_order: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    slippage: f64,
    /// Slippage in ticks.
    ticks: f64,
    tick: Option<Multiples>,
    /// Quote currency: the least that a price may be.
    least: f64,
    impact: f64,
}

impl Costs {
    /// The costs of an instrument; `signed` where its prices may be zero or less.
    pub(super) fn of(settings: &Settings, signed: bool) -> Self {
        let taker = settings.commission_bps / 1e4;
        Self {
            taker,
            maker: settings.commission_maker_bps.map_or(taker, |bps| bps / 1e4),
            per_unit: settings.commission_per_unit,
            per_order: settings.commission_per_order,
            minimum: settings.commission_minimum,
            maximum: settings.commission_maximum.unwrap_or(f64::INFINITY),
            slippage: settings.slippage_bps / 1e4,
            ticks: settings.slippage_ticks,
            tick: settings.tick.map(Multiples::of),
            least: if signed { f64::NEG_INFINITY } else { settings.tick.unwrap_or(f64::MIN_POSITIVE) },
            impact: settings.slippage_impact,
        }
    }

    /// The share of a fill's value.
    #[inline]
    pub(super) fn rate(&self, liquidity: Liquidity) -> f64 {
        match liquidity {
            Liquidity::Taker => self.taker,
            Liquidity::Maker => self.maker,
        }
    }

    /// Quote currency for an order that trades `units` of `value` in all.
    #[inline]
    pub(super) fn fee(&self, value: f64, units: f64, liquidity: Liquidity) -> f64 {
        self.bounded(self.part(value, units, liquidity) + self.per_order)
    }

    /// Quote currency for `units` of `value` of an order, without what it costs as a whole.
    #[inline]
    pub(super) fn part(&self, value: f64, units: f64, liquidity: Liquidity) -> f64 {
        value * self.rate(liquidity) + units * self.per_unit
    }

    /// What an order costs whose parts cost `linear` in all.
    #[inline]
    pub(super) fn bounded(&self, linear: f64) -> f64 {
        linear.max(self.minimum).min(self.maximum)
    }

    /// What an order that finds `price` pays, or gets where it sells; `share` of the bar's volume is its own.
    #[inline]
    pub(super) fn worse(&self, price: f64, buys: bool, share: f64) -> f64 {
        let sign = if buys { 1.0 } else { -1.0 };
        // Below zero, too, a purchase pays more, which is nearer to zero.
        let slipped = price * (1.0 + sign * self.slippage.copysign(price));
        if self.ticks == 0.0 && self.impact == 0.0 {
            return slipped;
        }
        self.far_worse(price, slipped, sign, share)
    }

    /// The same with slippage in ticks, and with that of the order's share.
    fn far_worse(&self, price: f64, slipped: f64, sign: f64, share: f64) -> f64 {
        let moved = sign * self.impact * share * share * price.abs();
        let tick = self.tick.filter(|_| self.ticks != 0.0);
        // Ticks come first: a price on the tick that slips by whole ticks stays there.
        let ticked = tick.map_or(slipped, |tick| {
            tick.on(slipped).map_or_else(
                || slipped + sign * self.ticks * tick.step(),
                |slipped| tick.shift(slipped, sign * self.ticks),
            )
        });
        (ticked + moved).max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_costs_its_parts_within_its_bounds() {
        let settings = Settings {
            commission_bps: 10.0,
            commission_maker_bps: Some(2.0),
            commission_per_unit: 0.01,
            commission_per_order: 0.5,
            commission_minimum: 2.0,
            commission_maximum: Some(20.0),
            ..Settings::default()
        };
        let costs = Costs::of(&settings, false);
        assert_eq!(costs.fee(1000.0, 100.0, Liquidity::Taker), 2.5);
        assert_eq!(costs.fee(1000.0, 140.0, Liquidity::Maker), 2.1);
        assert_eq!(costs.fee(10.0, 1.0, Liquidity::Taker), 2.0);
        assert_eq!(costs.fee(1e6, 1.0, Liquidity::Taker), 20.0);
    }

    #[test]
    fn slippage_adds_up_against_the_order() {
        let settings = Settings {
            slippage_bps: 100.0,
            slippage_ticks: 2.0,
            tick: Some(0.5),
            slippage_impact: 0.1,
            ..Settings::default()
        };
        let costs = Costs::of(&settings, false);
        assert_eq!(costs.worse(100.0, true, 0.5), 101.0 + 1.0 + 0.1 * 0.25 * 100.0);
        assert_eq!(costs.worse(100.0, false, 0.0), 98.0);
        assert_eq!(costs.worse(1.0, false, 0.0), 0.5, "no price falls below a tick");
        let signed = Costs::of(&settings, true);
        assert_eq!((signed.worse(0.5, true, 0.0), signed.worse(0.0, false, 1.0)), (0.505 + 1.0, -1.0));
    }

    #[test]
    fn below_zero_too_slippage_is_against_the_order() {
        let costs = Costs::of(&Settings { slippage_bps: 1000.0, ..Settings::default() }, true);
        assert_eq!((costs.worse(-10.0, true, 0.0), costs.worse(-10.0, false, 0.0)), (-9.0, -11.0));
        let costs = Costs::of(&Settings { slippage_impact: 0.5, ..Settings::default() }, true);
        assert_eq!((costs.worse(-10.0, true, 1.0), costs.worse(-10.0, false, 1.0)), (-5.0, -15.0));
    }

    #[test]
    fn a_price_that_slips_by_whole_ticks_stays_on_the_tick() {
        let settings = Settings { slippage_ticks: 3.0, tick: Some(0.01), ..Settings::default() };
        let costs = Costs::of(&settings, false);
        for cents in 5..=20_000 {
            let price = |cents: i32| f64::from(cents) / 100.0;
            assert_eq!(costs.worse(price(cents), true, 0.0), price(cents + 3));
            assert_eq!(costs.worse(price(cents), false, 0.0), price(cents - 3).max(0.01));
        }
        assert_eq!(costs.worse(1.234, true, 0.0), 1.234 + 3.0 * 0.01);
    }
}
