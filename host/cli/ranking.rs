//! The output of a sweep: ranking table, JSON report and closing notes.
//!
//! Never counts or ranks results: the recorder has done that.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Context, annual, show::metric_column};
use crate::{
    backtest::Market,
    metrics::Metrics,
    model::label,
    results::{Cell, Column, Kind, Records, to_json},
    sweep::{BoundRequest, Instruments, RankedResult, Recorder, Standings, failures::Failures},
    task::ParallelResult,
};

/// A column beside a ranking.
pub(super) struct Beside {
    pub(super) title: String,
    /// What its values are values of.
    pub(super) metric: &'static str,
    /// A value for each rank.
    pub(super) values: Vec<Option<f64>>,
}

/// The results of a sweep, with everything needed to show them.
pub(super) struct Ranking<'a> {
    pub(super) request: &'a BoundRequest,
    pub(super) standings: &'a Standings,
    pub(super) records: &'a Records,
    pub(super) plugin_hash: Option<&'a str>,
    /// What the JSON report says of the bars per year, by name; none where the bars are not at hand.
    pub(super) annual: Option<(&'static str, Value)>,
    /// True if the sweep was stopped before its end.
    pub(super) interrupted: bool,
}

impl<'a> Ranking<'a> {
    /// The results that `recorder` has of a sweep of `request` on `market`.
    pub(super) fn of(request: &'a BoundRequest, recorder: &'a Recorder, market: &Market, interrupted: bool) -> Self {
        let annual = annual::fact(market, request.instruments == Instruments::EachSymbol);
        let (standings, records, plugin_hash) = (recorder.standings(), recorder.records(), recorder.plugin_hash());
        Self { request, standings, records, plugin_hash, annual: Some(annual), interrupted }
    }
}

impl Ranking<'_> {
    fn each_symbol(&self) -> bool {
        self.request.instruments == Instruments::EachSymbol
    }

    /// The name of the metric that results are ranked by.
    pub(super) fn objective(&self) -> &'static str {
        self.request.goal.objective().name
    }

    /// The standings.
    pub(super) fn standings(&self) -> &Standings {
        self.standings
    }

    /// Shows the ranking.
    pub(super) fn show(&self, ranked: &[RankedResult], context: &mut Context<'_>) -> Result<()> {
        self.show_beside(ranked, &[], context)
    }

    /// Shows the ranking with columns `beside` it.
    pub(super) fn show_beside(
        &self,
        ranked: &[RankedResult],
        beside: &[Beside],
        context: &mut Context<'_>,
    ) -> Result<()> {
        if ranked.is_empty() {
            return Ok(writeln!(context.out, "no combination could be ranked")?);
        }
        let mut columns = self.columns(ranked);
        if !beside.is_empty() {
            // Those beside the ranking were asked for; of the ranking's own, the objective is enough.
            let metrics = columns.iter_mut().rev().take(self.request.metrics.shown.len() - 1);
            metrics.for_each(|column| column.is_spare = true);
        }
        columns.extend(beside.iter().map(|one| metric_column(one.title.clone(), one.metric)));
        let row = |(at, ranked): (usize, &RankedResult)| {
            let mut row = self.row(at as u64 + 1, &ranked.row);
            row.extend(beside.iter().map(|one| Cell::from(one.values.get(at).copied().flatten())));
            row
        };
        let rows: Vec<_> = ranked.iter().enumerate().map(row).collect();
        context.table(&columns, &rows)
    }

    fn columns(&self, ranked: &[RankedResult]) -> Vec<Column> {
        let mut columns = vec![Column::new("rank", Kind::Integer)];
        columns.extend(self.each_symbol().then(|| Column::new("symbol", Kind::Text)));
        columns.extend(self.request.plan.axes().map(|name| {
            let known = ranked.first().and_then(|first| first.row.params.get(name));
            Column::new(self.records.title(name), known.map_or(Kind::Text, Kind::of))
        }));
        let metrics = self.request.metrics.shown.iter().enumerate();
        // The first is the objective.
        let column = |(at, name): (usize, &&str)| match metric_column(*name, name) {
            column if at == 0 => Column { is_spare: false, ..column },
            column => column,
        };
        columns.extend(metrics.map(column));
        columns
    }

    fn row(&self, rank: u64, result: &ParallelResult<Metrics>) -> Vec<Cell<'static>> {
        let params = self.request.plan.axes().map(|name| Cell::from(result.params.get(name)).into_owned());
        let values = self.request.metrics.shown.iter().map(|name| Cell::from(value(result, name)));
        let symbol = self.each_symbol().then(|| Cell::from(result.symbol.clone()));
        std::iter::once(Cell::count(rank)).chain(symbol).chain(params).chain(values).collect()
    }

    /// The results as JSON.
    pub(super) fn report(&self, ranked: &[RankedResult]) -> Value {
        let (records, hash) = (self.records, self.plugin_hash);
        let rows: Vec<_> = ranked.iter().map(|ranked| records.row(&ranked.row, hash)).collect();
        let tally = self.standings().tally();
        let mut report = json!({
            "objective": self.objective(),
            "ranking": to_json(records.columns(), &rows),
            "combinations": tally.total(),
            "succeeded": tally.successes(),
            "failures": Failures::all(tally),
            "without_trades": tally.noted(Standings::NO_TRADES),
            "wiped_out": tally.noted(Standings::WIPED_OUT),
            "with_targets_cut": tally.noted(Standings::CUT),
            "requirements_not_met": tally.noted(Standings::NOT_MET),
            "objective_undefined": tally.noted(Standings::UNDEFINED),
            "objective_infinite": self.standings().infinite(),
            "interrupted": self.interrupted,
        });
        if let Some((name, fact)) = &self.annual {
            report[*name] = fact.clone();
        }
        report
    }

    /// Notes remarkable results and failures.
    pub(super) fn closing_words(&self, context: &mut Context<'_>) {
        let tally = self.standings().tally();
        // Without a trade, most objectives are undefined: one fact.
        let traded = tally.noted(Standings::NO_TRADES);
        let is_one = traded > 0 && traded == tally.noted(Standings::UNDEFINED);
        for (note, count) in tally.notes().filter(|(note, _)| !(is_one && *note == Standings::UNDEFINED)) {
            let objective = if is_one && note == Standings::NO_TRADES { ", and so without the objective" } else { "" };
            context.reporter.note(format!("{count} {note}{objective}"));
        }
        context.failures(tally);
        if self.interrupted {
            context.reporter.note(format!("interrupted; the {} that were finished are kept", tally.total()));
        }
    }
}

/// A note that `--again` has other ranks than `table`, whose first row is of the task `first`.
pub(super) fn other_ranks(table: &str, first: &str) -> String {
    format!(
        "note: the file has no ranks of {table}; `host backtest --again FILE --task '{}'` takes a row by its name",
        label(first)
    )
}

fn value(result: &ParallelResult<Metrics>, name: &str) -> Option<f64> {
    result.result.as_ref().and_then(|metrics| metrics.get(name).flatten())
}
