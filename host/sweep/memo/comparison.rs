//! The comparison of a sweep with the one before it.
//!
//! Never matches cells by their index: the values of all parameters swept then or now name a cell.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    cells::{Columns, Kept},
    table::cells,
};
use crate::{
    metrics::{Direction, Metrics},
    model::{Canonical, Description, Digest, Params},
    results::{Difference, Ranked, Standing},
    sweep::{Goal, grid::Plan},
    task::ParallelResult,
};

/// How many gains and losses are shown.
const SHOWN: usize = 5;

/// The best cell of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best {
    pub(crate) task_id: String,
    pub(crate) params: Params,
    pub(crate) value: f64,
}

impl Best {
    /// The cell that `ranked` is the result of.
    pub(crate) fn of(ranked: &Ranked<ParallelResult<Metrics>>) -> Self {
        let ParallelResult { task_id, params, .. } = &ranked.row;
        Self { task_id: task_id.clone(), params: params.clone(), value: ranked.value }
    }
}

/// A complete sweep, to compare the next one with.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) plan: Plan,
    pub(crate) description: Description,
    /// The symbols, if each cell ran on one symbol.
    pub(crate) symbols: Option<Vec<String>>,
    pub(crate) objective: &'static str,
    pub(crate) better: Direction,
    pub(crate) columns: Columns,
    /// In the order of the plan.
    pub(crate) cells: Vec<Arc<Kept>>,
    pub(crate) best: Option<Best>,
}

/// Compares each cell with the same cell of the sweep before.
pub(crate) struct Comparison<'a> {
    then: &'a Shown,
    /// The names of all parameters that are swept, then or now.
    axes: Vec<String>,
    places: HashMap<Digest, usize>,
    pub(crate) difference: Difference,
}

impl<'a> Comparison<'a> {
    /// Starts the comparison of a sweep of `plan` for `goal` with `then`; `None` if the objective differs.
    pub(crate) fn new(then: &'a Shown, plan: &Plan, now: &Description, goal: &Goal) -> Option<Self> {
        if (then.objective, then.better) != (goal.objective().name, goal.better()) {
            return None;
        }
        let axes: HashSet<_> = then.plan.axes().chain(plan.axes()).map(str::to_owned).collect();
        let mut axes: Vec<_> = axes.into_iter().collect();
        axes.sort();
        let name = |(_, symbol, params): (u64, Option<usize>, Params)| {
            let symbol = symbol.and_then(|at| then.symbols.as_ref()?.get(at));
            named(&axes, symbol.map(String::as_str), &params, now)
        };
        let symbols = then.symbols.as_ref().map(Vec::len);
        let places = cells(&then.plan, symbols).map(name).zip(0..).collect();
        Some(Self { then, axes, places, difference: Difference::new(goal.better(), SHOWN) })
    }

    /// Compares one cell, whose standing is now `standing`.
    pub(crate) fn add(&mut self, result: &ParallelResult<Metrics>, standing: Standing) {
        let name = named(&self.axes, result.symbol.as_deref(), &result.params, &self.then.description);
        let then = self.places.remove(&name).map(|place| &self.then.cells[place]);
        let then = then.map(|kept| kept.standing(&self.then.columns, self.then.objective));
        self.difference.add(result, then, standing);
    }

    /// The differences, once all cells are compared, and the best cell of then.
    pub(crate) fn finish(mut self) -> (Difference, Option<&'a Best>) {
        self.difference.gone(self.places.len() as u64);
        (self.difference, self.then.best.as_ref())
    }
}

/// The name of a cell, then and now. A parameter that one of the two builds lacks takes the default of the `other` build,
/// since the build without it behaves like that.
pub(super) fn named(axes: &[String], symbol: Option<&str>, params: &Params, other: &Description) -> Digest {
    let symbol = symbol.iter().fold(Canonical::default(), |name, symbol| name.text("symbol", symbol));
    let name = axes.iter().fold(symbol, |name, axis| {
        let default = || other.parameters.iter().find(|spec| spec.name == *axis).map(|spec| &spec.default);
        params.get(axis).or_else(default).into_iter().fold(name, |name, value| name.value(axis, value))
    });
    Digest::of(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::Selection,
        model::{Encoding, ParamSpec},
        results::Counts,
        sweep::grid::Grid,
    };

    fn plugin(parameters: &[(&str, i64)]) -> Description {
        let spec = |(name, default): &(&str, i64)| ParamSpec {
            name: (*name).to_owned(),
            doc: String::new(),
            default: (*default).into(),
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        };
        Description {
            name: "p".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: parameters.iter().map(spec).collect(),
            output: Encoding::Json,
        }
    }

    fn counts(then: (&Description, &Grid), now: (&Description, &Grid)) -> Counts {
        let columns = Columns::new(Selection::of(["sharpe"]).unwrap());
        let metrics = |sharpe| Metrics { sharpe: Some(sharpe), ..Metrics::default() };
        let plan = then.1.bind(then.0).unwrap();
        let kept = |_| Arc::new(Kept::new(ParallelResult::new(0, Ok(metrics(1.0))), &columns));
        let shown = Shown {
            cells: plan.cursor().map(kept).collect(),
            plan,
            description: then.0.clone(),
            symbols: None,
            objective: "sharpe",
            better: Direction::Higher,
            columns: columns.clone(),
            best: None,
        };
        let (plan, goal) = (now.1.bind(now.0).unwrap(), Goal::new(None, None, now.1, now.0).unwrap());
        let mut comparison = Comparison::new(&shown, &plan, now.0, &goal).unwrap();
        for (index, params) in plan.cursor() {
            let result = ParallelResult { params, ..ParallelResult::new(index, Ok(metrics(1.0))) };
            comparison.add(&result, Standing::Value(1.0));
        }
        comparison.finish().0.counts()
    }

    #[test]
    fn cells_are_matched_by_what_is_swept_then_or_now() {
        let (one, two) = (plugin(&[("a", 1)]), plugin(&[("b", 9), ("a", 7)]));
        let (a, ab) = (Grid::new().axis("a", [1, 2, 3]), Grid::new().axis("b", [8, 9]).axis("a", [2, 3, 4]));
        let equal = |equal, new, gone| Counts { equal, new, gone, ..Counts::default() };
        assert_eq!(counts((&one, &a), (&one, &a)), equal(3, 0, 0));
        // Another default of what is not swept, and one parameter more, leave cells what they are.
        assert_eq!(counts((&one, &a), (&two, &a)), equal(3, 0, 0));
        assert_eq!(counts((&two, &a), (&one, &a)), equal(3, 0, 0));
        // Cells at the default of a new axis were there before, whichever build has it.
        assert_eq!(counts((&two, &a), (&two, &ab)), equal(2, 4, 1));
        assert_eq!(counts((&one, &a), (&two, &ab)), equal(2, 4, 1));
        assert_eq!(counts((&two, &ab), (&one, &a)), equal(2, 1, 4));
    }
}
