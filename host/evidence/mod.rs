//! Evidence: what the returns of a sweep, and luck and noise, say of it, as the command line, HTTP and Python show it.
//!
//! Never computes a statistic, and never finds a file by its name: [`trust`](crate::trust) computes on a file that is open. The reports here have the numbers a year, the winners with their parameters, and the verdict in words.
//!
//! # Examples
//!
//! ```no_run
//! use std::path::Path;
//!
//! use host::{evidence::TrustRequest, results::ReturnsFile, store::Store, sweep::Stop};
//!
//! let file = ReturnsFile::open(Path::new("returns.arrow"))?;
//! let report = TrustRequest::default().answer(&file, Store::of_environment().as_ref(), &Stop::default())?;
//! println!("{}", report.sentence());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod causal;
mod combination;
mod cross;
mod error;
mod follow;
mod fresh;
mod luck;
mod report;
mod request;
mod source;
mod trials;
mod words;

pub use self::{
    answers::keep_answer,
    causal::{CheckFact, Returning, known_look_ahead, refuse_look_ahead},
    combination::Combination,
    cross::CrossValidated,
    error::{EvidenceError, MOST_COPIES},
    follow::{FollowReport, FollowRequest, FollowedFold, FreshFold, FreshFolds},
    fresh::FoldsAnew,
    luck::{CopyListener, LuckReport, LuckRequest, Redrawn},
    report::{OverfittingFound, SpaFound, TrustReport},
    request::{DRAWS, TrustRequest},
    trials::CountedBy,
};
