//! Finer bars: a run whose orders trade by them is the run on the finer bars themselves, for any bars, orders and rules.

use std::{convert::Infallible, sync::Arc};

use proptest::{prelude::*, test_runner::Config};

use super::{
    order_properties::{request, settings},
    orders::{bars, run},
};
use crate::{
    broker::{
        AtEnd, Bankruptcy, Client, ExitTiming, Exits, FillAt, Intrabar, Ledger, MissingBars, Rules, Settings, Timeline,
        WarmUp, Workspace, exchange::trade_by,
    },
    model::{
        BarEvent, BarTime, Command, Commands, FillEvent, OrderRequest, RejectReason, Schedule, Series, Side,
        random::{one_in, random, share},
    },
};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// A strategy that acts once a day, when the day is over, whatever it has heard.
struct Daily<'a> {
    seed: u64,
    requests: &'a [OrderRequest],
    /// Whether it only asks for targets.
    targets: bool,
    /// The last time stamp of each day.
    ends: Vec<i64>,
    equity: Vec<u64>,
    rejected: Vec<(u64, RejectReason)>,
    commands: Commands,
}

impl Daily<'_> {
    fn act(&mut self) {
        let day = self.equity.len() as u64;
        for at in 100 * day..100 * day + random(self.seed, day) % 4 {
            let pick = random(self.seed, at + 1_000_000);
            let order = |back: u64| (2 * day + 2).saturating_sub(back % 8);
            match pick % 12 {
                _ if self.targets => {
                    self.commands.target((pick / 16 % 2) as u32, 2.4 * share(self.seed, at + 9) - 1.2);
                }
                0..=4 => _ = self.commands.submit(self.requests[(pick / 16) as usize % self.requests.len()]),
                5..=8 => {
                    let entry = self.commands.submit(self.requests[(pick / 16) as usize % self.requests.len()]);
                    let [low, high] = [30.0 + 20.0 * share(self.seed, at), 50.0 + 20.0 * share(self.seed, at + 7)];
                    self.commands.bracket(entry, low, high);
                }
                9 => self.commands.push(Command::OneCancelsOther { first: order(pick / 16), second: order(pick / 64) }),
                10 => self.commands.cancel(order(pick / 16)),
                _ => self.commands.target((pick / 16 % 2) as u32, 2.4 * share(self.seed, at + 9) - 1.2),
            }
        }
    }
}

impl Client for Daily<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), Infallible> {
        if self.ends.binary_search(&time).is_ok() {
            self.act();
            self.equity.push(equity.to_bits());
        }
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), Infallible> {
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

/// Hours of up to two instruments, from nine o'clock on each day. The first and the last hour of a day are there, some others are
/// not, and with `gaps` some days are not.
fn hours(seed: u64, gaps: bool) -> Vec<Series> {
    let days = 3 + random(seed, 2) % 25;
    let scale = [0.01, 0.05, 0.15][(random(seed, 3) % 3) as usize];
    (0..1 + random(seed, 1) % 2)
        .map(|instrument| {
            let seed = random(seed, 10 + instrument);
            let (missing, away) = ([0, 3, 8][(random(seed, 3) % 3) as usize], gaps && one_in(2, seed, 4));
            let mut series = Series { symbol: format!("S{instrument}"), ..Series::default() };
            let mut price = 50.0;
            for hour in 0..days * 8 {
                let step = |at: u64| scale * (share(seed, 100 * hour + at) - 0.5);
                let (open, close) = (price * (1.0 + step(6)), price * (1.0 + step(6)) * (1.0 + step(7)));
                price = close;
                let is_away = away && one_in(6, seed, 1_000_000 + hour / 8);
                if is_away || (!matches!(hour % 8, 0 | 7) && missing > 0 && one_in(missing, seed, 100 * hour + 8)) {
                    continue;
                }
                series.time.push((hour / 8) as i64 * DAY + (9 + hour % 8) as i64 * HOUR);
                series.open.push(open);
                series.high.push(open.max(close) * (1.0 + step(9).abs()));
                series.low.push(open.min(close) * (1.0 - step(10).abs()));
                series.close.push(close);
                series.volume.push(100.0);
            }
            series.schedule = Schedule { interval: Some(HOUR), ..Schedule::default() };
            series
        })
        .collect()
}

/// The days of hours, which are their finer bars.
fn days(hours: &Series) -> Series {
    let mut days = Series { symbol: hours.symbol.clone(), ..Series::default() };
    for at in 0..hours.len() {
        let day = hours.time[at].div_euclid(DAY) * DAY;
        if days.time.last() == Some(&day) {
            let last = days.len() - 1;
            days.high[last] = days.high[last].max(hours.high[at]);
            days.low[last] = days.low[last].min(hours.low[at]);
            days.close[last] = hours.close[at];
            days.volume[last] += hours.volume[at];
        } else {
            days.time.push(day);
            days.open.push(hours.open[at]);
            days.high.push(hours.high[at]);
            days.low.push(hours.low[at]);
            days.close.push(hours.close[at]);
            days.volume.push(hours.volume[at]);
        }
    }
    days.schedule = Schedule { dates: true, interval: Some(DAY), bar_time: BarTime::Open, ..Schedule::default() };
    days.detail = Some(Arc::new(hours.clone()));
    days
}

/// What a run came to: its books, the equity at the end of each day, and what was refused.
struct Played {
    ledger: Ledger,
    equity: Vec<u64>,
    rejected: Vec<(u64, RejectReason)>,
}

fn play(series: Vec<Series>, ends: Vec<i64>, settings: &Settings, exits: Exits, daily: &Daily<'_>) -> Played {
    let mut daily = Daily { ends, equity: vec![], rejected: vec![], commands: Commands::default(), ..*daily };
    let (mut work, mut ledger) = (Workspace::new(), Ledger::with_orders());
    let (timeline, warm_up) = (Timeline::of(&series), WarmUp::default());
    let rules = (false, exits);
    trade_by(rules, &warm_up, &series.into(), &timeline, settings, &mut work, &mut ledger, &mut daily).unwrap();
    Played { ledger, equity: daily.equity, rejected: daily.rejected }
}

/// Fills as (order, instrument, day, and the bits of units, price and fee).
fn fills(played: &Played, series: &[Series]) -> Vec<(u64, u32, i64, [u64; 3])> {
    let day = |instrument: u32, bar: u32| series[instrument as usize].time[bar as usize].div_euclid(DAY);
    let fills = played.ledger.fills.iter();
    let all = fills.map(|fill| {
        let numbers = [fill.units, fill.price, fill.fee].map(f64::to_bits);
        (fill.order, fill.instrument, day(fill.instrument, fill.bar), numbers)
    });
    all.collect()
}

fn check(seed: u64, mut settings: Settings, requests: &[OrderRequest], exits: Exits) -> Result<(), TestCaseError> {
    // What is looked at when a bar of the strategy ends, and what counts the volume of the bar that an order begins with.
    (settings.maintenance_margin, settings.borrow_rate) = (0.0, 0.0);
    (settings.volume_share, settings.slippage_impact) = (None, 0.0);
    let Rules { at_end, missing, ruin, .. } = &mut settings.rules;
    (*at_end, *missing, *ruin) = (AtEnd::Hold, MissingBars::Wait, Bankruptcy::TradeOn);
    prop_assume!(settings.check().is_ok());
    // What waits for a close gets that of the next bar that there is.
    let fine = hours(seed, settings.fill == FillAt::NextOpen);
    prop_assume!(fine.iter().all(|one| !one.is_empty()));
    let own: Vec<_> = fine.iter().map(days).collect();
    let targets = !exits.is_none();
    let daily = Daily {
        seed,
        requests,
        targets,
        ends: vec![],
        equity: vec![],
        rejected: vec![],
        commands: Commands::default(),
    };
    let stamps = Timeline::of(&own).times().to_vec();
    let last = |day: &i64| {
        let times =
            fine.iter().filter_map(|one| one.time[..one.time.partition_point(|time| time < &(day + DAY))].last());
        times.max().copied().unwrap_or(*day)
    };
    let ends = stamps.iter().map(last).collect();
    let by_detail = play(own.clone(), stamps.clone(), &settings, exits, &daily);
    let by_hours = play(fine.clone(), ends, &settings, exits, &daily);
    prop_assert_eq!(fills(&by_detail, &own), fills(&by_hours, &fine));
    prop_assert_eq!(&by_detail.equity, &by_hours.equity);
    prop_assert_eq!(&by_detail.rejected, &by_hours.rejected);
    Ok(())
}

proptest! {
    #![proptest_config(Config { max_global_rejects: 1_000_000, ..Config::default() })]

    #[test]
    fn orders_trade_as_on_the_finer_bars_themselves(
        seed: u64,
        settings in settings(),
        requests in prop::collection::vec(request(), 1..8),
    ) {
        check(seed, settings, &requests, Exits::default())?;
    }

    #[test]
    fn exits_of_targets_trade_as_on_the_finer_bars_themselves(
        seed: u64,
        settings in settings(),
        (stop_loss, take_profit, trailing_stop) in (0.0..0.1f64, 0.0..0.1f64, 0.0..0.1f64),
    ) {
        prop_assume!(stop_loss > 0.001);
        check(seed, settings, &[], Exits { stop_loss, take_profit, trailing_stop })?;
    }
}

/// Days given by their halves, as (open, high, low, close), with these as the finer bars.
fn of_halves(days: &[[(f64, f64, f64, f64); 2]]) -> Series {
    let whole = |[(open, high, low, _), (_, higher, lower, close)]: &[_; 2]| -> (f64, f64, f64, f64) {
        (*open, f64::max(*high, *higher), f64::min(*low, *lower), *close)
    };
    let mut detail = bars(days.as_flattened());
    detail.time.iter_mut().for_each(|time| *time /= 2);
    detail.schedule.interval = Some(DAY / 2);
    let mut series = bars(&days.iter().map(whole).collect::<Vec<_>>());
    series.schedule.interval = Some(DAY);
    series.detail = Some(Arc::new(detail));
    series
}

/// Buys one unit at the open of the second day, with a stop at 90 and a limit at 110, and returns the fills of these as (order,
/// day, price).
fn exits(series: Series, rules: Rules) -> Vec<(u64, u32, f64)> {
    let settings = Settings { rules, ..Settings::default() };
    let run = run(&[series], settings, |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(OrderRequest::market(0, Side::Buy, 1.0));
            commands.bracket(entry, 90.0, 110.0);
        }
    });
    run.fills()[1..].iter().map(|(order, bar, _, price)| (*order, *bar, *price)).collect()
}

const CALM: [(f64, f64, f64, f64); 2] = [(100.0, 101.0, 99.0, 100.0); 2];

#[test]
fn what_happened_first_decides_between_two_exits() {
    let (up, down) = ((100.0, 112.0, 98.0, 108.0), (108.0, 109.0, 88.0, 95.0));
    let (fall, rise) = ((100.0, 101.0, 89.0, 92.0), (92.0, 115.0, 91.0, 112.0));
    let jump = (85.0, 111.0, 84.0, 100.0);
    for intrabar in Intrabar::ALL {
        let rules = Rules { intrabar: *intrabar, ..Rules::default() };
        let on_third_day = |halves| exits(of_halves(&[CALM, CALM, halves]), rules);
        assert_eq!(on_third_day([up, down]), [(3, 2, 110.0)], "{intrabar:?}");
        assert_eq!(on_third_day([fall, rise]), [(2, 2, 90.0)], "{intrabar:?}");
        // The stop is passed by the open of the second half.
        assert_eq!(on_third_day([CALM[0], jump]), [(2, 2, 85.0)], "{intrabar:?}");
    }
    let alone = Series { detail: None, ..of_halves(&[CALM, CALM, [up, down]]) };
    assert_eq!(exits(alone, Rules::default()), [(2, 2, 90.0)], "a pessimist's account is stopped first");
}

#[test]
fn a_gap_between_the_open_of_a_bar_and_its_first_finer_bar_is_a_gap() {
    let mut series = of_halves(&[CALM, [(100.0, 101.0, 80.0, 91.0), (91.0, 92.0, 90.0, 91.0)], CALM]);
    let detail = Arc::make_mut(series.detail.as_mut().unwrap());
    (detail.open[2], detail.high[2]) = (85.0, 91.0);
    assert_eq!(exits(series, Rules::default()), [(2, 1, 85.0)]);
}

#[test]
fn exits_that_wait_for_the_next_bar_wait_for_the_next_finer_one() {
    // Both halves of the day of the entry reach the stop.
    let series = || of_halves(&[CALM, [(100.0, 100.0, 80.0, 95.0), (95.0, 96.0, 89.0, 92.0)], CALM]);
    let rules = Rules { exits: ExitTiming::NextBar, ..Rules::default() };
    assert_eq!(exits(series(), rules), [(2, 1, 90.0)]);
    let alone = Series { detail: None, ..series() };
    assert_eq!(exits(alone, rules), [], "the bar of the entry is over");
}
