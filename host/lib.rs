//! Runs trading strategies compiled to WebAssembly components over market data, thousands of parameter combinations in
//! parallel, each in a sandbox of its own.
//!
//! A strategy is one file, in any language that compiles to WebAssembly, with the types of the contract in `wit/`. It
//! prepares the data once; then every combination runs in a fork of that state. A combination that fails (a trap, an
//! endless loop, a memory bomb) becomes a failed [`task::ParallelResult`], and disturbs no other. The same inputs give the same bits on any
//! number of workers.
//!
//! ```text
//! data::Dataset ─► backtest::Market ─┐
//! sandbox::Plugin ─► (prepare) ──────┴► backtest::Backtest ──┐
//! sweep::grid::Grid ─► Plan ─► workers: fork, broker, metrics ┴► task::ParallelResult ─► one consumer ─► results
//! ```
//!
//! The front doors are [`sweep::run_parameter_sweep`], [`sweep::run_multi_strategy`] and [`sweep::ParallelBacktester`];
//! [`cli::run`] is the whole command line.
//!
//! # Features
//!
//! All are on by default; without any, the crate is the engine alone.
//!
//! | feature | adds | enables |
//! |---|---|---|
//! | `cli` | [`cli`], tables for people, the program `host` | `project`, `server` |
//! | `project` | [`project`]: sources to components | |
//! | `server` | [`server`]: HTTP over the library; [`report`] | `registry` |
//! | `registry` | [`registry`]: plugins by name, swapped while sweeps run | |

#[cfg(not(unix))]
compile_error!(
    "`host` needs a Unix, such as Linux or macOS; on Windows, use it in WSL 2 (a port: see CONTRIBUTING.md)"
);

pub mod audit;
pub mod backtest;
pub mod broker;
pub mod bundled;
pub mod cache;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod evidence;
mod file;
pub mod metrics;
pub mod model;
pub mod optimize;
pub mod pages;
pub mod process;
#[cfg(feature = "project")]
pub mod project;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(feature = "server")]
pub mod report;
pub mod results;
pub mod sandbox;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod sweep;
pub mod task;
pub mod trace;
pub mod trust;
#[cfg(feature = "registry")]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only `host watch` watches single files and trees"))]
mod watcher;
pub mod worker;
