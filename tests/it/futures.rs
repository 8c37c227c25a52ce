//! A future with a point value, a tick and a session over midnight, against sums on paper.

use std::fmt::Write as _;

use host::{
    backtest::{Backtest, EventStrategy, Market, Settings, Strategy, WorkerState},
    broker,
    data::{Dataset, LoadOptions, read_instruments},
    model::{BarEvent, Commands, OrderRequest, Params, Side, TimeInForce},
    task::TaskError,
};

use crate::support::Folder;

/// Hours of Chicago from Sunday, 7 January 2024, 17:00 on, without the break from 16:00 to 17:00: two sessions and the
/// evening of a third. The price is 4700 and rises by a quarter each hour; each bar goes a half above its open and below it.
fn hours() -> String {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    let mut number = 0;
    for (day, hours) in [(7, 17..24), (8, 0..16), (8, 17..24), (9, 0..16), (9, 17..24)] {
        for hour in hours {
            let open = 4700.0 + 0.25 * f64::from(number);
            let (high, low, close) = (open + 0.5, open - 0.5, open + 0.25);
            writeln!(text, "2024-01-{day:02} {hour:02}:00,{open},{high},{low},{close},1000").unwrap();
            number += 1;
        }
    }
    text
}

const TERMS: &str = "[ES]\nmultiplier = 50\ntick = 0.25\nlot = 1\ncommission_per_unit = 2.25\n\
    timezone = 'America/Chicago'\nsession = '17:00-16:00'\n";

/// What a strategy sends at each of its bars.
type Script = fn(usize, &mut Commands);

struct Scripted {
    script: Script,
    bars: usize,
}

impl EventStrategy for Scripted {
    fn on_bar(&mut self, _: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
        (self.script)(self.bars, broker);
        self.bars += 1;
        Ok(())
    }
}

fn run(account: broker::Settings, script: Script) -> (WorkerState, host::metrics::Metrics) {
    let folder = Folder::new();
    let (bars, terms) = (folder.file("ES.csv", hours()), folder.file("terms.toml", TERMS));
    let options = LoadOptions { instruments: read_instruments(terms.as_ref()).unwrap(), ..LoadOptions::default() };
    let data = Dataset::load(&[bars.into()], &options).unwrap().dataset;
    let market = Market::new(data, Settings { account, ..Settings::default() }).unwrap();
    let strategy =
        Strategy::native_events("scripted", Vec::new(), move |_, _| Ok(Box::new(Scripted { script, bars: 0 })));
    let mut state = WorkerState::with_orders();
    let metrics = Backtest::new(market.into(), strategy).unwrap().run(&mut state, &Params::new()).outcome.unwrap();
    (state, metrics)
}

fn account(initial_margin: f64) -> broker::Settings {
    broker::Settings { initial_cash: 50_000.0, initial_margin, ..broker::Settings::default() }
}

#[test]
fn profit_is_points_times_the_point_value() {
    let (state, metrics) = run(account(0.1), |bar, commands| match bar {
        0 => _ = commands.submit(OrderRequest::market(0, Side::Buy, 2.0)),
        9 => _ = commands.submit(OrderRequest::market(0, Side::Sell, 2.0)),
        _ => {}
    });
    // Bought at the open of bar 1, 4700.25; sold at that of bar 10, 4702.50: 2.25 points, 2 contracts, 50 a point.
    let ledger = state.ledger();
    assert_eq!(ledger.fills.iter().map(|fill| fill.price).collect::<Vec<_>>(), [4700.25, 4702.5]);
    assert_eq!(ledger.fees, 4.0 * 2.25);
    assert_eq!(metrics.final_equity, Some(50_000.0 + 2.25 * 2.0 * 50.0 - 9.0));
    assert_eq!(ledger.trades[0].pnl, 225.0 - 9.0);
    // Equity at the close of bar 1, 4700.50: a quarter point.
    assert_eq!(ledger.equity()[1], 50_000.0 + 0.25 * 100.0 - 4.5);
    assert_eq!(ledger.traded_value, 2.0 * 50.0 * (4700.25 + 4702.5));
}

#[test]
fn margin_is_a_share_of_the_value_with_the_point_value() {
    let buy = |bar: usize, commands: &mut Commands| {
        if bar == 0 {
            // 2 contracts at 4700.25 are worth 470,025: a tenth is 47,002.50. 3 are worth 705,037.50, a tenth 70,503.75.
            commands.submit(OrderRequest::market(0, Side::Buy, 2.0));
            commands.submit(OrderRequest::market(0, Side::Buy, 1.0));
        }
    };
    let (state, _) = run(account(0.1), buy);
    let filled: Vec<_> = state.ledger().orders.iter().map(|order| order.filled).collect();
    assert_eq!(filled, [2.0, 0.0], "50,000 carry two contracts");
    let (state, _) = run(account(1.0), buy);
    assert!(state.ledger().fills.is_empty(), "in a cash account they carry none");
    // A share of equity is rounded to whole contracts: 50,000 x 0.95 / (0.1 x 235,012.50) would be 2.02 at a margin of a tenth.
    let (state, _) = run(account(0.1), |bar, commands| {
        if bar == 0 {
            commands.target(0, 9.5);
        }
    });
    assert_eq!(state.ledger().fills[0].units, 2.0);
}

fn for_the_day(limit: f64) -> OrderRequest {
    OrderRequest { time_in_force: TimeInForce::Day, ..OrderRequest::limit(0, Side::Buy, 1.0, limit) }
}

#[test]
fn an_order_for_the_day_lives_for_its_session_and_its_price_is_on_the_tick() {
    let ends = |script: Script| run(account(0.1), script).0.ledger().orders[0].ended;
    // Sent at 18:00 on Sunday, far below the market: it is there until 16:00 on Monday, and gone at 17:00, bar 23.
    let sunday = |bar: usize, commands: &mut Commands| {
        if bar == 0 {
            commands.submit(for_the_day(4000.0));
        }
    };
    assert_eq!(ends(sunday), 23);
    // Sent in the first bar of Monday's evening, a new session: midnight in Chicago and in UTC do not end it.
    let monday = |bar: usize, commands: &mut Commands| {
        if bar == 23 {
            commands.submit(for_the_day(4000.0));
        }
    };
    assert_eq!(ends(monday), 46);
    // A limit between ticks is moved to the nearest, and trades there: the low of bar 1 is 4699.75.
    let (state, _) = run(account(0.1), |bar, commands| {
        if bar == 0 {
            commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 4700.1));
        }
    });
    assert_eq!(state.ledger().fills[0].price, 4700.0);
}
