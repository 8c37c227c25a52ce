//! Reports on a file of returns for Python, as JSON.
//!
//! Never computes a statistic. The library works on a thread of its own, and a signal ends it.

use std::path::PathBuf;

use host::{
    evidence::{FollowRequest, TrustRequest},
    results::ReturnsFile,
    sweep::Stop,
};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::{
    errors::{Class, Failure, OrFailure},
    runs::{StoreChoice, json, refused},
    wait::{self, Counts, Waited},
};

/// What the returns in a file say of the best combination. `request` is JSON with the fields of `TrustRequest`; `store` has counted
/// the trials, as in `Backtester.sweep`.
#[pyfunction]
#[pyo3(signature = (path, request, store = None))]
pub(crate) fn trust(
    py: Python<'_>,
    path: PathBuf,
    request: &str,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (request, store): (TrustRequest, _) = (read(request)?, StoreChoice::of(store)?);
    answer(py, move |stop| {
        let store = store.existing()?;
        json(&request.answer(&opened(&path)?, store.as_ref(), stop).map_err(refused)?)
    })
}

/// The best combination of each stretch of time, followed through the next one. `request` is JSON with the fields of
/// `FollowRequest`; `store` has what checks have found, as in `Backtester.sweep`.
#[pyfunction]
#[pyo3(signature = (path, request, store = None))]
pub(crate) fn walk_forward(
    py: Python<'_>,
    path: PathBuf,
    request: &str,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (request, store): (FollowRequest, _) = (read(request)?, StoreChoice::of(store)?);
    answer(py, move |stop| {
        let store = store.existing()?;
        json(&request.answer(&opened(&path)?, store.as_ref(), stop).map_err(refused)?)
    })
}

/// Reads options, which are JSON.
pub(crate) fn read<R: DeserializeOwned>(request: &str) -> Result<R, Failure> {
    serde_json::from_str(request)
        .map_err(|error| Failure::new(Class::Settings, format!("the options do not fit: {error}")))
}

fn opened(path: &std::path::Path) -> Result<ReturnsFile, Failure> {
    ReturnsFile::open(path).or_failure(Class::Data)
}

/// Runs `work` on threads of its own, which end with it: a process that is forked later has none of them.
fn answer(py: Python<'_>, work: impl FnOnce(&Stop) -> Result<String, Failure> + Send) -> PyResult<String> {
    let stop = Stop::default();
    let work = || {
        let threads = rayon::ThreadPoolBuilder::new().build();
        threads.or_failure(Class::Host)?.install(|| work(&stop))
    };
    let Waited { value, raised } = wait::run(py, &stop, &Counts::default(), None, work)?;
    match raised {
        Some(raised) => Err(raised),
        None => Ok(value?),
    }
}
