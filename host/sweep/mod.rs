//! Many tasks at once: a grid becomes a plan, a plan becomes tasks, tasks become results in order.
//!
//! Never knows who listens, and never writes a file.

mod each;
pub mod grid;
mod parallel;
mod scheduler;
mod standings;

pub use parallel::{ParallelBacktester, Progress, StrategySource, SweepError, run_multi_strategy, run_parameter_sweep};
pub use scheduler::Stop;
pub use standings::{Goal, GoalError, Standings, objective};
