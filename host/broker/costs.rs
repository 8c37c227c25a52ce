//! Commission and slippage of an order.
//!
//! Never knows an account.

use super::Settings;

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
    /// Quote currency.
    ticks: f64,
    /// Quote currency: the least that a price may be.
    least: f64,
    pub(super) impact: f64,
}

impl Costs {
    pub(super) fn of(settings: &Settings) -> Self {
        let taker = settings.commission_bps / 1e4;
        Self {
            taker,
            maker: settings.commission_maker_bps.map_or(taker, |bps| bps / 1e4),
            per_unit: settings.commission_per_unit,
            per_order: settings.commission_per_order,
            minimum: settings.commission_minimum,
            maximum: settings.commission_maximum.unwrap_or(f64::INFINITY),
            slippage: settings.slippage_bps / 1e4,
            ticks: settings.slippage_ticks * settings.tick.unwrap_or(0.0),
            least: settings.tick.unwrap_or(f64::MIN_POSITIVE),
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
        let slipped = price * (1.0 + sign * self.slippage);
        if self.ticks == 0.0 && self.impact == 0.0 {
            return slipped;
        }
        (slipped + sign * (self.ticks + self.impact * share * share * price)).max(self.least)
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
        let costs = Costs::of(&settings);
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
        let costs = Costs::of(&settings);
        assert_eq!(costs.worse(100.0, true, 0.5), 100.0 * 1.01 + (1.0 + 0.1 * 0.25 * 100.0));
        assert_eq!(costs.worse(100.0, false, 0.0), 98.0);
        assert_eq!(costs.worse(1.0, false, 0.0), 0.5, "no price falls below a tick");
    }
}
