//! The sweep of a report: the values of each combination on the axes of the grid.
//!
//! Never ranks: the chosen combination is named by whoever makes the report.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexSet;
use serde::Serialize;

use super::{column::Packed, run::unit_name};
use crate::{
    metrics::{Direction, Metrics, SHOWN, SHOWN_BESIDE, Selection},
    model::{Digest, Value},
    results::{Cell, ReadError, ResultsFile},
    sweep::{Goal, Provenance},
};

/// The most combinations of a report; of more, so many are drawn.
const CELLS: u64 = 200_000;

/// The most combinations that have every metric against a benchmark.
const MANY: u64 = 20_000;

/// The column of the instrument that a combination ran on alone.
const SYMBOL: &str = "symbol";

/// What stands before a parameter whose name is that of another column.
const RENAMED: &str = "param_";

/// The combination that a report is about.
#[derive(Debug, Clone, Copy)]
pub struct ChosenCell<'a> {
    /// Its name.
    pub task_id: &'a str,
    /// What the sweep ranks by.
    pub goal: &'a Goal,
}

/// The combinations as columns.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cells {
    axes: Vec<Axis>,
    places: Vec<Packed>,
    metrics: Vec<Measured>,
    failed: Packed,
    /// The name of a combination's task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    task: Vec<TaskPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<usize>,
    /// Of how many combinations these are a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    sampled: Option<u64>,
}

/// A part of the name of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum TaskPart {
    /// Name and value of an axis, by its place.
    Axis(usize),
    /// What all combinations have.
    Fixed(String),
}

#[derive(Debug, Clone, Serialize)]
struct Axis {
    name: String,
    values: Vec<Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Measured {
    name: &'static str,
    unit: &'static str,
    better: &'static str,
    values: Packed,
}

impl Cells {
    /// Reads the combinations in `file` (`None` where it has no axis), and notes what is left out.
    pub(super) fn read(
        file: &ResultsFile,
        of: &Provenance,
        chosen: ChosenCell<'_>,
    ) -> Result<(Option<Self>, Vec<String>), ReadError> {
        let has = |name: &str| file.columns().iter().any(|column| column.name == name);
        let objective = chosen.goal.objective().name;
        // Of very many combinations, what is measured against a benchmark would make the file too large.
        let beside = if file.rows() <= MANY { Selection::relative() } else { Selection::none() };
        // What one reads first comes first, each metric once.
        let first = std::iter::once(objective).chain(SHOWN_BESIDE).chain(SHOWN);
        let named: IndexSet<_> = first.chain(beside.names()).filter(|name| has(name)).collect();
        let metrics: Vec<_> = named.into_iter().collect();
        let axes: Vec<_> = axes(of, &has);
        if axes.is_empty() || metrics.first() != Some(&objective) {
            let note =
                "The results have no parameters, or not the metric that they are ranked by: the sweep is not shown.";
            return Ok((None, vec![note.to_owned()]));
        }
        let rows = file.rows();
        let is_sample = rows > CELLS;
        let mut reading = Reading::new(axes.len(), metrics.len());
        let fixed = ["task_id", "success"].map(str::to_owned);
        let columns = fixed.into_iter().chain(axes.iter().map(|(_, column)| column.clone()));
        let columns: Vec<_> = columns.chain(metrics.iter().map(|name| (*name).to_owned())).collect();
        let mut index = 0;
        for batch in file.batches(Some(&columns))? {
            for row in batch?.rows() {
                let is_chosen = matches!(&row[0], Cell::Text(name) if *name == chosen.task_id);
                if is_chosen || !is_sample || is_drawn(index, rows) {
                    reading.take(&row, is_chosen);
                }
                index += 1;
            }
        }
        let mut notes = Vec::new();
        if is_sample {
            let here = reading.failed.len();
            notes.push(format!("Of {rows} combinations {here} are here, drawn at random, and the one that is shown."));
        }
        notes.extend(missing(of, rows));
        let names = axes.into_iter().map(|(name, _)| name).collect();
        // What cannot be bound has no names of tasks.
        let swept: BTreeSet<String> =
            of.bind().map(|bound| bound.plan.axes().map(str::to_owned).collect()).unwrap_or_default();
        let cells = reading.cells((names, &swept), &metrics, chosen.goal, is_sample.then_some(rows));
        Ok((Some(cells), notes))
    }
}

/// The names of the axes, and their columns in the file.
fn axes(of: &Provenance, has: &impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let symbol = of.symbols.is_some_and(|symbols| symbols > 1).then(|| (SYMBOL.to_owned(), SYMBOL.to_owned()));
    let parameters = of.parameters.iter().filter_map(|spec| {
        let renamed = format!("{RENAMED}{}", spec.name);
        let is_its_own = of.parameters.iter().all(|other| other.name != renamed);
        let column = if is_its_own && has(&renamed) { renamed } else { spec.name.clone() };
        has(&column).then(|| (spec.name.clone(), column))
    });
    symbol.into_iter().chain(parameters).collect()
}

/// Whether row `index` of so many is in the sample: by a number that only the index decides, so that no axis is met in step.
fn is_drawn(index: u64, rows: u64) -> bool {
    let drawn = u64::from_le_bytes(Digest::of(&index.to_le_bytes()).first_eight());
    u128::from(drawn) * u128::from(rows) < u128::from(CELLS) << 64
}

/// What the file lacks of the whole grid.
fn missing(of: &Provenance, rows: u64) -> Option<String> {
    let whole = of.cells.map_or_else(|| "the grid".to_owned(), |cells| format!("the {cells} of the grid"));
    if let Some(shard) = of.shard {
        return Some(format!("The results are those of shard {shard} of the sweep."));
    }
    if of.request.optimize.is_some() {
        return Some(format!("A search chose these {rows} combinations from {whole}: others were not run."));
    }
    let planned = of.cells.filter(|cells| *cells > rows)?;
    Some(format!("{rows} of {planned} combinations are here: the sweep was interrupted."))
}

fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        Cell::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

/// An axis, as far as rows have come.
#[derive(Default)]
struct ReadAxis {
    /// Its values in the order in which they came.
    values: Vec<Value>,
    /// Where each is among them, by its text.
    known: HashMap<String, u32>,
    /// Where each row is among them.
    rows: Vec<u32>,
}

impl ReadAxis {
    fn take(&mut self, value: Value) {
        let Self { values, known, rows } = self;
        let place = known.entry(value.to_string()).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        });
        rows.push(*place);
    }
}

/// The rows so far, as columns.
struct Reading {
    axes: Vec<ReadAxis>,
    metrics: Vec<Vec<f64>>,
    failed: Vec<bool>,
    chosen: Option<usize>,
}

impl Reading {
    fn new(axes: usize, metrics: usize) -> Self {
        let axes = (0..axes).map(|_| ReadAxis::default()).collect();
        Self { axes, metrics: vec![Vec::new(); metrics], failed: Vec::new(), chosen: None }
    }

    fn take(&mut self, row: &[Cell<'_>], is_chosen: bool) {
        if is_chosen {
            self.chosen = Some(self.failed.len());
        }
        self.failed.push(row[1] != Cell::Boolean(true));
        let (places, metrics) = row[2..].split_at(self.axes.len());
        for (axis, cell) in self.axes.iter_mut().zip(places) {
            axis.take(cell.value().unwrap_or_else(|| Value::Text(String::new())));
        }
        for (values, cell) in self.metrics.iter_mut().zip(metrics) {
            values.push(number(cell).unwrap_or(f64::NAN));
        }
    }

    /// `names` are those of the axes, of which tasks are named by the `swept` ones.
    fn cells(
        self,
        (names, swept): (Vec<String>, &BTreeSet<String>),
        metrics: &[&'static str],
        goal: &Goal,
        sampled: Option<u64>,
    ) -> Cells {
        // An axis of one value is none, unless it is the only one.
        let varies = self.axes.iter().any(|axis| axis.values.len() > 1);
        let (mut axes, mut places, mut task) = (Vec::new(), Vec::new(), Vec::new());
        for (name, axis) in names.into_iter().zip(self.axes) {
            let is_drawn = axis.values.len() > 1 || (!varies && axes.is_empty());
            if swept.contains(&name) || name == SYMBOL {
                let fixed = || axis.values.first().map(|value| TaskPart::Fixed(format!("{name}={value}")));
                task.extend(if is_drawn { Some(TaskPart::Axis(axes.len())) } else { fixed() });
            }
            if is_drawn {
                let (values, rows) = sorted(&axis);
                axes.push(Axis { name, values });
                places.push(Packed::places(&rows));
            }
        }
        let measured = |(name, values): (&&'static str, Vec<f64>)| {
            let info = Metrics::info(name)?;
            let better = if *name == goal.objective().name { Some(goal.better()) } else { info.better };
            let better = if better == Some(Direction::Lower) { "min" } else { "max" };
            Some(Measured { name, unit: unit_name(info.unit), better, values: Packed::singles(values.into_iter()) })
        };
        Cells {
            axes,
            places,
            metrics: metrics.iter().zip(self.metrics).filter_map(measured).collect(),
            failed: Packed::flags(&self.failed),
            task,
            chosen: self.chosen,
            sampled,
        }
    }
}

/// Numbers in their order, others as they came; and the places of the rows among them.
fn sorted(ReadAxis { values, rows, .. }: &ReadAxis) -> (Vec<Value>, Vec<u32>) {
    let mut order: Vec<_> = (0..values.len()).collect();
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    if let Some(numbers) = numbers {
        order.sort_by(|one, other| numbers[*one].total_cmp(&numbers[*other]));
    }
    let mut place = vec![0; values.len()];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new as u32);
    (order.into_iter().map(|at| values[at].clone()).collect(), rows.iter().map(|row| place[*row as usize]).collect())
}
