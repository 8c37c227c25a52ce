//! What a sweep shows beside its rows: what ranks it, plateaus, the bars after those that ranked it.
//!
//! Never ranks: the library does.

use host::sweep::{
    BoundRequest, Elsewhere, Optimized, OutOfSample, ParallelBacktester, RankBy, RankedPlateaus, RankedResult, Scope,
    Valued,
};

use crate::errors::{Class, Failure, OrFailure as _, json};

/// What is shown of a sweep that was not interrupted.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) ranked: Vec<RankedResult>,
    /// Whether something else than the objective of each ranks them.
    pub(crate) is_otherwise: bool,
    pub(crate) plateau: Option<String>,
    pub(crate) split: Option<String>,
}

impl Shown {
    /// The best combinations by their own objective are `ranked`, and the objective of each combination is among `values`.
    pub(crate) fn of(
        found: Option<&Optimized>,
        (ranked, values): (Vec<RankedResult>, Vec<Valued>),
        (bound, scope, rest): (&BoundRequest, &Scope, Option<&Elsewhere>),
        engine: &ParallelBacktester,
    ) -> Result<Self, Failure> {
        let mut shown = Self { ranked, ..Self::default() };
        let has_front = bound.search.as_ref().is_some_and(|how| how.objectives.all().len() > 1);
        if let Some(found) = found.filter(|_| has_front) {
            shown.ranked = engine.run_front(found, (&bound.plan, scope), bound.top);
            shown.is_otherwise = true;
        }
        if bound.rank_by == RankBy::Plateau {
            let plateaus = RankedPlateaus::new(values, (bound, scope), engine).or_failure(Class::Host)?;
            shown.plateau = Some(json(&plateaus.reports())?);
            (shown.ranked, shown.is_otherwise) = (plateaus.ranked, true);
        }
        if let Some(rest) = rest {
            shown.split = Some(json(&OutOfSample::run(rest, (&bound.plan, scope), &shown.ranked, engine))?);
        }
        Ok(shown)
    }
}
