//! The recorder of a sweep: standings, tally, results file, file of returns, and the first failed write.
//!
//! Never runs a task, and never shows anything.
//!
//! Workers rank, count and encode their own results ([`Recording`]), so that the thread that has them in order only merges
//! ([`Recorder`]), and a thread of its own writes. Rows go to a partial file beside the final name, which gets its name in
//! [`Recorder::finish`] only. A write that fails drops the sink and keeps the partial file: its rows may be hours of work, and
//! a server adopts them at its next start.

use std::{path::Path, sync::Arc};

use super::{jobs::Batching, request::BoundRequest, standings::Standings};
use crate::{
    backtest::{Market, Strategy},
    metrics::Metrics,
    results::{
        self, Leftover, Records, ResultsError, ReturnRows, ReturnsError, ReturnsWriter, RowEncoder, Rows, Tally, Writer,
    },
    task::ParallelResult,
};

/// Counts, ranks and encodes results of one sweep, on any thread.
#[derive(Debug, Clone)]
pub struct Recording {
    standings: Arc<Standings>,
    records: Records,
    plugin_hash: Option<String>,
    encoder: Option<RowEncoder>,
}

/// Results that follow each other: counted, ranked and encoded.
#[derive(Debug)]
pub struct Recorded {
    standings: Standings,
    rows: Result<Option<Rows>, ResultsError>,
    returns: ReturnRows,
}

impl Recorded {
    /// The counts of these results.
    pub fn tally(&self) -> &Tally {
        self.standings.tally()
    }
}

impl Recording {
    /// Counts, ranks and encodes `results`, which follow each other.
    pub fn record(&self, results: &[ParallelResult<Metrics>]) -> Recorded {
        let mut standings = self.standings.part();
        results.iter().for_each(|result| standings.take(result));
        let rows = self.encoder.as_ref().map(|encoder| self.encode(encoder, results)).transpose();
        Recorded { standings, rows, returns: ReturnRows::of(results) }
    }

    fn encode(&self, encoder: &RowEncoder, results: &[ParallelResult<Metrics>]) -> Result<Rows, ResultsError> {
        let mut rows = encoder.rows();
        for result in results {
            encoder.push(&mut rows, &self.records.row(result, self.plugin_hash.as_deref()))?;
        }
        Ok(rows)
    }
}

impl Batching for Recording {
    type Batch = Recorded;

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Recorded {
        self.record(&results)
    }

    fn help(&self) {
        if let Some(encoder) = &self.encoder {
            encoder.help();
        }
    }
}

/// Counts, ranks and writes the results of one sweep.
#[derive(Debug)]
pub struct Recorder {
    standings: Standings,
    recording: Arc<Recording>,
    writer: Option<Writer>,
    failed: Option<ResultsError>,
    /// The file of returns, or why it could not be written.
    returns: Option<Result<ReturnsWriter, ReturnsError>>,
    /// Whether a file without a row is a result, too.
    may_be_empty: bool,
}

impl Recorder {
    /// A recorder without a file, for `request` as it runs `strategy` on `market`.
    pub fn new(request: &BoundRequest, strategy: &Strategy, market: &Market) -> Self {
        let standings = Standings::new(request.goal.clone(), request.top);
        let recording = Recording {
            standings: Arc::new(standings.part()),
            records: request.instruments.records(request.metrics.columns, strategy, market),
            plugin_hash: strategy.digest().map(|digest| digest.to_string()),
            encoder: None,
        };
        let recording = Arc::new(recording);
        Self { standings, recording, writer: None, failed: None, returns: None, may_be_empty: false }
    }

    /// The same recorder, whose rows say how long each task took and which worker ran it ([`Records::timed`]), if `timed`.
    #[must_use]
    pub fn with_timings(mut self, timed: bool) -> Self {
        if timed {
            let recording = Arc::make_mut(&mut self.recording);
            recording.records = recording.records.clone().timed();
        }
        self
    }

    /// Opens the file at `path` for every result from now on; a Parquet file carries `facts`, names and texts, in its footer.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written; nothing has been run by then.
    pub fn open(&mut self, path: &Path, facts: &[(String, String)]) -> Result<(), ResultsError> {
        let writer = Writer::start(results::create_with(path, self.records().columns(), facts)?)?;
        Arc::make_mut(&mut self.recording).encoder = Some(writer.encoder());
        self.writer = Some(writer);
        Ok(())
    }

    /// Opens the file at `path` for the returns of every result from now on, if runs on `market` have some. It carries `facts`,
    /// names and texts.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written; nothing has been run by then.
    pub fn open_returns(
        &mut self,
        path: &Path,
        market: &Market,
        facts: &[(String, String)],
    ) -> Result<(), ReturnsError> {
        if let (Some(period), Some(times)) = (market.settings().returns, market.period_times()) {
            let of = (period, &*times, market.timeline().len());
            self.returns = Some(Ok(ReturnsWriter::create(path, of, facts)?));
        }
        Ok(())
    }

    /// What runs that were killed had left beside the file that is open.
    pub fn leftovers(&self) -> &[Leftover] {
        self.writer.as_ref().map_or(&[], Writer::leftovers)
    }

    /// What workers do with their results before [`take`](Self::take) gets them; made after the file was opened.
    pub fn recording(&self) -> Arc<Recording> {
        Arc::clone(&self.recording)
    }

    /// Adds results, in their order. Returns false once a write has failed: a sweep whose results are lost is not worth its
    /// time.
    pub fn take(&mut self, recorded: Recorded) -> bool {
        self.standings.merge(recorded.standings);
        let goes_on = match (recorded.rows, &mut self.writer) {
            (Ok(Some(rows)), Some(writer)) => writer.append(rows),
            (Err(error), _) => {
                self.failed.get_or_insert(error);
                false
            }
            _ => self.failed.is_none(),
        };
        goes_on && self.take_returns(recorded.returns)
    }

    fn take_returns(&mut self, rows: ReturnRows) -> bool {
        let Some(Ok(writer)) = &mut self.returns else { return self.returns.is_none() };
        match writer.append(rows) {
            Ok(()) => true,
            Err(error) => {
                self.returns = Some(Err(error));
                false
            }
        }
    }

    /// Flushes all rows so far to the disk, where they outlive a killed process. Returns false once a write has failed.
    pub fn checkpoint(&mut self) -> bool {
        self.failed.is_none() && self.writer.as_mut().is_none_or(Writer::checkpoint)
    }

    /// The standings so far.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The columns of results, and the conversion of a result to a row.
    pub fn records(&self) -> &Records {
        &self.recording.records
    }

    /// The hash of the plugin, if the strategy is a plugin.
    pub fn plugin_hash(&self) -> Option<&str> {
        self.recording.plugin_hash.as_deref()
    }

    /// Has [`finish`](Self::finish) complete a file without a row, too: a shard may be without a cell.
    pub fn allow_empty(&mut self) {
        self.may_be_empty = true;
    }

    /// Ends without a file, and removes what was written of it. One of the same name from before stays.
    pub fn discard(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.discard();
        }
    }

    /// Completes the file of returns, if one is open. Returns how many combinations it has: with none, an earlier file of that name
    /// stays.
    ///
    /// # Errors
    ///
    /// Returns the first error of writing.
    pub fn finish_returns(&mut self) -> Result<Option<u64>, ReturnsError> {
        self.returns.take().map(|writer| writer?.finish()).transpose()
    }

    /// Completes the file, if one is open. Without any result, an earlier file of that name stays.
    ///
    /// # Errors
    ///
    /// Returns the first error of writing.
    pub fn finish(&mut self) -> Result<(), ResultsError> {
        match (self.writer.take(), self.failed.take()) {
            // The rows before the one that failed stay in the partial file.
            (_, Some(error)) => Err(error),
            (Some(_), None) if self.standings.tally().total() == 0 && !self.may_be_empty => Ok(()),
            (Some(writer), None) => writer.finish(),
            (None, None) => Ok(()),
        }
    }
}
