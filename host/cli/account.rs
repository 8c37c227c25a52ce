//! Account options: the command line's settings, over the file of `--account`.
//!
//! Never checks a number: [`AccountSpec::settings`] does.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser};

use super::reporter::Reporter;
use crate::{
    backtest::{AccountSpec, Mode, Settings, SetupError},
    broker::{FillAt, Profile, Rule, RuleChoices, SettingsError, SettingsSpec, Sizing},
    metrics::{Frequency, Selection},
};

/// Rules that had a flag of their own before `--rule`. A new rule gets none.
const FLAGGED: [&str; 13] = [
    "intrabar",
    "limits",
    "gaps",
    "trailing",
    "exits",
    "priority",
    "missing",
    "at_end",
    "lot_rounding",
    "tick_rounding",
    "booking",
    "ruin",
    "funds",
];

/// The account options: settings to run, trade and measure a strategy with.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Account")]
pub(super) struct AccountArgs {
    /// A file of settings and rules, .toml or .json, over which options win; `host rules` lists its keys
    #[arg(long = "account", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Rules of another engine, unless set here: `backtesting.py`, `vectorbt`
    #[arg(long, value_name = "ENGINE")]
    profile: Option<Profile>,
    /// Chooses a rule, like `gaps=stop`. Repeatable; `host rules` lists all
    #[arg(long = "rule", value_name = "NAME=CHOICE")]
    rules: Vec<TypedRule>,
    /// How the strategy is run: `signals` (exposures) or `events` (orders) [default: signals, if the plugin has them]
    #[arg(long, value_name = "MODE", hide_short_help = true)]
    mode: Option<Mode>,
    /// The price of an order: `next-open` or `close` [default: next-open]
    #[arg(long, value_name = "WHEN")]
    fill: Option<FillAt>,
    /// An exposure of 1: `equity`, `units:N` or `cash:N` [default: equity]
    #[arg(long, value_name = "HOW")]
    sizing: Option<Sizing>,
    /// Cash before the first bar, in quote currency [default: 10000]
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    cash: Option<f64>,
    /// Commission, in basis points of each fill's value [default: 0]
    #[arg(long, value_name = "BPS", value_parser = basis_points, allow_hyphen_values = true)]
    commission: Option<f64>,
    /// Commission of limit orders that waited at their price, in basis points [default: as `--commission`]
    #[arg(long, value_name = "BPS", value_parser = basis_points, hide_short_help = true, allow_hyphen_values = true)]
    commission_maker: Option<f64>,
    /// Commission for each unit, in quote currency [default: 0]
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    commission_per_unit: Option<f64>,
    /// Commission for each order, in quote currency [default: 0]
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    commission_per_order: Option<f64>,
    /// The least commission of an order, in quote currency [default: 0]
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    commission_min: Option<f64>,
    /// The greatest commission of an order, in quote currency [default: none]
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    commission_max: Option<f64>,
    /// How much worse fills are than the bar's price, in basis points; not for limit orders [default: 0]
    #[arg(long, value_name = "BPS", value_parser = basis_points, allow_hyphen_values = true)]
    slippage: Option<f64>,
    /// Slippage in ticks, added to `--slippage` [default: 0]
    #[arg(long, value_name = "TICKS", hide_short_help = true, allow_hyphen_values = true)]
    slippage_ticks: Option<f64>,
    /// Slippage of an order for the bar's whole volume, as a fraction of the price; grows with the square of the order's
    /// share [default: 0]
    #[arg(long, value_name = "FRACTION", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    slippage_impact: Option<f64>,
    /// The share of a bar's volume that all orders together may trade; the rest waits [default: no limit]
    #[arg(long, value_name = "SHARE", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    volume_share: Option<f64>,
    /// Rounds positions and orders to a multiple of this many units
    #[arg(long, value_name = "UNITS", hide_short_help = true, allow_hyphen_values = true)]
    lot: Option<f64>,
    /// Rounds prices of orders to a multiple of this much quote currency
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    tick: Option<f64>,
    /// Quote currency that one unit gains when the price rises by 1: a future's point value [default: 1]
    #[arg(long, value_name = "AMOUNT", hide_short_help = true, allow_hyphen_values = true)]
    multiplier: Option<f64>,
    /// Equity needed to open a position, as a share of its value [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    initial_margin: Option<f64>,
    /// Equity needed to hold positions, as a share of their value; with less they are closed at the close [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    maintenance_margin: Option<f64>,
    /// Yearly interest on shorts and debt, as a fraction [default: 0]
    #[arg(long, value_name = "RATE", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    borrow_rate: Option<f64>,
    /// The first bar, counted from 0, at which the strategy may act; what it asks for before is refused [default: 0, and 1 with
    /// `--profile backtesting.py`]
    #[arg(long, value_name = "BAR", hide_short_help = true, allow_hyphen_values = true)]
    first_bar: Option<usize>,
    /// Bars in a year, for annualised numbers [default: as the bars show]
    #[arg(long, value_name = "N", hide_short_help = true, allow_hyphen_values = true)]
    periods_per_year: Option<f64>,
    /// The time between bars for the statistics of `--profile vectorbt`, like `30D`, `1h` or `5min`: its `freq` [default: the
    /// middle one of the bars]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    freq: Option<Frequency>,
    /// The yearly rate of excess returns, as a fraction [default: 0]
    #[arg(long, value_name = "RATE", value_parser = share, hide_short_help = true, allow_hyphen_values = true)]
    risk_free: Option<f64>,
    #[command(flatten)]
    old: OldFlags,
    /// The resolved settings.
    #[arg(skip)]
    spec: AccountSpec,
}

/// Basis points as people write them: `10`, `10bps` or `0.1%`.
fn basis_points(text: &str) -> Result<f64, String> {
    let of = |text: &str, power: &str| format!("{}{power}", text.trim()).parse::<f64>().ok();
    let text = text.trim();
    let read = match (text.strip_suffix('%'), text.strip_suffix("bps").or_else(|| text.strip_suffix("bp"))) {
        (Some(percent), _) => of(percent, "e2"),
        (None, Some(points)) => of(points, ""),
        (None, None) => of(text, ""),
    };
    read.ok_or_else(|| format!("`{text}` is not a number of basis points; write 10, 10bps or 0.1%"))
}

/// Basis points below which costs may have been meant as a share.
const TINY: f64 = 0.05;

/// A share as people write it: `0.5` or `50%`.
fn share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let read = match text.strip_suffix('%') {
        Some(percent) => format!("{}e-2", percent.trim()).parse::<f64>(),
        None => text.parse::<f64>(),
    };
    read.map_err(|_| format!("`{text}` is not a share; write 0.5 or 50%"))
}

/// A choice as it is typed: `NAME=CHOICE`.
#[derive(Debug, Clone)]
struct TypedRule {
    rule: &'static Rule,
    choice: String,
}

impl TypedRule {
    fn new(rule: &'static Rule, choice: &str) -> Result<Self, SettingsError> {
        RuleChoices::default().choose(rule, choice)?;
        Ok(Self { rule, choice: choice.to_owned() })
    }
}

impl FromStr for TypedRule {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let (name, choice) = text.split_once('=').unwrap_or((text, ""));
        Self::new(Rule::find(name)?, choice)
    }
}

/// Flags of earlier versions: they still work, are hidden, and print their replacement.
#[derive(Debug, Default)]
struct OldFlags {
    rules: Vec<TypedRule>,
    sizing_includes_costs: bool,
}

/// The flag of an account file's key.
const SIZING_INCLUDES_COSTS: &str = "sizing-includes-costs";

impl Args for OldFlags {
    fn augment_args(command: Command) -> Command {
        let command = Rule::ALL.iter().filter(|rule| FLAGGED.contains(&rule.name)).fold(command, |command, rule| {
            let parser = ValueParser::new(|text: &str| TypedRule::new(rule, text));
            let flag = rule.name.replace('_', "-");
            command.arg(Arg::new(rule.name).long(flag).value_name("CHOICE").value_parser(parser).hide(true))
        });
        let flag = Arg::new(SIZING_INCLUDES_COSTS).long(SIZING_INCLUDES_COSTS);
        command.arg(flag.action(clap::ArgAction::SetTrue).hide(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OldFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let rules = FLAGGED.iter().filter_map(|name| matches.get_one::<TypedRule>(name).cloned()).collect();
        Ok(Self { rules, sizing_includes_costs: matches.get_flag(SIZING_INCLUDES_COSTS) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl OldFlags {
    fn report(&self, reporter: &mut Reporter<'_>) {
        for TypedRule { rule, choice } in &self.rules {
            let flag = rule.name.replace('_', "-");
            reporter.note(format!("note: `--{flag} {choice}` is now `--rule {}={choice}`", rule.name));
        }
        if self.sizing_includes_costs {
            let key = SIZING_INCLUDES_COSTS.replace('-', "_");
            reporter
                .note(format!("note: `--{SIZING_INCLUDES_COSTS}` is now `{key} = true` in the file of `--account`"));
        }
    }
}

impl AccountArgs {
    /// Reads the account file, if one is given, and puts the options over it. Must be called once, before the others.
    pub(super) fn resolve(&mut self, reporter: &mut Reporter<'_>) -> Result<()> {
        self.old.report(reporter);
        let file = self.file.as_deref().map(AccountSpec::load).transpose()?;
        self.spec = self.typed()?.over(file.unwrap_or_default());
        self.note_tiny(reporter);
        Ok(())
    }

    /// Says what costs of next to nothing come to: elsewhere, 0.001 is a share.
    fn note_tiny(&self, reporter: &mut Reporter<'_>) {
        let typed =
            [("commission", self.commission), ("commission-maker", self.commission_maker), ("slippage", self.slippage)];
        for (option, points) in typed.into_iter().filter_map(|(option, points)| Some((option, points?))) {
            if points != 0.0 && points.abs() < TINY {
                // Read as decimals: a quotient would show rounding, like 0.33299999999999996.
                let [percent, meant] =
                    ["e-2", "e2"].map(|power| format!("{points}{power}").parse().unwrap_or(f64::NAN));
                reporter.note(format!(
                    "note: `--{option} {points}` is {points} basis points, {percent} %; the share {points} is `{meant}%`"
                ));
            }
        }
    }

    /// The account file, if one is given.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// The settings of the file and the command line.
    pub(super) fn spec(&self) -> AccountSpec {
        self.spec
    }

    /// The settings, over the defaults.
    pub(super) fn settings(&self, metrics: Selection) -> Result<Settings, SetupError> {
        self.spec.settings(metrics)
    }

    fn typed(&self) -> Result<AccountSpec> {
        Ok(AccountSpec {
            profile: self.profile,
            mode: self.mode,
            periods_per_year: self.periods_per_year,
            risk_free: self.risk_free,
            freq: self.freq,
            account: SettingsSpec {
                initial_cash: self.cash,
                fill: self.fill,
                sizing: self.sizing,
                sizing_includes_costs: self.old.sizing_includes_costs.then_some(true),
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
                multiplier: self.multiplier,
                initial_margin: self.initial_margin,
                maintenance_margin: self.maintenance_margin,
                borrow_rate: self.borrow_rate,
                first_bar: self.first_bar,
                rules: self.rules()?,
            },
        })
    }

    fn rules(&self) -> Result<RuleChoices> {
        let mut choices = RuleChoices::default();
        for TypedRule { rule, choice } in self.rules.iter().chain(&self.old.rules) {
            if choices.choose(rule, choice)? {
                bail!("`--rule {0}={choice}` gives `{0}` a second time; give each rule once", rule.name);
            }
        }
        Ok(choices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basis_points_and_shares_are_read_as_people_write_them() {
        for (text, expected) in [("10", 10.0), ("10bps", 10.0), ("2.5 bp", 2.5), ("0.1%", 10.0), ("0.07%", 7.0)] {
            assert_eq!(basis_points(text), Ok(expected), "{text}");
        }
        for (text, expected) in [("0.5", 0.5), ("50%", 0.5), ("7%", 0.07), ("-1 %", -0.01)] {
            assert_eq!(share(text), Ok(expected), "{text}");
        }
        for text in ["", "x", "10%%", "1bps%", "ten bps"] {
            assert!(basis_points(text).unwrap_err().contains("write 10, 10bps or 0.1%"), "{text}");
            assert!(share(text).unwrap_err().contains("write 0.5 or 50%"), "{text}");
        }
    }
}
