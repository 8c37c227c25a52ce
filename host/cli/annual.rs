//! The bars per year that annual numbers rest on, of all data or of each symbol that runs alone.
//!
//! Never infers them: the market does.

use serde_json::{Value, json};

use super::{Context, inputs};
use crate::{backtest::Market, model::Series, sweep::Instruments};

/// The most symbols that a note names.
const NAMED: usize = 3;

/// Notes the bars per year.
pub(super) fn announce(instruments: Instruments, market: &Market, context: &mut Context<'_>) {
    if instruments == Instruments::Together {
        inputs::announce(market, context);
        return;
    }
    for (annual, symbols) in years(market) {
        let (first, rest) = symbols.split_at(symbols.len().min(NAMED));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        context.reporter.note(format!("annual numbers: {annual}: {}{more}", first.join(", ")));
    }
}

/// Each number of bars per year with its symbols, in the order of the data.
pub(super) fn years(market: &Market) -> Vec<(String, Vec<&str>)> {
    let mut years: Vec<(String, Vec<&str>)> = Vec::new();
    for (at, series) in market.dataset().series().iter().enumerate() {
        let annual = market.annualization_of(at);
        let annual =
            annual.map_or_else(|why| format!("{why} (`--periods-per-year N` sets it)"), |annual| annual.to_string());
        match years.iter_mut().find(|(known, _)| *known == annual) {
            Some((_, symbols)) => symbols.push(&series.symbol),
            None => years.push((annual, vec![&series.symbol])),
        }
    }
    years
}

/// A member of the JSON report, by name: the bars per year, or those of each symbol that runs alone.
pub(super) fn fact(market: &Market, each_symbol: bool) -> (&'static str, Value) {
    if !each_symbol {
        let annual = market.frame().annualization();
        return ("periods_per_year", json!(annual.ok().map(|annual| annual.periods_per_year)));
    }
    let symbols = market.dataset().series().iter().enumerate();
    ("symbols", symbols.map(|(at, series)| symbol_json(market, at, series)).collect())
}

fn symbol_json(market: &Market, at: usize, series: &Series) -> Value {
    let annual = market.annualization_of(at);
    json!({
        "symbol": series.symbol,
        "bars": series.len(),
        "periods_per_year": annual.ok().map(|annual| annual.periods_per_year),
    })
}
