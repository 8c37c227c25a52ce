//! Tests that a plugin which walks through bars by itself does what one does that is called for each bar: on random bars, orders and
//! rules, and where it fails.

use std::sync::{Arc, OnceLock};

use super::{Backtest, Market, Mode, Runner, Settings, Strategy, WorkerState};
use crate::{
    broker::{self, FillAt, Ledger, Rule, RuleChoices},
    data::Dataset,
    model::{
        Params, Series, Value, format_time,
        random::{one_in, random, share},
    },
    sandbox::{ForkMethod, Limits, Options, Plugin, Sandbox},
    task::Answer,
};

const HOUR: i64 = 3_600_000_000_000;

/// Cases that are run: each is a market, an account and a strategy's parameters.
const CASES: u64 = 1000;

/// Bars of up to three instruments, of which some leave hours out.
fn bars(seed: u64) -> Vec<Series> {
    let hours = 30 + random(seed, 2) % 300;
    let scale = [0.002, 0.01, 0.05][(random(seed, 3) % 3) as usize];
    (0..1 + random(seed, 1) % 3)
        .map(|instrument| {
            let seed = random(seed, 10 + instrument);
            let missing = [0, 0, 10, 40][(random(seed, 3) % 4) as usize];
            let mut series = Series { symbol: format!("S{instrument}"), ..Series::default() };
            let mut price = 40.0 + 20.0 * share(seed, 5);
            for hour in 0..hours {
                let step = |at: u64| scale * (share(seed, 100 * hour + at) - 0.5);
                let open = price * (1.0 + step(6));
                let close = open * (1.0 + step(7));
                price = if one_in(200, seed, 100 * hour + 12) { close * 1.5 } else { close };
                if hour > 0 && random(seed, 100 * hour + 8) % 100 < missing {
                    continue;
                }
                series.time.push(hour as i64 * HOUR);
                series.open.push(open);
                series.high.push(open.max(close) * (1.0 + step(9).abs()));
                series.low.push(open.min(close) * (1.0 - step(10).abs()));
                series.close.push(close);
                series.volume.push((random(seed, 100 * hour + 11) % 500) as f64);
            }
            series
        })
        .collect()
}

/// An account with random rules; `None` where they do not go together.
fn account(seed: u64) -> Option<broker::Settings> {
    let mut choices = RuleChoices::default();
    for (at, rule) in (0..).zip(Rule::ALL) {
        // The rules of `funds` are for accounts of their own.
        if rule.name != "funds" && one_in(2, seed, 100 + at) {
            let choice = rule.choices[(random(seed, 200 + at) as usize) % rule.choices.len()];
            choices.choose(rule, choice.name).unwrap();
        }
    }
    let may = |at: u64, value: f64| if one_in(3, seed, at) { value } else { 0.0 };
    let account = broker::Settings {
        fill: if one_in(2, seed, 1) { FillAt::NextOpen } else { FillAt::Close },
        commission_bps: may(2, 20.0 * share(seed, 3)),
        slippage_bps: may(4, 20.0 * share(seed, 5)),
        volume_share: (one_in(4, seed, 6)).then(|| 0.05 + 0.5 * share(seed, 7)),
        lot: (one_in(4, seed, 8)).then_some(0.5),
        tick: (one_in(4, seed, 9)).then_some(0.01),
        initial_margin: if one_in(3, seed, 10) { 0.25 } else { 1.0 },
        maintenance_margin: may(11, 0.2 * share(seed, 12)),
        borrow_rate: may(13, 0.1 * share(seed, 14)),
        first_bar: if one_in(5, seed, 15) { (random(seed, 16) % 25) as usize } else { 0 },
        rules: choices.apply(broker::Settings::default().rules),
        ..broker::Settings::default()
    };
    account.check().is_ok().then_some(account)
}

/// All that a run leaves, with the bits of its numbers.
fn outcome<T>(answer: &Answer<T>, state: &WorkerState) -> String {
    let ledger = state.ledger();
    let equity: Vec<_> = ledger.equity().into_iter().map(f64::to_bits).collect();
    let failure = answer.outcome.as_ref().err();
    let sums = (ledger.fees, ledger.borrow_costs, ledger.traded_value, ledger.stamps_in_market, ledger.wiped_out);
    let books = format!("{:?} {:?} {:?} {sums:?} {equity:?}", ledger.fills, ledger.trades, ledger.orders);
    format!("{failure:?} {:?} {:?} {}", answer.log, answer.units, if failure.is_none() { &books } else { "" })
}

/// The strategy in two sandboxes: one whose forks have a driver, and one that prepares for each task and has none.
struct Both {
    driven: Plugin,
    called: Plugin,
}

impl Both {
    fn of(bytes: &[u8]) -> Self {
        let plugin = |fork_method| {
            let options = Options { fork_method, worker: None, ..Options::from(Limits::default()) };
            Plugin::from_bytes(&Sandbox::new(1, options).unwrap(), "a test", bytes.to_vec()).unwrap()
        };
        Self { driven: plugin(ForkMethod::Auto), called: plugin(ForkMethod::RePrepared) }
    }

    fn on(&self, market: &Arc<Market>) -> [Backtest; 2] {
        let [driven, called] = [&self.driven, &self.called]
            .map(|plugin| Backtest::new(Arc::clone(market), Strategy::Plugin(plugin.clone())).unwrap());
        let has_driver = |backtest: &Backtest| match &backtest.runner {
            Runner::Events(prepared) => prepared.has_driver(),
            _ => false,
        };
        assert_eq!([has_driver(&driven), has_driver(&called)], [true, false]);
        [driven, called]
    }
}

fn random_orders() -> &'static Both {
    static BOTH: OnceLock<Both> = OnceLock::new();
    BOTH.get_or_init(|| Both::of(include_bytes!("../../tests/plugins/random_orders/random_orders.wasm")))
}

fn market(seed: u64) -> Arc<Market> {
    let dataset = Dataset::new(bars(seed)).unwrap();
    let settings = Settings { mode: Some(Mode::Events), ..Settings::default() };
    Arc::new(Market::new(dataset, settings).unwrap())
}

fn params(seed: u64, trap_at: i64) -> Params {
    [
        ("seed", Value::Integer((random(seed, 30) >> 2) as i64)),
        ("every", Value::Integer([2, 5, 20, 60, 150][(random(seed, 31) % 5) as usize])),
        ("mutes", Value::Boolean(one_in(4, seed, 32))),
        ("says", Value::Boolean(one_in(3, seed, 34))),
        ("trap_at", Value::Integer(trap_at)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Checks that each line of a log has the time of its event, and returns how many have one. Fills are told in their bar, or later
/// where that comes of an answer to another fill, or of a rule that books a close in the next bar.
fn check_times(log: &[String], ledger: &Ledger, series: &[Series]) -> usize {
    let mut fills = ledger.fills.iter().map(|fill| series[fill.instrument as usize].time[fill.bar as usize]);
    let timed: Vec<_> = log.iter().filter_map(|line| line.strip_prefix('[')?.split_once("] debug: ")).collect();
    assert!(timed.is_sorted_by_key(|(time, _)| hour(time)), "{timed:?}");
    for (time, what) in &timed {
        match *what {
            "fill" => assert!(fills.next().unwrap() <= hour(time), "{timed:?}"),
            nanos => assert_eq!(*time, format_time(nanos.parse().unwrap())),
        }
    }
    timed.len()
}

/// The time of a bar from its text.
fn hour(text: &str) -> i64 {
    let known = (0..400).map(|hour| hour * HOUR);
    known.clone().find(|time| format_time(*time) == text).unwrap()
}

#[test]
fn a_driven_strategy_is_the_one_that_is_called_for_each_bar() {
    let (mut seed, mut traded, mut ruined, mut said) = (0, 0, 0, 0);
    while seed < CASES {
        let market = market(seed);
        let [driven, called] = random_orders().on(&market);
        let [mut one, mut other] = [WorkerState::with_orders(), WorkerState::with_orders()];
        for _ in 0..20 {
            seed += 1;
            let Some(account) = account(seed) else { continue };
            let params = params(seed, if seed.is_multiple_of(7) { 1 + (random(seed, 33) % 200) as i64 } else { 0 });
            let answer = driven.run_under(&account, &mut one, &params);
            let expected = called.run_under(&account, &mut other, &params);
            assert_eq!(outcome(&answer, &one), outcome(&expected, &other), "case {seed}: {params:?} {account:?}");
            said += check_times(&answer.log, one.ledger(), market.series());
            traded += one.ledger().trades.len();
            ruined += usize::from(one.ledger().wiped_out.is_some());
        }
    }
    assert!(traded as u64 > CASES && ruined > 0, "{traded} trades and {ruined} ruined accounts say little");
    assert!(said as u64 > CASES, "{said} lines say little");
}
