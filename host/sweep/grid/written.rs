//! The grid as written: axes, zip groups, constraints, requirements, objective and sample.
//!
//! Never knows a plugin: binding checks whether a grid fits one.

use indexmap::IndexMap;

use super::{
    axis::{self, Axis, Literal},
    error::GridError,
    expression::{Expression, ExpressionError},
};
use crate::{backtest::ExitKind, metrics::Direction, model::Value};

/// Which combinations to run and which results to keep, as written in a file, on a command line or in code.
///
/// A grid without axes is one combination: the defaults of all parameters.
///
/// # Examples
///
/// ```
/// use host::sweep::grid::Grid;
///
/// let mut grid = Grid::new().axis("fast", [5, 10]).axis("slow", [20, 50]).constraint("fast < slow")?;
/// grid.set_param("slow=20..100:20")?;
/// assert_eq!(grid.axes().collect::<Vec<_>>(), ["fast", "slow"]);
/// # Ok::<(), host::sweep::grid::GridError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Grid {
    pub(super) axes: IndexMap<String, Axis>,
    /// Those of the axes that are exits of the account, not parameters of the plugin.
    pub(super) exits: Vec<ExitKind>,
    pub(super) zip: Vec<Vec<String>>,
    pub(super) constraints: Vec<Expression>,
    pub(super) require: Vec<Expression>,
    pub(super) objective: Option<String>,
    pub(super) direction: Option<Direction>,
    pub(super) sample: Option<u64>,
    pub(super) seed: u64,
    /// Keys of the grid's own that stand beside plain axes, where a parameter of the same name might be meant.
    pub(super) beside_axes: Vec<String>,
}

impl Grid {
    /// Returns a grid without axes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the axis `name`, or replaces its values.
    #[must_use]
    pub fn axis<T: Into<Value>>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter().map(|value| Literal::Value(value.into())).collect();
        self.axes.insert(name.to_owned(), Axis::List(values));
        self
    }

    /// Adds a constraint on parameters.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a condition.
    pub fn constraint(mut self, text: &str) -> Result<Self, GridError> {
        self.add_constraint(text)?;
        Ok(self)
    }

    /// Makes the axes `names` advance together.
    #[must_use]
    pub fn zip<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.zip.push(names.into_iter().map(Into::into).collect());
        self
    }

    /// Adds the axis that `text` describes, or replaces its values: `fast=5,10`, `fast=5..50:5` (a step; 1 between
    /// integers where it is left out), `fast=5..50/10` (that many points) or `threshold=0.01..10/4:log` (points at
    /// equal ratios).
    ///
    /// # Errors
    ///
    /// Returns an error if the text is none of these.
    pub fn set_param(&mut self, text: &str) -> Result<(), GridError> {
        let wrong = |problem: String| GridError::ParamText { text: text.to_owned(), problem };
        let (name, values) = text.split_once('=').ok_or_else(|| wrong("it has no `=`".to_owned()))?;
        let name = name.trim();
        if name.is_empty() {
            return Err(wrong("it has no name before the `=`".to_owned()));
        }
        let axis = axis::typed(values).map_err(|problem| wrong(format!("`{name}` {problem}")))?;
        self.axes.insert(name.to_owned(), axis);
        Ok(())
    }

    /// Adds a constraint on parameters, such as `fast < slow`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a condition.
    pub fn add_constraint(&mut self, text: &str) -> Result<(), GridError> {
        self.constraints.push(read("constraint", text)?);
        Ok(())
    }

    /// Adds a condition on the metrics of results, such as `trades >= 30`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a condition.
    pub fn add_requirement(&mut self, text: &str) -> Result<(), GridError> {
        self.require.push(read("requirement", text)?);
        Ok(())
    }

    /// Runs only `sample` combinations, drawn at random; all of them, if the grid has no more.
    pub fn set_sample(&mut self, sample: u64) {
        self.sample = Some(sample);
    }

    /// Sets the seed of the draw, which is 0 otherwise.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Sets the metric to rank by.
    pub fn set_objective(&mut self, metric: &str) {
        self.objective = Some(metric.to_owned());
    }

    /// Sets which values of the objective are better.
    pub fn set_direction(&mut self, direction: Direction) {
        self.direction = Some(direction);
    }

    /// The names of the axes, in their order.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.axes.keys().map(String::as_str)
    }

    /// The constraints on parameters.
    pub fn constraints(&self) -> &[Expression] {
        &self.constraints
    }

    /// The conditions that a result must meet to be ranked. One that is undefined for a result is not met.
    pub fn requirements(&self) -> &[Expression] {
        &self.require
    }

    /// The metric to rank by, where the grid names one.
    pub fn objective(&self) -> Option<&str> {
        self.objective.as_deref()
    }

    /// Which values of the objective are better, where the grid says so.
    pub fn direction(&self) -> Option<Direction> {
        self.direction
    }

    /// How many combinations to draw, where the grid asks for a sample.
    pub fn sample(&self) -> Option<u64> {
        self.sample
    }

    /// The seed of the draw.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

fn read(role: &'static str, text: &str) -> Result<Expression, GridError> {
    Expression::parse(text).map_err(|problem: ExpressionError| GridError::Expression { role, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let error = Grid::new().set_param(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_text_that_is_not_an_axis_is_refused_with_the_forms_that_do() {
        check("fast", "cannot read `fast` as a parameter: it has no `=`; write `name=5,10,20`");
        check("=5", "no name before the `=`");
        check("fast=", "`fast` has no value");
        check("fast=5..50:0", "has a step of 0; give a step above 0");
        check("fast=50..5:5", "runs from 50 down to 5; swap the ends");
        check("fast=0.5..2", "runs from 0.5 to 2 without a step; give `step` or `n`");
        check("fast=5..x:5", "has `x` as its `to`; give a number");
        check("fast=5..50/0", "has `0` as its `n`; give the number of points, 1 or more");
        check("fast=5..50/3:cubic", "has a scale of `cubic`; give `linear` or `log`");
        check("fast=0..50/3:log", "has a log scale from 0; give ends above 0");
        check("fast=1..5/1", "runs from 1 to 5 in one point");
    }

    #[test]
    fn setting_an_axis_again_replaces_its_values_and_keeps_its_place() {
        let mut grid = Grid::new().axis("fast", [5, 10]).axis("slow", [20]);
        grid.set_param("fast=1..3").unwrap();
        assert_eq!(grid.axes().collect::<Vec<_>>(), ["fast", "slow"]);
        assert!(matches!(grid.axes["fast"], Axis::Range(_)));
    }
}
