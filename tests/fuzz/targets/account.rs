//! Accounts in TOML and JSON.

use host::{backtest::AccountSpec, metrics::Selection};

use super::message;

/// What accounts are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "profile", "mode", "periods_per_year", "risk_free", "freq", "initial_cash", "commission_bps", "slippage_bps", "sizing",
    "leverage", "rules", "[rules]", "intrabar", "gaps", "priority", "'optimistic'", "'backtesting.py'", "'vectorbt'",
    "'events'", "'30D'", " = ", "\n", "nan", "inf", "-inf", "1e308", "-0.0", "9223372036854775807", "true", "\"", "{", "}", ":", ",",
];

/// Reads the input as an account, and makes its settings.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for read in [AccountSpec::from_toml(text), AccountSpec::from_json(text)] {
        match read {
            Ok(account) => check(&account),
            Err(problem) => message::check_text(&problem),
        }
    }
}

/// An account is written as something that reads the same; so are its settings.
fn check(account: &AccountSpec) {
    let written = serde_json::to_string(account).expect("an account can be written");
    assert_eq!(AccountSpec::from_json(&written).as_ref(), Ok(account), "{written}");
    let settings = match account.settings(Selection::all()) {
        Ok(settings) => settings,
        Err(error) => return message::check(&error),
    };
    let again = AccountSpec::from(settings.clone()).settings(Selection::all()).expect("settings can be given again");
    assert_eq!(again, settings);
}
