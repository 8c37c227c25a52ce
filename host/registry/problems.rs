//! The problems of a server: what is wrong now, and which of its threads panicked a short while ago.
//!
//! Never mends one. Its texts name no path and no plugin, as whoever asks for the health may read them; the details go to
//! listeners only.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// How long a panic is a problem after its thread has gone on.
const RECENT: Duration = Duration::from_secs(600);

/// Panics of one thread within [`RECENT`] from which on it does not do its work any more.
const TOO_MANY: u32 = 5;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In words, without a path or a plugin's name.
    pub text: String,
    /// Whether a part of the work cannot be done because of it.
    pub is_grave: bool,
}

/// What is wrong now. One for a registry and the server around it.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    state: Mutex<ProblemState>,
}

#[derive(Debug, Default)]
struct ProblemState {
    standing: BTreeMap<&'static str, Problem>,
    panics: BTreeMap<String, Panics>,
    listeners: Vec<Sender<String>>,
}

#[derive(Debug)]
struct Panics {
    count: u32,
    last: Instant,
}

impl Problems {
    fn state(&self) -> MutexGuard<'_, ProblemState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is wrong with `subject` from now on, or that nothing is any more. `text` is for everyone, `details` for
    /// listeners, who hear of it once.
    pub(crate) fn set(&self, subject: &'static str, problem: Option<Problem>, details: &str) {
        let mut state = self.state();
        let before = match problem.clone() {
            Some(problem) => state.standing.insert(subject, problem),
            None => state.standing.remove(subject),
        };
        match (before, problem) {
            (None, Some(problem)) => state.tell(&format!("{}: {details}", problem.text)),
            (Some(before), None) => state.tell(&format!("no longer so: {}", before.text)),
            _ => {}
        }
    }

    /// Notes that the thread `name` panicked with `text`, and goes on.
    pub(crate) fn panicked(&self, name: &str, text: &str) {
        let mut state = self.state();
        let now = Instant::now();
        let panics = state.panics.entry(name.to_owned()).or_insert(Panics { count: 0, last: now });
        if now.duration_since(panics.last) > RECENT {
            panics.count = 0;
        }
        (panics.count, panics.last) = (panics.count.saturating_add(1), now);
        state.tell(&format!("a bug of the host: thread `{name}` panicked and goes on: {text}"));
    }

    /// All that is wrong.
    pub(crate) fn all(&self) -> Vec<Problem> {
        let state = self.state();
        let recent = state.panics.iter().filter(|(_, panics)| panics.last.elapsed() <= RECENT);
        let panics = recent.map(|(name, panics)| Problem {
            text: format!(
                "thread `{name}` panicked {} times in the last 10 minutes and was started again",
                panics.count
            ),
            is_grave: panics.count >= TOO_MANY,
        });
        state.standing.values().cloned().chain(panics).collect()
    }

    /// One line for each problem from now on.
    pub(crate) fn listen(&self) -> Receiver<String> {
        let (sender, receiver) = unbounded();
        self.state().listeners.push(sender);
        receiver
    }
}

impl ProblemState {
    fn tell(&mut self, line: &str) {
        self.listeners.retain(|listener| listener.send(line.to_owned()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_and_ends() {
        let problems = Problems::default();
        let heard = problems.listen();
        let problem = || Some(Problem { text: "the disk is full".to_owned(), is_grave: true });
        problems.set("disk", problem(), "`/x`: no space");
        problems.set("disk", problem(), "`/x`: no space");
        assert_eq!(problems.all(), [problem().unwrap()]);
        problems.set("disk", None, "");
        problems.set("disk", None, "");
        assert_eq!(problems.all(), []);
        let lines: Vec<_> = heard.try_iter().collect();
        assert_eq!(lines, ["the disk is full: `/x`: no space", "no longer so: the disk is full"]);
    }

    #[test]
    fn a_thread_that_panics_again_and_again_does_not_do_its_work() {
        let problems = Problems::default();
        for count in 1..=TOO_MANY {
            problems.panicked("host-health", "index out of bounds: /secret");
            let [problem] = &problems.all()[..] else { panic!("one thread is one problem") };
            assert_eq!(problem.is_grave, count == TOO_MANY);
            assert!(problem.text.contains(&format!("panicked {count} times")), "{}", problem.text);
            assert!(!problem.text.contains("secret"), "what a panic says is for listeners only");
        }
    }
}
