//! Profiles: the rules of other engines as settings of this one.
//!
//! Never changes cash, costs or the price that orders get: those are the user's, there as here.

use std::{fmt, str::FromStr};

use serde::Serialize;

use super::{
    Bankruptcy, Booking, BuyingPower, ExitTiming, FillAt, GapFills, Intrabar, LimitFills, Rules, Settings,
    SettingsError, StopLimits,
    spec::{self, Scalar, Setting},
};

/// An engine whose trades this one reproduces one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Profile {
    /// backtesting.py 0.6.
    ///
    /// Whole units, and sizes that include commission. Limits that are touched. A bracket's stop before its limit, even
    /// where the open is beyond the limit; exits in the bar of the entry where it is known what came after it. Nothing is
    /// left of an account that is worth nothing. With fills at the close, market orders enter the account at the next bar, and
    /// an entry's stop that the market jumps over trades at its own price.
    ///
    /// A strategy acts from the second bar on there, and one with indicators from the bar after the first at which all of them
    /// are defined: [`first_bar`](Settings::first_bar) says which that is. What it asks for before is dropped, and not
    /// made up for: a strategy that only says when its target changes says it at the next change.
    ///
    /// `finalize_trades` is the rule `at_end=last-bar`. `exclusive_orders` has no counterpart: a strategy closes and cancels
    /// before it sends the next order. `spread` has none, as it makes entries dearer and not exits.
    ///
    /// These differences remain:
    ///
    /// - Where several entries make one position, each is a trade there, and the first in is the first out. `position.close()`
    ///   closes these trades before any order that waits; here an order that trades at the same open may reduce the position
    ///   first, and less is left to close. Equity is the same but for that.
    /// - While a position is held, a share of equity is one of the cash that is left there, and what can be paid for is
    ///   decided by the close of the bar in whose open an order trades.
    /// - With a fixed commission, a share of equity buys less there, as each of its units counts with all of it.
    /// - A position that is opened within the last bar and closed by `finalize_trades` ends one bar before that there, with fills
    ///   at the close.
    /// - Where a share of equity is worth a whole number of units to the last digit, it may buy one unit less there.
    #[serde(rename = "backtesting.py")]
    BacktestingPy,
    /// vectorbt 1.2, for one instrument: any fraction of a unit, purchases that are cut to cash, short sales of any size, and
    /// accounts that trade on whatever they are worth.
    ///
    /// | there | here |
    /// |---|---|
    /// | `targetpercent`, `targetamount`, `targetvalue` | targets, sized by `equity`, `units:N`, `cash:N` |
    /// | `amount`, `value` | market orders of units and of an amount |
    /// | `percent`, and `from_signals` with its size of infinity, which is a share of 1 | market orders of a share of equity |
    ///
    /// A short sale of infinite size is cut to free cash: for targets of -1 that stand for one, choose the rule
    /// `funds=free-cash`. `longonly` is a strategy that never asks for less than nothing. In the statistics a bar lasts as long
    /// as the middle one of all; `freq` is the option `--freq`.
    ///
    /// `lock_cash`, `size_granularity`, `min_size` above 1e-8, `max_size`, stops of signals, and several instruments that
    /// share cash have no counterpart.
    #[serde(rename = "vectorbt")]
    Vectorbt,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::BacktestingPy, Self::Vectorbt];

    /// `settings` with the rules of this engine.
    pub fn apply(self, settings: Settings) -> Settings {
        match self {
            Self::BacktestingPy => Settings {
                lot: Some(1.0),
                sizing_includes_costs: true,
                first_bar: settings.first_bar.max(1),
                rules: Rules {
                    intrabar: Intrabar::StopsFirst,
                    limits: LimitFills::Touch,
                    gaps: if settings.fill == FillAt::Close { GapFills::ExitsOpen } else { GapFills::Open },
                    stop_limits: StopLimits::NextBar,
                    exits: ExitTiming::Known,
                    booking: Booking::NextBar,
                    ruin: Bankruptcy::Zero,
                    at_end: settings.rules.at_end,
                    ..Rules::default()
                },
                ..settings
            },
            Self::Vectorbt => Settings {
                lot: None,
                sizing_includes_costs: false,
                rules: Rules {
                    limits: LimitFills::Touch,
                    ruin: Bankruptcy::TradeOn,
                    funds: BuyingPower::Cash,
                    at_end: settings.rules.at_end,
                    ..Rules::default()
                },
                ..settings
            },
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BacktestingPy => "backtesting.py",
            Self::Vectorbt => "vectorbt",
        })
    }
}

impl FromStr for Profile {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        Self::ALL.into_iter().find(|profile| profile.to_string() == text).ok_or_else(|| SettingsError::Choice {
            what: "profile",
            text: text.to_owned(),
            choices: Self::ALL.map(|profile| format!("`{profile}`")).join(", "),
        })
    }
}

impl Setting for Profile {
    fn read(value: Scalar) -> Result<Self, String> {
        spec::text(value)
    }
}
