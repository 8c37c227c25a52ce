//! The statement beside exact fractions: entry prices, P&L, fees and values of positions that grow, shrink and turn.

use proptest::{prelude::*, sample::select};

use crate::broker::{
    Ledger, Settings, Statement,
    tests::{
        order_properties::case,
        orders::{bars, buy, flat, run, sell},
    },
};
use crate::model::{OrderRequest, Series, Side};

/// A fraction of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    const ZERO: Self = Self { over: 0, under: 1 };

    fn new(over: i128, under: i128) -> Self {
        let (mut one, mut other) = (over.abs(), under.abs());
        while other != 0 {
            (one, other) = (other, one % other);
        }
        let common = one.max(1) * under.signum();
        Self { over: over / common, under: under / common }
    }

    /// The decimal that a double is written as.
    fn of(number: f64) -> Self {
        let text = number.to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        Self::new(format!("{whole}{decimals}").parse().unwrap(), 10i128.pow(decimals.len() as u32))
    }

    fn plus(self, other: Self) -> Self {
        Self::new(self.over * other.under + other.over * self.under, self.under * other.under)
    }

    fn less(self, other: Self) -> Self {
        self.plus(Self { over: -other.over, ..other })
    }

    fn times(self, other: Self) -> Self {
        Self::new(self.over * other.over, self.under * other.under)
    }

    fn by(self, other: Self) -> Self {
        self.times(Self::new(other.under, other.over))
    }

    fn abs(self) -> Self {
        Self { over: self.over.abs(), ..self }
    }

    /// The nearest double.
    fn double(self) -> f64 {
        let (mut digits, mut rest) = ((self.over.abs() / self.under).to_string(), self.over.abs() % self.under);
        digits.push('.');
        for _ in 0..40 {
            rest *= 10;
            digits.push(char::from(b'0' + (rest / self.under) as u8));
            rest %= self.under;
        }
        digits.parse::<f64>().unwrap() * if self.over < 0 { -1.0 } else { 1.0 } + 0.0
    }
}

/// A trade on paper: units, entry price, entry fees, exit fees, P&L.
type OnPaper = [f64; 5];

/// The trades that fills (units, price, fee) make on paper, at `last` for what is open.
fn on_paper(fills: &[(Fraction, Fraction, Fraction)], multiplier: Fraction, last: Fraction) -> Vec<OnPaper> {
    let (mut held, mut average, mut fees) = (Fraction::ZERO, Fraction::ZERO, Fraction::ZERO);
    let mut trades = vec![];
    let row = |units: Fraction, average: Fraction, fees: Fraction, price: Fraction, fee: Fraction| {
        let won = units.times(price.less(average)).times(multiplier);
        [units, average, fees, fee, won.less(fees).less(fee)].map(Fraction::double)
    };
    for &(units, price, fee) in fills {
        let against = held.over.signum() * units.over.signum() < 0;
        let closes = if !against {
            Fraction::ZERO
        } else if held.abs().less(units.abs()).over < 0 {
            held
        } else {
            Fraction { over: -units.over, ..units }
        };
        let opens = units.plus(closes);
        if closes.over != 0 {
            let (leaves, paid) = (fees.times(closes).by(held), fee.times(closes.abs()).by(units.abs()));
            trades.push(row(closes, average, leaves, price, paid));
            (held, fees) = (held.less(closes), fees.less(leaves));
        }
        if opens.over != 0 {
            average = held.times(average).plus(opens.times(price)).by(held.plus(opens));
            (held, fees) = (held.plus(opens), fees.plus(fee.times(opens.abs()).by(units.abs())));
        }
    }
    if held.over != 0 {
        trades.push(row(held, average, fees, last, Fraction::ZERO));
    }
    trades
}

/// Market orders at the opens of bars, a few of them, in hundredths of a unit and at prices in cents.
#[derive(Debug, Clone)]
struct Case {
    bars: Vec<(u32, i32)>,
    lot: Option<f64>,
    commission: Settings,
}

fn cases() -> impl Strategy<Value = Case> {
    let bars = prop::collection::vec((100..20_000u32, -300..300i32), 2..9);
    let commission = select(vec![
        Settings::default(),
        Settings { commission_bps: 5.0, ..Settings::default() },
        Settings { commission_bps: 2.5, commission_per_unit: 0.01, ..Settings::default() },
        Settings { commission_per_order: 0.1, commission_minimum: 0.35, ..Settings::default() },
        Settings { commission_bps: 10.0, commission_maximum: Some(1.1), multiplier: 12.5, ..Settings::default() },
    ]);
    (bars, select(vec![None, Some(0.01)]), commission).prop_map(|(bars, lot, commission)| Case {
        bars,
        lot,
        commission,
    })
}

impl Case {
    fn settings(&self) -> Settings {
        Settings { initial_cash: 1e9, lot: self.lot, ..self.commission }
    }

    fn series(&self) -> Series {
        bars(&self.bars.iter().map(|(cents, _)| flat(f64::from(*cents) / 100.0)).collect::<Vec<_>>())
    }

    /// The commission on so many units at a price, on paper.
    fn fee(&self, units: Fraction, price: Fraction) -> Fraction {
        let account = &self.commission;
        let value = units.abs().times(price).times(Fraction::of(account.multiplier));
        let rate = Fraction::of(account.commission_bps).by(Fraction::new(10_000, 1));
        let parts = value.times(rate).plus(units.abs().times(Fraction::of(account.commission_per_unit)));
        let fee = parts.plus(Fraction::of(account.commission_per_order));
        let least = Fraction::of(account.commission_minimum);
        let fee = if fee.less(least).over < 0 { least } else { fee };
        let most = account.commission_maximum.map(Fraction::of);
        most.filter(|most| most.less(fee).over < 0).unwrap_or(fee)
    }

    fn check(&self) {
        let series = self.series();
        let run = run(std::slice::from_ref(&series), self.settings(), |bar, commands| {
            let units = f64::from(self.bars[bar].1) / 100.0;
            if units != 0.0 {
                commands.submit(if units > 0.0 { buy(units) } else { sell(-units) });
            }
        });
        let statement = Statement::of(&run.ledger, &[series], &self.settings());
        let fills: Vec<_> = self
            .bars
            .windows(2)
            .filter(|two| two[0].1 != 0)
            .map(|two| {
                let (units, price) = (Fraction::new(two[0].1.into(), 100), Fraction::new(two[1].0.into(), 100));
                (units, price, self.fee(units, price))
            })
            .collect();
        let multiplier = Fraction::of(self.commission.multiplier);
        let expected: Vec<_> = fills.iter().map(|fill| fill.0.times(fill.1).times(multiplier).double()).collect();
        assert_eq!(statement.values, expected, "{self:?}");
        let fees: Vec<_> = statement.fills.iter().map(|fill| fill.fee).collect();
        assert_eq!(fees, fills.iter().map(|fill| fill.2.double()).collect::<Vec<_>>(), "{self:?}");
        let last = self.bars.last().map_or(Fraction::ZERO, |bar| Fraction::new(bar.0.into(), 100));
        let trades: Vec<_> = statement
            .trades
            .iter()
            .map(|trade| [trade.units, trade.entry_price, trade.entry_fees, trade.exit_fees, trade.pnl])
            .collect();
        assert_eq!(trades, on_paper(&fills, multiplier, last), "{self:?}");
    }
}

proptest! {
    #[test]
    fn files_show_what_exact_fractions_come_to(case in cases()) {
        case.check();
    }

    #[test]
    fn the_statement_is_the_books_but_for_rounding(case in case()) {
        let (ledger, ..) = case.run();
        let statement = Statement::of(&ledger, &case.series, &case.settings);
        prop_assert_eq!(statement.trades.len(), ledger.trades.len());
        prop_assert_eq!(statement.fills.len(), ledger.fills.len());
        let scale = 1e-9 * case.scale(&ledger);
        for (one, other) in statement.trades.iter().zip(&ledger.trades) {
            prop_assert!((one.pnl - other.pnl).abs() <= scale, "{one:?} {other:?}");
            prop_assert!((one.entry_price - other.entry_price).abs() <= 1e-9 * other.entry_price.abs(), "{one:?} {other:?}");
            prop_assert!((one.units - other.units).abs() <= 1e-9 * other.units.abs(), "{one:?} {other:?}");
            prop_assert_eq!((one.entry_bar, one.exit_bar, one.open), (other.entry_bar, other.exit_bar, other.open));
        }
        for (one, other) in statement.fills.iter().zip(&ledger.fills) {
            prop_assert!((one.fee - other.fee).abs() <= scale, "{one:?} {other:?}");
        }
        for (one, other) in statement.average_prices.iter().zip(&ledger.orders) {
            prop_assert_eq!(one.is_some(), other.average_price().is_some());
        }
    }
}

#[test]
fn parts_of_an_order_without_a_lot_are_decimals() {
    let mut series = bars(&[flat(10.1); 6]);
    series.volume = vec![100.0, 3.0, 24.0, 7.0, 100.0, 100.0];
    let settings = Settings { volume_share: Some(0.1), commission_bps: 10.0, ..Settings::default() };
    let run = run(std::slice::from_ref(&series), settings, |bar, commands| match bar {
        0 => {
            commands.submit(buy(0.2));
            commands.submit(buy(3.5));
        }
        4 => _ = commands.submit(sell(3.0)),
        _ => {}
    });
    let units: Vec<_> = run.ledger.fills.iter().map(|fill| (fill.order, fill.units)).collect();
    assert_eq!(units, [(1, 0.2), (2, 0.1), (2, 2.4), (2, 0.7), (2, 0.3), (3, -3.0)]);
    assert_eq!(run.ledger.trades.iter().map(|trade| trade.units).collect::<Vec<_>>(), [3.0, 0.7]);
    let statement = Statement::of(&run.ledger, &[series], &settings);
    let fees: Vec<_> = statement.fills.iter().map(|fill| fill.fee).collect();
    assert_eq!(fees, [0.00202, 0.00101, 0.02424, 0.00707, 0.00303, 0.0303]);
    assert_eq!(statement.values, [2.02, 1.01, 24.24, 7.07, 3.03, -30.3]);
    assert_eq!(statement.average_prices, [Some(10.1), Some(10.1), Some(10.1)]);
}

#[test]
fn what_is_left_of_a_position_is_a_decimal() {
    let series = [bars(&[flat(10.0); 6])];
    let run = run(&series, Settings::default(), |bar, commands| match bar {
        0 => _ = commands.submit(buy(0.3)),
        1 => _ = commands.submit(sell(0.1)),
        2 => _ = commands.submit(OrderRequest { reduce_only: true, ..OrderRequest::market(0, Side::Sell, 1.0) }),
        _ => {}
    });
    assert_eq!(run.fills().iter().map(|fill| fill.2).collect::<Vec<_>>(), [0.3, -0.1, -0.2]);
    let statement = Statement::of(&run.ledger, &series, &Settings::default());
    assert_eq!(statement.trades.iter().map(|trade| trade.units).collect::<Vec<_>>(), [0.1, 0.2]);
    let empty = Statement::of(&Ledger::new(), &series, &Settings::default());
    assert_eq!(empty, Statement::default());
}
