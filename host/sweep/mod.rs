//! Parallel sweeps: a request becomes a plan, a plan becomes tasks, tasks become results in order.
//!
//! Never knows who consumes the results, and never opens a file that a request names.

mod anew;
mod bounds;
mod checks;
#[cfg(test)]
mod cluster_simulation;
mod each;
mod elsewhere;
mod estimate;
#[cfg(feature = "server")]
pub(crate) mod failures;
pub mod grid;
mod identity;
mod jobs;
mod known;
mod limits_spec;
#[cfg(feature = "cli")]
pub(crate) mod memo;
#[cfg(feature = "cli")]
pub(crate) mod merge;
mod metric_columns;
mod node;
mod noisy;
mod optimize;
mod parallel;
mod past;
mod peak;
mod plateau;
mod provenance;
mod rank_by;
mod recorder;
mod redrawn;
mod request;
mod runs;
mod sampling;
mod scheduler;
mod scope;
mod search_spec;
#[cfg(test)]
mod simulation;
mod source;
mod split;
mod standings;
mod stop;
mod stored;
pub(crate) mod whole;

pub use self::{
    anew::PartRun,
    bounds::{Bounds, NoBounds},
    checks::{Checked, Mismatch},
    elsewhere::{Elsewhere, SweepOn},
    estimate::{Estimate, FileEstimate, Seconds},
    identity::{CellIdentity, RESULTS_VERSION},
    jobs::{Batching, KeepResults, SweepNews, SweepProgress},
    known::KnownTasks,
    limits_spec::{LimitsError, LimitsSpec},
    metric_columns::MetricColumns,
    node::{Node, NodeError, build},
    noisy::{CopyShare, MetricOverCopies, NOISY_METRICS, NoisyCopies, NoisyError, NoisyReport, NoisyRun},
    optimize::{FrontPoint, OptimizationReport, OptimizeError, Optimized},
    parallel::{ParallelBacktester, Progress, StrategySource, SweepError, run_multi_strategy, run_parameter_sweep},
    past::{PastError, PastResult, PastResults},
    plateau::{OnPlateau, PlateauReport, Plateaus, RankedPlateaus, Valued, WithValues},
    provenance::{BenchmarkFacts, Provenance, ProvenanceError, RequestFile},
    rank_by::{RankBy, SplitShare},
    recorder::{Recorded, Recorder, Recording},
    redrawn::{LUCK_LEVELS, RedrawError, RedrawnTrades, profit_shares},
    request::{
        BOUNDED, BoundRequest, DefaultMetrics, NO_CELLS, RequestError, RequestProblem, SweepRequest, typed_name,
        with_causes,
    },
    runs::{Run, RunEnd, RunOutcome, RunStart, runs},
    sampling::EstimateOf,
    scope::{Instruments, Part, Scope, SymbolScope, TogetherScope},
    search_spec::{Objective, ObjectiveError, Objectives, Optimization, SearchProblem, SearchSpec, TRIALS},
    split::{AfterResult, OutOfSample, Split, SplitError, Stretch},
    standings::{Goal, GoalError, RankedResult, Standings, objective},
    stop::Stop,
    stored::{StoreUse, StoredCells},
};
