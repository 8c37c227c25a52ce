//! What the user decides about the account: cash, fills, sizes and costs.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// How targets become orders, and what orders cost.
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// Quote currency in the account before the first bar; 10,000 by default.
    pub initial_cash: f64,
    /// The price that orders get.
    pub fill: FillAt,
    /// What an exposure of 1 means.
    pub sizing: Sizing,
    /// Basis points (hundredths of a percent) of each fill's value.
    pub commission_bps: f64,
    /// Quote currency for each order.
    pub commission_per_order: f64,
    /// Basis points by which each fill's price is worse than the bar's.
    pub slippage_bps: f64,
    /// Units that positions are multiples of; `None` allows any fraction.
    pub lot: Option<f64>,
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
    /// So many units of the instrument. Written `units:N`.
    Units(f64),
    /// Units worth so much quote currency. Written `cash:N`.
    Cash(f64),
}

/// Why [`Settings`] make no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value that must be above zero is not.
    #[error("`{name}` is {value}; give a finite number above 0")]
    NotPositive {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A cost is negative or no number.
    #[error("`{name}` is {value}; give a finite number of 0 or more")]
    Negative {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// With this slippage a sale would bring nothing.
    #[error("`slippage_bps` is {value}; give less than 10000, which is the whole price")]
    Slippage {
        /// Basis points asked for.
        value: f64,
    },
    /// A text is no way of sizing.
    #[error("`{text}` is no sizing; give `equity`, `units:N` or `cash:N` with N above 0")]
    Sizing {
        /// The text.
        text: String,
    },
    /// A text is no fill price.
    #[error("`{text}` is no fill price; give `next-open` or `close`")]
    FillAt {
        /// The text.
        text: String,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            initial_cash: 10_000.0,
            fill: FillAt::default(),
            sizing: Sizing::default(),
            commission_bps: 0.0,
            commission_per_order: 0.0,
            slippage_bps: 0.0,
            lot: None,
        }
    }
}

impl Settings {
    /// Checks that every value is a number that an account can work with.
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
        not_negative("commission_bps", self.commission_bps)?;
        not_negative("commission_per_order", self.commission_per_order)?;
        not_negative("slippage_bps", self.slippage_bps)?;
        if self.slippage_bps >= 10_000.0 {
            return Err(SettingsError::Slippage { value: self.slippage_bps });
        }
        Ok(())
    }
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
        assert_eq!(error.to_string(), "`open` is no fill price; give `next-open` or `close`");
    }
}
