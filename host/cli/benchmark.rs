//! The benchmark of a command: as typed or as a request names it, and the bars that it stands for.
//!
//! Never measures a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};

use super::{
    Context,
    account::AccountArgs,
    data_args::{BenchmarkArgs, DataArgs, PeriodArgs},
    inputs::{ReadData, announce, dataset, file_of_data, load, name_of_data},
};
use crate::{
    backtest::{Benchmark, BenchmarkSpec, Market, Period, Settings},
    data::{Dataset, LoadOptions},
    metrics::Selection,
    model::label,
};

/// A benchmark by its name in a request, and the file that its bars are in, where one was typed.
#[derive(Debug, Clone)]
pub(super) struct AskedBenchmark {
    pub(super) spec: BenchmarkSpec,
    file: Option<PathBuf>,
}

/// The benchmark as typed, else that of a request.
pub(super) fn asked(typed: &BenchmarkArgs, base: Option<BenchmarkSpec>) -> Result<Option<AskedBenchmark>> {
    let Some(text) = &typed.benchmark else { return Ok(base.map(|spec| AskedBenchmark { spec, file: None })) };
    if let Ok(spec) = text.parse() {
        return Ok(Some(AskedBenchmark { spec, file: None }));
    }
    let file = PathBuf::from(text);
    if !file.exists() {
        let text = label(text);
        bail!(
            "`--benchmark {text}` is neither `hold` nor a file; give `hold`, `symbol:{text}` if that is an instrument of the data, or a \
             file of bars"
        );
    }
    let spec = BenchmarkSpec::Data(name_of_data(std::slice::from_ref(&file)));
    Ok(Some(AskedBenchmark { spec, file: Some(file) }))
}

/// The data set under the rules of the account, against a benchmark if one is asked for, measured by `metrics`; notes the bars per
/// year.
pub(super) fn market(
    data: &DataArgs,
    account: &AccountArgs,
    (period, benchmark): (PeriodArgs, &BenchmarkArgs),
    metrics: Selection,
    context: &mut Context<'_>,
) -> Result<Arc<Market>> {
    let settings = Settings { period: period.over(Period::default()), ..account.settings(metrics)? };
    let asked = asked(benchmark, None)?;
    let (dataset, options) = dataset(data, context)?;
    let found = asked.map(|asked| asked.find(&data.files, (&dataset, &options), context)).transpose()?;
    let market = Arc::new(Market::new(dataset, Settings { benchmark: found, ..settings })?);
    announce(&market, context);
    Ok(market)
}

impl AskedBenchmark {
    /// The file of its bars, if one was typed.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The file of its bars, as it was typed or is found by its name.
    pub(super) fn read_file(&self) -> Option<PathBuf> {
        match &self.spec {
            BenchmarkSpec::Data(name) => self.file.clone().or_else(|| file_of_data(name)),
            BenchmarkSpec::Hold | BenchmarkSpec::Symbol(_) => None,
        }
    }

    /// The same, whose bars are in `file`.
    pub(super) fn in_file(spec: BenchmarkSpec, file: Option<PathBuf>) -> Self {
        Self { spec, file }
    }

    /// Reads its bars, as the `dataset` in `files` was read with `options`.
    pub(super) fn find(
        &self,
        files: &[PathBuf],
        (dataset, options): (&Dataset, &LoadOptions),
        context: &mut Context<'_>,
    ) -> Result<Benchmark> {
        let unread = match &self.spec {
            // An instrument that `--symbols` leaves out is read for this alone.
            BenchmarkSpec::Symbol(symbol) if !options.symbols.is_empty() && !has(dataset, symbol) => {
                Some(load(files.into(), LoadOptions { symbols: vec![symbol.clone()], ..options.clone() })?.dataset)
            }
            _ => None,
        };
        self.spec.resolve(unread.as_ref().unwrap_or(dataset), |name| self.read(name, options, context))
    }

    fn read(&self, name: &str, options: &LoadOptions, context: &mut Context<'_>) -> Result<Dataset> {
        let file = self.file.clone().or_else(|| file_of_data(name)).with_context(|| {
            let name = label(name);
            format!("the benchmark `data:{name}` is not here under its name; give its file with `--benchmark FILE`")
        })?;
        let options =
            LoadOptions { symbols: Vec::new(), files: Default::default(), timeframe: None, ..options.clone() };
        let ReadData { dataset, notes, .. } = load([file].as_slice().into(), options)?;
        notes.iter().for_each(|note| context.reporter.note(note.replacen("data:", "benchmark:", 1)));
        Ok(dataset)
    }
}

fn has(dataset: &Dataset, symbol: &str) -> bool {
    dataset.series().iter().any(|series| series.symbol == *symbol)
}
