//! The account specification: every setting of a run, each optional, as a file or a request gives it.
//!
//! Never reads the command line, and never trades.
//!
//! In a file it is a table in TOML or JSON:
//!
//! ```toml
//! profile = "backtesting.py"
//! mode = "events"
//! initial_cash = 50_000
//! commission_bps = 2.5
//!
//! [rules]
//! intrabar = "optimistic"
//! ```
//!
//! The keys are those of [`SettingsSpec`] and [`RuleChoices`](broker::RuleChoices), and [`AccountSpec::OWN`].

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, de::MapAccess};

use super::{Mode, Period, Settings, SetupError};
use crate::{
    broker::{
        self, Profile, SettingInfo, SettingsSpec,
        spec::{self, Keys, Scalar, Setting},
    },
    file::{SETTINGS, read_text_at_most},
    metrics::{Frequency, Selection},
};

/// The settings to run, trade and measure a strategy with; each is optional.
///
/// # Examples
///
/// ```
/// use host::{backtest::AccountSpec, broker::GapFills, metrics::Selection};
///
/// let file = AccountSpec::from_toml("commission_bps = 5\n[rules]\ngaps = 'stop'")?;
/// let typed = AccountSpec { risk_free: Some(0.02), ..AccountSpec::default() };
/// let settings = typed.over(file).settings(Selection::all())?;
/// assert_eq!((settings.account.commission_bps, settings.risk_free), (5.0, 0.02));
/// assert_eq!(settings.account.rules.gaps, GapFills::Stop);
///
/// let problem = AccountSpec::from_json(r#"{"comission_bps": 5}"#).unwrap_err();
/// assert!(problem.starts_with("unknown key `comission_bps`; did you mean `commission_bps`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct AccountSpec {
    /// The engine whose rules apply where none is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The mode of the strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Bars in a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periods_per_year: Option<f64>,
    /// The yearly rate that excess returns are measured from, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_free: Option<f64>,
    /// The time between bars for the statistics of the profile `vectorbt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freq: Option<Frequency>,
    /// The broker's settings, whose keys are beside the others.
    #[serde(flatten)]
    pub account: SettingsSpec,
}

/// Why an account file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The file's name does not tell its format.
    #[error("account file `{}` is neither `.toml` nor `.json`; rename it after its format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read account file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file does not hold an account.
    #[error("account file `{}`: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The problem, and where it is.
        problem: String,
    },
}

impl AccountSpec {
    /// The keys beside those of [`SettingsSpec::ALL`].
    pub const OWN: [SettingInfo; 5] = [
        SettingInfo { name: "profile", meaning: "The engine whose rules apply where none is chosen." },
        SettingInfo { name: "mode", meaning: "How the strategy is run: `signals` or `events`." },
        SettingInfo { name: "periods_per_year", meaning: "Bars in a year, for annualised numbers." },
        SettingInfo {
            name: "risk_free",
            meaning: "The yearly rate that excess returns are measured from, as a fraction.",
        },
        SettingInfo {
            name: "freq",
            meaning: "The time between bars, like `30D`, for the statistics that `host backtest` shows with the profile `vectorbt`.",
        },
    ];

    /// Reads the file at `path`, which ends in `.toml` or `.json`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file, and the key where one is wrong.
    pub fn load(path: &Path) -> Result<Self, AccountError> {
        let read: fn(&str) -> Result<Self, String> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Self::from_toml,
            Some("json") => Self::from_json,
            _ => return Err(AccountError::Format { path: path.to_owned() }),
        };
        let text =
            read_text_at_most(path, SETTINGS).map_err(|source| AccountError::Read { path: path.to_owned(), source })?;
        read(text.trim_start_matches('\u{feff}'))
            .map_err(|problem| AccountError::Content { path: path.to_owned(), problem })
    }

    /// Reads an account in TOML.
    ///
    /// # Errors
    ///
    /// Returns the problem with its line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let message = error.message().trim_end();
            line.map_or_else(|| message.to_owned(), |line| format!("{message} (line {line})"))
        })
    }

    /// Reads an account in JSON.
    ///
    /// # Errors
    ///
    /// Returns the problem with its line and column.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// `self`, completed by `base`.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            profile: self.profile.or(base.profile),
            mode: self.mode.or(base.mode),
            periods_per_year: self.periods_per_year.or(base.periods_per_year),
            risk_free: self.risk_free.or(base.risk_free),
            freq: self.freq.or(base.freq),
            account: self.account.over(base.account),
        }
    }

    /// The settings, with results measured by `metrics`. Given settings win over the rules of the profile, and those over the
    /// defaults.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting makes no sense.
    pub fn settings(&self, metrics: Selection) -> Result<Settings, SetupError> {
        if let Some(freq) = self.freq.filter(|_| self.profile != Some(Profile::Vectorbt)) {
            return Err(SetupError::Frequency(freq));
        }
        let plain = SettingsSpec { rules: broker::RuleChoices::default(), ..self.account };
        let plain = plain.apply(broker::Settings::default());
        let base = self.profile.map_or(plain, |profile| profile.apply(plain));
        let settings = Settings {
            account: self.account.apply(base),
            mode: self.mode,
            periods_per_year: self.periods_per_year,
            risk_free: self.risk_free.unwrap_or_default(),
            period: Period::default(),
            metrics,
            returns: None,
            benchmark: None,
        };
        settings.check()?;
        Ok(settings)
    }
}

impl From<Settings> for AccountSpec {
    /// All of the settings but the metrics, without a profile: its rules are written out.
    fn from(settings: Settings) -> Self {
        Self {
            profile: None,
            mode: settings.mode,
            periods_per_year: settings.periods_per_year,
            risk_free: Some(settings.risk_free),
            freq: None,
            account: settings.account.into(),
        }
    }
}

impl fmt::Display for AccountSpec {
    /// The account in TOML, as [`Self::from_toml`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Keys for AccountSpec {
    const PREFIX: &str = "";

    fn names() -> Vec<&'static str> {
        Self::OWN.iter().map(|own| own.name).chain(SettingsSpec::names()).collect()
    }

    fn inner_names() -> Vec<String> {
        SettingsSpec::inner_names()
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "profile" => self.profile = spec::value::<Self, _, _>(key, map)?,
            "mode" => self.mode = spec::value::<Self, _, _>(key, map)?,
            "periods_per_year" => self.periods_per_year = spec::value::<Self, _, _>(key, map)?,
            "risk_free" => self.risk_free = spec::value::<Self, _, _>(key, map)?,
            "freq" => self.freq = spec::value::<Self, _, _>(key, map)?,
            _ => self.account.take(key, map)?,
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for AccountSpec {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        spec::read(source)
    }
}

impl Setting for Frequency {
    fn read(value: Scalar) -> Result<Self, String> {
        spec::text(value)
    }
}

impl Setting for Mode {
    fn read(value: Scalar) -> Result<Self, String> {
        spec::text(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{FillAt, GapFills, Intrabar, LimitFills, RuleChoices, Sizing};

    fn settings(spec: &AccountSpec) -> Settings {
        spec.settings(Selection::all()).unwrap()
    }

    fn toml_problem(text: &str) -> String {
        AccountSpec::from_toml(text).unwrap_err()
    }

    /// Every key, with a value that is not the default.
    const ALL: &str = r#"
        mode = "events"
        periods_per_year = 252
        risk_free = 0.02
        initial_cash = 5000
        fill = "close"
        sizing = "units:10"
        sizing_includes_costs = true
        commission_bps = 1.5
        commission_maker_bps = 0.5
        commission_per_unit = 0.01
        commission_per_order = 1
        commission_minimum = 2
        commission_maximum = 20
        slippage_bps = 3
        slippage_ticks = 1
        slippage_impact = 0.1
        volume_share = 0.25
        lot = 5
        tick = 0.05
        multiplier = 2
        initial_margin = 0.5
        maintenance_margin = 0.25
        borrow_rate = 0.03
        first_bar = 20

        [rules]
        intrabar = "ohlc"
        limits = "touch"
        gaps = "stop"
        stop_limits = "next-bar"
        trailing = "before"
        exits = "next-bar"
        priority = "sent"
        missing = "cancel"
        at_end = "close"
        lot_rounding = "nearest"
        tick_rounding = "passive"
        booking = "fill"
        ruin = "zero"
        funds = "margin"
    "#;

    #[test]
    fn every_key_is_read_in_both_formats_and_written_as_it_is_read() {
        let spec = AccountSpec::from_toml(ALL).unwrap();
        assert_eq!(AccountSpec::from_toml(&spec.to_string()), Ok(spec));
        let json = serde_json::to_value(spec).unwrap();
        assert_eq!(AccountSpec::from_json(&json.to_string()), Ok(spec));
        let given: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let all: Vec<_> = AccountSpec::names().into_iter().filter(|name| !["profile", "freq"].contains(name)).collect();
        assert_eq!(given, all, "`ALL` has every key");
        assert_eq!(json["rules"].as_object().unwrap().len(), broker::Rule::ALL.len());
        let settings = settings(&spec);
        assert_eq!((settings.account.initial_cash, settings.account.lot), (5000.0, Some(5.0)));
        assert_eq!((settings.mode, settings.account.fill), (Some(Mode::Events), FillAt::Close));
    }

    #[test]
    fn settings_come_back_from_the_form_that_traces_have() {
        for text in [ALL, ""] {
            let settings = settings(&AccountSpec::from_toml(text).unwrap());
            assert_eq!(super::tests::settings(&AccountSpec::from(settings.clone())), settings);
            let header = serde_json::to_value(settings.account).unwrap();
            assert_eq!(serde_json::from_value::<broker::Settings>(header.clone()).unwrap(), settings.account);
            assert_eq!(
                serde_json::from_value::<AccountSpec>(header).unwrap().account.apply(Default::default()),
                settings.account
            );
        }
    }

    #[test]
    fn an_account_that_says_nothing_is_the_default_and_writes_nothing() {
        assert_eq!(settings(&AccountSpec::default()), Settings::default());
        assert_eq!(AccountSpec::default().to_string(), "");
        assert_eq!(serde_json::to_string(&AccountSpec::default()).unwrap(), "{}");
    }

    #[test]
    fn what_is_given_wins_over_the_profile_and_one_specification_over_the_other() {
        let file =
            AccountSpec::from_toml("profile = 'backtesting.py'\nlot = 3\n[rules]\nlimits = 'penetrate'").unwrap();
        let account = settings(&file).account;
        assert_eq!((account.lot, account.sizing_includes_costs), (Some(3.0), true));
        assert_eq!((account.rules.limits, account.rules.intrabar), (LimitFills::Penetrate, Intrabar::StopsFirst));

        let typed = AccountSpec::from_toml("profile = 'vectorbt'\nsizing = 'cash:9'\n[rules]\ngaps = 'stop'").unwrap();
        let both = typed.over(file);
        assert_eq!(both.profile, Some(Profile::Vectorbt));
        let rules =
            RuleChoices { gaps: Some(GapFills::Stop), limits: Some(LimitFills::Penetrate), ..RuleChoices::default() };
        assert_eq!(
            (both.account.lot, both.account.sizing, both.account.rules),
            (Some(3.0), Some(Sizing::Cash(9.0)), rules)
        );
        assert_eq!(file.over(typed).profile, Some(Profile::BacktestingPy));
        assert_eq!(AccountSpec::default().over(file), file);
        assert_eq!(file.over(AccountSpec::default()), file);
    }

    #[test]
    fn an_explicit_false_wins_over_the_profile() {
        let spec = AccountSpec::from_toml("profile = 'backtesting.py'\nsizing_includes_costs = false").unwrap();
        assert!(!settings(&spec).account.sizing_includes_costs);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key_and_line() {
        assert_eq!(
            toml_problem("lot = 1\ncomission_bps = 5"),
            "unknown key `comission_bps`; did you mean `commission_bps`? (line 2)"
        );
        assert_eq!(toml_problem("gaps = 'stop'"), "unknown key `gaps`; did you mean `rules.gaps`? (line 1)");
        assert_eq!(toml_problem("[rules]\ngap = 'stop'"), "unknown rule `gap`; did you mean `gaps`? (line 2)");
        assert_eq!(
            toml_problem("[rules]\ngaps = 'stp'"),
            "`rules.gaps`: `stp` is not a gap rule; give one of `open`, `stop`, `exits-open` (line 2)"
        );
        assert_eq!(toml_problem("lot = 'one'"), "`lot`: `one` is not a number (line 1)");
        assert_eq!(toml_problem("fill = 1"), "`fill`: 1 is not a text (line 1)");
        assert_eq!(toml_problem("lot = [1]"), "`lot`: a list or a table is not a number (line 1)");
        assert_eq!(toml_problem("mode = 'live'"), "`mode`: `live` is not a mode; give `signals` or `events` (line 1)");
        assert!(toml_problem("xyzzy = 1").starts_with("unknown key `xyzzy`; known: `profile`, `mode`, "));
        let twice = AccountSpec::from_json(r#"{"lot": 1, "lot": 2}"#).unwrap_err();
        assert!(twice.starts_with("`lot` is given twice at line 1"), "{twice}");
        assert!(AccountSpec::from_json("[]").unwrap_err().contains("a table of settings"));
    }

    #[test]
    fn a_number_that_no_account_can_work_with_is_refused_by_its_key() {
        let problem = |text| AccountSpec::from_toml(text).unwrap().settings(Selection::all()).unwrap_err().to_string();
        assert_eq!(problem("initial_cash = nan"), "`initial_cash` is NaN; give a finite number above 0");
        assert_eq!(problem("periods_per_year = 0"), "`periods_per_year` is 0; give a finite number above 0");
        assert_eq!(problem("risk_free = inf"), "`risk_free` is inf; give a finite rate, like 0.02 for 2 % a year");
    }

    #[test]
    fn a_file_is_named_where_it_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let problem = AccountSpec::load(&path).unwrap_err().to_string();
            problem.replace(folder.path().to_str().unwrap(), "DIR")
        };
        assert_eq!(
            problem("a.yaml", ""),
            "account file `DIR/a.yaml` is neither `.toml` nor `.json`; rename it after its format"
        );
        assert_eq!(
            problem("a.toml", "lots = 1"),
            "account file `DIR/a.toml`: unknown key `lots`; did you mean `lot`? (line 1)"
        );
        let missing = AccountSpec::load(&folder.path().join("b.json")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read account file"), "{missing}");
    }
}
