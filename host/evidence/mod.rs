//! Evidence: what the returns of a sweep say of it, as the command line, HTTP and Python show it.
//!
//! Never runs a strategy, never computes a statistic, and never finds a file by its name: [`trust`](crate::trust) computes on a file that is
//! open. The reports here have the numbers a year, the winners with their parameters, and the verdict in words.
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

mod combination;
mod cross;
mod error;
mod follow;
mod report;
mod request;
mod source;
mod trials;
mod words;

pub use self::{
    combination::Combination,
    cross::CrossValidated,
    error::EvidenceError,
    follow::{FollowReport, FollowRequest, FollowedFold, FreshFold, FreshFolds},
    report::{OverfittingFound, SpaFound, TrustReport},
    request::{DRAWS, TrustRequest},
    trials::CountedBy,
};
