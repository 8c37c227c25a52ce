//! What engines disagree about: each rule is a choice with a default.
//!
//! Holds the choices; the code that follows them is elsewhere.

use std::{fmt, str::FromStr};

use serde::Serialize;

use super::SettingsError;

/// Defines a rule: its choices, how each is written, and which is the default.
macro_rules! rule {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        pub enum $name {
            $(
                $(#[$variant_meta])*
                #[serde(rename = $text)]
                $variant,
            )+
        }

        impl $name {
            /// Every choice.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $text,)+
                })
            }
        }

        impl FromStr for $name {
            type Err = SettingsError;

            fn from_str(text: &str) -> Result<Self, SettingsError> {
                let choices = Self::ALL;
                choices.iter().copied().find(|choice| choice.to_string() == text).ok_or_else(|| SettingsError::Choice {
                    what: $what,
                    text: text.to_owned(),
                    choices: choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

rule! {
    /// What is assumed about the way of the price between the open and the close of a bar, of which only the highest and
    /// the lowest are known.
    Intrabar, "intrabar policy" {
        /// Of all that may have happened, the worst for the account: stops before limits; a stop is reached if it may have
        /// been, a limit only if it must have been.
        #[default]
        Pessimistic = "pessimistic",
        /// Worse than anything that may have happened: as pessimistic, and the stop of a bracket goes before its limit even
        /// where the open is beyond the limit.
        StopsFirst = "stops-first",
        /// The best for the account: limits before stops; a limit is reached if it may have been, a stop only if it must
        /// have been.
        Optimistic = "optimistic",
        /// From the open to the high, the low, the close.
        Ohlc = "ohlc",
        /// From the open to the low, the high, the close.
        Olhc = "olhc",
        /// To the nearer of high and low first; to the low where both are as near.
        Adaptive = "adaptive",
    }
}

rule! {
    /// When a limit order is filled: whether it stands first or last in the queue at its price.
    Limits, "limit rule" {
        /// Once the price has gone beyond the limit.
        #[default]
        Penetrate = "penetrate",
        /// Once the price has reached the limit.
        Touch = "touch",
    }
}

rule! {
    /// The price of a stop that the market has jumped over. One that was reached when it came to life gets the open.
    Gaps, "gap rule" {
        /// The open behind the gap.
        #[default]
        Open = "open",
        /// The stop's own price, at which nobody has traded.
        Stop = "stop",
        /// The open for the exits of a bracket, the stop's own price for others.
        ExitsOpen = "exits-open",
    }
}

rule! {
    /// When a trailing stop follows the extreme of a bar.
    Trailing, "trailing rule" {
        /// After the bar was checked against it: within one bar a stop does not rise and then get hit.
        #[default]
        After = "after",
        /// Before the bar is checked against it.
        Before = "before",
    }
}

rule! {
    /// From when on the exits of a bracket work.
    Exits, "exit rule" {
        /// From the moment of the entry.
        #[default]
        SameBar = "same-bar",
        /// From the bar after the entry.
        NextBar = "next-bar",
        /// From the moment of the entry where it is known what came after it: a market order's, and a stop order's in a bar
        /// that does not reach the stop of the exits. Otherwise from the bar after the entry.
        Known = "known",
    }
}

rule! {
    /// Which of the orders that could trade at one open or close go first.
    Priority, "priority" {
        /// Those that close or reduce a position, then the others; each in the order in which they were sent.
        #[default]
        ReducingFirst = "reducing-first",
        /// In the order in which they were sent.
        Sent = "sent",
        /// In the order of their instruments, then in that in which they were sent.
        Instrument = "instrument",
    }
}

rule! {
    /// What becomes of a market order or a target whose instrument has no bar at the next time stamp.
    Missing, "rule for missing bars" {
        /// It waits for the instrument's next bar.
        #[default]
        Wait = "wait",
        /// It is cancelled.
        Cancel = "cancel",
    }
}

rule! {
    /// What becomes of positions that are open at the end of the data.
    AtEnd, "rule for the end" {
        /// They stay open, and are marked at the last close.
        #[default]
        Hold = "hold",
        /// They are closed at the last close, with the usual costs.
        Close = "close",
        /// They are closed where a market order would have traded at the last bar.
        LastBar = "last-bar",
    }
}

rule! {
    /// How a quantity that is no whole number of lots becomes one.
    LotRounding, "lot rounding" {
        /// Toward zero.
        #[default]
        Down = "down",
        /// To the nearest.
        Nearest = "nearest",
        /// It does not: the order is rejected.
        Reject = "reject",
    }
}

rule! {
    /// How a price that is no whole number of ticks becomes one.
    TickRounding, "tick rounding" {
        /// To the nearest.
        #[default]
        Nearest = "nearest",
        /// To the one that trades later: down for a buy limit or a sell stop, up for the others.
        Passive = "passive",
        /// It does not: the order is rejected.
        Reject = "reject",
    }
}

rule! {
    /// When a fill at the close of a bar enters the account.
    Booking, "booking" {
        /// At that close.
        #[default]
        Fill = "fill",
        /// At the instrument's next bar, before anything else; an order of the last bar is never filled.
        NextBar = "next-bar",
    }
}

rule! {
    /// What becomes of an account that is worth nothing or less.
    Ruin, "rule for ruin" {
        /// Its positions are closed, and it keeps what is left or owed.
        #[default]
        Keep = "keep",
        /// Its positions are closed, and it is worth zero.
        Zero = "zero",
        /// It trades on.
        TradeOn = "trade-on",
    }
}

rule! {
    /// What an account can pay for.
    Funds, "funds rule" {
        /// Positions of which the initial margin fits into equity.
        #[default]
        Margin = "margin",
        /// A purchase may take all cash, that of short sales included; a short sale takes free cash, of which the proceeds
        /// of short sales are no part. For one instrument.
        FreeCash = "free-cash",
    }
}

/// All rules together; the default is the default of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rules {
    /// What happens within a bar.
    pub intrabar: Intrabar,
    /// When a limit order is filled.
    pub limits: Limits,
    /// At what price a stop is filled behind a gap.
    pub gaps: Gaps,
    /// When a trailing stop moves.
    pub trailing: Trailing,
    /// From when on the exits of a bracket work.
    pub exits: Exits,
    /// Who goes first.
    pub priority: Priority,
    /// What an order does without a bar.
    pub missing: Missing,
    /// What happens at the end.
    pub at_end: AtEnd,
    /// Whole lots.
    pub lot_rounding: LotRounding,
    /// Whole ticks.
    pub tick_rounding: TickRounding,
    /// When a fill at the close is booked.
    pub booking: Booking,
    /// What ruin means.
    pub ruin: Ruin,
    /// What can be paid for.
    pub funds: Funds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for choice in Intrabar::ALL {
            assert_eq!(choice.to_string().parse(), Ok(*choice));
        }
        let error = "worst".parse::<Gaps>().unwrap_err();
        assert_eq!(error.to_string(), "`worst` is no gap rule; give one of `open`, `stop`, `exits-open`");
    }
}
