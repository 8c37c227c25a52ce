//! Free cash: what an account without margin can pay for, by vectorbt's rules.
//!
//! Never knows a bar or a target, and counts one instrument only.
//!
//! It is a transcript of vectorbt's orders, with its tolerances. A purchase may take all cash, that of short sales included.
//! A short sale ties up its proceeds and as much again; what is left is free.

use super::BuyingPower;

/// The smallest order, in units.
const LEAST: f64 = 1e-8;

/// The share by which two numbers may differ that count as equal.
const RELATIVE: f64 = 1e-9;

/// The amount by which two numbers may differ that count as equal.
const ABSOLUTE: f64 = 1e-12;

/// What an order asks for; below zero it sells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wish {
    /// Units.
    Units(f64),
    /// A share of all that can be bought or sold.
    Share(f64),
}

/// The price of an order and what it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal {
    /// Quote currency for one unit, slippage included.
    pub(super) price: f64,
    /// Commission as a share of the order's value.
    pub(super) rate: f64,
    /// Quote currency of commission for the order.
    pub(super) fixed: f64,
}

/// The cash of an account, beside its position, that no short sale ties up.
#[derive(Debug, Clone, Copy)]
pub(super) struct FreeCash {
    /// Quote currency.
    free: f64,
    /// Quote currency that the units that are short were sold for.
    debt: f64,
}

impl FreeCash {
    pub(super) fn of(cash: f64) -> Self {
        Self { free: cash, debt: 0.0 }
    }

    /// The units that an order trades by the rule `funds`, below zero if it sells, 0 if it is not filled. The account has
    /// `cash` and holds `held` units.
    pub(super) fn payable(&self, funds: BuyingPower, cash: f64, held: f64, wish: Wish, terms: Deal) -> f64 {
        let (units, share) = match wish {
            Wish::Units(units) => (units.abs(), None),
            Wish::Share(share) => (f64::INFINITY, Some(share.abs())),
        };
        let (Wish::Units(sign) | Wish::Share(sign)) = wish;
        if sign > 0.0 {
            buy(snap(cash), units, share, terms)
        } else {
            -self.sell(funds, snap(held), units, share, terms)
        }
    }

    /// Units that can be sold.
    fn sell(&self, funds: BuyingPower, held: f64, units: f64, share: Option<f64>, terms: Deal) -> f64 {
        let Deal { price, rate, fixed } = terms;
        let most = match share {
            None if funds != BuyingPower::FreeCash => f64::INFINITY,
            _ => self.most_sold(held, terms),
        };
        let sold = share.map_or(units.min(most), |share| share * most);
        let value = sold * price;
        let pays = add(value, -(value * rate + fixed)) >= 0.0;
        if is_less(sold, LEAST) || !pays { 0.0 } else { sold }
    }

    /// Units that can be sold if what is free must pay for those that will be short.
    fn most_sold(&self, held: f64, Deal { price, rate, fixed }: Deal) -> f64 {
        let long = held.max(0.0);
        let free = add(snap(self.free), long * price * (1.0 - rate));
        if free <= 0.0 {
            return long;
        }
        add(long, add(free, -fixed) / (price * (1.0 + rate))).max(0.0)
    }

    /// Keeps count of `units` traded at `price` for `fee`, with `held` before.
    pub(super) fn trade(&mut self, held: f64, units: f64, price: f64, fee: f64) {
        let mut flow = add(-units * price, -fee);
        let holds = add(held, units);
        if units > 0.0 && held < 0.0 {
            let covered = if holds < 0.0 { units } else { -held };
            let value = covered * (self.debt / -held);
            self.debt = add(self.debt, -value);
            self.free += 2.0 * value;
        } else if units < 0.0 && holds < 0.0 {
            let value = price * if held < 0.0 { -units } else { -holds };
            self.debt += value;
            flow = add(flow, -2.0 * value);
        }
        self.free = add(self.free, flow);
    }
}

/// Units that `cash` can buy, or a `share` of it.
fn buy(cash: f64, units: f64, share: Option<f64>, Deal { price, rate, fixed }: Deal) -> f64 {
    let limit = share.map_or(cash, |share| cash.min(share * cash));
    if limit <= 0.0 {
        return 0.0;
    }
    let value = units * price;
    let total = value + (value * rate + fixed);
    let is_payable = is_close(total, limit) || total < limit;
    let bought = if is_payable { units } else { (add(limit, -fixed) / (1.0 + rate)).max(0.0) / price };
    if is_less(bought, LEAST) { 0.0 } else { bought }
}

/// A sum that is zero where only rounding keeps it from that.
pub(super) fn add(a: f64, b: f64) -> f64 {
    let is_zero = if (a < 0.0) == (b < 0.0) { is_close(a + b, 0.0) } else { is_close(a.abs(), b.abs()) };
    if is_zero { 0.0 } else { a + b }
}

/// `value`, or zero where it is as good as that.
pub(super) fn snap(value: f64) -> f64 {
    if is_close(value, 0.0) { 0.0 } else { value }
}

fn is_close(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= (RELATIVE * a.abs().max(b.abs())).max(ABSOLUTE)
}

fn is_less(a: f64, b: f64) -> bool {
    a < b && !is_close(a, b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FREE: Deal = Deal { price: 50.0, rate: 0.0, fixed: 0.0 };
    const COSTLY: Deal = Deal { price: 50.0, rate: 0.01, fixed: 1.0 };

    /// An account of 10,000 after some trades at 50 without a fee: its cash, what it holds, and what is free.
    fn after(trades: &[f64]) -> (f64, f64, FreeCash) {
        let mut free = FreeCash::of(10_000.0);
        let (mut cash, mut held) = (10_000.0, 0.0);
        for units in trades {
            free.trade(held, *units, 50.0, 0.0);
            cash -= units * 50.0;
            held += units;
        }
        (cash, held, free)
    }

    #[test]
    fn what_can_be_paid_for_is_a_table() {
        use BuyingPower::{Cash, FreeCash};
        use Wish::{Share, Units};
        let cases = [
            // Nothing held.
            (&[][..], Cash, Units(150.0), FREE, 150.0),
            (&[], Cash, Units(250.0), FREE, 200.0),
            (&[], Cash, Units(200.0), COSTLY, 9999.0 / 1.01 / 50.0),
            (&[], Cash, Share(1.0), COSTLY, 9999.0 / 1.01 / 50.0),
            (&[], Cash, Share(0.25), FREE, 50.0),
            (&[], Cash, Share(3.0), FREE, 200.0),
            (&[], Cash, Units(-300.0), FREE, -300.0),
            (&[], FreeCash, Units(-300.0), FREE, -200.0),
            (&[], FreeCash, Units(-200.0), COSTLY, -9999.0 / 50.5),
            (&[], Cash, Share(-1.0), COSTLY, -9999.0 / 50.5),
            (&[], Cash, Share(-0.5), FREE, -100.0),
            (&[], Cash, Units(5e-9), FREE, 0.0),
            (&[], Cash, Units(-5e-9), FREE, 0.0),
            // Costs above the proceeds.
            (&[], Cash, Units(-0.01), COSTLY, 0.0),
            // 100 long: half of the cash is left.
            (&[100.0], Cash, Units(150.0), FREE, 100.0),
            (&[100.0], Cash, Units(-100.0), FREE, -100.0),
            (&[100.0], FreeCash, Units(-400.0), FREE, -300.0),
            (&[100.0], Cash, Share(-0.5), FREE, -150.0),
            // All in: a purchase finds no cash, not even for what rounding leaves.
            (&[200.0], Cash, Units(1.0), FREE, 0.0),
            // 100 short: 5,000 are free, and growing the short takes no more than that.
            (&[-100.0], Cash, Units(-60.0), FREE, -60.0),
            (&[-100.0], FreeCash, Units(-60.0), FREE, -60.0),
            (&[-100.0], FreeCash, Units(-160.0), FREE, -100.0),
            (&[-100.0], Cash, Share(-1.0), FREE, -100.0),
            // Its cash of 15,000 covers it and buys 200 more.
            (&[-100.0], Cash, Units(300.0), FREE, 300.0),
            (&[-100.0], Cash, Share(1.0), FREE, 300.0),
            // 200 short: nothing is free.
            (&[-200.0], FreeCash, Units(-1.0), FREE, 0.0),
            (&[-200.0], Cash, Units(-1.0), FREE, -1.0),
            // Covering sets free what was tied up.
            (&[-200.0, 100.0], FreeCash, Units(-160.0), FREE, -100.0),
        ];
        for (trades, funds, wish, terms, expected) in cases {
            let (cash, held, free) = after(trades);
            let units = free.payable(funds, cash, held, wish, terms);
            let is_near = (units - expected).abs() <= 1e-12 * expected.abs();
            assert!(is_near, "{wish:?} by {funds} after {trades:?}: {units} for {expected}");
        }
    }

    #[test]
    fn a_short_that_has_lost_all_cash_is_covered_only_in_part() {
        let mut free = FreeCash::of(1000.0);
        free.trade(0.0, -10.0, 50.0, 0.0);
        let terms = Deal { price: 300.0, ..FREE };
        assert_eq!(free.payable(BuyingPower::Cash, 1500.0, -10.0, Wish::Units(10.0), terms), 5.0);
    }

    #[test]
    fn sums_that_are_zero_but_for_rounding_are_zero() {
        for (a, b, sum) in
            [(1.0, -1.0 - 1e-10, 0.0), (1.0, -0.9, 0.1), (0.0, 1e-13, 0.0), (2.0, 3.0, 5.0), (-1.0, -1.0, -2.0)]
        {
            assert!((add(a, b) - sum).abs() < 1e-15, "{a} + {b}");
        }
        assert_eq!(add(1.0, -1.0 - 1e-10), 0.0);
    }

    fn wish() -> impl Strategy<Value = Wish> {
        prop_oneof![(-400.0..400.0f64).prop_map(Wish::Units), (-1.2..1.2f64).prop_map(Wish::Share)]
    }

    proptest! {
        #[test]
        fn cash_is_never_owed_and_none_is_tied_up_without_a_short(
            orders in prop::collection::vec((wish(), 1.0..200.0f64), 1..40),
            rate in 0.0..0.05f64,
            fixed in 0.0..5.0f64,
            funds in prop::sample::select(BuyingPower::ALL),
        ) {
            let (mut cash, mut held, mut free) = (10_000.0, 0.0, FreeCash::of(10_000.0));
            let mut moved = cash;
            for (wish, price) in orders {
                let units = free.payable(funds, cash, held, wish, Deal { price, rate, fixed });
                let fee = if units == 0.0 { 0.0 } else { units.abs() * price * rate + fixed };
                free.trade(held, units, price, fee);
                cash = add(cash, -(units * price + fee));
                held = add(held, units);
                moved += units.abs() * price;
                let (Wish::Units(asked) | Wish::Share(asked)) = wish;
                prop_assert!(units * asked >= 0.0, "{units} for {asked}");
                prop_assert!(cash >= -RELATIVE * moved, "{cash}");
                if held >= 0.0 {
                    prop_assert!((free.free - cash).abs() <= RELATIVE * moved, "{free:?} {cash}");
                    prop_assert!(free.debt <= RELATIVE * moved, "{free:?}");
                }
            }
        }
    }
}
