//! The broker beside a slow one that counts in exact decimals: lots, fills in parts, scaling in and out.
//!
//! The slow one knows market orders at one price only. `PROPTEST_CASES` says on how many random runs they are compared.

use std::{convert::Infallible, sync::Arc};

use proptest::{prelude::*, sample::select};

use crate::broker::{
    Client, Ledger, OrderStatus, Priority, Rules, Settings, Timeline, Workspace, tests::orders, trade,
};
use crate::model::{BarEvent, Commands, FillEvent, OrderRequest, RejectReason, Series, Side};

/// Decimals of a number that the slow broker counts with.
const DECIMALS: usize = 20;
const ONE: i128 = 10i128.pow(DECIMALS as u32);

/// Differences from the exact decimals that are allowed, as a share of what was traded.
const ROUNDING: f64 = 1e-12;

/// The decimal that a double is written as.
fn exact(number: f64) -> i128 {
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals: String = decimals.chars().chain(std::iter::repeat('0')).take(DECIMALS).collect();
    let size = format!("{}{decimals}", whole.trim_start_matches('-')).parse::<i128>().unwrap();
    if whole.starts_with('-') { -size } else { size }
}

/// The double nearest to a decimal.
fn double(number: i128) -> f64 {
    format!("{number}e-{DECIMALS}").parse::<f64>().unwrap() + 0.0
}

/// What a strategy does at one bar.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Buys so many units, or sells them where they are negative.
    Trade(f64),
    /// Takes back the last so many orders of the kind above with one order for their sum.
    Back(usize),
    /// Closes the position that it has heard of.
    Close,
    /// Closes the sum of the fills that it has heard of, as it has added them up.
    CloseSum,
    /// Closes so many hundredths of the position that it has heard of.
    ClosePart(u8),
}

/// What an order means on paper.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Units(i128),
    /// So many hundredths of the position.
    Part(u8),
}

/// An order as it was sent at a time stamp.
#[derive(Debug, Clone, Copy)]
struct Sent {
    stamp: usize,
    buys: bool,
    meaning: Meaning,
}

/// A strategy that does what it is told, and remembers what it heard.
struct Actor<'a> {
    acts: &'a [Vec<Act>],
    stamp: usize,
    commands: Commands,
    /// The position at each time stamp.
    positions: Vec<f64>,
    /// The sum of all fills, added up as a strategy would.
    sum: f64,
    sent: Vec<Sent>,
    /// What acts of the first kind have traded.
    traded: Vec<i128>,
}

impl Actor<'_> {
    fn send(&mut self, units: f64, meaning: Meaning) {
        if units != 0.0 {
            let side = if units > 0.0 { Side::Buy } else { Side::Sell };
            self.commands.submit(OrderRequest::market(0, side, units.abs()));
            self.sent.push(Sent { stamp: self.stamp, buys: units > 0.0, meaning });
        }
    }

    fn act(&mut self, act: Act, position: f64) {
        match act {
            Act::Trade(units) => {
                self.traded.push(exact(units));
                self.send(units, Meaning::Units(exact(units.abs())));
            }
            Act::Back(orders) => {
                let kept = self.traded.len().saturating_sub(orders);
                let sum: i128 = self.traded.drain(kept..).sum();
                self.send(double(-sum), Meaning::Units(sum.abs()));
            }
            Act::Close => self.send(-position, Meaning::Part(100)),
            Act::CloseSum => self.send(-self.sum, Meaning::Part(100)),
            Act::ClosePart(hundredths) => {
                self.send(-position * f64::from(hundredths) / 100.0, Meaning::Part(hundredths));
            }
        }
    }
}

impl Client for Actor<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        self.positions.push(bar.position);
        for act in self.acts.get(self.stamp).cloned().into_iter().flatten() {
            self.act(act, bar.position);
        }
        self.stamp += 1;
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        self.sum += fill.quantity;
        // What a strategy has closed, it has closed.
        if self.sum.abs() < 1e-9 {
            self.sum = 0.0;
        }
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// An order in the slow broker.
#[derive(Debug, Clone, Copy)]
struct Slow {
    sent: Sent,
    asked: i128,
    left: i128,
}

/// The slow broker's books.
#[derive(Debug, Default)]
struct Paper {
    /// At each time stamp.
    positions: Vec<i128>,
    /// What was traded up to each time stamp.
    moved: Vec<f64>,
    orders: Vec<Slow>,
    closed: usize,
}

impl Paper {
    /// Follows the orders that `sent` has over bars with these `volumes`.
    fn of(sent: &[Sent], volumes: &[f64], lot: Option<f64>, share: Option<f64>) -> Self {
        let lots = |units: i128| lot.map_or(units, |lot| units / exact(lot) * exact(lot));
        let (mut paper, mut position, mut moved) = (Self::default(), 0i128, 0.0);
        for (stamp, volume) in volumes.iter().enumerate() {
            let mut room = share.map_or(i128::MAX, |share| {
                exact(share) / 1_000_000 * (exact(*volume) / 1_000_000) / (ONE / 1_000_000_000_000)
            });
            for order in paper.orders.iter_mut().filter(|order| order.left > 0) {
                let units = order.left.min(lots(room));
                if units == 0 {
                    continue;
                }
                (order.left, room) = (order.left - units, room - units);
                let signed = if order.sent.buys { units } else { -units };
                paper.closed += usize::from(position.signum() * signed.signum() < 0);
                position += signed;
                // Two halves of an odd number are the whole.
                position = if position.abs() < 100 { 0 } else { position };
                moved += double(units);
            }
            for sent in sent.iter().filter(|sent| sent.stamp == stamp) {
                let asked = match sent.meaning {
                    Meaning::Units(units) => lots(units),
                    Meaning::Part(hundredths) => position.abs() * i128::from(hundredths) / 100,
                };
                paper.orders.push(Slow { sent: *sent, asked, left: asked });
            }
            paper.positions.push(position);
            paper.moved.push(moved);
        }
        paper
    }
}

/// A random run.
#[derive(Debug, Clone)]
struct Case {
    acts: Vec<Vec<Act>>,
    volumes: Vec<f64>,
    lot: Option<f64>,
    share: Option<f64>,
}

impl Case {
    fn settings(&self) -> Settings {
        Settings {
            initial_cash: 1e12,
            lot: self.lot,
            volume_share: self.share,
            rules: Rules { priority: Priority::Sent, ..Rules::default() },
            ..Settings::default()
        }
    }

    fn series(&self) -> Series {
        let prices = vec![50.0; self.volumes.len()];
        Series {
            symbol: "A".into(),
            time: (0..self.volumes.len() as i64).map(|day| day * 86_400_000_000_000).collect(),
            open: prices.clone(),
            high: prices.clone(),
            low: prices.clone(),
            close: prices,
            volume: self.volumes.clone(),
            ..Series::default()
        }
    }

    /// Runs both brokers, and compares all of what they say.
    fn check(&self) {
        let series = Arc::from([self.series()]);
        let mut actor = Actor {
            acts: &self.acts,
            stamp: 0,
            commands: Commands::default(),
            positions: vec![],
            sum: 0.0,
            sent: vec![],
            traded: vec![],
        };
        let mut ledger = Ledger::with_orders();
        let timeline = Timeline::of(&series);
        trade(&series, &timeline, &self.settings(), &mut Workspace::new(), &mut ledger, &mut actor).unwrap();
        let paper = Paper::of(&actor.sent, &self.volumes, self.lot, self.share);
        self.check_positions(&actor.positions, &paper);
        self.check_orders(&ledger, &paper);
        let open = ledger.trades.iter().filter(|trade| trade.open).count();
        assert_eq!(open, usize::from(paper.positions.last().is_some_and(|position| *position != 0)));
        assert_eq!(ledger.trades.len() - open, paper.closed, "{self:?} {:#?}", ledger.trades);
    }

    /// Whether every order is the decimal that is meant: in lots, or without what the strategy itself has computed in doubles.
    fn has_decimals(&self) -> bool {
        let is_computed = |act: &Act| matches!(act, Act::CloseSum | Act::ClosePart(_));
        self.lot.is_some() || !self.acts.iter().flatten().any(is_computed)
    }

    fn check_positions(&self, heard: &[f64], paper: &Paper) {
        for (stamp, (&heard, (&position, &moved))) in
            heard.iter().zip(paper.positions.iter().zip(&paper.moved)).enumerate()
        {
            let on_paper = double(position);
            assert!((heard - on_paper).abs() <= ROUNDING * moved, "{stamp}: {heard} is not {on_paper}: {self:?}");
            assert_eq!(heard == 0.0, position == 0, "{stamp}: {heard} is not {on_paper}: {self:?}");
            if self.has_decimals() {
                assert_eq!(heard, on_paper, "{stamp}: {self:?}");
            }
        }
    }

    fn check_orders(&self, ledger: &Ledger, paper: &Paper) {
        assert_eq!(ledger.orders.len(), paper.orders.len());
        let moved = paper.moved.last().copied().unwrap_or(0.0);
        for (record, slow) in ledger.orders.iter().zip(&paper.orders) {
            let status = match (slow.asked, slow.left) {
                (0, _) => OrderStatus::Rejected(RejectReason::LotSize),
                (_, 0) => OrderStatus::Filled,
                _ => OrderStatus::Open,
            };
            assert_eq!(record.status, status, "{record:?} {slow:?} {self:?}");
            let filled = double(slow.asked - slow.left);
            assert!((record.filled - filled).abs() <= ROUNDING * moved, "{record:?} {slow:?} {self:?}");
            if status == OrderStatus::Filled && self.lot.is_none() {
                assert_eq!(record.filled, record.request.quantity, "{self:?}");
            }
            if self.has_decimals() {
                assert_eq!(record.filled, filled, "{self:?}");
            }
            let fills: Vec<f64> =
                ledger.fills.iter().filter(|fill| fill.order == record.order).map(|fill| fill.units.abs()).collect();
            assert!(fills.iter().all(|units| *units > ROUNDING * record.request.quantity), "dust: {fills:?} {self:?}");
        }
    }
}

/// Quantities with up to three decimals, from 0.001 to a million.
fn quantity() -> impl Strategy<Value = f64> {
    prop_oneof![
        (1..1_000_000i64).prop_map(|thousandths| thousandths as f64 / 1e3),
        (1..10_000i64).prop_map(|cents| cents as f64 / 1e2),
        (1..1_000_000i64).prop_map(|units| units as f64),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let sign = || select(vec![1.0, 1.0, -1.0]);
    prop_oneof![
        6 => (quantity(), sign()).prop_map(|(units, sign)| Act::Trade(units * sign)),
        2 => (1..6usize).prop_map(Act::Back),
        1 => Just(Act::Close),
        1 => Just(Act::CloseSum),
        1 => select(vec![50, 25, 10]).prop_map(Act::ClosePart),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let acts = prop::collection::vec(prop::collection::vec(act(), 0..4), 5..60);
    let volume = prop_oneof![Just(0.0), (1..1_000_000i64).prop_map(|hundredths| hundredths as f64 / 1e2)];
    let volumes = prop::collection::vec(volume, 70);
    let lot = select(vec![None, None, Some(0.001), Some(0.01), Some(0.1), Some(1.0), Some(0.25), Some(1e-8)]);
    let share = select(vec![None, None, Some(0.1), Some(0.03), Some(0.25), Some(1.0)]);
    (acts, volumes, lot, share).prop_map(|(acts, volumes, lot, share)| Case { acts, volumes, lot, share }.settled())
}

impl Case {
    /// The same without what a strategy itself cannot compute exactly enough: a part of a position in lots, and sums of
    /// millions in small lots.
    fn settled(mut self) -> Self {
        let lot = self.lot;
        self.acts.iter_mut().for_each(|acts| {
            acts.retain(|act| match act {
                Act::Trade(_) | Act::Back(_) | Act::Close => true,
                Act::CloseSum => lot.is_none_or(|lot| lot >= 0.1),
                Act::ClosePart(_) => lot.is_none(),
            });
        });
        self
    }
}

proptest! {
    #[test]
    fn the_broker_does_what_exact_decimals_do(case in case()) {
        case.check();
    }
}

/// A number below `limit` out of a sequence that is the same every time.
fn next(seed: &mut u64, limit: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % limit
}

#[test]
fn thousands_of_fills_end_flat() {
    for seed in 1..=6u64 {
        let mut state = seed;
        let mut acts: Vec<Vec<Act>> = (0..3_000)
            .map(|_| {
                let digits = 10i64.pow(next(&mut state, 4) as u32) as f64;
                let units = (1 + next(&mut state, 1_000_000)) as f64 / digits;
                let sign = if next(&mut state, 3) == 0 { -1.0 } else { 1.0 };
                vec![Act::Trade(sign * units)]
            })
            .collect();
        // Of millions of units a thousandth is left, then nothing.
        acts.push(vec![Act::Trade(0.001)]);
        acts.push(vec![]);
        acts.push(vec![match seed % 3 {
            0 => Act::Close,
            1 => Act::CloseSum,
            _ => Act::Back(3_001),
        }]);
        acts.extend([vec![], vec![Act::Trade(0.001)], vec![], vec![Act::Close], vec![]]);
        let volumes = vec![1e9; acts.len() + 2];
        let lot = if seed > 3 { Some(0.001) } else { None };
        Case { acts, volumes, lot, share: None }.check();
    }
}

/// What rounding leaves of a quantity is not a position, however small the quantity is.
#[test]
fn what_rounding_leaves_is_no_position() {
    for unit in [1e-6, 1e-3, 1.0, 1e6] {
        let prices = [(100.0, 100.0, 100.0, 100.0); 8];
        let settings = Settings { initial_cash: 1e12, ..Settings::default() };
        let run = orders::run(&[orders::bars(&prices)], settings, |bar, commands| match bar {
            0..3 => _ = commands.submit(OrderRequest::market(0, Side::Buy, unit / 3.0)),
            3 => _ = commands.submit(OrderRequest::market(0, Side::Sell, unit)),
            _ => {}
        });
        assert!(run.ledger.trades.iter().all(|trade| !trade.open), "{unit}: {:?}", run.ledger.trades);
        assert_eq!(run.ledger.trades.len(), 1);
    }
}

/// A target that is reached in shares of the volume is filled in those shares, to the last digit.
#[test]
fn targets_are_filled_in_shares_of_the_volume() {
    let volumes = [3598.0, 3685.0, 3772.0, 3859.0, 3946.0, 4033.0, 4120.0, 4207.0];
    let flat = orders::bars(&[(7.67, 7.67, 7.67, 7.67); 8]);
    let series = Series { volume: volumes.to_vec(), ..flat };
    let settings = Settings { volume_share: Some(0.01), ..Settings::default() };
    let run = orders::run(&[series], settings, |bar, commands| {
        if bar == 0 {
            commands.target(0, 0.9);
        }
    });
    let units: Vec<f64> = run.ledger.fills.iter().map(|fill| fill.units).collect();
    assert_eq!(units, [36.85, 37.72, 38.59, 39.46, 40.33, 41.2, 42.07]);
    let held: f64 = run.ledger.trades.iter().map(|trade| trade.units).sum();
    assert_eq!(held, 276.22);
}
