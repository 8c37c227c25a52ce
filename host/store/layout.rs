//! The layout of a file of cells: its book, and which parameters and metrics its blocks have.

use serde::{Deserialize, Serialize};

use crate::{
    metrics::{Metrics, Selection},
    model::{Digest, ParamSpec},
};

/// The columns of the blocks of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Layout {
    /// The hash of the book, so that a file which came into another folder is not taken for one of that book.
    pub(super) book: Digest,
    /// The names of the parameters, in the order of their values.
    pub(super) params: Vec<String>,
    /// The names of the metrics, in the order of their values.
    pub(super) metrics: Vec<String>,
    /// Whether blocks are compressed.
    pub(super) compressed: bool,
}

/// Metrics from which on compressing is worth its time: a task that computes them takes longer, too.
const WIDE: usize = 16;

impl Layout {
    /// That of a strategy with `parameters`, of whose cells `metrics` are computed.
    pub(super) fn new(book: Digest, parameters: &[ParamSpec], metrics: Selection) -> Self {
        let params = parameters.iter().map(|spec| spec.name.clone()).collect();
        let metrics: Vec<_> = metrics.names().map(str::to_owned).collect();
        Self { book, params, compressed: metrics.len() >= WIDE, metrics }
    }

    /// Where the metrics of the layout stand in [`Metrics::FIELDS`]; `None` where this version has no such metric.
    pub(super) fn places(&self) -> Vec<Option<usize>> {
        let place = |name: &String| Metrics::FIELDS.iter().position(|info| info.name == *name);
        self.metrics.iter().map(place).collect()
    }

    /// Whether every metric of `wanted` is there.
    pub(super) fn has(&self, wanted: Selection) -> bool {
        wanted.names().all(|name| self.metrics.iter().any(|known| known == name))
    }
}
