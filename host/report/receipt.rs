//! The receipt of a report: what its numbers come from, and the commands that make them again.
//!
//! Never knows where a file lies: commands have names.

use crate::{
    backtest::{AccountSpec, Market, Period, Strategy},
    model::{Params, format_time, label},
    results::params_text,
    sweep::{PastResult, Provenance},
};

/// Names and texts.
pub(super) type Lines = Vec<(String, String)>;

fn line(name: &str, text: impl Into<String>) -> (String, String) {
    (name.to_owned(), text.into())
}

/// The title of a report on a sweep with so many `rows`, and the line below.
pub(super) fn titles(of: &Provenance, rows: u64, chosen: Option<&PastResult>) -> [String; 2] {
    let what = if of.request.optimize.is_some() { "trial" } else { "combination" };
    let several = if rows == 1 { "" } else { "s" };
    let data = of.request.data.as_deref().map(|data| format!("{}, ", label(data))).unwrap_or_default();
    let shown = chosen.map(|chosen| format!("; shown: {}", label(&chosen.task_id))).unwrap_or_default();
    [
        format!("{}: {rows} {what}{several}", label(&of.request.plugin)),
        format!("{data}{} to {}{shown}", of.first_bar, of.last_bar),
    ]
}

/// What a sweep ran on.
pub(super) fn of_sweep(of: &Provenance) -> Lines {
    let hash = of.plugin_hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
    let mut lines = vec![
        line("strategy", label(&of.request.plugin)),
        line("plugin hash", hash),
        line("data", label(of.request.data.as_deref().unwrap_or_default())),
        line("data hash", of.data_hash.to_string()),
        line("bars", format!("{} to {}", of.first_bar, of.last_bar)),
    ];
    lines.extend(account(&of.request.account, of.request.period));
    lines.push(line("host", format!("{}, version {} of the numbers", of.host, of.results_version)));
    lines
}

/// What a run ran on.
pub(super) fn of_run(strategy: &Strategy, market: &Market, spec: &AccountSpec) -> Lines {
    let (description, data) = (strategy.description(), market.dataset());
    let hash = strategy.digest().map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    let count = data.series().len();
    let instruments = if count == 1 { "1 instrument".to_owned() } else { format!("{count} instruments") };
    let mut lines = vec![
        line("strategy", format!("{} {}", label(&description.name), label(&description.version))),
        line("plugin hash", hash),
        line("data hash", data.fingerprint().to_string()),
        line("bars", format!("{} of {instruments}, {}", data.bars(), span(market))),
    ];
    lines.extend(account(spec, market.settings().period));
    lines.push(line("host", env!("CARGO_PKG_VERSION")));
    lines
}

/// The first and the last time stamp of a market.
pub(super) fn span(market: &Market) -> String {
    let times = market.timeline().times();
    let schedules = || market.dataset().series().iter().map(|series| &series.schedule);
    let schedule = schedules().find(|schedule| !schedule.dates).or_else(|| schedules().next());
    let text = |time: i64| schedule.map_or_else(|| format_time(time), |schedule| schedule.format(time));
    let time = |time: Option<&i64>| time.map_or_else(String::new, |time| text(*time));
    format!("{} to {}", time(times.first()), time(times.last()))
}

fn account(account: &AccountSpec, period: Period) -> Lines {
    let text = match *account == AccountSpec::default() {
        true => "as it is by default (`host rules`)".to_owned(),
        // A plain value always serialises as JSON.
        false => serde_json::to_string(account).unwrap_or_default(),
    };
    let period =
        (period != Period::default()).then(|| line("period", serde_json::to_string(&period).unwrap_or_default()));
    std::iter::once(line("account", text)).chain(period).collect()
}

/// A word as one types it in a shell, in quotes where it has other letters than plain ones.
///
/// # Examples
///
/// ```
/// use host::report::shell_word;
///
/// assert_eq!(shell_word("fast=5,slow=20"), "fast=5,slow=20");
/// assert_eq!(shell_word("mode=\"it's\""), r#"'mode="it'\''s"'"#);
/// ```
pub fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-+,:=@%/".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Parameters as a line.
pub(super) fn params(params: &Params) -> String {
    label(&params_text(params)).into_owned()
}
