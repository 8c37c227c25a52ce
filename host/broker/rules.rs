//! The rules that engines disagree about: one table of names, meanings and choices.
//!
//! Never acts on a choice: the files that follow a rule match on its type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    SettingsError,
    spec::{self, Keys, Setting},
};
use crate::model::nearest::unknown;

/// A rule: what it decides, and what can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its key in files, in traces and after `--rule`.
    pub name: &'static str,
    /// What it decides.
    pub meaning: &'static str,
    /// What can be chosen; the first is the default.
    pub choices: &'static [Choice],
}

/// One choice of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How it is written.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl Rule {
    /// The choice that holds where none is given.
    pub fn default_choice(&self) -> &'static str {
        self.choices[0].name
    }

    /// The rule called `name`, which may have hyphens for underscores.
    ///
    /// # Errors
    ///
    /// Returns an error that names the nearest rule.
    pub fn find(name: &str) -> Result<&'static Self, SettingsError> {
        let key = name.replace('-', "_");
        Self::ALL.iter().find(|rule| rule.name == key).ok_or_else(|| SettingsError::NoRule {
            problem: unknown("rule", name, Self::ALL.iter().map(|rule| rule.name)),
        })
    }
}

/// Defines the rules: for each its key, its type, what messages call it, and its choices, the default first.
///
/// A choice that is added here is known to the command line, to files, to traces and to `host rules`.
macro_rules! rules {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $name:ident, $what:literal {
            $($(#[doc = $choice_doc:literal])+ $variant:ident = $text:literal,)+
        }
    )+) => {
        $(choices! {
            $(#[doc = $doc])+
            $name, $what { $($(#[doc = $choice_doc])+ $variant = $text,)+ }
        })+

        /// All rules together; the default is the default of each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        pub struct Rules {
            $($(#[doc = $doc])+ pub $field: $name,)+
        }

        /// Choices for some of the rules.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        pub struct RuleChoices {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$name>,
            )+
        }

        impl Rule {
            /// Every rule, in the order of [`Rules`].
            pub const ALL: &[Self] = &[$(Self {
                name: stringify!($field),
                meaning: concat!($($doc),+).trim_ascii(),
                choices: &[$(Choice { name: $text, meaning: concat!($($choice_doc),+).trim_ascii() }),+],
            }),+];
        }

        impl Rules {
            /// How each rule's choice is written, in the order of [`Rule::ALL`].
            pub fn choices(&self) -> [&'static str; Rule::ALL.len()] {
                [$(self.$field.as_str()),+]
            }
        }

        impl RuleChoices {
            /// `self`, and where it has no choice that of `base`.
            #[must_use]
            pub fn over(self, base: Self) -> Self {
                Self { $($field: self.$field.or(base.$field),)+ }
            }

            /// Whether no rule has a choice.
            pub fn is_empty(&self) -> bool {
                *self == Self::default()
            }

            /// `rules` with these choices.
            #[must_use]
            pub fn apply(self, rules: Rules) -> Rules {
                Rules { $($field: self.$field.unwrap_or(rules.$field),)+ }
            }

            /// Makes a choice by its text; returns whether the rule had one before.
            ///
            /// # Errors
            ///
            /// Returns an error that lists what can be chosen.
            pub fn choose(&mut self, rule: &'static Rule, choice: &str) -> Result<bool, SettingsError> {
                match rule.name {
                    $(stringify!($field) => Ok(self.$field.replace(choice.parse()?).is_some()),)+
                    name => unreachable!("`{name}` is not in the table"),
                }
            }
        }

        impl From<Rules> for RuleChoices {
            fn from(rules: Rules) -> Self {
                Self { $($field: Some(rules.$field),)+ }
            }
        }

        impl Keys for RuleChoices {
            const PREFIX: &str = "rules.";

            fn names() -> Vec<&'static str> {
                vec![$(stringify!($field)),+]
            }

            fn take<'de, A: serde::de::MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $(stringify!($field) => self.$field = spec::value::<Self, _, _>(key, map)?,)+
                    _ => unreachable!("only keys among the names are taken"),
                }
                Ok(())
            }
        }
    };
}

/// Defines the type of a rule: its choices, how each is written, and the default, which is the first.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum $name {
            $(
                $(#[$variant_meta])*
                #[serde(rename = $text)]
                $variant,
            )+
        }

        impl $name {
            /// Every choice, the default first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// How it is written.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = SettingsError;

            fn from_str(text: &str) -> Result<Self, SettingsError> {
                let choices = Self::ALL;
                choices.iter().copied().find(|choice| choice.as_str() == text).ok_or_else(|| SettingsError::Choice {
                    what: $what,
                    text: text.to_owned(),
                    choices: choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl Setting for $name {
            fn read(value: spec::Scalar) -> Result<Self, String> {
                spec::text(value)
            }
        }
    };
}

rules! {
    /// The path of the price that is assumed between the open and the close of a bar, of which only the highest and the
    /// lowest price are known.
    intrabar: Intrabar, "intrabar policy" {
        /// The worst possible path for the account: stops before limits; a stop is reached if it may have been, a limit only
        /// if it must have been.
        Pessimistic = "pessimistic",
        /// Worse than any possible path: as pessimistic, and the stop of a bracket goes before its limit even if the open is
        /// beyond the limit.
        StopsFirst = "stops-first",
        /// The best possible path for the account: limits before stops; a limit is reached if it may have been, a stop only if it must
        /// have been.
        Optimistic = "optimistic",
        /// From the open to the high, the low, the close.
        Ohlc = "ohlc",
        /// From the open to the low, the high, the close.
        Olhc = "olhc",
        /// From the open to the nearer of high and low first; to the low if both are equally near.
        Adaptive = "adaptive",
    }

    /// When a limit order is filled: whether it stands first or last in the queue at its price.
    limits: LimitFills, "limit rule" {
        /// Once the price has gone beyond the limit.
        Penetrate = "penetrate",
        /// Once the price has reached the limit.
        Touch = "touch",
    }

    /// The price of a stop that the market has jumped over. A stop that was already reached when it came to life gets the
    /// open.
    gaps: GapFills, "gap rule" {
        /// The open behind the gap.
        Open = "open",
        /// The stop's own price, although the market did not trade there.
        Stop = "stop",
        /// The open for the exits of a bracket. For others the stop's own price, and the close before the bar if that is beyond the
        /// stop.
        ExitsOpen = "exits-open",
    }

    /// What a stop-limit order does in the bar that reaches its stop.
    stop_limits: StopLimits, "stop-limit rule" {
        /// It is a limit order from there on.
        Follow = "follow",
        /// It trades at its stop if its limit is beyond that and the bar reaches the limit. Otherwise it is a limit order from
        /// the next bar on.
        NextBar = "next-bar",
    }

    /// When a trailing stop follows the extreme price of a bar.
    trailing: Trailing, "trailing rule" {
        /// After the bar was checked against it: within one bar a stop does not rise and then get hit.
        After = "after",
        /// Before the bar is checked against it.
        Before = "before",
    }

    /// When the exits of a bracket begin to work.
    exits: ExitTiming, "exit rule" {
        /// From the moment of the entry.
        SameBar = "same-bar",
        /// From the bar after the entry.
        NextBar = "next-bar",
        /// From the moment of the entry if the bar shows what came after it: for a market order, and for a stop order in a
        /// bar that does not reach the stop of the exits. Otherwise from the bar after the entry.
        Known = "known",
    }

    /// Which orders go first if several can trade at one open or close.
    priority: Priority, "priority" {
        /// Those that close or reduce a position, then the others; each in the order in which they were sent.
        ReducingFirst = "reducing-first",
        /// In the order in which they were sent.
        Sent = "sent",
        /// In the order of their instruments, then in the order in which they were sent.
        Instrument = "instrument",
    }

    /// What a market order or a target does if its instrument has no bar at the next time stamp.
    missing: MissingBars, "rule for missing bars" {
        /// It waits for the instrument's next bar.
        Wait = "wait",
        /// It is cancelled.
        Cancel = "cancel",
    }

    /// What happens to positions that are open at the end of the data.
    at_end: AtEnd, "rule for the end" {
        /// They stay open, and are marked at the last close.
        Hold = "hold",
        /// They are closed at the last close, with the usual costs.
        Close = "close",
        /// They are closed where a market order would have traded at the last bar. With `booking=next-bar` the last bar is then
        /// traded once more by what still waits: an order that is sent at its close gets its open, or the close before it, which
        /// the market never gave to such an order.
        LastBar = "last-bar",
    }

    /// How a quantity becomes a whole number of lots.
    lot_rounding: LotRounding, "lot rounding" {
        /// Toward zero.
        Down = "down",
        /// To the nearest.
        Nearest = "nearest",
        /// The order is rejected.
        Reject = "reject",
    }

    /// How a price becomes a whole number of ticks.
    tick_rounding: TickRounding, "tick rounding" {
        /// To the nearest.
        Nearest = "nearest",
        /// To the tick that trades later: down for a buy limit or a sell stop, up for the others.
        Passive = "passive",
        /// The order is rejected.
        Reject = "reject",
    }

    /// When a fill at the close of a bar enters the account.
    booking: Booking, "booking" {
        /// At that close.
        Fill = "fill",
        /// At the instrument's next bar, before anything else; an order of the last bar is never filled.
        NextBar = "next-bar",
    }

    /// What happens to an account that is worth nothing or less.
    ruin: Bankruptcy, "rule for ruin" {
        /// Its positions are closed, and it keeps the cash or the debt that is left.
        Keep = "keep",
        /// Its positions are closed, and it is worth zero.
        Zero = "zero",
        /// It trades on.
        TradeOn = "trade-on",
    }

    /// What an account can pay for.
    funds: BuyingPower, "funds rule" {
        /// Positions whose initial margin fits into equity.
        Margin = "margin",
        /// A purchase may take all cash, that of short sales included, and is cut to it; a short sale may have any size. A
        /// share of equity in an order is one of what can be bought with cash, or sold and paid for with free cash. Orders
        /// below 1e-8 units are not filled, nor is a target that is a share of an equity of 0 or less. For one instrument.
        Cash = "cash",
        /// As `cash`, but a short sale is cut to what free cash pays for with its costs, and an equity below 0 counts as 0. Short
        /// sales tie up their proceeds and as much again. For one instrument.
        FreeCash = "free-cash",
    }
}

impl<'de> Deserialize<'de> for RuleChoices {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        spec::read(source)
    }
}

impl<'de> Deserialize<'de> for Rules {
    /// Rules that are left out take their defaults.
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        RuleChoices::deserialize(source).map(|choices| choices.apply(Self::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for choice in Intrabar::ALL {
            assert_eq!(choice.to_string().parse(), Ok(*choice));
        }
        let error = "worst".parse::<GapFills>().unwrap_err();
        assert_eq!(error.to_string(), "`worst` is not a gap rule; give one of `open`, `stop`, `exits-open`");
    }

    #[test]
    fn every_choice_of_the_table_can_be_made_and_no_other() {
        for (at, rule) in Rule::ALL.iter().enumerate() {
            assert!(!rule.meaning.is_empty() && rule.choices.iter().all(|choice| !choice.meaning.is_empty()));
            for choice in rule.choices {
                let mut choices = RuleChoices::default();
                assert_eq!(choices.choose(rule, choice.name), Ok(false));
                assert_eq!(choices.apply(Rules::default()).choices()[at], choice.name);
                assert_eq!(choices.choose(rule, rule.default_choice()), Ok(true));
                assert_eq!(choices.apply(Rules::default()), Rules::default());
            }
            assert!(RuleChoices::default().choose(rule, "worst").is_err());
        }
    }

    #[test]
    fn a_rule_is_found_by_its_name_and_another_names_the_nearest() {
        assert_eq!(Rule::find("at-end").unwrap().name, "at_end");
        assert_eq!(Rule::find("gap").unwrap_err().to_string(), "unknown rule `gap`; did you mean `gaps`?");
        assert!(Rule::find("xyzzy").unwrap_err().to_string().starts_with("unknown rule `xyzzy`; known: `intrabar`, "));
    }
}
