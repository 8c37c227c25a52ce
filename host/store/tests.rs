//! Tests of the store on real files: what comes back, what is damaged, what others write.

use std::{fs, path::PathBuf, time::Duration};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    book::{Book, Shape, files},
    root::Store,
    trials::Trials,
};
use crate::{
    metrics::{Metrics, Selection},
    model::{Digest, ParamSpec, Params, Value},
    task::{ErrorKind, ParallelResult, TaskError},
};

fn spec(name: &str) -> ParamSpec {
    let (doc, default, choices) = (String::new(), Value::Integer(1), Vec::new());
    ParamSpec { name: name.to_owned(), doc, default, minimum: None, maximum: None, choices }
}

fn shape(metrics: &[&str]) -> Shape {
    let metrics = Selection::of(metrics.iter().copied()).unwrap();
    Shape { parameters: vec![spec("a"), spec("b")], metrics }
}

fn trials(store: &Store) -> Trials {
    store.trials_of(Digest::of(b"plugin"), Digest::of(b"bars"), "bars")
}

fn params(a: i64) -> Params {
    Params::from([("a".to_owned(), a.into()), ("b".to_owned(), Value::Number(0.5))])
}

fn result(a: i64, outcome: Result<Metrics, TaskError>) -> ParallelResult<Metrics> {
    let (params, execution_time) = (params(a), Duration::from_nanos(17 + a.unsigned_abs()));
    let units = Some(a.unsigned_abs()).filter(|units| units % 3 > 0);
    ParallelResult { params, execution_time, units, ..ParallelResult::new(0, outcome) }
}

fn metrics(a: i64) -> Metrics {
    let calmar = [None, Some(f64::INFINITY), Some(-0.0)][a.unsigned_abs() as usize % 3];
    Metrics { sharpe: Some(a as f64 / 7.0), trades: Some(a as f64), calmar, ..Metrics::default() }
}

/// A result of each kind: fine, failed, with a log.
fn one(a: i64) -> ParallelResult<Metrics> {
    let mut result = match a % 5 {
        3 => result(a, Err(TaskError::new(ErrorKind::Trap, format!("no\n{a}")))),
        _ => result(a, Ok(metrics(a))),
    };
    if a % 5 > 2 {
        result.log = vec![format!("said {a}"), "\0\u{1f600}".to_owned()];
    }
    result
}

struct Folder {
    _folder: TempDir,
    store: Store,
}

const ALL: [&str; 3] = ["sharpe", "trades", "calmar"];

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { _folder: folder, store }
    }

    fn open(&self, metrics: &[&str]) -> Book {
        self.store.book(Digest::of(b"book"), Some("{}"), &shape(metrics), trials(&self.store)).unwrap()
    }

    /// Keeps the cells `range`, in blocks of `rows`.
    fn keep(&self, range: std::ops::Range<i64>, rows: usize) {
        let book = self.open(&ALL);
        let results: Vec<_> = range.map(one).collect();
        results.chunks(rows).for_each(|results| assert!(book.keep(results)));
        assert_eq!(book.finish().kept, results.len() as u64);
        assert_eq!(book.problem(), None);
    }

    fn book(&self) -> PathBuf {
        self.store.root().join("books").join(Digest::of(b"book").to_string())
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.book()).unwrap()
    }
}

/// Whether the book has the cell as [`one`] makes it.
fn is_there(book: &Book, a: i64) -> bool {
    let Some((answer, time)) = book.find(&params(a)) else { return false };
    let expected = one(a);
    assert_eq!((answer.log, answer.units, time), (expected.log, expected.units, expected.execution_time), "{a}");
    let bits = |metrics: &Metrics| metrics.values().map(|value| value.map(f64::to_bits));
    match (answer.outcome, expected.result) {
        (Ok(found), Some(expected)) => assert_eq!(bits(&found), bits(&expected), "{a}"),
        (Err(error), None) => {
            assert_eq!((Some(error.kind), Some(error.message)), (expected.error_kind, expected.error_message));
        }
        (found, expected) => panic!("{a}: {found:?} instead of {expected:?}"),
    }
    true
}

#[test]
fn cells_come_back_as_they_were_and_no_others() {
    let folder = Folder::new();
    folder.keep(0..300, 7);
    folder.keep(300..310, 100);
    let book = folder.open(&ALL);
    assert_eq!((book.len(), book.notices()), (310, &[][..]));
    assert!((0..310).all(|a| is_there(&book, a)));
    assert!((310..400).all(|a| !is_there(&book, a)));
    // Nothing new: nothing is written.
    book.keep(&(0..310).map(|a| ParallelResult { cached: true, ..one(a) }).collect::<Vec<_>>());
    assert_eq!(book.finish().kept, 0);
    assert_eq!(folder.files().len(), 2);
}

#[test]
fn what_the_clock_or_chance_decided_is_not_kept() {
    let folder = Folder::new();
    let book = folder.open(&ALL);
    let kinds = [ErrorKind::TimedOut, ErrorKind::Crash, ErrorKind::Host, ErrorKind::Panic, ErrorKind::OutOfBudget];
    let failed = |(a, kind)| result(a, Err(TaskError::new(kind, "no")));
    book.keep(&(0..).zip(kinds).map(failed).collect::<Vec<_>>());
    assert_eq!(book.finish().kept, 2);
    let book = folder.open(&ALL);
    assert_eq!((0..5).filter(|a| book.has(&params(*a))).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_cell_without_a_metric_that_is_wanted_is_not_known() {
    let folder = Folder::new();
    folder.keep(0..3, 9);
    assert_eq!(folder.open(&["sharpe"]).len(), 3);
    let (answer, _) = folder.open(&["sharpe"]).find(&params(1)).unwrap();
    let metrics = answer.outcome.unwrap();
    assert_eq!((metrics.sharpe, metrics.trades), (Some(1.0 / 7.0), None), "nothing that was not asked for");
    let more = folder.open(&["sharpe", "sortino"]);
    assert!(more.is_empty() && more.find(&params(1)).is_none());
}

/// The parts of a file that a flipped bit can be in, of which each has an own check.
#[test]
fn a_flipped_bit_anywhere_costs_the_cells_of_one_block_and_is_told() {
    let folder = Folder::new();
    folder.keep(0..60, 6);
    let path = folder.files().remove(0);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::remove_dir_all(folder.book()).unwrap();
        fs::create_dir(folder.book()).unwrap();
        fs::write(&path, &damaged).unwrap();
        let book = folder.open(&ALL);
        let there = (0..60).filter(|a| is_there(&book, *a)).count();
        let header = whole.windows(4).enumerate().filter(|(_, mark)| mark == b"cell").nth(2).unwrap().0;
        assert_eq!(there, if at < header { 0 } else { 54 }, "{at}");
        // Of the last block it cannot be told from one that was being written when its process ended.
        let is_last = whole.windows(4).rposition(|mark| mark == b"cell").unwrap() <= at;
        let is_told = book.notices().len() == 1;
        // Flipped within its mark or its length, nothing of it can be found either.
        assert_eq!(is_told, !is_last, "{at}: {:?}", book.notices());
        assert_eq!(folder.book().join("damaged").is_dir(), is_told, "{at}");
        // What runs again is there at the next start, beside what was saved.
        drop(book);
        let again = folder.open(&ALL);
        assert_eq!((0..60).filter(|a| is_there(&again, *a)).count(), there, "{at}");
        assert!(again.notices().is_empty(), "{at}");
    }
}

#[test]
fn a_file_that_ends_early_gives_its_whole_blocks() {
    let folder = Folder::new();
    folder.keep(0..30, 3);
    let path = folder.files().remove(0);
    let whole = fs::read(&path).unwrap();
    let mut before = 0;
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let book = folder.open(&ALL);
        let there = (0..30).filter(|a| is_there(&book, *a)).count();
        assert!(there % 3 == 0 && there >= before && book.notices().is_empty(), "{length}: {there}");
        assert_eq!(book.problem(), None);
        before = there;
    }
    assert_eq!(before, 30);
}

#[test]
fn what_is_no_file_of_cells_is_set_aside() {
    let folder = Folder::new();
    folder.keep(0..3, 3);
    fs::write(folder.book().join("0.cells"), "host cells 9\nand more that is long enough for a header").unwrap();
    let book = folder.open(&ALL);
    assert_eq!((book.len(), book.notices().len()), (3, 1));
    assert!(book.notices()[0].contains("0.cells"), "{:?}", book.notices());
    assert!(folder.book().join("damaged/0.cells").is_file());
}

#[test]
fn a_file_of_another_book_is_no_file_of_this_one() {
    let folder = Folder::new();
    folder.keep(0..3, 3);
    let other = folder.store.root().join("books").join(Digest::of(b"other").to_string());
    fs::create_dir(&other).unwrap();
    let path = folder.files().remove(0);
    fs::copy(&path, other.join(path.file_name().unwrap())).unwrap();
    // Neither a folder nor a pipe is waited for.
    fs::create_dir(other.join("x.cells")).unwrap();
    let book = folder.store.book(Digest::of(b"other"), Some("{}"), &shape(&ALL), trials(&folder.store)).unwrap();
    assert_eq!((book.len(), book.notices().len()), (0, 1));
    assert!(book.notices()[0].contains("of another plugin, data, account or limits"), "{:?}", book.notices());
    assert_eq!(folder.open(&ALL).len(), 3);
}

#[test]
fn a_book_that_is_used_now_or_soon_is_not_pruned() {
    let folder = Folder::new();
    folder.keep(0..3, 3);
    let facts = folder.book().join("book.json");
    let prune = |used: std::time::SystemTime| {
        fs::File::options().write(true).open(&facts).unwrap().set_modified(used).unwrap();
        let pruned = folder.store.prune(0).unwrap();
        (pruned.books, pruned.in_use)
    };
    let (now, hour) = (std::time::SystemTime::now(), Duration::from_secs(3600));
    // Another machine's clock may be ahead.
    for used in [now, now - hour / 2, now + hour / 2] {
        assert_eq!(prune(used), (0, 1));
    }
    let writing = folder.open(&ALL);
    writing.keep(&[one(9)]);
    assert_eq!(prune(now - 2 * hour), (0, 1));
    drop(writing);
    assert_eq!(prune(now - 2 * hour), (1, 0));
}

#[test]
fn many_small_files_become_one_without_a_loss() {
    let folder = Folder::new();
    for a in 0..40 {
        folder.keep(a..a + 2, 1);
    }
    assert!(folder.files().len() < 20, "{}", folder.files().len());
    let book = folder.open(&ALL);
    assert!((0..41).all(|a| is_there(&book, a)));
}

#[test]
fn what_another_process_runs_meanwhile_is_found_or_told() {
    let folder = Folder::new();
    let (one_book, other) = (folder.open(&ALL), folder.open(&ALL));
    one_book.keep(&[one(1), one(2)]);
    assert!(!other.has(&params(1)));
    other.keep(&[one(2), one(3)]);
    std::thread::park_timeout(Duration::from_millis(1100));
    // It looks around when it keeps something.
    other.keep(&[one(4)]);
    assert!(is_there(&other, 1));
    let kept = other.finish();
    assert_eq!((kept.kept, kept.twice), (3, 1));
    assert_eq!(one_book.finish().twice, 1);
}

#[test]
fn a_store_that_takes_nothing_says_what_was_not_kept() {
    let folder = Folder::new();
    folder.keep(0..3, 3);
    let book = folder.open(&ALL);
    fs::remove_dir_all(folder.book()).unwrap();
    fs::write(folder.book(), "").unwrap();
    book.keep(&[one(7), one(8)]);
    let kept = book.finish();
    assert_eq!((kept.kept, kept.lost), (0, 2));
    assert!(book.problem().unwrap().contains("cannot make"), "{:?}", book.problem());
    // What was known stays so.
    assert!(is_there(&book, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn random_cells_come_back_to_the_same_bits(
        cells in prop::collection::vec((any::<i64>(), any::<Option<f64>>(), any::<bool>(), ".*", any::<u32>()), 1..40),
        rows in 1_usize..20,
    ) {
        let folder = Folder::new();
        let book = folder.open(&ALL);
        let mut there = std::collections::HashMap::new();
        for (a, sharpe, fails, text, time) in cells {
            let sharpe = sharpe.filter(|value| !value.is_nan());
            let outcome = if fails { Err(TaskError::new(ErrorKind::Failed, text.clone())) } else { Ok(Metrics { sharpe, ..Metrics::default() }) };
            let params = Params::from([("a".to_owned(), a.into()), ("b".to_owned(), text.clone().into())]);
            let mut result = ParallelResult { params: params.clone(), ..ParallelResult::new(0, outcome) };
            result.execution_time = Duration::from_nanos(time.into());
            result.log = if time % 2 == 0 { vec![text] } else { vec![] };
            there.entry(format!("{params:?}")).or_insert(result);
        }
        let results: Vec<_> = there.values().cloned().collect();
        results.chunks(rows).for_each(|results| assert!(book.keep(results)));
        book.finish();
        let book = folder.open(&ALL);
        for expected in results {
            let (answer, time) = book.find(&expected.params).unwrap();
            prop_assert_eq!(time, expected.execution_time);
            prop_assert_eq!(answer.log, expected.log);
            prop_assert_eq!(answer.outcome.as_ref().ok().and_then(|metrics| metrics.sharpe).map(f64::to_bits), expected.result.and_then(|metrics| metrics.sharpe).map(f64::to_bits));
            prop_assert_eq!(answer.outcome.err().map(|error| error.message), expected.error_message);
        }
    }
}
