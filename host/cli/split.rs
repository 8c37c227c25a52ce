//! `host sweep --split`: the ranked combinations on the bars after those that ranked them.
//!
//! Never ranks by what came after.

use std::{io, sync::Arc};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Context, args::OneSweepArgs, clock::Clock, plateau::Beside, ranking::RankedResult, request::Asked, store};
use crate::{
    backtest::{Market, Settings},
    data::Dataset,
    metrics::Metrics,
    results::rounded,
    sweep::{BoundRequest, Instruments, ParallelBacktester, Scope, Split, StoredCells, SweepRequest, grid::Plan},
    task::ParallelResult,
};

/// What is shown of the bars after, beside the objective.
const SHOWN: [&str; 2] = ["total_return", "max_drawdown"];

/// A split that is asked for, and all bars.
pub(super) struct AskedSplit {
    split: Split,
    dataset: Dataset,
}

impl AskedSplit {
    /// The split that is asked for, if one is. The sweep is on its first part from then on.
    pub(super) fn of(
        all: &OneSweepArgs,
        asked: &mut Asked,
        bound: &mut BoundRequest,
        dataset: &Dataset,
    ) -> Result<Option<Self>> {
        let Some(share) = all.split else { return Ok(None) };
        if bound.instruments == Instruments::EachSymbol {
            bail!("`--split` and `--each-symbol` do not go together; leave one of them out, or give one symbol's data");
        }
        let split = Split::new(share, dataset, &bound.settings)?;
        (asked.request.period, bound.settings.period) = (split.in_sample, split.in_sample);
        Ok(Some(Self { split, dataset: dataset.clone() }))
    }

    /// The rest of the bars, for the strategy of `scope`, which has the first part.
    pub(super) fn rest(
        self,
        all: &OneSweepArgs,
        (request, bound, scope): (&SweepRequest, &BoundRequest, &Scope),
    ) -> Result<Rest> {
        let period = self.split.out_of_sample;
        let settings = Settings { period, returns: None, ..bound.settings };
        let market = Arc::new(Market::new(self.dataset, settings)?);
        let rest = Scope::unprepared(bound.instruments, market, scope.strategy().clone())?;
        // What is wrong with the store, the sweep itself says.
        let kept = store::asked(&all.store).ok().flatten();
        let request = SweepRequest { period, ..request.clone() };
        let stored = kept.map(|kept| StoredCells::new(kept, &request, bound, &rest)).transpose()?.flatten();
        Ok(Rest { scope: rest, stored })
    }
}

/// The bars after those that rank.
pub(super) struct Rest {
    scope: Scope,
    stored: Option<StoredCells>,
}

impl Rest {
    /// Runs the `ranked` combinations.
    pub(super) fn run(&self, backtester: &ParallelBacktester, plan: &Plan, ranked: &[RankedResult]) -> OutOfSample<'_> {
        let chosen: Vec<_> = ranked.iter().map(|ranked| ranked.row.index).collect();
        let results = backtester.run_chosen(&self.scope, plan, &chosen, self.stored.as_ref());
        if let Some(stored) = &self.stored {
            stored.finish();
        }
        OutOfSample { market: self.scope.market(), results }
    }
}

/// What the ranked combinations made of the bars after.
pub(super) struct OutOfSample<'a> {
    market: &'a Market,
    /// Of each; `None` of one that was not run.
    results: Vec<Option<ParallelResult<Metrics>>>,
}

impl OutOfSample<'_> {
    fn values(&self, metric: &str) -> Vec<Option<f64>> {
        let value = |result: &Option<ParallelResult<Metrics>>| result.as_ref()?.result.as_ref()?.get(metric)?;
        self.results.iter().map(value).collect()
    }

    /// The columns of what came after.
    pub(super) fn beside(&self, objective: &str) -> Beside {
        let names = std::iter::once(objective).chain(SHOWN.into_iter().filter(|name| *name != objective));
        names.map(|name| (format!("out_{name}"), self.values(name))).collect()
    }

    /// Notes which of the ranked combinations failed.
    pub(super) fn note_failures(&self, context: &mut Context<'_>) {
        let failed = self.results.iter().flatten().filter_map(|result| result.error_message.as_ref());
        if let Some(first) = failed.clone().next() {
            let failed = failed.count();
            context.reporter.note(format!("note: out of sample {failed} of the ranked combinations failed: {first}"));
        }
    }

    /// Shows the objective before and after.
    pub(super) fn show_medians(
        &self,
        objective: &str,
        ranked: &[RankedResult],
        in_sample: &Market,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        let before = median(ranked.iter().map(|ranked| ranked.value).collect());
        let after = median(self.values(objective).into_iter().flatten().collect());
        let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), rounded);
        let ([first, last], [next, end]) = (span(in_sample), span(self.market));
        writeln!(
            context.out,
            "\nin sample {first} to {last}: median {objective} of these {}; out of sample {next} to {end} (`out_`): {}",
            number(before),
            number(after)
        )
    }

    /// The same as JSON.
    pub(super) fn to_json(&self, in_sample: &Market) -> Value {
        let part = |market: &Market| {
            let [first, last] = span(market);
            json!({ "period": market.settings().period, "first": first, "last": last })
        };
        let result = |result: &Option<ParallelResult<Metrics>>| {
            result.as_ref().map(|result| {
                json!({ "task_id": result.task_id, "metrics": result.result, "error_message": result.error_message })
            })
        };
        json!({
            "in_sample": part(in_sample),
            "out_of_sample": part(self.market),
            "results": self.results.iter().map(result).collect::<Vec<_>>(),
        })
    }
}

/// The first and the last time stamp.
fn span(market: &Market) -> [String; 2] {
    let (clock, times) = (Clock::of_market(market), market.timeline().times());
    let text = |time: Option<&i64>| {
        let time = time.copied()?;
        Some(clock.as_ref().map_or_else(|| crate::model::format_time(time), |clock| clock.text(time)))
    };
    [times.first(), times.last()].map(|time| text(time).unwrap_or_default())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(if low == high { *low } else { (low + high) / 2.0 })
}
