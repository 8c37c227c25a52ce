//! Properties of every run with orders, for any bars, orders and rules.

use std::{convert::Infallible, sync::Arc};

use proptest::{prelude::*, sample::select};

use crate::broker::{
    AtEnd, Bankruptcy, Booking, Client, ExitTiming, FillAt, GapFills, Intrabar, Ledger, LimitFills, LotRounding,
    MissingBars, OrderStatus, Priority, Rules, Settings, StopLimits, TickRounding, Timeline, Trailing, Workspace,
    trade,
};
use crate::model::{
    BarEvent, Command, Commands, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side, TimeInForce,
};

/// Differences that rounding explains, as a share of the money that moved.
const ROUNDING: f64 = 1e-9;

/// What a strategy does at one bar. Orders are named by how many before the last they were sent.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Order(OrderRequest),
    Bracket { back: u64, stop_loss: f64, take_profit: f64 },
    Pair { back: u64, other: u64 },
    Cancel { back: u64 },
    Target(u32, f64),
}

/// Bars, what is done at each stamp, and the account.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) series: Vec<Series>,
    pub(super) acts: Vec<Vec<Act>>,
    pub(super) settings: Settings,
}

/// A strategy that does what it is told, and remembers what it heard.
struct Actor<'a> {
    acts: &'a [Vec<Act>],
    stamp: usize,
    last: u64,
    commands: Commands,
    /// (order, units) of each fill heard.
    filled: Vec<(u64, f64)>,
    rejected: Vec<(u64, RejectReason)>,
}

impl Client for Actor<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        for act in self.acts.get(self.stamp).into_iter().flatten() {
            let order = |back: u64| (self.last + 1).saturating_sub(back);
            match *act {
                Act::Order(request) => self.last = self.commands.submit(request),
                Act::Bracket { back, stop_loss, take_profit } => {
                    self.last = self.commands.bracket(order(back), stop_loss, take_profit) + 1;
                }
                Act::Pair { back, other } => {
                    self.commands.push(Command::OneCancelsOther { first: order(back), second: order(other) });
                }
                Act::Cancel { back } => self.commands.cancel(order(back)),
                Act::Target(instrument, exposure) => self.commands.target(instrument, exposure),
            }
        }
        self.stamp += 1;
        Ok(())
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        self.filled.push((fill.order, fill.quantity));
        Ok(())
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Infallible> {
        self.rejected.push((order, reason));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// The books, the fills that the strategy heard of (order, units), and the rejects.
pub(super) type Outcome = (Ledger, Vec<(u64, f64)>, Vec<(u64, RejectReason)>);

impl Case {
    pub(super) fn run(&self) -> Outcome {
        self.run_with(&mut Workspace::new())
    }

    fn run_with(&self, work: &mut Workspace) -> Outcome {
        self.settings.check().unwrap();
        let mut actor = Actor {
            acts: &self.acts,
            stamp: 0,
            last: 0,
            commands: Commands::default(),
            filled: vec![],
            rejected: vec![],
        };
        let mut ledger = Ledger::with_orders();
        trade(&Arc::from(&*self.series), &self.timeline(), &self.settings, work, &mut ledger, &mut actor).unwrap();
        (ledger, actor.filled, actor.rejected)
    }

    fn timeline(&self) -> Timeline {
        Timeline::of(&self.series)
    }

    /// Takes away the choice by which orders trade in the bar at whose close they are sent, and a bar trades twice.
    fn without_second_last_bar(&mut self) {
        if self.settings.rules.at_end == AtEnd::LastBar {
            self.settings.rules.booking = Booking::Fill;
        }
    }

    /// The money that moved: the scale of rounding.
    pub(super) fn scale(&self, ledger: &Ledger) -> f64 {
        let largest = ledger.equity().iter().fold(self.settings.initial_cash, |most, equity| most.max(equity.abs()));
        largest + ledger.traded_value
    }
}

/// One step of time of one instrument: (has a bar, open, close, how far high and low lie beyond both, volume).
type Step = (bool, f64, f64, f64, f64, f64);

fn series() -> impl Strategy<Value = Series> {
    let step = (
        prop::bool::weighted(0.85),
        0.8..1.25f64,
        0.8..1.25f64,
        prop_oneof![Just(0.0), 0.0..0.2f64],
        prop_oneof![Just(0.0), 0.0..0.2f64],
        prop_oneof![Just(0.0), 1.0..500.0f64],
    );
    prop::collection::vec(step, 1..25).prop_map(|steps: Vec<Step>| {
        let (mut series, mut price) = (Series::default(), 50.0);
        for (time, (present, overnight, within, above, below, volume)) in (0i64..).zip(steps) {
            let open = price * overnight;
            price = open * within;
            if present {
                series.time.push(time * 43_200_000_000_000);
                series.open.push(open);
                series.high.push(open.max(price) * (1.0 + above));
                series.low.push(open.min(price) * (1.0 - below));
                series.close.push(price);
                series.volume.push(volume);
            }
        }
        series
    })
}

pub(super) fn request() -> impl Strategy<Value = OrderRequest> {
    let kind = select(vec![
        OrderKind::Market,
        OrderKind::Market,
        OrderKind::Limit,
        OrderKind::Stop,
        OrderKind::StopLimit,
        OrderKind::TrailingStop,
        OrderKind::TrailingStopPercent,
    ]);
    let size = prop_oneof![
        (0.1..250.0f64).prop_map(|units| (Measure::Units, units)),
        (0.05..1.5f64).prop_map(|share| (Measure::Equity, share)),
        (1.0..20_000.0f64).prop_map(|value| (Measure::Value, value)),
        Just((Measure::Units, 0.0)),
    ];
    let force = select(vec![TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Day, TimeInForce::Ioc, TimeInForce::Gtd]);
    let prices = (20.0..110.0f64, 20.0..110.0f64, 0.01..0.3f64);
    (0..3u32, any::<bool>(), kind, size, prices, force, 0..20i64, prop::bool::weighted(0.2)).prop_map(
        |(instrument, buys, kind, (measure, quantity), (limit, stop, share), time_in_force, until, reduce_only)| {
            let side = if buys { Side::Buy } else { Side::Sell };
            let has_limit = matches!(kind, OrderKind::Limit | OrderKind::StopLimit);
            OrderRequest {
                instrument,
                side,
                kind,
                quantity,
                measure,
                limit: if has_limit { limit } else { f64::NAN },
                stop: match kind {
                    OrderKind::Market | OrderKind::Limit => f64::NAN,
                    OrderKind::TrailingStop => share * 50.0,
                    OrderKind::TrailingStopPercent => share,
                    OrderKind::Stop | OrderKind::StopLimit => stop,
                },
                time_in_force,
                until: until * 43_200_000_000_000,
                reduce_only,
            }
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let price = || prop_oneof![Just(f64::NAN), 20.0..110.0f64];
    prop_oneof![
        6 => request().prop_map(Act::Order),
        3 => (1..3u64, price(), price()).prop_map(|(back, stop_loss, take_profit)| Act::Bracket {
            back,
            stop_loss,
            take_profit
        }),
        1 => (1..4u64, 1..4u64).prop_map(|(back, other)| Act::Pair { back, other }),
        1 => (0..5u64).prop_map(|back| Act::Cancel { back }),
        1 => (0..3u32, -1.2..1.2f64).prop_map(|(instrument, exposure)| Act::Target(instrument, exposure)),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (
        select(Intrabar::ALL),
        select(LimitFills::ALL),
        select(GapFills::ALL),
        select(Trailing::ALL),
        select(ExitTiming::ALL),
        select(Priority::ALL),
        select(MissingBars::ALL),
        select(AtEnd::ALL),
        select(LotRounding::ALL),
        select(TickRounding::ALL),
        select(Bankruptcy::ALL),
        select(StopLimits::ALL),
    )
        .prop_map(
            |(intrabar, limits, gaps, trailing, exits, priority, missing, at_end, lots, ticks, ruin, stop_limits)| {
                Rules {
                    stop_limits,
                    intrabar,
                    limits,
                    gaps,
                    trailing,
                    exits,
                    priority,
                    missing,
                    at_end,
                    lot_rounding: lots,
                    tick_rounding: ticks,
                    ruin,
                    ..Rules::default()
                }
            },
        )
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let costs = (0.0..100.0f64, prop::option::of(0.0..50.0f64), 0.0..0.05f64, 0.0..2.0f64, 0.0..5.0f64);
    let cap = prop::option::of(5.0..50.0f64);
    let slips = prop_oneof![Just((0.0, 0.0)), (0.0..100.0f64, 0.0..0.1f64)];
    let grid = (prop::option::of(0.01..5.0f64), prop::option::of(0.01..2.0f64));
    let margin = (prop_oneof![Just(1.0), 0.2..1.0f64], prop_oneof![Just(0.0), 0.0..0.2f64], 0.0..0.2f64);
    let volume = prop::option::of(0.01..1.0f64);
    (prop::bool::weighted(0.7), rules(), costs, cap, slips, grid, margin, volume).prop_map(
        |(next_open, rules, (bps, maker, per_unit, per_order, minimum), cap, slips, (lot, tick), margin, volume)| {
            Settings {
                fill: if next_open { FillAt::NextOpen } else { FillAt::Close },
                commission_bps: bps,
                commission_maker_bps: maker,
                commission_per_unit: per_unit,
                commission_per_order: per_order,
                commission_minimum: minimum,
                commission_maximum: cap,
                slippage_bps: slips.0,
                slippage_impact: slips.1,
                volume_share: volume,
                lot,
                tick,
                initial_margin: margin.0,
                maintenance_margin: margin.1,
                borrow_rate: margin.2,
                rules,
                ..Settings::default()
            }
        },
    )
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let acts = prop::collection::vec(prop::collection::vec(act(), 0..4), 25);
    (prop::collection::vec(series(), 1..=3), acts, settings()).prop_map(|(series, acts, settings)| Case {
        series,
        acts,
        settings,
    })
}

proptest! {
    #[test]
    fn cash_and_positions_are_equity(mut case in case()) {
        // Interest leaves no fill to explain it by, and what the host closes
        // may have had its last bar before.
        (case.settings.borrow_rate, case.settings.maintenance_margin) = (0.0, 0.0);
        case.settings.rules.at_end = AtEnd::Hold;
        let (ledger, ..) = case.run();
        let timeline = case.timeline();
        let (mut cash, mut units) = (case.settings.initial_cash, vec![0.0; case.series.len()]);
        let mut fills = ledger.fills.iter().peekable();
        let equity = ledger.equity();
        prop_assert_eq!(equity.len(), timeline.len());
        prop_assume!(ledger.wiped_out.is_none());
        for (stamp, booked) in equity.iter().enumerate() {
            let due = |fill: &&crate::broker::Fill| timeline.stamp(fill.instrument as usize, fill.bar as usize) <= stamp;
            while let Some(fill) = fills.next_if(due) {
                cash -= fill.units * fill.price + fill.fee;
                units[fill.instrument as usize] += fill.units;
            }
            let held = case.series.iter().zip(&units).map(|(bars, units)| {
                let seen = bars.time.partition_point(|&time| time <= timeline.times()[stamp]);
                if seen == 0 { 0.0 } else { units * bars.close[seen - 1] }
            });
            let explained = cash + held.sum::<f64>();
            prop_assert!((booked - explained).abs() <= ROUNDING * case.scale(&ledger), "{stamp}: {booked} {explained}");
        }
    }

    #[test]
    fn no_fill_is_outside_its_bar_or_before_its_order(mut case in case()) {
        (case.settings.slippage_bps, case.settings.slippage_impact) = (0.0, 0.0);
        (case.settings.rules.gaps, case.settings.rules.stop_limits) = (GapFills::Open, StopLimits::Follow);
        case.without_second_last_bar();
        let (ledger, ..) = case.run();
        let timeline = case.timeline();
        for fill in &ledger.fills {
            let (bars, bar) = (&case.series[fill.instrument as usize], fill.bar as usize);
            prop_assert!((bars.low[bar]..=bars.high[bar]).contains(&fill.price), "{fill:?}");
            if fill.order > 0 {
                let record = ledger.orders.iter().find(|record| record.order == fill.order).unwrap();
                let (stamp, sent) = (timeline.stamp(fill.instrument as usize, bar), record.sent as usize);
                let at_close = case.settings.fill == FillAt::Close && record.request.kind == OrderKind::Market;
                prop_assert!(stamp > sent || (at_close && stamp == sent), "{fill:?} {record:?}");
                prop_assert!(fill.units * record.request.side.sign() > 0.0, "{fill:?} {record:?}");
                prop_assert_eq!(fill.instrument, record.request.instrument);
            }
        }
    }

    #[test]
    fn limits_are_kept_and_stops_are_reached(mut case in case()) {
        case.settings.tick = None;
        let (ledger, ..) = case.run();
        let timeline = case.timeline();
        for fill in ledger.fills.iter().filter(|fill| fill.order > 0) {
            let record = ledger.orders.iter().find(|record| record.order == fill.order).unwrap();
            let request = &record.request;
            let sign = request.side.sign();
            let (bars, bar) = (&case.series[fill.instrument as usize], fill.bar as usize);
            if matches!(request.kind, OrderKind::Limit | OrderKind::StopLimit) {
                prop_assert!(fill.price * sign <= request.limit * sign, "{fill:?} {request:?}");
            }
            // What is filled later, for want of volume, was reached before.
            if request.kind == OrderKind::Stop {
                let sent = timeline.times()[record.sent as usize];
                let mut seen = (bars.time.partition_point(|&time| time <= sent)..=bar).rev();
                let extreme = |bar: usize| if request.side == Side::Buy { bars.high[bar] } else { bars.low[bar] };
                prop_assert!(seen.any(|bar| extreme(bar) * sign >= request.stop * sign), "{fill:?} {request:?}");
            }
        }
    }

    #[test]
    fn fees_and_trades_add_up(case in case()) {
        let (ledger, ..) = case.run();
        let scale = ROUNDING * case.scale(&ledger);
        let fees: f64 = ledger.fills.iter().map(|fill| fill.fee).sum();
        let shared: f64 = ledger.trades.iter().map(|trade| trade.entry_fees + trade.exit_fees).sum();
        let won: f64 = ledger.trades.iter().map(|trade| trade.pnl).sum();
        prop_assert!((fees - ledger.fees).abs() <= scale);
        prop_assert!((shared - ledger.fees).abs() <= scale);
        if case.settings.rules.ruin != Bankruptcy::Zero || ledger.wiped_out.is_none() {
            let change = ledger.final_equity() - ledger.initial_cash + ledger.borrow_costs;
            prop_assert!((won - change).abs() <= scale, "{won} {change}");
        }
    }

    #[test]
    fn closing_everything_leaves_cash(mut case in case()) {
        case.settings.rules.at_end = AtEnd::Close;
        let (ledger, ..) = case.run();
        prop_assert!(ledger.trades.iter().all(|trade| !trade.open));
        for instrument in 0..case.series.len() {
            let fills = ledger.fills.iter().filter(|fill| fill.instrument as usize == instrument);
            let (held, moved) = fills.fold((0.0, 0.0), |(held, moved), fill| (held + fill.units, moved + fill.units.abs()));
            prop_assert!(f64::abs(held) <= ROUNDING * moved, "{held}");
        }
    }

    #[test]
    fn exits_close_no_more_than_their_entry_opened(case in case()) {
        let (ledger, ..) = case.run();
        for entry in &ledger.orders {
            let exits: Vec<_> = ledger.orders.iter().filter(|order| order.parent == entry.order).collect();
            let filled: Vec<_> = exits.iter().filter(|exit| exit.filled > 0.0).collect();
            prop_assert!(filled.len() <= 1 || case.settings.volume_share.is_some(), "{exits:?}");
            let closed: f64 = filled.iter().map(|exit| exit.filled).sum();
            prop_assert!(closed <= entry.filled * (1.0 + ROUNDING), "{entry:?} {exits:?}");
            prop_assert!(closed == 0.0 || entry.parent == 0);
        }
    }

    #[test]
    fn two_tied_orders_trade_no_more_than_the_larger(mut case in case(), one in request(), other in request()) {
        let tied = |request| OrderRequest { instrument: 0, reduce_only: false, ..request };
        let (one, other) = (tied(one), tied(other));
        case.acts.insert(0, vec![Act::Order(one), Act::Order(other), Act::Pair { back: 2, other: 1 }]);
        let (ledger, ..) = case.run();
        // Without a bar there are no orders.
        let filled = |order: usize| ledger.orders.get(order).map_or(0.0, |record| record.filled);
        prop_assert!(filled(0) == 0.0 || filled(1) == 0.0 || case.settings.volume_share.is_some(), "{:?}", ledger.orders);
        if one.measure == Measure::Units && other.measure == Measure::Units {
            let lots = if case.settings.rules.lot_rounding == LotRounding::Nearest { case.settings.lot } else { None };
            let most = one.quantity.max(other.quantity) + lots.unwrap_or(0.0);
            prop_assert!(filled(0) + filled(1) <= most * (1.0 + ROUNDING), "{:?}", ledger.orders);
        }
    }

    #[test]
    fn orders_do_no_more_than_they_say(case in case()) {
        let (ledger, heard, rejected) = case.run();
        let mut held = vec![0.0; case.series.len()];
        let moved: f64 = ledger.fills.iter().map(|fill| fill.units.abs()).sum();
        for fill in &ledger.fills {
            let before = held[fill.instrument as usize];
            let after = before + fill.units;
            held[fill.instrument as usize] = after;
            let record = ledger.orders.iter().find(|record| record.order == fill.order);
            if record.is_some_and(|record| record.request.reduce_only) {
                let slack = ROUNDING * moved;
                prop_assert!(after.abs() <= before.abs() + slack && after * before >= -slack, "{fill:?} {before} {after}");
            }
        }
        for record in &ledger.orders {
            let fills = ledger.fills.iter().filter(|fill| fill.order == record.order);
            let units: f64 = fills.map(|fill| fill.units.abs()).sum();
            prop_assert!((units - record.filled).abs() <= ROUNDING * units);
            if record.request.measure == Measure::Units {
                let most = match case.settings.rules.lot_rounding {
                    LotRounding::Nearest => record.request.quantity + case.settings.lot.unwrap_or(0.0),
                    _ => record.request.quantity,
                };
                prop_assert!(record.filled <= most * (1.0 + ROUNDING), "{record:?}");
            }
            if let OrderStatus::Rejected(reason) = record.status {
                let heard = rejected.iter().filter(|end| **end == (record.order, reason)).count();
                // A command that comes too early or too late is answered with the same reason once more.
                let is_common = matches!(reason, RejectReason::NotOpen | RejectReason::UnknownOrder);
                prop_assert!(heard == 1 || (heard > 1 && is_common), "{record:?}");
            }
        }
        let booked: Vec<_> = ledger.fills.iter().map(|fill| (fill.order, fill.units)).collect();
        prop_assert_eq!(heard, booked);
    }

    #[test]
    fn a_bar_trades_no_more_than_its_share_of_volume(mut case in case(), share in 0.05..1.0f64) {
        case.settings.volume_share = Some(share);
        case.settings.maintenance_margin = 0.0;
        case.without_second_last_bar();
        let (ledger, ..) = case.run();
        let orders = ledger.fills.iter().filter(|fill| fill.order > 0);
        let mut traded = std::collections::BTreeMap::new();
        for fill in orders {
            *traded.entry((fill.instrument, fill.bar)).or_insert(0.0) += fill.units.abs();
        }
        for ((instrument, bar), units) in traded {
            let most = share * case.series[instrument as usize].volume[bar as usize];
            prop_assert!(units <= most * (1.0 + ROUNDING), "{units} {most}");
        }
    }

    #[test]
    fn what_is_opened_fits_the_margin(mut case in case()) {
        case.series.truncate(1);
        case.settings.borrow_rate = 0.0;
        let (ledger, ..) = case.run();
        let (mut cash, mut held) = (case.settings.initial_cash, 0.0f64);
        for fill in &ledger.fills {
            let before = held;
            cash -= fill.units * fill.price + fill.fee;
            held += fill.units;
            let (value, slack) = (held * fill.price, ROUNDING * case.scale(&ledger));
            if (held.abs() > before.abs() || held * before < 0.0) && value.abs() > slack {
                let margin = case.settings.initial_margin;
                prop_assert!(value.abs() * margin <= cash + value + slack, "{fill:?} {cash}");
            }
        }
    }

    #[test]
    fn a_workspace_that_other_runs_have_used_changes_nothing(one in case(), other in case()) {
        let mut work = Workspace::new();
        let first = one.run_with(&mut work);
        other.run_with(&mut work);
        let again = one.run_with(&mut work);
        let bits = |ledger: &Ledger| ledger.equity().iter().map(|equity| equity.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&first.0), bits(&again.0));
        prop_assert_eq!(&first.0.fills, &again.0.fills);
        prop_assert_eq!(&first.0.trades, &again.0.trades);
        prop_assert_eq!((first.1, first.2), (again.1, again.2));
    }

    #[test]
    fn the_same_run_twice_is_the_same(case in case()) {
        let ((first, ..), (second, ..)) = (case.run(), case.run());
        let bits = |ledger: &Ledger| ledger.equity().iter().map(|equity| equity.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&first), bits(&second));
        prop_assert_eq!(&first.fills, &second.fills);
    }

    #[test]
    fn what_comes_later_changes_nothing_before(case in case(), cut in 1..25usize) {
        let mut cut_short = case.clone();
        let times = case.timeline();
        let end = times.times().get(cut).copied().unwrap_or(i64::MAX);
        for series in &mut cut_short.series {
            let kept = series.time.partition_point(|&time| time < end);
            series.time.truncate(kept);
            for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close, &mut series.volume] {
                column.truncate(kept);
            }
        }
        cut_short.settings.rules.at_end = AtEnd::Hold;
        let mut case = case;
        case.settings.rules.at_end = AtEnd::Hold;
        prop_assume!(case.settings.rules.booking == Booking::Fill);
        let ((whole, ..), (part, ..)) = (case.run(), cut_short.run());
        let stamps = part.equity().len();
        prop_assert_eq!(&whole.equity()[..stamps], part.equity());
    }
}
