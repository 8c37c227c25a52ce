//! The options of exits as typed: stop loss, take profit and trailing stop of the account.
//!
//! Never checks a value: the grid and the parameters of a task do.

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    backtest::ExitKind,
    sweep::grid::{ExitsSpec, as_shares},
};

/// Exits that close positions of a strategy of signals.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = None::<&str>)]
pub(super) struct ExitArgs {
    /// Closes positions of signals at a loss, such as `2%`; sweeps take axes: `2%,5%`
    #[arg(long, value_name = "SHARES", allow_hyphen_values = true)]
    pub(super) stop_loss: Option<String>,
    /// Closes them at a gain from their entry price, written as `--stop-loss`
    #[arg(long, value_name = "SHARES", hide_short_help = true, allow_hyphen_values = true)]
    pub(super) take_profit: Option<String>,
    /// Closes them at a fall from the best price since their entry, written alike
    #[arg(long, value_name = "SHARES", hide_short_help = true, allow_hyphen_values = true)]
    pub(super) trailing_stop: Option<String>,
}

impl ExitArgs {
    fn typed(&self) -> impl Iterator<Item = (ExitKind, &str)> {
        let texts = [&self.stop_loss, &self.take_profit, &self.trailing_stop];
        ExitKind::ALL.into_iter().zip(texts).filter_map(|(kind, text)| Some((kind, text.as_deref()?)))
    }

    /// The exits with all their values.
    pub(super) fn spec(&self) -> ExitsSpec {
        ExitsSpec::typed(self.typed())
    }

    /// The exits that are typed.
    pub(super) fn kinds(&self) -> impl Iterator<Item = ExitKind> {
        self.typed().map(|(kind, _)| kind)
    }

    /// The `params` of one combination, and its exits as such, each of which has one value.
    pub(super) fn after(&self, params: &[String]) -> Result<Vec<String>> {
        let mut all = params.to_vec();
        for (kind, text) in self.typed() {
            let option = kind.name().replace('_', "-");
            ensure!(
                !text.contains(',') && !text.contains(".."),
                "`--{option} {text}` has several values, and this command runs one combination; give one of them, or \
                 use `host sweep`"
            );
            all.push(format!("{}={}", kind.name(), as_shares(text)));
        }
        Ok(all)
    }
}
