//! The account as it is typed, and what that means.
//!
//! Never checks a number: the broker's settings do.

use clap::Args;

use crate::{
    backtest::{AccountSpec, Mode, Settings},
    broker::{
        self, AtEnd, Bankruptcy, Booking, BuyingPower, ExitTiming, FillAt, GapFills, Intrabar, LimitFills, LotRounding,
        MissingBars, Priority, Profile, Rules, Sizing, TickRounding, Trailing,
    },
    metrics::Selection,
};

/// How a strategy is run, and its wishes become trades and numbers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub(super) struct AccountArgs {
    /// How the strategy is run: `signals` (it sees the whole series and answers with exposures) or `events` (it hears of one
    /// bar at a time and sends orders). [default: signals, where the plugin has them]
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<Mode>,
    /// The rules of another engine: `backtesting.py` or `vectorbt`. Options below still count over it.
    #[arg(long, value_name = "ENGINE")]
    pub(super) profile: Option<Profile>,
    /// The price that an order gets: `next-open` or `close`.
    #[arg(long, value_name = "WHEN", default_value_t = FillAt::NextOpen)]
    fill: FillAt,
    /// What an exposure of 1 means: `equity`, `units:N` or `cash:N`.
    #[arg(long, value_name = "HOW", default_value_t = Sizing::Equity)]
    sizing: Sizing,
    /// Takes what the order costs out of its size. Always so for orders that are shares of equity or amounts.
    #[arg(long)]
    sizing_includes_costs: bool,
    /// Cash before the first bar, in quote currency.
    #[arg(long, value_name = "AMOUNT", default_value_t = 10_000.0)]
    cash: f64,
    /// Commission, in basis points of each fill's value.
    #[arg(long, value_name = "BPS", default_value_t = 0.0)]
    commission: f64,
    /// Commission of limit orders that waited at their price, in basis points. [default: that of all]
    #[arg(long, value_name = "BPS")]
    commission_maker: Option<f64>,
    /// Commission for each unit, in quote currency.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    commission_per_unit: f64,
    /// Commission for each order, in quote currency.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    commission_per_order: f64,
    /// The least that an order costs, in quote currency.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    commission_min: f64,
    /// The most that an order costs, in quote currency. [default: no limit]
    #[arg(long, value_name = "AMOUNT")]
    commission_max: Option<f64>,
    /// By how much each fill's price is worse than the bar's, in basis points. Limit orders have no slippage.
    #[arg(long, value_name = "BPS", default_value_t = 0.0)]
    slippage: f64,
    /// By how many ticks it is worse besides.
    #[arg(long, value_name = "TICKS", default_value_t = 0.0)]
    slippage_ticks: f64,
    /// The fraction by which the price is worse besides for an order of the bar's whole volume; grows with the square of
    /// the order's share.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0)]
    slippage_impact: f64,
    /// The share of a bar's volume that all orders together may trade; the rest waits. [default: volume does not matter]
    #[arg(long, value_name = "SHARE")]
    volume_share: Option<f64>,
    /// Rounds positions and orders to a multiple of so many units.
    #[arg(long, value_name = "UNITS")]
    lot: Option<f64>,
    /// Rounds prices of orders to a multiple of so much quote currency.
    #[arg(long, value_name = "AMOUNT")]
    tick: Option<f64>,
    /// Equity that opening a position takes, as a share of its value: 1 is a cash account, 0.5 has a leverage of two.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    initial_margin: f64,
    /// Equity that holding positions takes, as a share of their value; an account with less is liquidated at the close.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    maintenance_margin: f64,
    /// Yearly rate on the value of what is short and on cash that is owed, as a fraction.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    borrow_rate: f64,
    /// Bars in a year, for annualised numbers. [default: inferred from the bars]
    #[arg(long, value_name = "N")]
    pub(super) periods_per_year: Option<f64>,
    /// The yearly rate that excess returns are measured from, as a fraction.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, allow_hyphen_values = true)]
    risk_free: f64,
    #[command(flatten)]
    rules: RuleArgs,
}

/// What engines disagree about.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules of orders")]
struct RuleArgs {
    /// What is assumed about the price within a bar: `pessimistic`, `stops-first` (even after an open beyond the target),
    /// `optimistic`, or a way through its prices: `ohlc`, `olhc`, `adaptive` (the nearer of high and low first).
    /// [default: pessimistic]
    #[arg(long, value_name = "POLICY")]
    intrabar: Option<Intrabar>,
    /// When a limit order is filled: `penetrate` (the price has gone beyond the limit) or `touch`. [default: penetrate]
    #[arg(long, value_name = "RULE")]
    limits: Option<LimitFills>,
    /// The price of a stop that the market has jumped over: `open`, `stop`, or `exits-open` (the open for exits, the stop for
    /// entries). [default: open]
    #[arg(long, value_name = "RULE")]
    gaps: Option<GapFills>,
    /// When a trailing stop follows a bar: `after` or `before` it is checked against it. [default: after]
    #[arg(long, value_name = "RULE")]
    trailing: Option<Trailing>,
    /// From when on the exits of a bracket work: `same-bar`, `next-bar`, or `known` (the same where it is known what came
    /// after the entry). [default: same-bar]
    #[arg(long, value_name = "RULE")]
    exits: Option<ExitTiming>,
    /// Which orders go first at an open or a close: `reducing-first`, `sent` or `instrument`. [default: reducing-first]
    #[arg(long, value_name = "RULE")]
    priority: Option<Priority>,
    /// What a market order does without a bar at the next time stamp: `wait` or `cancel`. [default: wait]
    #[arg(long, value_name = "RULE")]
    missing: Option<MissingBars>,
    /// What becomes of open positions at the end: `hold`, `close` (at the last close) or `last-bar` (where a market order
    /// would have traded). [default: hold]
    #[arg(long, value_name = "RULE")]
    at_end: Option<AtEnd>,
    /// How quantities become whole lots: `down`, `nearest` or `reject`. [default: down]
    #[arg(long, value_name = "RULE")]
    lot_rounding: Option<LotRounding>,
    /// How prices become whole ticks: `nearest`, `passive` or `reject`. [default: nearest]
    #[arg(long, value_name = "RULE")]
    tick_rounding: Option<TickRounding>,
    /// When a fill at a close enters the account: `fill` (at that close) or `next-bar`. [default: fill]
    #[arg(long, value_name = "RULE")]
    booking: Option<Booking>,
    /// What becomes of an account that is worth nothing: `keep`, `zero` or `trade-on`. [default: keep]
    #[arg(long, value_name = "RULE")]
    ruin: Option<Bankruptcy>,
    /// What can be paid for: what fits the initial `margin`, or what `free-cash` allows. [default: margin]
    #[arg(long, value_name = "RULE")]
    funds: Option<BuyingPower>,
}

impl AccountArgs {
    /// What was typed.
    pub(super) fn spec(&self) -> anyhow::Result<AccountSpec> {
        Ok(AccountSpec::from(self.settings(Selection::none())))
    }

    /// What was typed, over the rules of the profile.
    pub(super) fn settings(&self, metrics: Selection) -> Settings {
        Settings {
            account: self.account(),
            mode: self.mode,
            periods_per_year: self.periods_per_year,
            risk_free: self.risk_free,
            metrics,
        }
    }

    fn account(&self) -> broker::Settings {
        let typed = broker::Settings {
            initial_cash: self.cash,
            fill: self.fill,
            sizing: self.sizing,
            sizing_includes_costs: self.sizing_includes_costs,
            commission_bps: self.commission,
            commission_maker_bps: self.commission_maker,
            commission_per_unit: self.commission_per_unit,
            commission_per_order: self.commission_per_order,
            commission_minimum: self.commission_min,
            commission_maximum: self.commission_max,
            slippage_bps: self.slippage,
            slippage_ticks: self.slippage_ticks,
            slippage_impact: self.slippage_impact,
            volume_share: self.volume_share,
            lot: self.lot,
            tick: self.tick,
            initial_margin: self.initial_margin,
            maintenance_margin: self.maintenance_margin,
            borrow_rate: self.borrow_rate,
            rules: Rules::default(),
        };
        let base = self.profile.map_or(typed, |profile| profile.apply(typed));
        broker::Settings {
            lot: self.lot.or(base.lot),
            sizing_includes_costs: self.sizing_includes_costs || base.sizing_includes_costs,
            rules: self.rules.over(base.rules),
            ..base
        }
    }
}

impl RuleArgs {
    /// `base`, but for what was typed.
    fn over(&self, base: Rules) -> Rules {
        Rules {
            intrabar: self.intrabar.unwrap_or(base.intrabar),
            limits: self.limits.unwrap_or(base.limits),
            gaps: self.gaps.unwrap_or(base.gaps),
            trailing: self.trailing.unwrap_or(base.trailing),
            exits: self.exits.unwrap_or(base.exits),
            priority: self.priority.unwrap_or(base.priority),
            missing: self.missing.unwrap_or(base.missing),
            at_end: self.at_end.unwrap_or(base.at_end),
            lot_rounding: self.lot_rounding.unwrap_or(base.lot_rounding),
            tick_rounding: self.tick_rounding.unwrap_or(base.tick_rounding),
            booking: self.booking.unwrap_or(base.booking),
            ruin: self.ruin.unwrap_or(base.ruin),
            funds: self.funds.unwrap_or(base.funds),
        }
    }
}
