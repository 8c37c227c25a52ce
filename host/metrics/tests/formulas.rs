//! The metrics against formulas written the slow way, and against runs where they are undefined.

use proptest::prelude::*;

use crate::broker::Trade;
use crate::metrics::*;

const DAY: i64 = 86_400_000_000_000;

/// The books of a run that started with `cash`, at daily bars from the first of January 1990.
fn ledger(cash: f64, equity: &[f64]) -> Ledger {
    Ledger::of_equity(cash, equity)
}

fn frame(bars: usize, risk_free: f64) -> Frame {
    let days: Vec<i64> = (0..bars as i64).map(|day| 7305 + day).collect();
    framed(&days, |day| day * DAY, Ok(Annualization::given(252.0)), risk_free)
}

fn framed(
    days: &[i64],
    time: impl Fn(i64) -> i64,
    annualization: Result<Annualization, Undetermined>,
    risk_free: f64,
) -> Frame {
    let times: Vec<i64> = days.iter().map(|day| time(*day)).collect();
    Frame::new(&times, days, annualization, risk_free)
}

/// Years from the first of so many daily bars to the last.
fn years(bars: usize) -> f64 {
    (bars - 1) as f64 / 365.25
}

fn measure(cash: f64, equity: &[f64], risk_free: f64) -> Metrics {
    Metrics::of(&ledger(cash, equity), &frame(equity.len(), risk_free), Selection::all(), &mut Scratch::default())
}

fn close(ours: Option<f64>, theirs: f64) -> bool {
    ours.is_some_and(|ours| (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-6))
}

/// A trade that earned `pnl` on a value of 100 within two bars.
fn trade(pnl: f64) -> Trade {
    Trade {
        instrument: 0,
        units: 1.0,
        entry_bar: 3,
        exit_bar: 5,
        entry_time: 3 * DAY,
        exit_time: 5 * DAY,
        entry_price: 100.0,
        exit_price: 100.0 + pnl,
        entry_fees: 0.0,
        exit_fees: 0.0,
        pnl,
        pnl_ratio: pnl / 100.0,
        open: false,
    }
}

fn measure_trades(profits: &[f64]) -> Metrics {
    let mut ledger = ledger(100.0, &[100.0; 10]);
    ledger.trades = profits.iter().copied().map(trade).collect();
    Metrics::of(&ledger, &frame(10, 0.0), Selection::all(), &mut Scratch::default())
}

#[test]
fn names_are_unique_and_found() {
    let metrics = measure(100.0, &[101.0, 99.0], 0.0);
    for (info, value) in Metrics::FIELDS.iter().zip(metrics.values()) {
        assert_eq!(metrics.get(info.name), Some(value), "{}", info.name);
        assert_eq!(Metrics::FIELDS.iter().filter(|other| other.name == info.name).count(), 1);
        assert_eq!(Metrics::info(info.name), Some(info));
    }
    assert_eq!(metrics.get("sharp"), None);
    assert!(Metrics::info("trades").is_some_and(MetricInfo::is_count));
    assert!(Metrics::info("sharpe").is_some_and(|info| !info.is_count()));
}

#[test]
fn a_run_serialises_as_one_flat_object_with_null_for_undefined() {
    let json = serde_json::to_value(measure(100.0, &[100.0], 0.0)).unwrap();
    let object = json.as_object().unwrap();
    assert!(object.keys().map(String::as_str).eq(Metrics::FIELDS.iter().map(|info| info.name)));
    assert!(object["sharpe"].is_null() && object["total_return"] == 0.0);
}

#[test]
fn no_bars_leave_everything_but_counts_undefined() {
    let metrics = measure(100.0, &[], 0.0);
    for (info, value) in Metrics::FIELDS.iter().zip(metrics.values()) {
        let known = info.unit == Unit::Count || matches!(info.name, "final_equity" | "total_return" | "fees");
        assert_eq!(value.is_some(), known, "{} is {value:?}", info.name);
    }
}

#[test]
fn an_account_that_stands_still_has_no_ratios() {
    let metrics = measure(100.0, &[100.0; 30], 0.02);
    assert_eq!((metrics.annual_volatility, metrics.max_drawdown, metrics.cagr), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((metrics.ulcer_index, metrics.max_drawdown_days), (Some(0.0), Some(0.0)));
    for undefined in [metrics.sharpe, metrics.omega, metrics.calmar, metrics.upi, metrics.recovery_factor] {
        assert_eq!(undefined, None);
    }
    for undefined in [metrics.skew, metrics.kurtosis_raw, metrics.tail_ratio, metrics.stability, metrics.win_days] {
        assert_eq!(undefined, None);
    }
}

#[test]
fn steady_growth_has_no_volatility_to_divide_by() {
    let equity: Vec<f64> = (1..=500).map(|bar| 100.0 * libm::pow(1.001, f64::from(bar))).collect();
    let metrics = measure(100.0, &equity, 0.0);
    assert_eq!((metrics.sharpe, metrics.sortino, metrics.skew), (None, Some(f64::INFINITY), None));
    assert!(close(metrics.stability, 1.0) && close(metrics.cagr, libm::pow(1.001, 500.0 / years(500)) - 1.0));
}

#[test]
fn a_ratio_to_nothing_bad_is_infinite_and_of_nothing_good_undefined() {
    let mut seldom = [100.0; 22];
    (seldom[20], seldom[21]) = (101.0, 102.0);
    let good = [
        ("sortino", &[101.0, 102.0, 103.0][..]),
        ("calmar", &[101.0, 102.0]),
        ("omega", &[100.0, 101.0]),
        ("upi", &[101.0, 101.0, 104.0]),
        ("recovery_factor", &[101.0, 101.0]),
        ("tail_ratio", &seldom),
    ];
    for (name, equity) in good {
        let value = |equity: &[f64]| measure(100.0, equity, 0.0).get(name).flatten();
        assert_eq!(value(equity), Some(f64::INFINITY), "{name}");
        assert_eq!(value(&[100.0; 30]), None, "{name}");
        assert!(value(&[101.0, 90.0, 102.0, 91.0]).is_some_and(f64::is_finite), "{name}");
    }
    // A rate that growth without a fall does not reach is no reason for praise.
    assert_eq!(measure(100.0, &[100.0, 100.0, 100.001], 0.9).upi, None);
    let named: Vec<_> =
        Metrics::FIELDS.iter().filter(|info| info.infinite_for().is_some()).map(|info| info.name).collect();
    assert_eq!(named.len(), good.len() + 2, "{named:?}");
    let json = serde_json::to_value(measure(100.0, &[101.0, 102.0], 0.0)).unwrap();
    assert_eq!((&json["calmar"], &json["max_drawdown"]), (&"inf".into(), &0.0.into()));
}

#[test]
fn a_wiped_out_account_says_so_and_its_returns_end() {
    let metrics = measure(100.0, &[120.0, -30.0, -30.0, -30.0], 0.0);
    assert_eq!((metrics.wiped_out, metrics.total_return, metrics.max_drawdown), (Some(1.0), Some(-1.3), Some(-1.25)));
    assert_eq!((metrics.cagr, metrics.calmar, metrics.stability), (None, None, None));
    assert_eq!((metrics.worst_day, metrics.best_day, metrics.win_days), (Some(-1.25), Some(0.2), Some(0.5)));
    assert_eq!(measure(100.0, &[50.0, 0.0], 0.0).cagr, Some(-1.0));
}

#[test]
fn without_bars_per_year_what_rests_on_them_is_undefined() {
    let run = ledger(100.0, &[101.0, 99.0, 104.0]);
    let frame = framed(&[0, 1, 2], |day| day * DAY, Err(Undetermined::TooFewBars), 0.0);
    let metrics = Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default());
    for undefined in [metrics.sharpe, metrics.sortino, metrics.annual_volatility] {
        assert_eq!(undefined, None);
    }
    let elapsed = [metrics.cagr, metrics.calmar, metrics.upi, metrics.turnover];
    assert!(elapsed.iter().chain(&[metrics.omega, metrics.skew]).all(Option::is_some), "{metrics:?}");
}

#[test]
fn growth_per_year_is_by_elapsed_time_whatever_bars_there_are() {
    // Twice the money in five years of 365.25 days, on 560 bars of a stock that does not trade every day.
    let last = 1826;
    let days: Vec<i64> = (0..560).map(|bar| bar * last / 559).collect();
    let equity: Vec<f64> = (0..560).map(|bar| 100.0 + 100.0 * f64::from(bar) / 559.0).collect();
    let mut run = ledger(100.0, &equity);
    run.traded_value = 300.0;
    for annualization in
        [Ok(Annualization::given(252.0)), Ok(Annualization::given(112.0)), Err(Undetermined::TooFewBars)]
    {
        let frame = framed(&days, |day| day * DAY, annualization, 0.0);
        let metrics = Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default());
        let years = last as f64 / 365.25;
        assert!(close(metrics.cagr, libm::pow(2.0, 1.0 / years) - 1.0), "{:?}", metrics.cagr);
        assert!(close(metrics.turnover, 300.0 / years / 150.0), "{:?}", metrics.turnover);
    }
}

#[test]
fn where_no_time_passes_nothing_is_per_year() {
    let metrics = measure(100.0, &[110.0], 0.0);
    assert_eq!((metrics.cagr, metrics.calmar, metrics.upi, metrics.turnover), (None, None, None, None));
    // A minute of 10 % is more than a number holds in a year.
    let frame = framed(&[0, 0], |_| 0, Ok(Annualization::given(252.0)), 0.0);
    let frame = Frame { times: vec![0, DAY / 1440], ..frame };
    let metrics = Metrics::of(&ledger(100.0, &[100.0, 110.0]), &frame, Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.cagr, metrics.total_return.is_some()), (None, true));
}

#[test]
fn nothing_is_a_day_s_where_bars_last_longer() {
    let days: Vec<i64> = (0..8).map(|week| 7 * week).collect();
    let frame = framed(&days, |day| day * DAY, Ok(Annualization::given(52.0)), 0.0);
    let run = ledger(100.0, &[90.0, 120.0, 110.0, 130.0, 125.0, 140.0, 150.0, 149.0]);
    let metrics = Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.best_day, metrics.worst_day, metrics.win_days), (None, None, None));
    assert!(metrics.best_month.is_some() && metrics.var_95.is_some());
}

#[test]
fn days_months_and_years_are_those_of_the_data() {
    // Four bars at 15:00 UTC, midnight in Tokyo: of 30 and 31 December, of 1 January (a year later in UTC), of 1 February.
    let days = [364, 365, 365 + 1, 365 + 31];
    let frame = framed(&days, |day| day * DAY - DAY * 9 / 24, Ok(Annualization::given(245.0)), 0.0);
    let run = ledger(100.0, &[110.0, 121.0, 242.0, 121.0]);
    let months = monthly_returns(&run, &frame);
    let named: Vec<_> = months.iter().map(|month| (month.year, month.month, month.change)).collect();
    let change = |after: f64, before: f64| Some(after / before - 1.0);
    let expected = [
        (1970, Some(12), change(110.0, 100.0)),
        (1971, Some(1), change(242.0, 110.0)),
        (1971, Some(2), change(121.0, 242.0)),
    ];
    assert_eq!(named, expected);
    assert_eq!(yearly_returns(&run, &frame).iter().map(|year| year.year).collect::<Vec<_>>(), [1970, 1971]);
}

#[test]
fn drawdowns_have_depths_and_days() {
    let run = ledger(100.0, &[90.0, 100.0, 110.0, 99.0, 88.0, 99.0, 110.0, 120.0, 60.0, 90.0]);
    let frame = frame(10, 0.0);
    let metrics = Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.max_drawdown, metrics.max_drawdown_days), (Some(-0.5), Some(4.0)));
    assert!(close(metrics.average_drawdown, (-0.1 - 0.2 - 0.5) / 3.0));
    assert!(close(metrics.average_drawdown_days, (1.0 + 4.0 + 2.0) / 3.0));
    // The deepest is not over.
    assert_eq!(metrics.recovery_days, None);
    let worst = worst_drawdowns(&run, &frame, 2);
    let at = |bar: usize| frame.times[bar];
    assert_eq!((worst[0].peak_time, worst[0].trough_time, worst[0].recovery_time), (at(7), at(8), None));
    assert_eq!((worst[1].peak_time, worst[1].trough_time, worst[1].recovery_time), (at(2), at(4), Some(at(6))));
    assert_eq!((worst[1].days_to_trough, worst[1].days_to_recovery, worst[1].days), (2.0, Some(2.0), 4.0));
    assert_eq!((worst.len(), worst[0].depth, worst[0].days), (2, -0.5, 2.0));
    let curve = drawdown_curve(&run);
    assert_eq!((curve[2], curve[4], curve[8]), (0.0, 88.0 / 110.0 - 1.0, -0.5));
}

#[test]
fn months_and_years_start_from_the_close_before() {
    // 1990-01-01 is the first bar; 31 January and 28 February are bars 30 and 58.
    let equity: Vec<f64> = (0..400).map(|bar| 100.0 + f64::from(bar)).collect();
    let run = ledger(100.0, &equity);
    let frame = frame(400, 0.0);
    let months = monthly_returns(&run, &frame);
    assert_eq!((months.len(), months[0].year, months[0].month, months[0].change), (14, 1990, Some(1), Some(1.3 - 1.0)));
    assert_eq!(months[1].change, Some(158.0 / 130.0 - 1.0));
    let years = yearly_returns(&run, &frame);
    assert_eq!(years.iter().map(|year| year.year).collect::<Vec<_>>(), [1990, 1991]);
    assert_eq!(years[0].change, Some(464.0 / 100.0 - 1.0));
    let metrics = Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.best_year, metrics.worst_year), (years[0].change, years[1].change));
    assert_eq!((metrics.best_month, metrics.win_months), (months[0].change, Some(1.0)));
    let crises = crisis_returns(&run, &frame);
    assert_eq!(crises.len(), 1);
    // The Gulf War's window is bars 196 to 283.
    assert_eq!((crises[0].crisis.name, crises[0].change), ("Gulf War", Some(383.0 / 295.0 - 1.0)));
}

#[test]
fn hours_are_grouped_into_days() {
    let times: Vec<i64> = (0..4).map(|half_day| half_day * DAY / 2).collect();
    let frame = Frame::new(&times, &[0, 0, 1, 1], Err(Undetermined::TooFewBars), 0.0);
    let metrics =
        Metrics::of(&ledger(100.0, &[50.0, 110.0, 55.0, 99.0]), &frame, Selection::all(), &mut Scratch::default());
    assert!(close(metrics.best_day, 0.1) && close(metrics.worst_day, -0.1));
    assert_eq!(metrics.win_days, Some(0.5));
}

#[test]
fn trades_are_counted_and_compared() {
    let metrics = measure_trades(&[10.0, 30.0, -10.0, 0.0, 20.0, -30.0, -20.0]);
    assert_eq!((metrics.trades, metrics.long_trades, metrics.short_trades), (Some(7.0), Some(7.0), Some(0.0)));
    assert_eq!(
        (metrics.win_rate, metrics.average_win, metrics.average_loss),
        (Some(3.0 / 7.0), Some(20.0), Some(-20.0))
    );
    assert_eq!((metrics.payoff_ratio, metrics.profit_factor, metrics.expectancy), (Some(1.0), Some(1.0), Some(0.0)));
    assert!(close(metrics.kelly, -1.0 / 7.0));
    assert_eq!((metrics.max_consecutive_wins, metrics.max_consecutive_losses), (Some(2.0), Some(2.0)));
    assert_eq!((metrics.best_trade, metrics.worst_trade, metrics.sqn), (Some(0.3), Some(-0.3), Some(0.0)));
    assert_eq!((metrics.average_bars_held, metrics.max_bars_held), (Some(2.0), Some(2.0)));
}

#[test]
fn trades_that_all_win_are_worth_infinitely_more_than_those_that_lose() {
    let metrics = measure_trades(&[10.0, 20.0]);
    let endless = Some(f64::INFINITY);
    assert_eq!((metrics.profit_factor, metrics.payoff_ratio, metrics.kelly), (endless, endless, Some(1.0)));
    let even = measure_trades(&[10.0, 0.0]);
    assert_eq!((even.profit_factor, even.payoff_ratio, even.kelly), (endless, endless, Some(0.5)));
    for nothing in [&[0.0, 0.0][..], &[]] {
        let metrics = measure_trades(nothing);
        assert_eq!((metrics.profit_factor, metrics.payoff_ratio, metrics.kelly), (None, None, None));
    }
    let lost = measure_trades(&[-10.0]);
    assert_eq!((lost.profit_factor, lost.payoff_ratio, lost.kelly), (Some(0.0), None, None));
    assert!(close(metrics.sqn, 2f64.sqrt() * 15.0 / 50f64.sqrt()));
    assert_eq!((measure_trades(&[5.0]).sqn, measure_trades(&[5.0, 5.0]).sqn), (None, None));
    assert_eq!((measure_trades(&[]).win_rate, measure_trades(&[]).max_bars_held), (None, None));
}

#[test]
fn open_trades_are_counted_and_no_more() {
    let mut run = ledger(100.0, &[100.0; 10]);
    run.trades = vec![trade(10.0), Trade { open: true, ..trade(-90.0) }];
    let metrics = Metrics::of(&run, &frame(10, 0.0), Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.trades, metrics.open_trades, metrics.win_rate), (Some(1.0), Some(1.0), Some(1.0)));
}

#[test]
fn exposure_and_turnover_are_shares() {
    let mut run = ledger(100.0, &[100.0; 126]);
    (run.stamps_in_market, run.traded_value, run.fees) = (63, 200.0, 3.0);
    let metrics = Metrics::of(&run, &frame(126, 0.0), Selection::all(), &mut Scratch::default());
    assert_eq!((metrics.exposure_time, metrics.fees), (Some(0.5), Some(3.0)));
    assert!(close(metrics.turnover, 2.0 / years(126)));
}

/// Returns per bar, the obvious way.
fn naive_returns(cash: f64, equity: &[f64]) -> Vec<f64> {
    let change = |before: f64, after: f64| (after - before) / before;
    (0..equity.len()).map(|i| change(if i == 0 { cash } else { equity[i - 1] }, equity[i])).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn moment(values: &[f64], power: i32) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|value| (value - centre).powi(power)).collect::<Vec<_>>())
}

fn naive_quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() - 1) as f64 * q;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    low * (1.0 - rank.fract()) + high * rank.fract()
}

/// The square of Pearson's correlation of the bar's number with the logarithm of equity.
fn naive_stability(equity: &[f64]) -> f64 {
    let logs: Vec<f64> = equity.iter().map(|equity| equity.ln()).collect();
    let bars: Vec<f64> = (0..equity.len()).map(|bar| bar as f64).collect();
    let (x, y) = (mean(&bars), mean(&logs));
    let both: f64 = bars.iter().zip(&logs).map(|(bar, log)| (bar - x) * (log - y)).sum::<f64>() / bars.len() as f64;
    both * both / (moment(&bars, 2) * moment(&logs, 2))
}

proptest! {
    #[test]
    fn ratios_are_what_the_formulas_say(
        moves in prop::collection::vec(-0.2..0.25f64, 3..300),
        risk_free in 0.0..0.1f64,
    ) {
        let cash = 1234.5;
        let equity: Vec<f64> = moves.iter().scan(cash, |e, m| { *e *= 1.0 + m; Some(*e) }).collect();
        let metrics = measure(cash, &equity, risk_free);
        let r = naive_returns(cash, &equity);
        let n = r.len() as f64;
        let deviation = (moment(&r, 2) * n / (n - 1.0)).sqrt();
        let excess = mean(&r) - risk_free / 252.0;
        let short: Vec<f64> = r.iter().map(|r| (r - risk_free / 252.0).min(0.0).powi(2)).collect();
        let gains: f64 = r.iter().map(|r| r.max(0.0)).sum();
        let losses: f64 = r.iter().map(|r| (-r).max(0.0)).sum();
        let cagr = (equity[equity.len() - 1] / cash).powf(1.0 / years(equity.len())) - 1.0;
        let curve = drawdown_curve(&ledger(cash, &equity));
        let deepest = curve.iter().copied().fold(0.0, f64::min);
        let ulcer = mean(&curve.iter().map(|d| d * d).collect::<Vec<_>>()).sqrt();
        prop_assert!(close(metrics.sharpe, excess / deviation * 252f64.sqrt()));
        prop_assert!(close(metrics.annual_volatility, deviation * 252f64.sqrt()));
        prop_assert!(close(metrics.cagr, cagr));
        prop_assert!(close(metrics.max_drawdown, deepest));
        prop_assert!(close(metrics.ulcer_index, ulcer));
        prop_assert!(close(metrics.skew, moment(&r, 3) / moment(&r, 2).powf(1.5)));
        prop_assert!(close(metrics.kurtosis_raw, moment(&r, 4) / moment(&r, 2).powi(2)));
        prop_assert!(close(metrics.stability, naive_stability(&equity)));
        let tail = naive_quantile(&r, 0.05);
        prop_assert!(close(metrics.var_95, tail));
        prop_assert!(close(metrics.tail_ratio, (naive_quantile(&r, 0.95) / tail).abs()));
        let beyond: Vec<f64> = r.iter().copied().filter(|&r| r <= metrics.var_95.unwrap()).collect();
        prop_assert!(close(metrics.cvar_95, mean(&beyond)));
        if mean(&short) > 1e-20 {
            prop_assert!(close(metrics.sortino, excess / mean(&short).sqrt() * 252f64.sqrt()));
        }
        if losses > 0.0 {
            prop_assert!(close(metrics.omega, gains / losses));
            prop_assert!(close(metrics.calmar, cagr / -deepest));
            prop_assert!(close(metrics.upi, (cagr - risk_free) / ulcer));
        }
    }

    #[test]
    fn a_deviation_keeps_its_digits_whatever_the_mean(
        moves in prop::collection::vec(-1e-3..1e-3f64, 3..300),
        drift in prop_oneof![Just(0.0), -2e-3..2e-3f64, Just(0.05)],
    ) {
        let equity: Vec<f64> = moves.iter().scan(1234.5, |e, m| { *e *= 1.0 + drift + m; Some(*e) }).collect();
        let metrics = measure(1234.5, &equity, 0.0);
        let r = naive_returns(1234.5, &equity);
        let n = r.len() as f64;
        let expected = (moment(&r, 2) * n / (n - 1.0) * 252.0).sqrt();
        let difference = (metrics.annual_volatility.unwrap() - expected).abs();
        prop_assert!(difference <= 1e-12 * expected, "{difference:e} of {expected:e}");
    }

    #[test]
    fn values_are_numbers_and_one_scratch_serves_all_runs(
        curves in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0.0), Just(100.0), -1e3..1e9f64], 0..60), 1..4),
    ) {
        let mut scratch = Scratch::default();
        for equity in &curves {
            let (run, frame) = (ledger(100.0, equity), frame(equity.len(), 0.01));
            let metrics = Metrics::of(&run, &frame, Selection::all(), &mut scratch);
            for (info, value) in Metrics::FIELDS.iter().zip(metrics.values()) {
                let endless = value == Some(f64::INFINITY) && info.infinite_for().is_some();
                prop_assert!(endless || value.is_none_or(f64::is_finite), "{} is {value:?}", info.name);
            }
            prop_assert_eq!(metrics, Metrics::of(&run, &frame, Selection::all(), &mut Scratch::default()));
            let curve = drawdown_curve(&run);
            let deepest = curve.iter().copied().fold(0.0, f64::min);
            prop_assert!(equity.is_empty() || close(metrics.max_drawdown, deepest));
            monthly_returns(&run, &frame);
            worst_drawdowns(&run, &frame, 5);
        }
    }
}
