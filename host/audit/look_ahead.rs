//! Look-ahead: does an answer about the past change with the future?
//!
//! Never asks why a strategy looks ahead; it finds the first bar that shows it, and how far the look reaches.

use std::sync::Arc;

use indexmap::IndexSet;

use super::{
    AuditError, Check, Decision, Finding, Future, Listener, Options, Progress, Verdict,
    ready::{Ready, Subject, is_refusal},
    report::LOOK_AHEAD,
    seeded::Random,
    signals::{BySignals, same_targets},
};
use crate::{
    model::{Targets, format_time},
    task::TaskError,
};

/// Cuts behind the first bars that every audit takes: what is set up there is often wrong there.
const FIRST: [usize; 4] = [1, 2, 3, 5];

/// The first targets of a strategy behind which a finding is searched for once more.
const EARLY: usize = 16;

/// Findings whose earliest cut and reach are searched for; each takes about a hundred data sets.
const EXPLAINED: usize = 3;

/// What the search came to.
pub(super) struct Outcome {
    pub(super) check: Check,
    pub(super) findings: Vec<Finding>,
    /// How far the search was when it ended.
    pub(super) progress: Progress,
}

impl Outcome {
    /// Nothing can be said, for a reason.
    pub(super) fn undecided(why: impl Into<String>) -> Self {
        let check = Check::new(LOOK_AHEAD, Verdict::Skipped, why);
        Self { check, findings: Vec::new(), progress: Progress::default() }
    }
}

/// Asks for every combination with another future behind every cut.
pub(super) fn search(
    subject: &Subject<'_, BySignals>,
    options: &Options,
    listener: Listener<'_>,
) -> Result<Outcome, AuditError> {
    let cuts = cuts(subject, options);
    if cuts.is_empty() {
        return Ok(Outcome::undecided("a single time stamp has no future; give more bars"));
    }
    let futures = |at: usize| match options.every_future {
        true => &Future::ALL[..],
        false => std::slice::from_ref(&Future::ALL[at % Future::ALL.len()]),
    };
    let progress = Progress { done: 0, total: (cuts.len() * futures(0).len()) as u64 };
    let mut search = Search { subject, seed: options.seed, listener, progress, tally: Tally::default() };
    let mut caught: Vec<Option<Caught>> = subject.sets.iter().map(|_| None).collect();
    for (at, &cut) in cuts.iter().enumerate().take_while(|_| !subject.patience.is_over()) {
        for future in futures(at) {
            search.look(cut, *future, &mut caught)?;
        }
    }
    let mut findings = Vec::new();
    for (set, caught) in caught.into_iter().enumerate() {
        let Some(caught) = caught else { continue };
        let explained =
            if findings.len() < EXPLAINED { search.explain(set, caught)? } else { search.plainly(set, caught) };
        findings.push(explained);
    }
    let check = match subject.patience.over().filter(|_| findings.is_empty()) {
        Some(why) => Check::new(LOOK_AHEAD, Verdict::Skipped, search.tally.so_far(&why)),
        None => search.tally.check(subject, cuts.len(), &findings),
    };
    Ok(Outcome { check, findings, progress: search.progress })
}

/// Where the data is cut, as numbers of known time stamps: behind bars at which the strategy acted, at random places, and
/// near both ends; or everywhere. At least one stamp is known, and at least one is not.
fn cuts(subject: &Subject<'_, BySignals>, options: &Options) -> IndexSet<usize> {
    let last = subject.timeline.len() - 1;
    if options.cuts > last {
        return (1..=last).collect();
    }
    let mut random = Random::new(options.seed, &[last as u64]);
    let mut wanted = Vec::new();
    let acting: Vec<_> = subject.answers.iter().filter_map(|answer| answer.outcome.as_ref().ok()).collect();
    let acting: Vec<_> = acting.into_iter().filter(|targets| !targets.is_empty()).collect();
    for targets in &acting {
        wanted.push(subject.stamp(targets, 0) + 1);
        for _ in 0..options.cuts.div_ceil(acting.len()) {
            // Behind the bar that was acted on, or before it: what another future does may come a bar earlier.
            wanted.push(subject.stamp(targets, random.below(targets.len())) + random.below(2));
        }
    }
    wanted.extend((0..options.cuts).map(|_| 1 + random.below(last)));
    wanted.extend(FIRST.into_iter().chain([last]));
    wanted.into_iter().filter(|cut| (1..=last).contains(cut)).collect()
}

/// How two answers about the past compare.
enum Compared {
    /// They are the same, and so many targets long.
    Same(usize),
    Different(Difference),
    /// One of them is none, which says nothing about the past.
    Unanswered(TaskError),
}

/// The first bar about which two answers differ.
#[derive(Debug, Clone)]
struct Difference {
    instrument: usize,
    bar: usize,
    with_future: Decision,
    without: Decision,
}

/// A difference, and what shows it.
#[derive(Debug, Clone)]
struct Caught {
    cut: usize,
    future: Future,
    difference: Difference,
}

struct Search<'a, 'b> {
    subject: &'a Subject<'a, BySignals>,
    seed: u64,
    listener: Listener<'b>,
    progress: Progress,
    tally: Tally,
}

impl Search<'_, '_> {
    /// Asks for all combinations that are not caught yet, with another future behind `cut`.
    fn look(&mut self, cut: usize, future: Future, caught: &mut [Option<Caught>]) -> Result<(), AuditError> {
        self.tell()?;
        if caught.iter().all(Option::is_some) {
            return Ok(());
        }
        let Some(ready) = self.other(cut, future) else { return Ok(()) };
        let known_until = self.time(cut - 1);
        let open =
            |(set, caught): &(usize, &mut Option<Caught>)| caught.is_none() && self.subject.is_worth_asking(*set);
        for (set, caught) in caught.iter_mut().enumerate().filter(open) {
            match self.compare(set, &ready, future, known_until) {
                Compared::Same(targets) => self.tally.same(targets),
                Compared::Different(difference) => *caught = Some(Caught { cut, future, difference }),
                Compared::Unanswered(error) => self.tally.unanswered(cut, future, known_until, error),
            }
        }
        Ok(())
    }

    /// Says how far the search is.
    fn tell(&mut self) -> Result<(), AuditError> {
        let go_on = (self.listener)(self.progress);
        self.progress.done += 1;
        self.progress.total = self.progress.total.max(self.progress.done);
        if go_on { Ok(()) } else { Err(AuditError::Stopped) }
    }

    /// The strategy with other data, of which it shares the first `cut` time stamps.
    fn other(&self, cut: usize, future: Future) -> Option<BySignals> {
        let mut random = Random::new(self.seed, &[cut as u64, future as u64]);
        let series = future.of(&self.subject.series, &self.subject.timeline, self.time(cut - 1), &mut random)?;
        Some(BySignals::new(self.subject.strategy, Arc::from(series), &self.subject.patience))
    }

    fn time(&self, stamp: usize) -> i64 {
        self.subject.timeline.times()[stamp]
    }

    /// Compares what `ready` answers up to the time `until` with what was answered with the real future.
    fn compare(&self, set: usize, ready: &BySignals, future: Future, until: i64) -> Compared {
        let real = &self.subject.answers[set].outcome;
        let other = ready.answer(&self.subject.sets[set]).outcome;
        // Where the data ends, there are fewer bars, which is an honest reason to refuse.
        let as_many = future != Future::Ended;
        match (real, &other) {
            (Ok(real), Ok(other)) => self.compare_targets(real, other, until),
            (Err(real), Err(other)) if is_refusal(real) && is_refusal(other) => Compared::Same(0),
            (Ok(_), Err(error)) if as_many && is_refusal(error) => {
                Compared::Different(self.refusal(until, None, Some(error)))
            }
            (Err(error), Ok(_)) if as_many && is_refusal(error) => {
                Compared::Different(self.refusal(until, Some(error), None))
            }
            (_, Err(error)) | (Err(error), _) => Compared::Unanswered(error.clone()),
        }
    }

    fn compare_targets(&self, real: &Targets, other: &Targets, until: i64) -> Compared {
        let (real, other) = (self.subject.past(real, until), self.subject.past(other, until));
        if same_targets(&real, &other) {
            return Compared::Same(real.len());
        }
        Compared::Different(self.subject.first_difference(&real, &other))
    }

    /// A difference in whether the parameters are refused; it names the last known bar.
    fn refusal(&self, until: i64, real: Option<&TaskError>, other: Option<&TaskError>) -> Difference {
        let decision = |error: Option<&TaskError>| {
            error.map_or(Decision::Nothing, |error| Decision::Refused(error.message.clone()))
        };
        let known = |(_, times): &(usize, usize)| *times > 0;
        let bars = (0..self.subject.series.len()).map(|at| self.subject.timeline.known(at, until));
        let (instrument, bars) = bars.enumerate().find(known).unwrap_or((0, 1));
        Difference { instrument, bar: bars - 1, with_future: decision(real), without: decision(other) }
    }

    /// Whether combination `set` answers differently up to the time `until`, with any other future behind `cut`.
    fn differs(&mut self, set: usize, cut: usize, until: i64, first: Future) -> Result<Option<Caught>, AuditError> {
        let others = Future::ALL.into_iter().filter(|future| *future != first);
        for future in std::iter::once(first).chain(others) {
            self.tell()?;
            let Some(ready) = self.other(cut, future) else { continue };
            if let Compared::Different(difference) = self.compare(set, &ready, future, until) {
                return Ok(Some(Caught { cut, future, difference }));
            }
        }
        Ok(None)
    }

    /// Searches for the earliest cut that shows the same fault, and for how far the strategy sees.
    fn explain(&mut self, set: usize, caught: Caught) -> Result<Finding, AuditError> {
        let mut caught = self.early(set, caught)?;
        let mut clean = 0;
        while caught.cut - clean > 1 {
            let middle = clean + (caught.cut - clean) / 2;
            match self.differs(set, middle, self.time(middle - 1), caught.future)? {
                Some(earlier) => caught = earlier,
                None => clean = middle,
            }
        }
        let mut finding = self.plainly(set, caught.clone());
        finding.reach = self.reach(set, &caught, finding.reach)?;
        Ok(finding)
    }

    /// The first cut behind one of the first targets that shows the fault, if that is before the one of `caught`.
    fn early(&mut self, set: usize, caught: Caught) -> Result<Caught, AuditError> {
        let subject = self.subject;
        let Ok(targets) = &subject.answers[set].outcome else { return Ok(caught) };
        let cuts = (0..targets.len().min(EARLY)).map(|entry| subject.stamp(targets, entry) + 1);
        for cut in cuts.take_while(|cut| *cut < caught.cut) {
            if let Some(earlier) = self.differs(set, cut, self.time(cut - 1), caught.future)? {
                return Ok(earlier);
            }
        }
        Ok(caught)
    }

    /// The number of time stamps from the bar of `caught` to the latest one found that its answer depends on; `least` is
    /// known to be one.
    fn reach(&mut self, set: usize, caught: &Caught, least: usize) -> Result<usize, AuditError> {
        let stamp = caught.cut - least;
        let farthest = self.subject.timeline.len() - 1 - stamp;
        let until = self.time(stamp);
        let (mut seen, mut unseen) = (least, farthest + 1);
        let mut next = 2 * least;
        while unseen - seen > 1 {
            let reach = if next < unseen { next } else { seen + (unseen - seen) / 2 };
            match self.differs(set, stamp + reach, until, caught.future)? {
                Some(_) => seen = reach,
                None => unseen = reach,
            }
            next = 2 * reach;
        }
        Ok(seen)
    }

    /// The finding as it was made.
    fn plainly(&self, set: usize, caught: Caught) -> Finding {
        let Caught { cut, future, difference: Difference { instrument, bar, with_future, without } } = caught;
        let series = &self.subject.series[instrument];
        Finding {
            params: self.subject.sets[set].clone(),
            symbol: series.symbol.clone(),
            bar,
            time: series.time[bar],
            with_future,
            without,
            future,
            known_until: self.time(cut - 1),
            reach: cut - self.subject.timeline.stamp(instrument, bar),
        }
    }
}

impl Subject<'_, BySignals> {
    /// The index of the time stamp of an entry.
    fn stamp(&self, targets: &Targets, entry: usize) -> usize {
        self.timeline.stamp(targets.instrument[entry] as usize, targets.at[entry] as usize)
    }

    /// The time stamp of an entry.
    fn time_of(&self, targets: &Targets, entry: usize) -> i64 {
        self.timeline.times()[self.stamp(targets, entry)]
    }

    /// The entries of bars that are known at the time `until`.
    fn past(&self, targets: &Targets, until: i64) -> Targets {
        let mut past = Targets::default();
        for entry in (0..targets.len()).filter(|&entry| self.time_of(targets, entry) <= until) {
            past.at.push(targets.at[entry]);
            past.instrument.push(targets.instrument[entry]);
            past.exposure.push(targets.exposure[entry]);
        }
        past
    }

    /// The first bar that two answers, which differ, do not name alike.
    fn first_difference(&self, real: &Targets, other: &Targets) -> Difference {
        let entry = |targets: &Targets, at: usize| {
            (at < targets.len()).then(|| (targets.at[at], targets.instrument[at], targets.exposure[at].to_bits()))
        };
        let first = (0..).find(|&at| entry(real, at) != entry(other, at)).unwrap_or_default();
        // The earlier of the two entries; that of the real answer where both are at one time.
        let from_other = match (first < real.len(), first < other.len()) {
            (true, true) => self.time_of(other, first) < self.time_of(real, first),
            (in_real, _) => !in_real,
        };
        let named = if from_other { other } else { real };
        let (at, instrument) = (named.at[first], named.instrument[first]);
        let decision = |targets: &Targets| {
            let same_bar = |entry: &usize| targets.at[*entry] == at && targets.instrument[*entry] == instrument;
            let found = (first..targets.len()).find(same_bar);
            found.map_or(Decision::Nothing, |entry| Decision::Hold(targets.exposure[entry]))
        };
        let (with_future, without) = (decision(real), decision(other));
        Difference { instrument: instrument as usize, bar: at as usize, with_future, without }
    }
}

/// On how much a verdict rests.
#[derive(Default)]
struct Tally {
    compared: u64,
    targets: u64,
    unanswered: u64,
    /// The first answer that there was none of, in words.
    example: Option<String>,
}

impl Tally {
    fn same(&mut self, targets: usize) {
        self.compared += 1;
        self.targets += targets as u64;
    }

    fn unanswered(&mut self, cut: usize, future: Future, known_until: i64, error: TaskError) {
        self.unanswered += 1;
        let first_line = error.message.lines().next().unwrap_or_default();
        let (kind, until) = (error.kind, format_time(known_until));
        self.example.get_or_insert_with(|| format!("{future} after {until}, stamp {cut}: {kind}: {first_line}"));
    }

    /// What was compared when the search ended early, since `why`.
    fn so_far(&self, why: &str) -> String {
        let Self { compared, targets, .. } = self;
        format!("undecided after {compared} answers with {targets} targets that are the same: {why}")
    }

    fn check(&self, subject: &Subject<'_, BySignals>, cuts: usize, findings: &[Finding]) -> Check {
        let sets = subject.sets.len();
        let verdict = match () {
            () if !findings.is_empty() => Verdict::Failed,
            () if self.targets == 0 => Verdict::Skipped,
            () => Verdict::Passed,
        };
        let mut detail = match verdict {
            Verdict::Failed => {
                let ends = findings.iter().all(|finding| finding.future == Future::Ended);
                let on = if ends { "on where the data ends" } else { "on bars that come later" };
                format!("{} of {sets} combinations of parameters depend {on}", findings.len())
            }
            Verdict::Skipped => format!(
                "there was no target to compare, with {sets} combinations of parameters; give `--param`s that trade"
            ),
            _ => format!(
                "{} targets are the same with other futures: {sets} combinations of parameters, {cuts} cuts",
                self.targets
            ),
        };
        if let Some(example) = &self.example {
            detail = format!("{detail}; {} answers were not compared, like {example}", self.unanswered);
        }
        Check::new(LOOK_AHEAD, verdict, detail)
    }
}
