//! The program in this process: its command line with what it writes and how it ends.

use host::cli::{self, Exit, Interrupt, Terminal};

/// What a run of the program gave.
pub(crate) struct Run {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program, without a cache where it would have one.
pub(crate) fn host(args: &str) -> Run {
    let caches = ["sweep", "optimize", "compare", "backtest", "monte-carlo", "check", "run", "replay"]
        .iter()
        .any(|command| args.starts_with(command));
    let no_cache = (caches && !args.contains("--help")).then_some("--no-cache");
    let words = std::iter::once("host").chain(args.split_whitespace()).chain(no_cache).map(Into::into);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = cli::run(words, &mut out, &mut err, Terminal::default(), &Interrupt::default());
    Run { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Bad input ends with code 2, says each of `words`, and prints nothing.
pub(crate) fn check_refused(args: &str, words: &[&str]) {
    let run = host(args);
    assert_eq!((run.exit, run.out.as_str()), (Exit::BadInput, ""), "{args}\n{}", run.err);
    for word in words {
        assert!(run.err.contains(word), "`{word}` is not in: {}", run.err);
    }
}
