//! `host sweep --rank-by plateau`: the combinations whose neighbours do well, too.
//!
//! Never scores a plateau.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::ranking::RankedResult;
use crate::{
    results::Ranked,
    sweep::{BoundRequest, Goal, Instruments, OnPlateau, ParallelBacktester, Plateaus, Scope, SweepRequest, Valued},
};

/// What each ranked combination is shown with: a name, and a value for each rank.
pub(super) type Beside = Vec<(String, Vec<Option<f64>>)>;

/// Refuses sweeps whose combinations have no neighbours.
pub(super) fn check(request: &SweepRequest, bound: &BoundRequest) -> Result<()> {
    if request.asked_sample().is_some() {
        bail!(
            "`--rank-by plateau` looks at the neighbours of each combination, which a sample leaves out; leave `--sample` out"
        );
    }
    if bound.instruments == Instruments::EachSymbol {
        bail!("`--rank-by plateau` and `--each-symbol` do not go together; give one symbol's data");
    }
    if !bound.plan.lattice().digits().any(|(len, is_ordered)| is_ordered && len > 1) {
        bail!("`--rank-by plateau` needs an axis with several numbers: only they have neighbours");
    }
    Ok(())
}

/// The combinations on the best plateaus.
pub(super) struct RankedPlateaus {
    goal: Goal,
    all: Vec<OnPlateau>,
    pub(super) ranked: Vec<RankedResult>,
}

impl RankedPlateaus {
    /// Those of a sweep with these `values`, each run once more to show it.
    pub(super) fn of(
        values: Vec<Valued>,
        (bound, scope): (&BoundRequest, &Scope),
        backtester: &ParallelBacktester,
    ) -> Result<Self> {
        let found = Plateaus::new(&bound.plan, values)?.ranked(bound.top);
        let indices: Vec<_> = found.iter().map(|on| on.index).collect();
        let results = backtester.run_chosen(scope, &bound.plan, &indices, None);
        let both = found.into_iter().zip(results).filter_map(|(on, result)| Some((on, result?)));
        let (mut all, mut ranked) = (Vec::new(), Vec::new());
        for (on, row) in both {
            let Some(value) = bound.goal.value(&row) else { continue };
            all.push(on);
            ranked.push(Ranked { value: bound.goal.turned(value), index: on.index, row });
        }
        Ok(Self { goal: bound.goal.clone(), all, ranked })
    }

    fn values(&self, of: impl Fn(&OnPlateau) -> Option<f64>) -> Vec<Option<f64>> {
        // Higher is better in a landscape.
        self.all.iter().map(|on| of(on).map(|value| self.goal.turned(value))).collect()
    }

    /// The columns that say how the neighbours do.
    pub(super) fn beside(&self) -> Beside {
        let columns = [
            ("plateau", self.values(|on| on.around.score)),
            ("neighbours_median", self.values(|on| Some(on.around.median))),
            ("neighbours_worst", self.values(|on| Some(on.around.worst))),
        ];
        columns.map(|(name, values)| (name.to_owned(), values)).into()
    }

    /// The same as JSON.
    pub(super) fn to_json(&self) -> Value {
        let turned = |value: f64| Some(self.goal.turned(value)).filter(|value| value.is_finite());
        let one = |(on, ranked): (&OnPlateau, &RankedResult)| {
            json!({
                "task_id": ranked.row.task_id,
                "score": on.around.score.and_then(turned),
                "median": turned(on.around.median),
                "worst": turned(on.around.worst),
                "spread": on.around.spread,
                "neighbours": on.around.neighbours,
                "failed": on.around.failed,
            })
        };
        self.all.iter().zip(&self.ranked).map(one).collect()
    }
}
