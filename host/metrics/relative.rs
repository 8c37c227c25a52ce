//! Metrics against a benchmark: alpha, beta, tracking error, captures, excess return and excess drawdown.
//!
//! Never sees a pair of returns: they are formulas over what all pairs amount to.
//!
//! Periods are trading days, and bars where bars last longer: a benchmark of daily bars has one move a day, and correlations of
//! shorter periods lean towards zero where prices do not move together (Epps 1979).

use super::{Frame, Metrics, Scratch, calendar::Days, sums::NOISE};
use crate::broker::Ledger;

/// The share of the variance that rounding may leave as a residual of a run that follows its benchmark exactly.
const EXACT_FIT: f64 = 1e-12;

/// The least beta by which something is divided.
const SMALL_BETA: f64 = 1e-9;

/// What products of thousands of rounded factors may be off: relative wealth that is no further from 1 is 1.
const EVEN: f64 = 1e-12;

/// What pairs of returns amount to: means, sums of squares and products about them, and relative wealth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Totals {
    /// Periods.
    pub(super) count: usize,
    /// The mean return per period, as a share.
    pub(super) mean: f64,
    /// The sum of the squared distances from it.
    pub(super) squares: f64,
    /// The benchmark's mean return per period, as a share.
    pub(super) benchmark_mean: f64,
    /// The sum of its squared distances from it.
    pub(super) benchmark_squares: f64,
    /// The sum of the products of both distances.
    pub(super) products: f64,
    /// The mean return over the benchmark per period, as a share.
    pub(super) excess_mean: f64,
    /// The sum of the squared distances from it.
    pub(super) excess_squares: f64,
    /// The sums of the returns, and of the benchmark's, where the benchmark gained.
    pub(super) up: [f64; 2],
    /// The sums of the returns, and of the benchmark's, where the benchmark lost.
    pub(super) down: [f64; 2],
    /// Periods in which the benchmark gained.
    pub(super) ups: f64,
    /// Periods in which the benchmark lost.
    pub(super) downs: f64,
    /// Periods in which the strategy returned more than the benchmark, beyond rounding.
    pub(super) wins: f64,
    /// The benchmark's final wealth for 1; `None` where it is not a number.
    pub(super) benchmark_growth: Option<f64>,
    /// The strategy's final wealth for 1, over the benchmark's; `None` where it is not a number.
    pub(super) relative_growth: Option<f64>,
    /// The deepest drawdown of that ratio, as a share: zero or negative; `None` where it is not a number.
    pub(super) relative_drawdown: Option<f64>,
}

/// What numbers per year rest on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Scale {
    /// Periods in a year; `None` leaves what is annualised undefined.
    pub(super) periods_per_year: Option<f64>,
    /// The risk-free rate per year, as a share.
    pub(super) risk_free: f64,
    /// Calendar years from the first time stamp to the last; `None` where no time passes.
    pub(super) years: Option<f64>,
}

impl Metrics {
    /// What the run amounts to beside the benchmark of its frame, if there is one.
    pub(super) fn relative(&mut self, ledger: &Ledger, frame: &Frame, scratch: &mut Scratch) {
        let Some(benchmark) = frame.benchmark() else { return };
        let Scratch { lanes, equity, changes, .. } = scratch;
        match &frame.calendar.days {
            Days::Each | Days::None => ledger.curve().write_to(equity),
            Days::Ends(ends) => {
                equity.clear();
                equity.extend(ledger.curve().at_ends(ends));
            }
        }
        let totals = benchmark.against(ledger.initial_cash, equity, changes, *lanes);
        self.of_totals(&totals, &frame.scale_of_days());
    }

    /// The metrics of what pairs of returns amount to.
    pub(super) fn of_totals(&mut self, totals: &Totals, scale: &Scale) {
        let year = scale.periods_per_year.filter(|year| *year > 0.0);
        let rate = year.map_or(0.0, |year| scale.risk_free / year);
        let (excess, beta) = (totals.mean - rate, totals.beta());
        let alpha = beta.map(|beta| excess - beta * (totals.benchmark_mean - rate));
        let spread = totals.deviation(totals.excess_squares);
        let any = totals.count > 0;
        let growth = totals.relative_growth.filter(|_| any).map(even);
        self.jensen_alpha = alpha.zip(year).map(|(alpha, year)| alpha * year);
        self.alpha_t = alpha.and_then(|alpha| totals.alpha_t(alpha, rate));
        self.benchmark_beta = beta;
        self.benchmark_correlation = totals.correlation();
        self.tracking_error = spread.zip(year).map(|(spread, year)| spread * year.sqrt());
        self.information_ratio =
            above_noise(spread).zip(year).map(|(spread, year)| totals.excess_mean / spread * year.sqrt());
        self.treynor_ratio = beta.filter(|beta| *beta > SMALL_BETA).zip(year).map(|(beta, year)| excess * year / beta);
        self.up_capture = (totals.ups > 0.0).then(|| totals.up[0] / totals.up[1]);
        self.down_capture = (totals.downs > 0.0).then(|| totals.down[0] / totals.down[1]);
        self.batting_average = any.then(|| totals.wins / totals.count as f64);
        self.benchmark_return = totals.benchmark_growth.filter(|_| any).map(|growth| growth - 1.0);
        self.excess_return = growth.map(|growth| growth - 1.0);
        let years = scale.years.filter(|years| *years > 0.0);
        let growing = growth.filter(|growth| *growth >= 0.0).zip(years);
        self.excess_cagr = growing.map(|(growth, years)| libm::pow(growth, 1.0 / years) - 1.0);
        let deepest = totals.relative_drawdown.filter(|_| any);
        self.excess_drawdown = deepest.map(|deepest| even(deepest + 1.0) - 1.0);
    }
}

/// Relative wealth without what rounding alone explains.
fn even(wealth: f64) -> f64 {
    if (wealth - 1.0).abs() <= EVEN { 1.0 } else { wealth }
}

fn above_noise(deviation: Option<f64>) -> Option<f64> {
    deviation.filter(|deviation| *deviation > NOISE)
}

impl Totals {
    /// The standard deviation whose squares sum to `squares`, where there are enough returns for one.
    pub(super) fn deviation(&self, squares: f64) -> Option<f64> {
        (self.count >= 2).then(|| (squares / (self.count as f64 - 1.0)).sqrt())
    }

    fn beta(&self) -> Option<f64> {
        above_noise(self.deviation(self.benchmark_squares)).map(|_| self.products / self.benchmark_squares)
    }

    fn correlation(&self) -> Option<f64> {
        let both = [self.squares, self.benchmark_squares];
        let are_spread = both.iter().all(|squares| above_noise(self.deviation(*squares)).is_some());
        // The product of the squares could leave the numbers.
        let correlation = self.products / (both[0].sqrt() * both[1].sqrt());
        (are_spread && correlation.is_finite()).then(|| correlation.clamp(-1.0, 1.0))
    }

    /// How many of its standard errors alpha per period is from 0.
    fn alpha_t(&self, alpha: f64, rate: f64) -> Option<f64> {
        let n = self.count as f64;
        let residual = self.squares - self.products / self.benchmark_squares * self.products;
        let variance = residual / (n - 2.0);
        let distance = self.benchmark_mean - rate;
        let error = (variance * (1.0 / n + distance / self.benchmark_squares * distance)).sqrt();
        (self.count > 2 && residual > EXACT_FIT * self.squares && error > 0.0).then(|| alpha / error)
    }
}
