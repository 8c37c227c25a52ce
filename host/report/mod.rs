//! A report: what a run, a sweep and its evidence hold, as one HTML file that opens without a network.
//!
//! Never runs a strategy, and never opens a file: it is given what there is, and says what is missing.
//!
//! The page (`page/`) draws what it finds in the data, which are JSON: short columns as arrays, long ones packed. A part that is
//! not given is a section that is not there.

mod cells;
mod column;
mod evidence;
mod html;
mod receipt;
mod run;

use serde::Serialize;

use self::{
    cells::Cells,
    evidence::{Folds, Judged},
    run::Run,
};
use crate::{
    backtest::{AccountSpec, Strategy},
    evidence::{FollowRequest, TrustRequest, known_look_ahead},
    model::{Digest, Params, label},
    results::{ReadError, ResultsFile, ReturnsFile},
    store::Store,
    sweep::{Goal, PastResult, Provenance, RankBy, Stop, with_causes},
};

pub use self::{
    cells::ChosenCell,
    receipt::shell_word,
    run::{Ran, unit_name},
};

/// The returns are of another sweep than the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the returns are of another sweep than the results; give those that were written with them")]
pub struct OtherReturns;

/// The version of the data.
const FORMAT: u32 = 1;

/// A report that is being made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    format: u32,
    title: String,
    subtitle: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Judged>,
    #[serde(flatten)]
    run: Option<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<Cells>,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk_forward: Option<Folds>,
    receipt: Vec<(String, String)>,
    /// The sections that are shown; all that have data where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    /// The combination of a sweep that is shown.
    #[serde(skip)]
    shown: Option<String>,
}

impl Report {
    fn new([title, subtitle]: [String; 2], receipt: Vec<(String, String)>) -> Self {
        Self {
            format: FORMAT,
            title,
            subtitle,
            notes: Vec::new(),
            command: None,
            verdict: None,
            run: None,
            sweep: None,
            walk_forward: None,
            receipt,
            only: Vec::new(),
            shown: None,
        }
    }

    /// A report on the results in `file`, which are of the sweep `of`, and on its `chosen` combination. `command` runs one of them
    /// again, with `--task NAME` behind it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
    pub fn of_results(
        file: &ResultsFile,
        (of, goal): (&Provenance, &Goal),
        chosen: Option<&PastResult>,
        command: String,
    ) -> Result<Self, ReadError> {
        let mut report = Self::new(receipt::titles(of, file.rows(), chosen), receipt::of_sweep(of));
        match chosen {
            Some(chosen) => report.receive("run it again", format!("{command} --task {}", shell_word(&chosen.task_id))),
            None => report.note("No combination could be ranked: all have failed, or do not meet the requirements."),
        }
        if of.request.rank_by == RankBy::Plateau {
            report.note(
                "The sweep was ranked by plateaus, which its results do not have: ranks here are by the objective.",
            );
        }
        report.shown = chosen.map(|chosen| chosen.task_id.clone());
        let task_id = chosen.map_or("", |chosen| &chosen.task_id);
        report.add_sweep(file, of, ChosenCell { task_id, goal }, command)?;
        Ok(report)
    }

    /// A report on one run of `strategy` on the data called `name`, under the account `spec`.
    pub fn of_run((strategy, name, spec): (&Strategy, &str, &AccountSpec), params: &Params, ran: Ran<'_>) -> Self {
        let titles = [
            format!("{} on {}", label(&strategy.description().name), label(name)),
            format!("{}; {}", receipt::span(ran.market), receipt::params(params)),
        ];
        let mut report = Self::new(titles, receipt::of_run(strategy, ran.market, spec));
        report.add_run(ran);
        report
    }

    /// What the report does not hold, and why, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says what the report does not hold, and why.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds a line to the receipt: what the numbers come from.
    pub fn receive(&mut self, name: &str, text: impl Into<String>) {
        self.receipt.push((name.to_owned(), text.into()));
    }

    /// Says so where `store` knows that the plugin `name` with this hash looks ahead: nothing of the report is worth anything then.
    pub fn add_look_ahead(&mut self, store: Option<&Store>, of: (&str, Option<Digest>), bars: Digest) {
        if let Some(found) = known_look_ahead(store, of, bars) {
            self.notes.insert(0, format!("{found}: the numbers of this report prove nothing."));
        }
    }

    /// Shows a run: its equity beside that of its benchmark (of buying and holding where it has none), its months, its trades on prices, its returns.
    pub fn add_run(&mut self, ran: Ran<'_>) {
        let (run, notes) = Run::of(ran);
        self.run = Some(run);
        self.notes.extend(notes);
    }

    /// Shows the combinations of the results in `file`, which are of the sweep `of`, and those beside the `chosen` one. `command`
    /// runs one of them again, with its parameters behind it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
    pub fn add_sweep(
        &mut self,
        file: &ResultsFile,
        of: &Provenance,
        chosen: ChosenCell<'_>,
        command: String,
    ) -> Result<(), ReadError> {
        let (cells, notes) = Cells::read(file, of, chosen)?;
        self.sweep = cells;
        self.command = Some(command);
        self.notes.extend(notes);
        Ok(())
    }

    /// Shows what the returns in `file` say of the sweep `of`, as `asked`: the verdict, and the winners of stretches of time. What
    /// cannot be told is noted. `store` has counted the trials; a `stop` ends it.
    ///
    /// # Errors
    ///
    /// Returns an error if the returns are of another sweep.
    pub fn add_evidence(
        &mut self,
        file: &ReturnsFile,
        of: &Provenance,
        (asked, store, stop): (&TrustRequest, Option<&Store>, &Stop),
    ) -> Result<(), OtherReturns> {
        let ran = Provenance::of_facts(|name| file.fact(name));
        if ran.is_none_or(|ran| (ran.identity, ran.data_hash, ran.plan) != (of.identity, of.data_hash, of.plan)) {
            return Err(OtherReturns);
        }
        match asked.answer(file, store, stop) {
            Ok(found) => {
                if self.shown.as_ref().is_some_and(|shown| *shown != found.best.task_id) {
                    let best = label(&found.best.task_id);
                    self.note(format!(
                        "The verdict is on the combination whose {}s have the best Sharpe ratio, {best}: not the one that is shown.",
                        found.period
                    ));
                }
                self.verdict = Some(Judged::of(&found));
                self.notes.extend(found.notes);
            }
            Err(why) => self.note(format!("There is no verdict: {}.", with_causes(&why))),
        }
        match FollowRequest::default().answer(file, store, stop) {
            Ok(found) => self.walk_forward = Some(Folds::of(&found)),
            Err(why) => self.note(format!("There is no walk-forward: {}.", with_causes(&why))),
        }
        Ok(())
    }

    /// Shows these sections alone, by the names of their parts, such as `equity` and `trades`.
    pub fn only(&mut self, sections: &[&str]) {
        self.only = sections.iter().map(|section| (*section).to_owned()).collect();
    }

    /// The file whose data are `json`, made elsewhere in the form of a report's.
    pub fn page(json: &str) -> String {
        html::page(json)
    }

    /// The file: the same bytes for the same parts.
    pub fn html(&self) -> String {
        // Plain values under text keys always serialise as JSON.
        html::page(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Says which command runs one of the combinations again, with `--task NAME` behind it.
    pub fn set_command(&mut self, command: String) {
        self.command = Some(command);
    }

    /// The scripts and styles that draw the data of a report, by their paths, for a page that draws parts of it.
    pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
        html::files()
    }

    /// The policy of the file, as a server says it in a header: nothing but its own script and style.
    pub fn policy() -> String {
        html::policy()
    }
}
