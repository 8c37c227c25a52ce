//! The recorder of a sweep: standings, tally, results file, and the first write that failed.
//!
//! Never runs a task, and never shows anything.

use std::path::Path;

use super::{request::BoundRequest, standings::Standings};
use crate::{
    backtest::{Market, Strategy},
    metrics::Metrics,
    results::{self, Records, ResultsError, Sink},
    task::ParallelResult,
};

/// Counts, ranks and writes the results of one sweep.
#[derive(Debug)]
pub struct Recorder {
    standings: Standings,
    records: Records,
    plugin_hash: Option<String>,
    sink: Option<Box<dyn Sink>>,
    failed_write: Option<ResultsError>,
}

impl Recorder {
    /// Starts without a file, for `request` as it runs `strategy` on `market`.
    pub fn new(request: &BoundRequest, strategy: &Strategy, market: &Market) -> Self {
        Self {
            standings: Standings::new(request.goal.clone(), request.top),
            records: request.instruments.records(request.metrics.columns, strategy, market),
            plugin_hash: strategy.digest().map(|digest| digest.to_string()),
            sink: None,
            failed_write: None,
        }
    }

    /// Opens the file at `path`, which gets every result from now on; `facts` are names and texts that a Parquet file carries in its footer.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written; nothing has been run by then.
    pub fn open(&mut self, path: &Path, facts: &[(String, String)]) -> Result<(), ResultsError> {
        self.sink = Some(results::create_with(path, self.records.columns(), facts)?);
        Ok(())
    }

    /// Counts, ranks and writes results, in their order. Returns whether to go on: a sweep whose results cannot be written
    /// is not worth its time.
    pub fn take(&mut self, results: &[ParallelResult<Metrics>]) -> bool {
        for result in results {
            self.standings.take(result);
            if let Some(sink) = &mut self.sink
                && let Err(error) = sink.write(&self.records.row(result, self.plugin_hash.as_deref()))
            {
                self.failed_write = Some(error);
                // The rows that were written stay in the partial file.
                self.sink = None;
            }
            if self.failed_write.is_some() {
                return false;
            }
        }
        true
    }

    /// Puts all rows so far on the disk, where they outlive a process that is killed. Returns whether to go on.
    pub fn checkpoint(&mut self) -> bool {
        if let Some(Err(error)) = self.sink.as_mut().map(|sink| sink.checkpoint()) {
            self.failed_write = Some(error);
            self.sink = None;
        }
        self.failed_write.is_none()
    }

    /// The standings so far.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The columns of results, and how a result becomes a row.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The hash of the plugin, if the strategy is one.
    pub fn plugin_hash(&self) -> Option<&str> {
        self.plugin_hash.as_deref()
    }

    /// Completes the file, if there is one. Where nothing has been finished, a file of that name from before stays.
    ///
    /// # Errors
    ///
    /// Returns the first error of writing.
    pub fn finish(&mut self) -> Result<(), ResultsError> {
        match (self.sink.take(), self.failed_write.take()) {
            (_, Some(error)) => Err(error),
            (Some(_), None) if self.standings.tally().total() == 0 => Ok(()),
            (Some(sink), None) => sink.finish(),
            (None, None) => Ok(()),
        }
    }
}
