//! The errors of grids.
//!
//! Never checks anything: the checks are where values are read and bound.

use std::{io, path::PathBuf};

use super::expression::ExpressionError;
use crate::{
    backtest::SetupError,
    model::{self, ParamError, Value},
};

/// Why a grid cannot be read, or does not fit a plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// The file cannot be read.
    #[error("cannot read grid file `{path}`: {problem}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The file has an unknown extension.
    #[error("grid file `{path}` is neither `.json` nor `.toml`; rename it after its format")]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The file is wrong.
    #[error("grid file `{path}`: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<GridError>,
    },
    /// The text is empty.
    #[error("the grid is empty; write at least the parameters and their values: `{{\"fast\": [5, 10]}}`")]
    Blank,
    /// The text is not JSON or TOML.
    #[error("not {format}: {problem}")]
    Syntax {
        /// `JSON` or `TOML`.
        format: &'static str,
        /// The problem, and where it is.
        problem: String,
    },
    /// A key beside `parameters` is unknown.
    #[error("unknown key `{key}` of the grid; known beside `parameters`: {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that have a meaning.
        known: String,
    },
    /// The value of a key of the grid itself has the wrong shape.
    #[error("grid key `{key}` takes {expected}, not {found}; put a parameter of that name into `parameters`")]
    KeyShape {
        /// The key.
        key: String,
        /// The expected shape.
        expected: &'static str,
        /// The given value.
        found: String,
    },
    /// An exit has another name than all that there are.
    #[error("`{name}` is not an exit; known: {known}")]
    UnknownExit {
        /// The name.
        name: String,
        /// The names of exits.
        known: String,
    },
    /// One combination is to run, and exits have several values.
    #[error("{names} have several values, and one combination has one of each; give one value")]
    SeveralExits {
        /// The exits.
        names: String,
    },
    /// The plugin cannot have an exit.
    #[error(transparent)]
    Exits(SetupError),
    /// A key of the grid itself, beside axes at the top level, is also the name of a parameter.
    #[error(
        "grid key `{key}` may mean the grid's own or the parameter of `{plugin}`; put the axes into `parameters`, so \
         that `{key}` beside it is the grid's"
    )]
    Ambiguous {
        /// The key.
        key: String,
        /// The plugin's name.
        plugin: String,
    },
    /// The text of a parameter on the command line is wrong.
    #[error(
        "cannot read `{text}` as a parameter: {problem}; write `name=5,10,20`, `name=5..50:5` (step) or \
         `name=0.01..10/4:log` (points)"
    )]
    ParamText {
        /// The text.
        text: String,
        /// The problem.
        problem: String,
    },
    /// An axis is wrong.
    #[error("grid axis `{axis}` {problem}")]
    Axis {
        /// The axis.
        axis: String,
        /// The problem.
        problem: AxisProblem,
    },
    /// The plugin does not take a parameter or its value.
    #[error("in the grid: {0}")]
    Parameter(ParamError),
    /// A constraint or requirement is wrong.
    #[error("{role} of the grid: {problem}")]
    Expression {
        /// `constraint` or `requirement`.
        role: &'static str,
        /// The problem.
        problem: ExpressionError,
    },
    /// A zip group names something that is not an axis.
    #[error("a `zip` group of the grid names `{name}`, which is not an axis; the axes are {known}")]
    ZipUnknown {
        /// The name.
        name: String,
        /// The names of the axes.
        known: String,
    },
    /// An axis is named twice in zip groups.
    #[error("`zip` of the grid names axis `{name}` twice; an axis belongs to one group")]
    ZipOverlap {
        /// The axis.
        name: String,
    },
    /// A zip group has fewer than two axes.
    #[error("a `zip` group of the grid has fewer than two axes; leave it out")]
    ZipSmall,
    /// The axes of a zip group differ in length.
    #[error(
        "zipped grid axes `{first}` and `{second}` have {first_len} and {second_len} values; axes that advance together \
         are equally long"
    )]
    ZipLengths {
        /// An axis.
        first: String,
        /// Its number of values.
        first_len: u64,
        /// Another axis of the group.
        second: String,
        /// Its number of values.
        second_len: u64,
    },
    /// Two steps of a zip group are the same combination.
    #[error("zipped grid axes {axes} give {values} twice; each combination runs once")]
    ZipDuplicate {
        /// The axes.
        axes: String,
        /// The duplicate values.
        values: String,
    },
    /// There are more combinations than 64 bits can count.
    #[error("the grid has more than 18446744073709551615 combinations; use wider steps or fewer axes")]
    TooLarge,
    /// No combination meets the constraints.
    #[error("no combination of the grid meets {constraints}; loosen it or widen the axes that it names")]
    ExcludesAll {
        /// The constraints.
        constraints: String,
    },
    /// A sample of nothing, or of more than fits.
    #[error("the grid asks for a sample of {sample}; give a number from 1 to {most}, or leave `sample` out to run all")]
    SampleSize {
        /// The requested size.
        sample: u64,
        /// The largest sample.
        most: u64,
    },
    /// Too few of the combinations tried meet the constraints.
    #[error(
        "only {found} of {tried} combinations tried meet the constraints, too few for a sample of {sample}; loosen the \
         constraints, narrow the axes, or ask for a smaller sample"
    )]
    SampleThin {
        /// The requested size.
        sample: u64,
        /// Combinations that meet the constraints.
        found: u64,
        /// Combinations tried.
        tried: u64,
    },
}

/// A problem of an axis; completes ``grid axis `fast` ...``.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AxisProblem {
    /// It has no value.
    #[error("has no value; give at least one, or leave the axis out to use the default")]
    Empty,
    /// It is neither a value nor a list nor a range.
    #[error(
        "is {found}; give a value, a list of values, or a range such as `{{\"from\": 5, \"to\": 50, \"step\": 5}}`"
    )]
    Shape {
        /// The given value.
        found: String,
    },
    /// A range has an unknown key.
    #[error("has a range with the key `{key}`; a range has `from`, `to` and `step`, or `from`, `to`, `n` and `scale`")]
    RangeKey {
        /// The key.
        key: String,
    },
    /// A range lacks an end.
    #[error("has a range without `{key}`; give both `from` and `to`")]
    NoEnd {
        /// The end that is missing.
        key: &'static str,
    },
    /// An end or a step is not a number, or is too long for exact decimals.
    #[error("has `{found}` as its `{key}`; give a number of at most 28 digits")]
    NotANumber {
        /// The key.
        key: &'static str,
        /// The given value.
        found: String,
    },
    /// The number of points is wrong.
    #[error("has `{found}` as its `n`; give the number of points, 1 or more")]
    NoPoints {
        /// The given value.
        found: String,
    },
    /// The scale is unknown.
    #[error("has a scale of `{found}`; give `linear` or `log`")]
    Scale {
        /// The given value.
        found: String,
    },
    /// Both a step and a number of points.
    #[error("has both `step` and `n`; give one of them")]
    StepAndPoints,
    /// A scale, but no number of points.
    #[error("has a `scale` without `n`; give the number of points")]
    ScaleAlone,
    /// Neither a step nor a number of points, between ends that are not integers.
    #[error("runs from {from} to {to} without a step; give `step` or `n`")]
    NoStep {
        /// The first value.
        from: String,
        /// The last value.
        to: String,
    },
    /// The step is zero or negative.
    #[error("has a step of {step}; give a step above 0")]
    Step {
        /// The step.
        step: String,
    },
    /// The step of an integer parameter is not an integer.
    #[error("has a step of {step}, but its parameter takes whole numbers; give a whole step")]
    PartStep {
        /// The step.
        step: String,
    },
    /// One point for two ends.
    #[error("runs from {from} to {to} in one point; give an `n` of 2 or more")]
    OnePoint {
        /// The first value.
        from: String,
        /// The last value.
        to: String,
    },
    /// The range runs downwards.
    #[error("runs from {from} down to {to}; swap the ends")]
    Backwards {
        /// The first value.
        from: String,
        /// The last value.
        to: String,
    },
    /// A log scale has an end at or below zero.
    #[error("has a log scale from {from}; give ends above 0, or a linear scale")]
    NotPositive {
        /// The lower end.
        from: String,
    },
    /// A range has more values than there are numbers, or 64 bits can count.
    #[error("has values so close from {from} to {to} that they are not distinct; use a wider step or fewer points")]
    TooFine {
        /// The first value.
        from: String,
        /// The last value.
        to: String,
    },
    /// A log scale of an integer parameter has too many points.
    #[error("has {n} points on a log scale of whole numbers; give at most {most}")]
    TooManyPoints {
        /// The requested points.
        n: u64,
        /// The most there may be.
        most: u64,
    },
    /// A value is given twice.
    #[error("has the value `{value}` twice; each combination runs once")]
    Duplicate {
        /// The value.
        value: Value,
    },
}

/// The items in backticks, separated by commas; `none` if there is no item.
pub(super) fn quoted(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let text = model::quoted(items);
    if text.is_empty() { "none".to_owned() } else { text }
}
