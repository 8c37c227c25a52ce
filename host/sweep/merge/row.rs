//! A row of a file as the result that it was made of.
//!
//! Never reads a file.

use std::collections::BTreeMap;

use serde::{Deserialize as _, de::IntoDeserializer as _};

use crate::{
    metrics::Metrics,
    model::{Digest, ParamSpec, Params},
    results::{Cell, Column, Records, TIMINGS},
    task::{ErrorKind, ParallelResult, TaskError},
};

/// Makes results of rows.
#[derive(Debug)]
pub(crate) struct RowReader {
    parameters: Vec<ParamSpec>,
    /// Where each metric of the rows stands in [`Metrics::FIELDS`].
    metrics: Vec<usize>,
    /// The hash of the bars of each symbol so far, where each runs alone.
    symbols: Option<BTreeMap<String, Digest>>,
    is_timed: bool,
}

impl RowReader {
    /// What reads rows of `columns` with these parameters; `None` if a sweep does not write such columns.
    pub(super) fn new(columns: &[Column], parameters: &[ParamSpec], has_symbols: bool) -> Option<Self> {
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let metrics = Metrics::FIELDS.iter().enumerate().filter(|(_, info)| has(info.name));
        let reader = Self {
            parameters: parameters.to_vec(),
            metrics: metrics.map(|(place, _)| place).collect(),
            symbols: has_symbols.then(BTreeMap::new),
            is_timed: TIMINGS.iter().any(|(name, _)| has(name)),
        };
        (reader.records(None).columns() == columns).then_some(reader)
    }

    /// Whether the rows have the metric `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.metrics.iter().any(|place| Metrics::FIELDS[*place].name == name)
    }

    /// What makes rows of results again: of all symbols that were read, or of the bars with the hash `data`.
    pub(crate) fn records(&self, data: Option<Digest>) -> Records {
        let records = Records::typed::<Metrics>(&self.parameters, data, |name| self.has(name));
        let records = match &self.symbols {
            None => records,
            Some(symbols) => records.by_symbol(symbols.iter().map(|(symbol, hash)| (symbol.clone(), *hash))),
        };
        if self.is_timed { records.with_cells().timed() } else { records.with_cells() }
    }

    /// The result of a row; `None` if a sweep does not write such a row.
    pub(crate) fn result(&mut self, row: &[Cell<'_>]) -> Option<ParallelResult<Metrics>> {
        let mut cells = row.iter();
        let mut result = ParallelResult::new(0, Ok(Metrics::default()));
        result.task_id = text(cells.next()?)?;
        result.strategy_name = text(cells.next()?)?;
        if self.symbols.is_some() {
            result.symbol = text(cells.next()?);
        }
        result.index = count(cells.next()?)?;
        result.params = self
            .parameters
            .iter()
            .map(|spec| Some((spec.name.clone(), cells.next()?.value()?)))
            .collect::<Option<Params>>()?;
        let success = *cells.next()? == Cell::Boolean(true);
        let (kind, message) = (text(cells.next()?), text(cells.next()?));
        let mut values = Metrics::default().values();
        for place in &self.metrics {
            values[*place] = number(cells.next()?);
        }
        let outcome = if success {
            Ok(Metrics::from_values(values))
        } else {
            let kind: serde::de::value::StringDeserializer<serde::de::value::Error> = kind?.into_deserializer();
            Err(TaskError::new(ErrorKind::deserialize(kind).ok()?, message.unwrap_or_default()))
        };
        result.log = text(cells.next()?).into_iter().collect();
        result.units = count(cells.next()?);
        if self.is_timed {
            result.execution_time = std::time::Duration::try_from_secs_f64(number(cells.next()?)?).ok()?;
            result.worker_id = usize::try_from(count(cells.next()?)?).ok()?;
            result.cached = *cells.next()? == Cell::Boolean(true);
        }
        if let Some((symbols, symbol)) = self.symbols.as_mut().zip(result.symbol.as_ref())
            && !symbols.contains_key(symbol)
        {
            symbols.insert(symbol.clone(), text(cells.nth(1)?)?.parse().ok()?);
        }
        let ParallelResult { result: of_outcome, success, error_kind, error_message, .. } =
            ParallelResult::new(result.index, outcome);
        Some(ParallelResult { result: of_outcome, success, error_kind, error_message, ..result })
    }
}

fn text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn count(cell: &Cell<'_>) -> Option<u64> {
    match cell {
        Cell::Integer(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        // A count is a whole number far below 2^53.
        Cell::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn spec(name: &str, default: Value) -> ParamSpec {
        ParamSpec { name: name.into(), doc: String::new(), default, minimum: None, maximum: None, choices: Vec::new() }
    }

    fn check(outcome: Result<Metrics, TaskError>, is_timed: bool, symbol: Option<&str>) {
        let parameters = [
            spec("fast", Value::Integer(1)),
            spec("cell", Value::Number(0.5)),
            spec("sharpe", Value::Text("x".into())),
            spec("on", Value::Boolean(true)),
        ];
        let data = Digest::of(b"bars");
        let records = Records::typed::<Metrics>(&parameters, Some(data), |name| name != "cagr");
        let records = match symbol {
            Some(symbol) => records.by_symbol([(symbol.to_owned(), data)]),
            None => records,
        };
        let records = if is_timed { records.with_cells().timed() } else { records.with_cells() };
        let mut result = ParallelResult::new(77, outcome);
        result.task_id = "a".to_owned();
        result.params = parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
        (result.symbol, result.units) = (symbol.map(str::to_owned), Some(9));
        result.log = vec!["one\ntwo".to_owned()];
        if is_timed {
            (result.execution_time, result.worker_id, result.cached) = (std::time::Duration::from_millis(5), 3, true);
        }
        let row = records.row(&result, Some("plugin"));
        let mut reader = RowReader::new(records.columns(), &parameters, symbol.is_some()).unwrap();
        assert_eq!(reader.result(&row).as_ref(), Some(&result));
        assert_eq!(reader.records(Some(data)).row(&reader.result(&row).unwrap(), Some("plugin")), row);
        assert!(reader.has("sharpe") && !reader.has("cagr"));
        for missing in 0..row.len() - 3 {
            assert_eq!(reader.result(&row[..missing]), None, "{missing}");
        }
        assert!(RowReader::new(&records.columns()[1..], &parameters, symbol.is_some()).is_none());
        assert!(RowReader::new(records.columns(), &parameters[1..], symbol.is_some()).is_none());
    }

    #[test]
    fn a_row_gives_the_result_that_it_was_made_of() {
        let metrics = Metrics {
            sharpe: Some(-0.25),
            profit_factor: Some(f64::INFINITY),
            trades: Some(7.0),
            ..Metrics::default()
        };
        for is_timed in [false, true] {
            for symbol in [None, Some("ACME")] {
                check(Ok(metrics), is_timed, symbol);
                check(Err(TaskError::new(ErrorKind::OutOfBudget, "too\nmuch")), is_timed, symbol);
            }
        }
    }
}
