//! Results for Python: columns that the workers fill while a run goes on, and rows that become objects when they are touched.
//!
//! Never computes a number; never keeps more than the rows of its own run.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, StringDictionaryBuilder},
    types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use host::{
    metrics::{Metrics, Selection},
    model::{Params, Value},
    results::{Cell, Column, Kind, Records, Values},
    sweep::{Batching, Goal, Recorded, Valued, WithValues},
    task::ParallelResult,
};
use pyo3::{
    IntoPyObjectExt as _,
    exceptions::PyIndexError,
    prelude::*,
    types::{PyCapsule, PyDict, PyList},
};

use crate::{
    arrow,
    errors::{Class, Failure, OrFailure},
};

/// The rows of a batch.
const BATCH: usize = 8192;

/// The most bytes of text in a batch, whose offsets have 31 bits.
const TEXT: usize = 64 << 20;

/// Columns of texts that repeat a few values: they are encoded by a dictionary.
const CODED: [&str; 5] = ["strategy_name", "symbol", "error_kind", "plugin_hash", "data_hash"];

/// Cells of one column.
#[derive(Debug)]
enum Cells {
    Boolean(Vec<Option<bool>>),
    Integer(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(Vec::new()),
            Kind::Integer | Kind::Time => Self::Integer(Vec::new()),
            Kind::Number => Self::Number(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
        }
    }

    /// Adds a cell, which is of the column's kind or null. What is undefined is null.
    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Boolean(values), cell) => {
                values.push(if let Cell::Boolean(value) = cell { Some(*value) } else { None })
            }
            (Self::Integer(values), Cell::Integer(value) | Cell::Time(value, _)) => values.push(Some(*value)),
            (Self::Integer(values), _) => values.push(None),
            (Self::Number(values), Cell::Number(value)) if !value.is_nan() => values.push(Some(*value)),
            (Self::Number(values), _) => values.push(None),
            (Self::Text(values), Cell::Text(value)) => values.push(Some(value.clone().into_owned())),
            (Self::Text(values), _) => values.push(None),
        }
    }
}

/// Rows that follow each other, by columns.
#[derive(Debug)]
pub(crate) struct Block {
    rows: usize,
    columns: Vec<Cells>,
}

impl Block {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { rows: 0, columns: columns.iter().map(|column| Cells::new(column.kind)).collect() }
    }

    pub(crate) fn push(&mut self, row: &[Cell<'_>]) {
        self.rows += 1;
        self.columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
    }

    /// The rows of `results`.
    pub(crate) fn of<R: Values>(records: &Records, results: &[ParallelResult<R>], plugin: Option<&str>) -> Self {
        let mut block = Self::new(records.columns());
        results.iter().for_each(|result| block.push(&records.row(result, plugin)));
        block
    }
}

/// What each worker makes of its results: what the file and the ranking need, and the rows for Python.
pub(crate) struct Gathering {
    pub(crate) recording: WithValues,
    pub(crate) records: Records,
    pub(crate) plugin: Option<String>,
    pub(crate) goal: Goal,
}

impl Gathering {
    /// The indices of results that do not meet the requirements, and are not ranked.
    fn left_out(&self, results: &[ParallelResult<Metrics>]) -> Vec<u64> {
        if self.goal.has_requirements() {
            let is_out = |result: &&ParallelResult<Metrics>| {
                result.result.as_ref().is_some_and(|metrics| !self.goal.is_met(metrics, &result.params))
            };
            return results.iter().filter(is_out).map(|result| result.index).collect();
        }
        Vec::new()
    }
}

impl Batching for Gathering {
    type Batch = (Recorded, Vec<Valued>, Block, Vec<u64>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let block = Block::of(&self.records, &results, self.plugin.as_deref());
        let (recorded, values) = self.recording.of(&results);
        (recorded, values, block, self.left_out(&results))
    }

    fn help(&self) {
        self.recording.help();
    }
}

enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Text(StringBuilder),
    Coded(StringDictionaryBuilder<Int32Type>),
}

impl Builder {
    fn new(column: &Column) -> Self {
        match column.kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Integer | Kind::Time => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Text if CODED.contains(&column.name.as_str()) => Self::Coded(StringDictionaryBuilder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Adds cells, and returns how many bytes of text they have.
    fn append(&mut self, cells: Cells) -> usize {
        match (self, cells) {
            (Self::Boolean(builder), Cells::Boolean(values)) => {
                values.into_iter().for_each(|value| builder.append_option(value))
            }
            (Self::Integer(builder), Cells::Integer(values)) => {
                values.into_iter().for_each(|value| builder.append_option(value))
            }
            (Self::Number(builder), Cells::Number(values)) => {
                values.into_iter().for_each(|value| builder.append_option(value))
            }
            (Self::Coded(builder), Cells::Text(values)) => {
                values.into_iter().for_each(|value| builder.append_option(value))
            }
            (Self::Text(builder), Cells::Text(values)) => {
                let bytes = values.iter().flatten().map(String::len).sum();
                values.into_iter().for_each(|value| builder.append_option(value));
                return bytes;
            }
            _ => unreachable!("cells and builders are made of the same columns"),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Coded(builder) => Arc::new(builder.finish()),
        }
    }
}

/// The schema of columns of results.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| {
        let kind = match column.kind {
            Kind::Boolean => DataType::Boolean,
            Kind::Integer | Kind::Time => DataType::Int64,
            Kind::Number => DataType::Float64,
            Kind::Text if CODED.contains(&column.name.as_str()) => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Kind::Text => DataType::Utf8,
        };
        Field::new(&column.name, kind, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Puts blocks together to batches.
pub(crate) struct Batcher {
    schema: SchemaRef,
    builders: Vec<Builder>,
    rows: usize,
    text: usize,
}

impl Batcher {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { schema: schema(columns), builders: columns.iter().map(Builder::new).collect(), rows: 0, text: 0 }
    }

    /// Adds a block, and returns a batch if one is full.
    pub(crate) fn add(&mut self, block: Block) -> Result<Option<RecordBatch>, Failure> {
        self.rows += block.rows;
        self.text +=
            self.builders.iter_mut().zip(block.columns).map(|(builder, cells)| builder.append(cells)).sum::<usize>();
        if self.rows >= BATCH || self.text >= TEXT { self.take() } else { Ok(None) }
    }

    /// What is left, if anything is.
    pub(crate) fn take(&mut self) -> Result<Option<RecordBatch>, Failure> {
        if self.rows == 0 {
            return Ok(None);
        }
        (self.rows, self.text) = (0, 0);
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some).or_failure(Class::Host)
    }
}

/// Where the parameters of rows are.
pub(crate) enum ParamsOf {
    /// In columns, by their names.
    Columns(Vec<(String, usize)>),
    /// Here, for each row.
    Rows(Vec<Params>),
}

/// What is known of a run beside its rows.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) interrupted: bool,
    pub(crate) seconds: f64,
    pub(crate) total: Option<u64>,
    pub(crate) failed: u64,
    pub(crate) known: u64,
    pub(crate) objective: Option<(&'static str, bool)>,
    /// The best results: the index of the task, and its value.
    pub(crate) best: Vec<(u64, f64)>,
    /// The indices of tasks whose results do not meet the requirements.
    pub(crate) left_out: Vec<u64>,
    pub(crate) notes: Vec<String>,
    /// Whether results are ranked by something else than the objective of each.
    pub(crate) is_ranked_otherwise: bool,
    /// How the neighbours of the ranked results do, as JSON.
    pub(crate) plateau: Option<String>,
    /// What the ranked results made of the bars after those that ranked them, as JSON.
    pub(crate) split: Option<String>,
    /// What came of the search, as JSON.
    pub(crate) optimize: Option<String>,
}

/// The results of a run: Arrow batches, whose rows become objects when they are touched.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Results {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The row that each batch begins with.
    starts: Vec<usize>,
    rows: usize,
    places: HashMap<String, usize>,
    params: ParamsOf,
    /// The columns of what tasks computed.
    values: Vec<(String, usize)>,
    facts: Facts,
    raised: Option<Py<PyAny>>,
}

impl Results {
    pub(crate) fn new(
        columns: &[Column],
        values: &[String],
        params: ParamsOf,
        batches: Vec<RecordBatch>,
        facts: Facts,
    ) -> Self {
        let (mut starts, mut rows) = (Vec::with_capacity(batches.len()), 0);
        for batch in &batches {
            starts.push(rows);
            rows += batch.num_rows();
        }
        let places: HashMap<_, _> = columns.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        let values = values.iter().filter_map(|name| Some((name.clone(), *places.get(name)?))).collect();
        Self { schema: schema(columns), batches, starts, rows, places, params, values, facts, raised: None }
    }

    /// The same results with what Python raised while they were computed.
    pub(crate) fn after(self, py: Python<'_>, raised: Option<PyErr>) -> Self {
        Self { raised: raised.map(|error| error.into_value(py).into_any()), ..self }
    }

    /// The batch and the row in it.
    fn place(&self, row: usize) -> PyResult<(&RecordBatch, usize)> {
        if row >= self.rows {
            return Err(PyIndexError::new_err(format!("there is no result {row}; there are {}", self.rows)));
        }
        let batch = self.starts.partition_point(|start| *start <= row) - 1;
        Ok((&self.batches[batch], row - self.starts[batch]))
    }

    fn column<'a>(&self, batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
        self.places.get(name).map(|at| batch.column(*at))
    }
}

#[pymethods]
impl Results {
    fn __len__(&self) -> usize {
        self.rows
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The names of the columns that are parameters; none where strategies differ in them.
    #[getter]
    fn parameters(&self) -> Vec<&str> {
        match &self.params {
            ParamsOf::Columns(columns) => columns.iter().map(|(name, _)| name.as_str()).collect(),
            ParamsOf::Rows(_) => Vec::new(),
        }
    }

    /// For each parameter, the name of its column: another one than its own where that is taken.
    #[getter]
    fn parameter_columns(&self) -> Vec<&str> {
        match &self.params {
            ParamsOf::Columns(columns) => {
                columns.iter().map(|(_, at)| self.schema.field(*at).name().as_str()).collect()
            }
            ParamsOf::Rows(_) => Vec::new(),
        }
    }

    /// The names of the columns of what tasks computed.
    #[getter]
    fn metrics(&self) -> Vec<&str> {
        self.values.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Whether it was stopped before all tasks were done.
    #[getter]
    fn interrupted(&self) -> bool {
        self.facts.interrupted
    }

    /// What stopped it: a `KeyboardInterrupt`, or an error of the callback.
    #[getter]
    fn raised(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.raised.as_ref().map(|error| error.clone_ref(py))
    }

    /// Wall-clock seconds of its tasks.
    #[getter]
    fn seconds(&self) -> f64 {
        self.facts.seconds
    }

    /// The number of tasks that were to be done, if it was known.
    #[getter]
    fn total(&self) -> Option<u64> {
        self.facts.total
    }

    /// The number of failed tasks.
    #[getter]
    fn failed(&self) -> u64 {
        self.facts.failed
    }

    /// The number of results that the store had.
    #[getter]
    fn known(&self) -> u64 {
        self.facts.known
    }

    /// The metric that results are ranked by, and whether higher values are better.
    #[getter]
    fn objective(&self) -> Option<(&'static str, bool)> {
        self.facts.objective
    }

    /// The ranked results: the index of the task and its value of the objective, the best first.
    #[getter]
    fn best(&self) -> Vec<(u64, f64)> {
        self.facts.best.clone()
    }

    /// The indices of the tasks whose results do not meet the requirements, and are not ranked.
    #[getter]
    fn left_out(&self) -> Vec<u64> {
        self.facts.left_out.clone()
    }

    /// Whether `best` is in another order than that of the objective: by plateaus, or the front of a search.
    #[getter]
    fn is_ranked_otherwise(&self) -> bool {
        self.facts.is_ranked_otherwise
    }

    /// How the neighbours of the ranked results do, as JSON.
    #[getter]
    fn plateau(&self) -> Option<&str> {
        self.facts.plateau.as_deref()
    }

    /// What the ranked results made of the bars after those that ranked them, as JSON.
    #[getter]
    fn split(&self) -> Option<&str> {
        self.facts.split.as_deref()
    }

    /// What came of the search, as JSON.
    #[getter]
    fn optimize(&self) -> Option<&str> {
        self.facts.optimize.as_deref()
    }

    /// What the user should know, one line each.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.facts.notes.clone()
    }

    /// The fields of a result, by their names.
    fn row<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyDict>> {
        let (batch, at) = self.place(row)?;
        let cell = |name: &str| -> PyResult<Py<PyAny>> {
            self.column(batch, name).map_or_else(|| Ok(py.None()), |column| object(py, column, at))
        };
        let fields = PyDict::new(py);
        for name in ["task_id", "strategy_name", "symbol", "success", "error_kind", "error_message", "units"] {
            fields.set_item(name, cell(name)?)?;
        }
        for name in ["execution_time", "worker_id", "cached"] {
            fields.set_item(name, cell(name)?)?;
        }
        fields
            .set_item("index", if self.places.contains_key("cell") { cell("cell")? } else { row.into_py_any(py)? })?;
        let log = cell("log")?.extract::<Option<String>>(py)?;
        fields.set_item("log", PyList::new(py, log.iter().flat_map(|log| log.split('\n')))?)?;
        let params = PyDict::new(py);
        match &self.params {
            ParamsOf::Columns(columns) => {
                for (name, place) in columns {
                    params.set_item(name, object(py, batch.column(*place), at)?)?;
                }
            }
            ParamsOf::Rows(rows) => {
                for (name, value) in rows.get(row).into_iter().flatten() {
                    params.set_item(name, value_object(py, value)?)?;
                }
            }
        }
        fields.set_item("params", params)?;
        let is_good = cell("success")?.extract::<bool>(py)?;
        fields.set_item("result", if is_good { self.result(py, batch, at)? } else { py.None() })?;
        Ok(fields)
    }

    /// All values of a column, as a list; `None` is what is undefined.
    fn column_values(&self, py: Python<'_>, name: &str) -> PyResult<Vec<Py<PyAny>>> {
        let Some(place) = self.places.get(name) else {
            let known = self.columns().join(", ");
            return Err(Failure::new(Class::Settings, format!("no column `{name}`; there are {known}")).into());
        };
        let mut values = Vec::with_capacity(self.rows);
        for batch in &self.batches {
            for at in 0..batch.num_rows() {
                values.push(object(py, batch.column(*place), at)?);
            }
        }
        Ok(values)
    }

    /// The rows as an Arrow stream, for pandas, polars, pyarrow and DuckDB. It can be asked for again and again.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol says that a request may be left out of account.
        let _ = requested_schema;
        arrow::stream(py, Arc::clone(&self.schema), self.batches.clone())
    }
}

impl Results {
    /// What a task computed: metrics by their names, or the one text of a custom task.
    fn result(&self, py: Python<'_>, batch: &RecordBatch, at: usize) -> PyResult<Py<PyAny>> {
        if let [(name, place)] = self.values.as_slice()
            && name == "result"
        {
            return object(py, batch.column(*place), at);
        }
        let result = PyDict::new(py);
        for (name, place) in &self.values {
            result.set_item(name, object(py, batch.column(*place), at)?)?;
        }
        result.into_py_any(py)
    }
}

/// Some rows of results, as an iterator over a run hands them out.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Rows(pub(crate) RecordBatch);

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    /// The rows as an Arrow stream.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol says that a request may be left out of account.
        let _ = requested_schema;
        arrow::stream(py, self.0.schema(), vec![self.0.clone()])
    }
}

/// A value of a parameter as an object of Python.
pub(crate) fn value_object(py: Python<'_>, value: &Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Boolean(value) => value.into_py_any(py),
        Value::Integer(value) => value.into_py_any(py),
        Value::Number(value) => value.into_py_any(py),
        Value::Text(value) => value.into_py_any(py),
    }
}

/// Those of `metrics` that are `kept`, by their names; `None` where one is undefined.
pub(crate) fn metrics_dict<'py>(py: Python<'py>, metrics: &Metrics, kept: Selection) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    let columns = Metrics::columns();
    for (column, cell) in columns.iter().zip(metrics.cells()).filter(|(column, _)| kept.contains(&column.name)) {
        match cell {
            Cell::Integer(count) => found.set_item(&column.name, count)?,
            Cell::Number(number) if !number.is_nan() => found.set_item(&column.name, number)?,
            _ => found.set_item(&column.name, py.None())?,
        }
    }
    Ok(found)
}

/// A cell as an object of Python.
fn object(py: Python<'_>, column: &ArrayRef, at: usize) -> PyResult<Py<PyAny>> {
    if column.is_null(at) {
        return Ok(py.None());
    }
    let any = column.as_any();
    if let Some(values) = any.downcast_ref::<Float64Array>() {
        return values.value(at).into_py_any(py);
    }
    if let Some(values) = any.downcast_ref::<Int64Array>() {
        return values.value(at).into_py_any(py);
    }
    if let Some(values) = any.downcast_ref::<BooleanArray>() {
        return values.value(at).into_py_any(py);
    }
    if let Some(values) = any.downcast_ref::<StringArray>() {
        return values.value(at).into_py_any(py);
    }
    if let Some(coded) = any.downcast_ref::<DictionaryArray<Int32Type>>()
        && let Some(values) = coded.values().as_any().downcast_ref::<StringArray>()
        && let Ok(place) = usize::try_from(coded.keys().value(at))
    {
        return values.value(place).into_py_any(py);
    }
    Err(Failure::new(Class::Host, "a bug of the host: a column of results has a type of its own").into())
}
