//! Errors for Python: the texts of the library, in the classes of the package.
//!
//! Never words a problem itself, but one of this binding.

use std::error::Error;

use host::{
    backtest::BenchmarkError,
    evidence::EvidenceError,
    sweep::{RequestError, RequestProblem, with_causes},
    trust::TrustError,
};
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyString, PyType},
};
use serde::Serialize;

/// The class of a problem, as `host._errors` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The grid, or a condition in it.
    Grid,
    /// The data.
    Data,
    /// The plugin.
    Plugin,
    /// The account, the limits, a metric, or an option.
    Settings,
    /// Anything else: a file that cannot be written, a bug of the host.
    Host,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Grid => "GridError",
            Self::Data => "DataError",
            Self::Plugin => "PluginError",
            Self::Settings => "SettingsError",
            Self::Host => "HostError",
        }
    }
}

/// A problem, in words for the user.
#[derive(Debug)]
pub(crate) struct Failure {
    class: Class,
    text: String,
}

impl Failure {
    /// A problem of `class`, in `text`.
    pub(crate) fn new(class: Class, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }

    /// Says an error of the library, with its causes.
    pub(crate) fn of(class: Class) -> impl Fn(&dyn Error) -> Self {
        move |error| Self::new(class, with_causes(error))
    }

    /// Says the problems of a request.
    pub(crate) fn of_request(error: &RequestError) -> Self {
        let is_of_grid = |problem: &RequestProblem| {
            matches!(problem, RequestProblem::NoGrid { .. } | RequestProblem::Twice { .. } | RequestProblem::Grid(_))
        };
        let class = if error.problems().iter().all(is_of_grid) { Class::Grid } else { Class::Settings };
        Self::new(class, with_causes(error))
    }
}

/// Makes errors of the library failures of one class.
pub(crate) trait OrFailure<T> {
    /// The value, or its error as a problem of `class`.
    fn or_failure(self, class: Class) -> Result<T, Failure>;
}

impl<T, E: Error + 'static> OrFailure<T> for Result<T, E> {
    fn or_failure(self, class: Class) -> Result<T, Failure> {
        self.map_err(|error| Failure::of(class)(&error))
    }
}

impl From<BenchmarkError> for Failure {
    fn from(error: BenchmarkError) -> Self {
        Self::of(Class::Settings)(&error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| {
            let class = py.import("host._errors").and_then(|errors| errors.getattr(failure.class.name()));
            match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
                Ok(class) => Self::from_type(class, (PyString::new(py, &failure.text).unbind(),)),
                // The package is not complete: the text is what counts.
                Err(_) => PyRuntimeError::new_err(failure.text),
            }
        })
    }
}

/// `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).or_failure(Class::Host)
}

/// Why there is no report.
pub(crate) fn refused(error: EvidenceError) -> Failure {
    let class = match &error {
        EvidenceError::Returns(_) | EvidenceError::Trust(TrustError::Read { .. } | TrustError::Block { .. }) => {
            Class::Data
        }
        EvidenceError::Run(_) | EvidenceError::Plugin(_) => Class::Plugin,
        _ => Class::Settings,
    };
    Failure::of(class)(&error)
}
