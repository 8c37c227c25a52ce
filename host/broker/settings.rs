//! Settings of the account: cash, fills, sizes, costs and margin.
//!
//! Never acts on a setting: it reads, checks and writes them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::MapAccess};

use super::{
    AtEnd, Bankruptcy, Booking, BuyingPower, MissingBars, Priority, RuleChoices, Rules, SettingsError,
    spec::{self, Keys, Scalar, Setting},
};
use crate::model::Contract;

/// A setting of the account, for lists of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingInfo {
    /// Its key in files and in traces.
    pub name: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

/// Defines the settings: for each its type, the type of a value that is given, and the default.
macro_rules! settings {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $ty:ty as $given:ty = $default:expr,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)+
            /// The rules that engines disagree about.
            pub rules: Rules,
        }

        /// Some of the [settings of an account](Settings), each optional.
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
        pub struct SettingsSpec {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$given>,
            )+
            /// The rules that engines disagree about.
            #[serde(skip_serializing_if = "RuleChoices::is_empty")]
            pub rules: RuleChoices,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ rules: Rules::default() }
            }
        }

        impl SettingsSpec {
            /// Every setting but the rules, which [`Rule::ALL`](super::Rule::ALL) lists.
            pub const ALL: &[SettingInfo] =
                &[$(SettingInfo { name: stringify!($field), meaning: concat!($($doc),+).trim_ascii() }),+];

            /// `self`, and where it says nothing what `base` says.
            #[must_use]
            pub fn over(self, base: Self) -> Self {
                Self { $($field: self.$field.or(base.$field),)+ rules: self.rules.over(base.rules) }
            }

            /// `settings` with what is given here.
            #[must_use]
            pub fn apply(self, mut settings: $name) -> $name {
                $(settings.$field.give(self.$field);)+
                settings.rules = self.rules.apply(settings.rules);
                settings
            }
        }

        impl From<$name> for SettingsSpec {
            fn from(settings: $name) -> Self {
                Self { $($field: settings.$field.given(),)+ rules: settings.rules.into() }
            }
        }

        impl Keys for SettingsSpec {
            const PREFIX: &str = "";

            fn names() -> Vec<&'static str> {
                vec![$(stringify!($field),)+ "rules"]
            }

            fn inner_names() -> Vec<String> {
                RuleChoices::names().iter().map(|name| format!("{}{name}", RuleChoices::PREFIX)).collect()
            }

            fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $(stringify!($field) => self.$field = spec::value::<Self, _, _>(key, map)?,)+
                    "rules" => self.rules = map.next_value::<Option<RuleChoices>>()?.unwrap_or_default(),
                    _ => unreachable!("only keys among the names are taken"),
                }
                Ok(())
            }
        }
    };
}

/// A field of [`Settings`] that a given value changes.
trait Field {
    type Given;

    fn give(&mut self, value: Option<Self::Given>);

    fn given(self) -> Option<Self::Given>;
}

/// Fields that always have a value.
macro_rules! always {
    ($($ty:ty),+) => {
        $(impl Field for $ty {
            type Given = Self;

            fn give(&mut self, value: Option<Self>) {
                *self = value.unwrap_or(*self);
            }

            fn given(self) -> Option<Self> {
                Some(self)
            }
        })+
    };
}

always!(f64, bool, usize, FillAt, Sizing);

impl Field for Option<f64> {
    type Given = f64;

    fn give(&mut self, value: Self) {
        *self = value.or(*self);
    }

    fn given(self) -> Self {
        self
    }
}

settings! {
    /// The account: how targets become orders, what orders cost, and by which rules they trade.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::broker::{Settings, Sizing};
    ///
    /// let settings = Settings { sizing: "units:10".parse()?, commission_bps: 5.0, ..Settings::default() };
    /// assert_eq!(settings.sizing, Sizing::Units(10.0));
    /// settings.check()?;
    /// # Ok::<(), host::broker::SettingsError>(())
    /// ```
    Settings {
        /// Quote currency in the account before the first bar.
        initial_cash: f64 as f64 = 10_000.0,
        /// The price that orders get: `next-open` or `close`.
        fill: FillAt as FillAt = FillAt::default(),
        /// What an exposure of 1 means: `equity`, `units:N` or `cash:N`.
        sizing: Sizing as Sizing = Sizing::default(),
        /// Whether sizes that are shares of equity or amounts of cash include what the order costs.
        sizing_includes_costs: bool as bool = false,
        /// Commission in basis points (hundredths of a percent) of each fill's value.
        commission_bps: f64 as f64 = 0.0,
        /// Basis points of a fill's value for limit orders that waited at their price; not set, they pay as all others.
        commission_maker_bps: Option<f64> as f64 = None,
        /// Quote currency of commission for each unit.
        commission_per_unit: f64 as f64 = 0.0,
        /// Quote currency of commission for each order.
        commission_per_order: f64 as f64 = 0.0,
        /// Quote currency: the least commission of an order.
        commission_minimum: f64 as f64 = 0.0,
        /// Quote currency: the greatest commission of an order; not set, there is no limit.
        commission_maximum: Option<f64> as f64 = None,
        /// Basis points by which each fill's price is worse than the bar's. A limit order that waited at its price has no
        /// slippage, and no order gets a price beyond its limit.
        slippage_bps: f64 as f64 = 0.0,
        /// Slippage in ticks, added to the others.
        slippage_ticks: f64 as f64 = 0.0,
        /// Slippage of an order for the bar's whole volume, as a fraction of the price, added to the others; it grows with the
        /// square of the order's share.
        slippage_impact: f64 as f64 = 0.0,
        /// The share of a bar's volume that all orders together may trade; the rest waits. Not set, volume does not matter.
        volume_share: Option<f64> as f64 = None,
        /// Units that positions are multiples of; not set, any fraction is allowed.
        lot: Option<f64> as f64 = None,
        /// Quote currency that prices of orders are multiples of; not set, any fraction is allowed.
        tick: Option<f64> as f64 = None,
        /// Quote currency that one unit gains when the price rises by 1: the point value of a future. Prices, units and the
        /// commission of a unit stay those of one contract.
        multiplier: f64 as f64 = 1.0,
        /// Equity needed to open a position, as a share of its value: 1 is a cash account, 0.5 allows a leverage of two.
        initial_margin: f64 as f64 = 1.0,
        /// Equity needed to hold positions, as a share of their value; an account with less is liquidated at the close.
        maintenance_margin: f64 as f64 = 0.0,
        /// Yearly interest on the value of short positions and on cash that is owed, as a fraction.
        borrow_rate: f64 as f64 = 0.0,
        /// The first bar, counted from 0, at which the strategy may act. What it asks for before is refused. With several
        /// instruments, time stamps count.
        first_bar: usize as usize = 0,
    }
}

/// The price that an order gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FillAt {
    /// The open of the instrument's bar after the one that decided.
    #[default]
    NextOpen,
    /// The close of the bar that decided.
    Close,
}

/// What an exposure of 1 means.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Sizing {
    /// All of the account's equity. Written `equity`.
    #[default]
    Equity,
    /// This many units of the instrument. Written `units:N`.
    Units(f64),
    /// Units worth this much quote currency. Written `cash:N`.
    Cash(f64),
}

impl Settings {
    /// These settings for an instrument with this contract: what the contract gives replaces what is set here.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{broker::Settings, model::Contract};
    ///
    /// let settings = Settings { lot: Some(1.0), ..Settings::default() };
    /// let bund = Contract { multiplier: Some(1000.0), tick: Some(0.01), ..Contract::default() };
    /// let terms = settings.for_contract(&bund);
    /// assert_eq!((terms.lot, terms.tick, terms.multiplier), (Some(1.0), Some(0.01), 1000.0));
    /// terms.check_terms()?;
    /// # Ok::<(), host::broker::SettingsError>(())
    /// ```
    #[must_use]
    pub fn for_contract(&self, contract: &Contract) -> Self {
        // Without `..`, so that a new term cannot be forgotten.
        let Contract {
            lot,
            tick,
            multiplier,
            commission_bps,
            commission_per_unit,
            commission_per_order,
            commission_minimum,
            commission_maximum,
        } = *contract;
        Self {
            lot: lot.or(self.lot),
            tick: tick.or(self.tick),
            multiplier: multiplier.unwrap_or(self.multiplier),
            commission_bps: commission_bps.unwrap_or(self.commission_bps),
            commission_per_unit: commission_per_unit.unwrap_or(self.commission_per_unit),
            commission_per_order: commission_per_order.unwrap_or(self.commission_per_order),
            commission_minimum: commission_minimum.unwrap_or(self.commission_minimum),
            commission_maximum: commission_maximum.or(self.commission_maximum),
            ..*self
        }
    }

    /// Checks the settings [of one instrument](Self::for_contract): that every value is a number that an account can work with,
    /// and that nothing is missing which its contract could have given.
    ///
    /// # Errors
    ///
    /// Returns the first problem found.
    pub fn check_terms(&self) -> Result<(), SettingsError> {
        self.check()?;
        if self.slippage_ticks > 0.0 && self.tick.is_none() {
            return Err(SettingsError::NoTick { ticks: self.slippage_ticks });
        }
        Ok(())
    }

    /// Checks that every value is a number that an account can work with. What depends on the terms of an instrument,
    /// [`check_terms`](Self::check_terms) checks.
    ///
    /// # Errors
    ///
    /// Returns the first problem found.
    pub fn check(&self) -> Result<(), SettingsError> {
        positive("initial_cash", self.initial_cash)?;
        match self.sizing {
            Sizing::Equity => {}
            Sizing::Units(value) => positive("sizing units", value)?,
            Sizing::Cash(value) => positive("sizing cash", value)?,
        }
        self.lot.map_or(Ok(()), |value| positive("lot", value))?;
        self.tick.map_or(Ok(()), |value| positive("tick", value))?;
        positive("multiplier", self.multiplier)?;
        self.check_costs()?;
        self.check_margin()?;
        self.volume_share.map_or(Ok(()), |value| share("volume_share", value))?;
        self.check_rules()
    }

    /// Refuses settings that the rules do not support: they would be ignored.
    fn check_rules(&self) -> Result<(), SettingsError> {
        let refuse = |rule, setting| Err(SettingsError::Unknown { rule, setting });
        if self.rules.booking == Booking::NextBar && self.volume_share.is_some() {
            return refuse("booking next-bar", "volume_share");
        }
        let funds = match self.rules.funds {
            BuyingPower::Margin => None,
            BuyingPower::Cash => Some("funds cash"),
            BuyingPower::FreeCash => Some("funds free-cash"),
        };
        if let Some(funds) = funds {
            let known = [
                ("lot", self.lot.is_none()),
                ("multiplier", self.multiplier == 1.0),
                ("initial_margin", self.initial_margin == 1.0),
                ("commission_per_unit", self.commission_per_unit == 0.0),
                ("commission_minimum", self.commission_minimum == 0.0),
                ("commission_maximum", self.commission_maximum.is_none()),
            ];
            if let Some((setting, _)) = known.iter().find(|(_, is_known)| !is_known) {
                return refuse(funds, setting);
            }
        }
        Ok(())
    }

    fn check_costs(&self) -> Result<(), SettingsError> {
        not_negative("commission_bps", self.commission_bps)?;
        not_negative("commission_maker_bps", self.commission_maker_bps.unwrap_or(0.0))?;
        not_negative("commission_per_unit", self.commission_per_unit)?;
        not_negative("commission_per_order", self.commission_per_order)?;
        not_negative("commission_minimum", self.commission_minimum)?;
        if let Some(maximum) = self.commission_maximum {
            not_negative("commission_maximum", maximum)?;
            if maximum < self.commission_minimum {
                return Err(SettingsError::Commission { maximum, minimum: self.commission_minimum });
            }
        }
        not_negative("slippage_bps", self.slippage_bps)?;
        not_negative("slippage_ticks", self.slippage_ticks)?;
        not_negative("slippage_impact", self.slippage_impact)?;
        if self.slippage_bps + self.slippage_impact * 1e4 >= 10_000.0 {
            return Err(SettingsError::Slippage { value: self.slippage_bps + self.slippage_impact * 1e4 });
        }
        Ok(())
    }

    fn check_margin(&self) -> Result<(), SettingsError> {
        share("initial_margin", self.initial_margin)?;
        not_negative("maintenance_margin", self.maintenance_margin)?;
        not_negative("borrow_rate", self.borrow_rate)?;
        if self.maintenance_margin > self.initial_margin {
            let (maintenance, initial) = (self.maintenance_margin, self.initial_margin);
            return Err(SettingsError::Maintenance { maintenance, initial });
        }
        Ok(())
    }

    /// Whether targets can be traded from fill to fill: nothing happens to the account, and no order waits, in between.
    pub(super) fn is_plain(&self) -> bool {
        let rules = &self.rules;
        self.volume_share.is_none()
            && self.slippage_impact == 0.0
            && self.maintenance_margin == 0.0
            && self.borrow_rate == 0.0
            && self.first_bar == 0
            && rules.priority == Priority::ReducingFirst
            && rules.missing == MissingBars::Wait
            && rules.at_end == AtEnd::Hold
            && rules.booking == Booking::Fill
            && rules.ruin == Bankruptcy::Keep
            && rules.funds == BuyingPower::Margin
    }
}

fn share(name: &'static str, value: f64) -> Result<(), SettingsError> {
    let fits = value > 0.0 && value <= 1.0;
    fits.then_some(()).ok_or(SettingsError::Margin { name, value })
}

fn positive(name: &'static str, value: f64) -> Result<(), SettingsError> {
    let fits = value.is_finite() && value > 0.0;
    fits.then_some(()).ok_or(SettingsError::NotPositive { name, value })
}

fn not_negative(name: &'static str, value: f64) -> Result<(), SettingsError> {
    let fits = value.is_finite() && value >= 0.0;
    fits.then_some(()).ok_or(SettingsError::Negative { name, value })
}

impl fmt::Display for FillAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NextOpen => "next-open",
            Self::Close => "close",
        })
    }
}

impl FromStr for FillAt {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        match text {
            "next-open" => Ok(Self::NextOpen),
            "close" => Ok(Self::Close),
            _ => Err(SettingsError::FillAt { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Sizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equity => f.write_str("equity"),
            Self::Units(units) => write!(f, "units:{units}"),
            Self::Cash(cash) => write!(f, "cash:{cash}"),
        }
    }
}

impl FromStr for Sizing {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let amount = |digits: &str| digits.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
        let sizing = match text.split_once(':') {
            None if text == "equity" => Some(Self::Equity),
            Some(("units", digits)) => amount(digits).map(Self::Units),
            Some(("cash", digits)) => amount(digits).map(Self::Cash),
            _ => None,
        };
        sizing.ok_or_else(|| SettingsError::Sizing { text: text.to_owned() })
    }
}

impl Serialize for Sizing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Setting for FillAt {
    fn read(value: Scalar) -> Result<Self, String> {
        spec::text(value)
    }
}

impl Setting for Sizing {
    fn read(value: Scalar) -> Result<Self, String> {
        spec::text(value)
    }
}

impl<'de> Deserialize<'de> for SettingsSpec {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        spec::read(source)
    }
}

impl<'de> Deserialize<'de> for Settings {
    /// Settings that are left out take their defaults.
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        SettingsSpec::deserialize(source).map(|given| given.apply(Self::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn what_no_account_can_work_with_is_named() {
        assert_eq!(check(|_| ()), "fine");
        assert_eq!(check(|s| s.initial_cash = 0.0), "`initial_cash` is 0; give a finite number above 0");
        assert_eq!(check(|s| s.lot = Some(f64::NAN)), "`lot` is NaN; give a finite number above 0");
        assert_eq!(check(|s| s.multiplier = 0.0), "`multiplier` is 0; give a finite number above 0");
        assert_eq!(check(|s| s.sizing = Sizing::Units(-1.0)), "`sizing units` is -1; give a finite number above 0");
        assert_eq!(check(|s| s.sizing = Sizing::Cash(0.0)), "`sizing cash` is 0; give a finite number above 0");
        assert_eq!(check(|s| s.commission_bps = -1.0), "`commission_bps` is -1; give a finite number of 0 or more");
        assert_eq!(
            check(|s| s.commission_per_order = f64::INFINITY),
            "`commission_per_order` is inf; give a finite number of 0 or more"
        );
        assert_eq!(check(|s| s.slippage_bps = f64::NAN), "`slippage_bps` is NaN; give a finite number of 0 or more");
        assert_eq!(
            check(|s| s.slippage_bps = 10_000.0),
            "`slippage_bps` is 10000; give less than 10000, which is the whole price"
        );
    }

    #[test]
    fn a_sizing_is_read_as_it_is_written() {
        for sizing in [Sizing::Equity, Sizing::Units(10.0), Sizing::Cash(2500.5)] {
            assert_eq!(sizing.to_string().parse(), Ok(sizing));
        }
        for text in ["", "Equity", "units", "units:", "units:0", "units:-1", "cash:nan", "cash:inf", "lots:1"] {
            assert_eq!(text.parse::<Sizing>(), Err(SettingsError::Sizing { text: text.into() }));
        }
    }

    #[test]
    fn a_fill_price_is_read_as_it_is_written() {
        for fill in [FillAt::NextOpen, FillAt::Close] {
            assert_eq!(fill.to_string().parse(), Ok(fill));
        }
        let error = "open".parse::<FillAt>().unwrap_err();
        assert_eq!(error.to_string(), "`open` is not a fill price; give `next-open` or `close`");
    }
}
