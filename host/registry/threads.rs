//! Supervised threads: one whose work panics is told of, and does its work again.
//!
//! Never ends a thread: its work returns when it is over.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::problems::Problems;
use crate::task::panic_text;

/// The longest pause before a thread whose work panics at once works again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Starts the thread `name` that does `work` until it returns. A panic is a problem of `problems`; then `work` is called
/// again, after a pause that doubles as long as panics go on.
///
/// # Errors
///
/// Returns an error if the thread does not start.
pub(crate) fn supervised(
    name: String,
    stack: usize,
    problems: Arc<Problems>,
    mut work: impl FnMut() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let named = name.clone();
    let run = move || {
        let mut pause = FIRST_PAUSE;
        // What the work holds is kept consistent by its own locks, none of which stays poisoned.
        while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) {
            problems.panicked(&name, &panic_text(&*panic));
            thread::park_timeout(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    thread::Builder::new().name(named).stack_size(stack).spawn(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_on_after_a_panic_and_ends_when_its_work_does() {
        let problems = Arc::new(Problems::default());
        let heard = problems.listen();
        let mut calls = 0;
        let work = move || {
            calls += 1;
            assert!(calls > 2, "call {calls}");
        };
        supervised("host-test".to_owned(), 1 << 20, Arc::clone(&problems), work).unwrap().join().unwrap();
        let lines: Vec<_> = heard.try_iter().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains("thread `host-test` panicked and goes on: call 2"), "{}", lines[1]);
        assert!(problems.all()[0].text.contains("panicked 2 times"));
    }
}
