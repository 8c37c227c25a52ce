//! Rows of results: the columns of a run, and the cells of each result.
//!
//! Never writes the row anywhere.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::column::{Cell, Column, Kind};
use crate::{
    metrics::Metrics,
    model::{Digest, ParamSpec, Params},
    task::ParallelResult,
};

/// What a task computes, as cells.
pub trait Values {
    /// The columns, always the same.
    fn columns() -> Vec<Column>;
    /// One cell for each column.
    fn cells(&self) -> Vec<Cell<'_>>;
}

impl Values for Metrics {
    fn columns() -> Vec<Column> {
        let kind = |count| if count { Kind::Integer } else { Kind::Number };
        Self::FIELDS.iter().map(|info| Column::new(info.name, kind(info.is_count()))).collect()
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        let cell = |(info, value): (&crate::metrics::MetricInfo, Option<f64>)| match value {
            None => Cell::Null,
            // A count is a whole number far below 2^53.
            Some(value) if info.is_count() => Cell::Integer(value as i64),
            Some(value) => Cell::Number(value),
        };
        Self::FIELDS.iter().zip(self.values()).map(cell).collect()
    }
}

/// The answer of a custom task as text: JSON as it is, anything else in hexadecimal.
impl Values for String {
    fn columns() -> Vec<Column> {
        vec![Column::new("result", Kind::Text)]
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![Cell::Text(Cow::Borrowed(self))]
    }
}

/// Where the parameters of a task stand in its row.
#[derive(Debug, Clone)]
enum ParamColumns {
    /// One typed column for each parameter.
    Typed(Vec<String>),
    /// One text for all, since tasks differ in what they have.
    Text,
}

/// What the rows say about the data that they were computed from.
#[derive(Debug, Clone)]
enum Data {
    /// The hash that all rows share, if there is one.
    Shared(Option<String>),
    /// By symbol, the hash of its bars alone.
    BySymbol(HashMap<String, String>),
}

/// The place of the column `symbol`, where there is one.
const SYMBOL: usize = 2;

/// The column of the index of a task in its run. It stands behind the names of the task, before its parameters.
pub(crate) const CELL: &str = "cell";

/// The number of columns of hashes, which come last.
const HASHES: usize = 2;

/// The columns of a run, and how its results become rows.
#[derive(Debug, Clone)]
pub struct Records {
    columns: Vec<Column>,
    params: ParamColumns,
    /// For each column of what a task computes, whether the rows have it.
    kept: Vec<bool>,
    data: Data,
    /// Whether rows have the index of their task.
    celled: bool,
    /// Whether rows say how long a task took, on which worker, and whether its result was known.
    timed: bool,
}

/// What differs from run to run.
pub(crate) const TIMINGS: [(&str, Kind); 3] =
    [("execution_time", Kind::Number), ("worker_id", Kind::Integer), ("cached", Kind::Boolean)];

impl Records {
    /// Rows with a typed column for each parameter, and of what a task computes the columns that `keep` names. A
    /// parameter whose name is that of another column gets `param_` before it, kept or not.
    pub fn typed<R: Values>(parameters: &[ParamSpec], data: Option<Digest>, keep: impl Fn(&str) -> bool) -> Self {
        let mut taken: HashSet<_> = columns(&[], R::columns()).into_iter().map(|column| column.name).collect();
        taken.extend(TIMINGS.map(|(name, _)| name.to_owned()));
        taken.extend(["symbol", CELL].map(str::to_owned));
        let name = |name: &str| if taken.contains(name) { format!("param_{name}") } else { name.to_owned() };
        let typed: Vec<_> =
            parameters.iter().map(|spec| Column::new(name(&spec.name), Kind::of(&spec.default))).collect();
        let params = ParamColumns::Typed(parameters.iter().map(|spec| spec.name.clone()).collect());
        Self::new::<R>(&typed, params, data, keep)
    }

    /// The name of the column that a parameter has in typed rows.
    pub fn title(&self, parameter: &str) -> String {
        let longer = format!("param_{parameter}");
        if self.columns.iter().any(|column| column.name == longer) { longer } else { parameter.to_owned() }
    }

    /// Rows with one text for all parameters, and of what a task computes the columns that `keep` names.
    pub fn mixed<R: Values>(data: Option<Digest>, keep: impl Fn(&str) -> bool) -> Self {
        Self::new::<R>(&[Column::new("params", Kind::Text)], ParamColumns::Text, data, keep)
    }

    fn new<R: Values>(
        typed: &[Column],
        params: ParamColumns,
        data: Option<Digest>,
        keep: impl Fn(&str) -> bool,
    ) -> Self {
        let kept: Vec<_> = R::columns().iter().map(|column| keep(&column.name)).collect();
        let values = R::columns().into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(column, _)| column).collect();
        let data = Data::Shared(data.map(|digest| digest.to_string()));
        Self { columns: columns(typed, values), params, kept, data, celled: false, timed: false }
    }

    /// The same rows with a column for the symbol that each task had alone; the hash of the data is that of `hashes`.
    #[must_use]
    pub fn by_symbol(mut self, hashes: impl IntoIterator<Item = (String, Digest)>) -> Self {
        self.columns.insert(SYMBOL, Column::new("symbol", Kind::Text));
        self.data = Data::BySymbol(hashes.into_iter().map(|(symbol, hash)| (symbol, hash.to_string())).collect());
        self
    }

    /// The same rows with a column `cell` for the index of each task in its run ([`ParallelResult::index`]): rows of parts of a
    /// run can be put in order by it.
    #[must_use]
    pub fn with_cells(mut self) -> Self {
        if !std::mem::replace(&mut self.celled, true) {
            let place = SYMBOL + usize::from(self.has_symbols());
            self.columns.insert(place, Column::new(CELL, Kind::Integer));
        }
        self
    }

    fn has_symbols(&self) -> bool {
        matches!(self.data, Data::BySymbol(_))
    }

    /// The same rows with columns for the seconds that each task took, for the worker that ran it, and for whether the result was
    /// known before. They differ from run to run; without them, rows do not depend on when and on how many workers they were computed.
    #[must_use]
    pub fn timed(mut self) -> Self {
        if !std::mem::replace(&mut self.timed, true) {
            let place = self.columns.len() - HASHES;
            let timings = TIMINGS.map(|(name, kind)| Column::new(name, kind));
            self.columns.splice(place..place, timings);
        }
        self
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The row of `result`; `plugin` is the hash of the plugin that it was computed by.
    pub fn row<'a, R: Values>(&'a self, result: &'a ParallelResult<R>, plugin: Option<&'a str>) -> Vec<Cell<'a>> {
        let text = |text: Option<&'a str>| text.map_or(Cell::Null, Cell::from);
        let mut row = vec![Cell::from(result.task_id.as_str()), Cell::from(result.strategy_name.as_str())];
        let data = match &self.data {
            Data::Shared(hash) => hash.as_deref(),
            Data::BySymbol(hashes) => {
                row.push(text(result.symbol.as_deref()));
                result.symbol.as_ref().and_then(|symbol| hashes.get(symbol)).map(String::as_str)
            }
        };
        row.extend(self.celled.then(|| Cell::count(result.index)));
        match &self.params {
            ParamColumns::Typed(names) => {
                row.extend(names.iter().map(|name| result.params.get(name).map_or(Cell::Null, Cell::from)));
            }
            ParamColumns::Text => row.push(Cell::Text(params_text(&result.params).into())),
        }
        row.push(Cell::Boolean(result.success));
        row.push(text(result.error_kind.map(|kind| kind.as_str())));
        row.push(text(result.error_message.as_deref()));
        match &result.result {
            Some(values) => {
                let cells = values.cells().into_iter().zip(&self.kept);
                row.extend(cells.filter(|(_, kept)| **kept).map(|(cell, _)| cell));
            }
            None => row.extend(self.kept.iter().filter(|kept| **kept).map(|_| Cell::Null)),
        }
        row.push(if result.log.is_empty() { Cell::Null } else { Cell::Text(result.log.join("\n").into()) });
        row.push(result.units.map_or(Cell::Null, Cell::count));
        if self.timed {
            row.push(Cell::Number(result.execution_time.as_secs_f64()));
            row.push(Cell::count(result.worker_id as u64));
            row.push(Cell::Boolean(result.cached));
        }
        row.push(text(plugin));
        row.push(text(data));
        row
    }
}

fn columns(params: &[Column], values: Vec<Column>) -> Vec<Column> {
    let mut columns = vec![Column::new("task_id", Kind::Text), Column::new("strategy_name", Kind::Text)];
    columns.extend_from_slice(params);
    columns.push(Column::new("success", Kind::Boolean));
    columns.push(Column::new("error_kind", Kind::Text));
    columns.push(Column::new("error_message", Kind::Text));
    columns.extend(values);
    columns.push(Column::new("log", Kind::Text));
    columns.push(Column::new("units", Kind::Integer));
    columns.push(Column::new("plugin_hash", Kind::Text));
    columns.push(Column::new("data_hash", Kind::Text));
    columns
}

/// The parameters in one line: `fast=5 slow=20`.
pub fn params_text(params: &Params) -> String {
    params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Value,
        task::{ErrorKind, TaskError},
    };

    fn spec(name: &str) -> ParamSpec {
        ParamSpec {
            name: name.into(),
            doc: String::new(),
            default: Value::Integer(1),
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        }
    }

    fn check(outcome: Result<Metrics, TaskError>, keep: fn(&str) -> bool) {
        let records = Records::typed::<Metrics>(&["fast", "trades", "cell"].map(spec), None, keep);
        check_rows(&records, outcome.clone());
        check_rows(&records.clone().timed(), outcome.clone());
        check_rows(&records.clone().timed().by_symbol([]), outcome.clone());
        check_rows(&records.clone().by_symbol([]).with_cells(), outcome.clone());
        check_rows(&records.clone().with_cells().by_symbol([]).timed(), outcome.clone());
        check_rows(&records.with_cells().with_cells().timed().timed(), outcome);
    }

    fn check_rows(records: &Records, outcome: Result<Metrics, TaskError>) {
        let mut result = ParallelResult::new(9, outcome);
        let params = [("fast", 5), ("trades", 7), ("cell", 3)];
        result.params = params.map(|(name, value)| (name.to_owned(), Value::Integer(value))).into_iter().collect();
        let row = records.row(&result, None);
        let names: Vec<_> = records.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "each name stands once");
        assert_eq!(row.len(), names.len());
        assert!(
            !records.timed || names.ends_with(&["execution_time", "worker_id", "cached", "plugin_hash", "data_hash"])
        );
        assert!(records.timed || !names.contains(&"worker_id"));
        let cell = |name| &row[names.iter().position(|n| *n == name).unwrap()];
        assert_eq!((cell("fast"), cell("param_trades")), (&Cell::Integer(5), &Cell::Integer(7)));
        assert_eq!(cell("param_cell"), &Cell::Integer(3));
        assert_eq!(["fast", "trades"].map(|name| records.title(name)), ["fast", "param_trades"]);
        assert!(!records.celled || cell("cell") == &Cell::Integer(9));
        assert_eq!(cell("success"), &Cell::Boolean(result.success));
    }

    #[test]
    fn a_parameter_named_like_a_column_gets_a_name_of_its_own() {
        check(Ok(Metrics::default()), |_| true);
        check(Ok(Metrics::default()), |name| name == "sharpe");
    }

    #[test]
    fn a_symbol_has_a_column_and_a_hash_of_its_own() {
        let hash = Digest::of(b"bars");
        let records = Records::typed::<Metrics>(&[spec("symbol")], None, |_| false).by_symbol([("ACME".into(), hash)]);
        let mut result = ParallelResult::new(0, Ok(Metrics::default()));
        result.symbol = Some("ACME".to_owned());
        result.params = Params::from([("symbol".to_owned(), Value::Integer(5))]);
        let row = records.row(&result, None);
        let cell = |name: &str| row[records.columns().iter().position(|column| column.name == name).unwrap()].clone();
        assert_eq!((cell("symbol"), cell("param_symbol")), (Cell::from("ACME"), Cell::Integer(5)));
        assert_eq!(cell("data_hash"), Cell::from(hash.to_string()));
    }

    #[test]
    fn a_failed_task_has_a_row_as_long_as_any_other() {
        check(Err(TaskError::new(ErrorKind::Trap, "wasm trap")), |_| true);
        check(Err(TaskError::new(ErrorKind::Trap, "wasm trap")), |name| name == "sharpe");
    }
}
