//! The recorder of a sweep: standings, tally, results file, and the first failed write.
//!
//! Never runs a task, and never shows anything.
//!
//! Rows go to a partial file beside the final name, which gets its name in [`Recorder::finish`] only. A write that fails
//! drops the sink and keeps the partial file: its rows may be hours of work, and a server adopts them at its next start.

use std::path::Path;

use super::{request::BoundRequest, standings::Standings};
use crate::{
    backtest::{Market, Strategy},
    metrics::Metrics,
    results::{self, Leftover, Records, ResultsError, Sink},
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
    /// A recorder without a file, for `request` as it runs `strategy` on `market`.
    pub fn new(request: &BoundRequest, strategy: &Strategy, market: &Market) -> Self {
        Self {
            standings: Standings::new(request.goal.clone(), request.top),
            records: request.instruments.records(request.metrics.columns, strategy, market),
            plugin_hash: strategy.digest().map(|digest| digest.to_string()),
            sink: None,
            failed_write: None,
        }
    }

    /// The same recorder, whose rows say how long each task took and which worker ran it ([`Records::timed`]), if `timed`.
    #[must_use]
    pub fn with_timings(mut self, timed: bool) -> Self {
        if timed {
            self.records = self.records.timed();
        }
        self
    }

    /// Opens the file at `path` for every result from now on; a Parquet file carries `facts`, names and texts, in its footer.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written; nothing has been run by then.
    pub fn open(&mut self, path: &Path, facts: &[(String, String)]) -> Result<(), ResultsError> {
        self.sink = Some(results::create_with(path, self.records.columns(), facts)?);
        Ok(())
    }

    /// What runs that were killed had left beside the file that is open.
    pub fn leftovers(&self) -> &[Leftover] {
        self.sink.as_ref().map_or(&[], |sink| sink.leftovers())
    }

    /// Counts, ranks and writes results, in their order. Returns false once a write has failed: a sweep whose results are
    /// lost is not worth its time.
    pub fn take(&mut self, results: &[ParallelResult<Metrics>]) -> bool {
        for result in results {
            self.standings.take(result);
            if let Some(sink) = &mut self.sink
                && let Err(error) = sink.write(&self.records.row(result, self.plugin_hash.as_deref()))
            {
                self.failed_write = Some(error);
                // Dropped, not finished: the written rows stay in the partial file, and the final name stays free.
                self.sink = None;
            }
            if self.failed_write.is_some() {
                return false;
            }
        }
        true
    }

    /// Flushes all rows so far to the disk, where they outlive a killed process. Returns false once a write has failed.
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

    /// The columns of results, and the conversion of a result to a row.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The hash of the plugin, if the strategy is a plugin.
    pub fn plugin_hash(&self) -> Option<&str> {
        self.plugin_hash.as_deref()
    }

    /// Completes the file, if one is open. Without any result, an earlier file of that name stays.
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
