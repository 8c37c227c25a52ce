//! Shards: merged, they are the file of one run, byte for byte; what does not belong together is named.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use host::{
    cli::Exit,
    results::{Cell, ResultsFile, create_with, metadata},
    sweep::RequestFile,
};
use serde_json::Value as Json;

use crate::support::{Folder, Run, check_refused, component_path, host, rows_of};

const GRID: &str = "--plugin sma_cross --param fast=2..21 --param slow=10..60:2 --where fast<slow";

/// Bars of several instruments, in one file for each.
fn data(folder: &Folder, symbols: usize) -> String {
    let file = |symbol: usize| {
        let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
        for bar in 0..120 {
            let close = 100 + (bar * bar + 7 * symbol) % 23;
            let (day, high, low) = (1_000_000_000_000_u64 + 86_400_000 * bar as u64, close + 2, close - 2);
            writeln!(text, "{day},{close},{high},{low},{close},1000").unwrap();
        }
        folder.file(&format!("s{symbol}.csv"), text)
    };
    (0..symbols).map(file).collect::<Vec<_>>().join(" ")
}

fn sweep(args: &str, out: &Path) -> Run {
    let run = host(&format!("sweep --no-store --workers 2 {args} --out {}", out.display()));
    assert_ne!(run.exit, Exit::BadInput, "{}", run.err);
    run
}

fn shard(args: &str, shard: &str, folder: &Folder) -> PathBuf {
    let out = folder.path(&format!("part-{}.parquet", shard.replace('/', "-of-")));
    sweep(&format!("{args} --shard {shard}"), &out);
    out
}

fn shards(args: &str, count: usize, folder: &Folder) -> Vec<PathBuf> {
    (1..=count).map(|number| shard(args, &format!("{number}/{count}"), folder)).collect()
}

fn merge(parts: &[PathBuf], args: &str, out: &Path) -> Run {
    host(&format!("merge {} {args} --out {}", names(parts), out.display()))
}

fn names(parts: &[PathBuf]) -> String {
    parts.iter().map(|part| part.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn check_merge_refused(parts: &[PathBuf], folder: &Folder, words: &[&str]) {
    let out = folder.path("refused.parquet");
    check_refused(&format!("merge {} --out {}", names(parts), out.display()), words);
    assert!(!out.exists());
    let left: Vec<_> = fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("refused")), "{left:?}");
}

/// The merged file is that of one run, and what is shown is the same.
fn check_equal(args: &str, count: usize) {
    let folder = Folder::new();
    let (whole, merged) = (folder.path("whole.parquet"), folder.path("merged.parquet"));
    let expected = sweep(&format!("{args} --top 7 --format json"), &whole);
    // In any order of the files, and whatever a shard shows of itself.
    let mut parts = shards(&format!("{args} --top 7"), count, &folder);
    parts.rotate_left(count / 2);
    let run = merge(&parts, "--format json", &merged);
    assert_eq!(run.exit, expected.exit, "{}", run.err);
    assert!(fs::read(&whole).unwrap() == fs::read(&merged).unwrap(), "{args} on {count} shards");
    let report = |run: &Run| {
        let mut report: Json = serde_json::from_str(&run.out).unwrap();
        let report_object = report.as_object_mut().unwrap();
        // They are of the bars, which a merge does not have.
        report_object.retain(|name, _| name != "periods_per_year" && name != "symbols");
        report
    };
    let (found, mut expected_report) = (report(&run), report(&expected));
    // What a file lacks the metric of is not counted, and not called 0.
    for count in ["without_trades", "wiped_out", "with_targets_cut"] {
        assert_eq!(found[count].is_null(), args.contains("--metrics"), "{count}");
        if found[count].is_null() {
            expected_report[count] = Json::Null;
        }
    }
    assert_eq!(found, expected_report);
    let text = folder.path("merged.csv");
    assert_eq!(merge(&parts, "-q", &text).exit, expected.exit);
    assert_eq!(rows_of(&text).len() as u64, ResultsFile::open(&whole).unwrap().rows());
}

#[test]
fn merged_shards_are_the_file_of_one_run() {
    check_equal(GRID, 16);
    check_equal(&format!("{GRID} --sample 77 --seed 5 --metrics sharpe,trades"), 5);
    check_equal("--plugin sma_cross --param fast=5,10 --param slow=20", 4);
    check_equal(&format!("{GRID} --require trades>5 --objective max_drawdown"), 1);
}

#[test]
fn merged_shards_of_failing_combinations_are_the_file_of_one_run() {
    let faulty = component_path("faulty");
    check_equal(
        &format!("--plugin {faulty} --param behaviour=fine,panic,refuse,fail,trap,unsorted --param seed=1..9"),
        6,
    );
    check_equal(&format!("--plugin {faulty} --param behaviour=panic,trap --param seed=1..2"), 3);
}

#[test]
fn merged_shards_of_each_symbol_are_the_file_of_one_run() {
    let folder = Folder::new();
    let data = data(&folder, 5);
    check_equal(&format!("{GRID} --each-symbol --data {data}"), 16);
    check_equal(&format!("--plugin sma_cross --param fast=3 --each-symbol --data {data}"), 3);
    check_equal(&format!("{GRID} --sample 9 --each-symbol --data {data}"), 4);
    check_equal(&format!("{GRID} --data {data}"), 3);
}

#[test]
fn a_shard_does_not_depend_on_the_number_of_workers() {
    let folder = Folder::new();
    let run = |workers: usize| {
        let out = folder.path("part.parquet");
        let args = format!("sweep --no-store {GRID} --shard 2/3 --workers {workers} --out {}", out.display());
        assert_eq!(host(&args).exit, Exit::Success);
        fs::read(out).unwrap()
    };
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
}

#[test]
fn a_shard_without_a_cell_is_a_file_all_the_same() {
    let folder = Folder::new();
    let grid = "--plugin sma_cross --param fast=5,6";
    let parts = shards(grid, 5, &folder);
    let rows: Vec<_> = parts.iter().map(|part| ResultsFile::open(part).unwrap().rows()).collect();
    assert_eq!((rows.iter().sum::<u64>(), rows.iter().max()), (2, Some(&1)));
    // It need not be there: nothing is missing without it.
    let full: Vec<_> = parts.iter().zip(&rows).filter(|(_, rows)| **rows > 0).map(|(part, _)| part.clone()).collect();
    let out = folder.path("merged.parquet");
    assert_eq!(merge(&full, "", &out).exit, Exit::Success);
    let whole = folder.path("whole.parquet");
    sweep(grid, &whole);
    assert!(fs::read(out).unwrap() == fs::read(whole).unwrap());
    let empty: Vec<_> = parts.iter().zip(&rows).filter(|(_, rows)| **rows == 0).map(|(part, _)| part.clone()).collect();
    check_merge_refused(&empty, &folder, &["2 cells", "--partial"]);
}

#[test]
fn a_shard_that_is_not_one_is_refused() {
    let sweep = |shard: &str| format!("sweep {GRID} --shard {shard}");
    check_refused(&sweep("17/16"), &["there is no shard 17 of 16; shards are numbered from 1 to 16"]);
    check_refused(&sweep("0/4"), &["there is no shard 0 of 4"]);
    check_refused(&sweep("4"), &["`4` is not a shard", "3/16"]);
    check_refused(&sweep("auto"), &["finds neither SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "--shard 3/16"]);
}

#[test]
fn what_is_missing_is_named() {
    let folder = Folder::new();
    let parts = shards(GRID, 8, &folder);
    check_merge_refused(&parts[1..], &folder, &["shard 1 of 8 is missing", "--shard 1/8", "--partial"]);
    let without = [&parts[..2], &parts[3..6], &parts[7..]].concat();
    check_merge_refused(&without, &folder, &["shards 3 and 7 of 8 are missing, ", "`--shard 3/8` and `--shard 7/8`"]);
    let out = folder.path("some.parquet");
    let run = merge(&without, "--partial --format json", &out);
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(run.err.contains("note: shards 3 and 7 of 8 are missing"), "{}", run.err);
    let report: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["missing"]["shards"], serde_json::json!(["3/8", "7/8"]));
    let there: u64 = without.iter().map(|part| ResultsFile::open(part).unwrap().rows()).sum();
    let whole = folder.path("whole.parquet");
    sweep(GRID, &whole);
    let all = ResultsFile::open(&whole).unwrap().rows();
    assert_eq!(report["missing"]["combinations"], all - there);
    assert_eq!(ResultsFile::open(&out).unwrap().rows(), there);
}

/// Writes the rows of `part` that `keep` keeps to `to`, as a run that was killed might have left them.
fn cut(part: &Path, to: &Path, keep: impl Fn(usize) -> bool, change: impl Fn(&mut Vec<Cell<'_>>)) {
    let file = ResultsFile::open(part).unwrap();
    let mut sink = create_with(to, file.columns(), &metadata(part).unwrap()).unwrap();
    let mut at = 0;
    for batch in file.batches(None).unwrap() {
        for mut row in batch.unwrap().rows() {
            change(&mut row);
            if keep(at) {
                sink.write(&row).unwrap();
            }
            at += 1;
        }
    }
    sink.finish().unwrap();
}

#[test]
fn a_shard_that_was_killed_is_incomplete_until_it_has_run_again() {
    let folder = Folder::new();
    let parts = shards(GRID, 4, &folder);
    let (left, rest) = (folder.path("part-2-of-4.partial-1.parquet"), folder.path("part-2-of-4.partial-2.parquet"));
    let rows = ResultsFile::open(&parts[1]).unwrap().rows();
    cut(&parts[1], &left, |at| at < 20, |_| {});
    cut(&parts[1], &rest, |at| (20..25).contains(&at), |_| {});
    let killed = [&parts[..1], &[left.clone(), rest.clone()], &parts[2..]].concat();
    let found = format!("have 25 of {rows} cells; the first one missing is ");
    check_merge_refused(&killed, &folder, &["shard 2/4 is incomplete", &found, "fast=", "--shard 2/4"]);
    let run = merge(&killed, "--partial", &folder.path("some.parquet"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(run.err.contains("note: shard 2/4 is incomplete"), "{}", run.err);
    // Run again, with what the killed run had left still there, as a pattern of file names would find it.
    let again = [&parts[..], &[left.clone(), rest]].concat();
    let (out, whole) = (folder.path("merged.parquet"), folder.path("whole.parquet"));
    assert_eq!(merge(&again, "", &out).exit, Exit::Success);
    sweep(GRID, &whole);
    assert!(fs::read(out).unwrap() == fs::read(whole).unwrap());
    // But not where it says something else.
    cut(&parts[1], &left, |at| at < 20, |row| *row.last_mut().unwrap() = Cell::from("other"));
    check_merge_refused(&again, &folder, &["has `data_hash`", "but other in", "partial-1.parquet"]);
}

#[test]
fn a_hole_within_a_shard_is_found() {
    let folder = Folder::new();
    let mut parts = shards(GRID, 3, &folder);
    let torn = folder.path("torn.parquet");
    cut(&parts[2], &torn, |at| at != 5, |_| {});
    parts[2] = torn;
    check_merge_refused(&parts, &folder, &["shard 3/3 is incomplete", "the first one missing is"]);
}

#[test]
fn a_shard_that_is_doubled_is_named() {
    let folder = Folder::new();
    let parts = shards(GRID, 3, &folder);
    let copy = folder.path("copy.parquet");
    fs::copy(&parts[1], &copy).unwrap();
    check_merge_refused(
        &[&parts[..], &[copy]].concat(),
        &folder,
        &["both have cell", "of shard 2/3", "copy.parquet", "part-2-of-3"],
    );
    check_merge_refused(&[&parts[..], &parts[..1]].concat(), &folder, &["part-1-of-3.parquet` is given twice"]);
}

#[test]
fn what_is_of_another_sweep_is_named_with_what_differs() {
    let folder = Folder::new();
    let data = data(&folder, 2);
    let [first, second] = data.split(' ').collect::<Vec<_>>()[..] else { unreachable!() };
    let part = |args: &str, name: &str| {
        let out = folder.path(name);
        sweep(args, &out);
        out
    };
    let one = part(&format!("{GRID} --data {first} --shard 1/2"), "one.parquet");
    let check = |args: &str, words: &[&str]| {
        let other = part(args, "other.parquet");
        check_merge_refused(&[one.clone(), other], &folder, words);
    };
    let same = format!("{GRID} --data {first} --shard 2/2");
    check(
        &format!("{same} --commission 7"),
        &["not of one sweep", "`account.commission_bps` is ", "7.0 in `", "other.parquet"],
    );
    check(&format!("{same} --cash 5000"), &["`account.initial_cash` is ", "one.parquet"]);
    check(&format!("{same} --rule gaps=stop"), &["`account.rules.gaps` is ", "other.parquet"]);
    check(&format!("{same} --budget 5e9"), &["`limits.budget` is ", "5000000000 in"]);
    check(&format!("{same} --from 2001-10-01"), &["`period.from` is ", "2001-10-01"]);
    check(&format!("{GRID} --data {second} --shard 2/2"), &["`data_hash` is ", "`data` is s0 in", "s1 in"]);
    check(&same.replace("slow=10..60:2", "slow=10..62:2"), &["`params` is ", "slow=10..62:2"]);
    check(&format!("{same} --where slow>12"), &["`constraints` is "]);
    check(&format!("{same} --sample 9"), &["`sample` is not given in ", "9 in"]);
    check(&format!("{same} --each-symbol"), &["`scope` is not given in", "each-symbol in"]);
    check(
        &same
            .replace("sma_cross", "breakout")
            .replace("--param fast=2..21 --param slow=10..60:2 --where fast<slow", "--param entry=5..9"),
        &["`plugin` is sma_cross in", "`plugin_hash` is "],
    );
    check(&format!("{same} --metrics sharpe,trades"), &["different columns", "--metrics"]);
    check(&same.replace("2/2", "2/3"), &["is shard 1/2, but", "is shard 2/3"]);
    check(&same.replace(" --shard 2/2", ""), &["is shard 1/2, but", "is shard 1/1"]);
}

#[test]
fn what_does_not_change_a_number_is_only_noted() {
    let folder = Folder::new();
    let (one, other) = (folder.path("one.parquet"), folder.path("other.parquet"));
    sweep(&format!("{GRID} --shard 1/2 --top 3"), &one);
    sweep(&format!("{GRID} --shard 2/2 --top 5 --timeout 20"), &other);
    let run = merge(&[other, one], "", &folder.path("merged.parquet"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(run.err.contains("note: `top` is 3 in `") || run.err.contains("note: `top` is 5 in `"), "{}", run.err);
    assert!(run.err.contains("`limits.timeout` is "), "{}", run.err);
    let RequestFile::Provenance(merged) = RequestFile::load(&folder.path("merged.parquet")).unwrap() else { panic!() };
    assert_eq!((merged.request.top, merged.shard), (3, None));
}

#[test]
fn files_that_are_no_shards_are_refused() {
    let folder = Folder::new();
    let text = folder.path("part.csv");
    let run = sweep(&format!("{GRID} --shard 1/2"), &text);
    assert!(run.err.contains("`host merge` takes Parquet"), "{}", run.err);
    check_merge_refused(&[text], &folder, &["part.csv` is not Parquet", "--out NAME.parquet"]);
    check_merge_refused(&[folder.path("none.parquet")], &folder, &["cannot read", "none.parquet"]);
    check_merge_refused(&["examples/data/msft.parquet".into()], &folder, &["is not a results file"]);
    let compared = folder.path("compared.parquet");
    assert_eq!(host(&format!("compare --out {}", compared.display())).exit, Exit::Success);
    check_merge_refused(&[compared], &folder, &["compared.parquet` does not contain the request of a sweep"]);
    let parts = shards(GRID, 2, &folder);
    let bytes = fs::read(&parts[0]).unwrap();
    for (length, noise) in [(bytes.len() / 2, 0), (bytes.len(), 200)] {
        let mut damaged = bytes[..length].to_vec();
        damaged.iter_mut().skip(4).take(noise).for_each(|byte| *byte = 0xaa);
        fs::write(&parts[0], damaged).unwrap();
        check_merge_refused(&parts, &folder, &["part-1-of-2.parquet` is damaged"]);
    }
    fs::write(&parts[0], bytes).unwrap();
    let run = host(&format!("merge {} --out {}", names(&parts), parts[1].display()));
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("is also read"), "{}", run.err);
}

#[test]
fn a_file_whose_rows_were_changed_is_refused() {
    let folder = Folder::new();
    let parts = shards(GRID, 2, &folder);
    let place =
        ResultsFile::open(&parts[0]).unwrap().columns().iter().position(|column| column.name == "cell").unwrap();
    let other = folder.path("other.parquet");
    let check = |change: &dyn Fn(&mut Vec<Cell<'_>>), words: &[&str]| {
        cut(&parts[0], &other, |_| true, change);
        check_merge_refused(&[other.clone(), parts[1].clone()], &folder, words);
    };
    let moved = |row: &mut Vec<Cell<'_>>| {
        if let Cell::Integer(cell) = &mut row[place] {
            *cell += 1;
        }
    };
    check(&moved, &["which that shard does not have"]);
    check(&|row| row[place] = Cell::Null, &["is damaged: a row has no cell"]);
    check(&|row| row[place] = Cell::Integer(-5), &["is damaged: a row has cell -5"]);
    check(&|row| row[place] = Cell::Integer(7), &["is damaged: cell 7 comes after cell 7"]);
}

/// A bit that a disk has changed is found wherever a file is read, and never merged.
#[test]
fn a_shard_that_a_disk_has_changed_is_not_merged() {
    let folder = Folder::new();
    let parts = shards(GRID, 2, &folder);
    let whole = fs::read(&parts[1]).unwrap();
    let step = whole.len() / 60;
    for (at, bit) in (0..whole.len()).step_by(step).zip((0..8).cycle()) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        fs::write(&parts[1], &changed).unwrap();
        check_merge_refused(&parts, &folder, &["part-2-of-2.parquet", "is damaged"]);
    }
    let (part, last) = (parts[1].display(), whole.len() - 200);
    let mut changed = whole.clone();
    changed[last] ^= 1;
    fs::write(&parts[1], &changed).unwrap();
    check_refused(&format!("sweep --request {part}"), &["is damaged", "its footer was changed since it was written"]);
    check_refused(&format!("backtest --again {part}"), &["is damaged", "its footer was changed since it was written"]);
    fs::write(&parts[1], &whole).unwrap();
    assert_eq!(merge(&parts, "-q", &folder.path("merged.parquet")).exit, Exit::Success);
}

#[test]
fn parts_may_be_a_pattern_or_a_folder() {
    let folder = Folder::new();
    let parts = shards(GRID, 3, &folder);
    let (whole, here) = (folder.path("whole.parquet"), folder.path(""));
    assert_eq!(merge(&parts, "-q", &whole).exit, Exit::Success);
    let (bytes, here) = (fs::read(&whole).unwrap(), here.display());
    fs::remove_file(&whole).unwrap();
    folder.file("notes.txt", "of this folder");
    let merged = folder.path("all.parquet");
    for typed in [
        format!("{here}/part-*.parquet"),
        format!("{here}/part-?-of-3.parquet"),
        format!("{here}/part-[12]-of-3.parquet {}", parts[2].display()),
        format!("{here}"),
    ] {
        // The file to write may be there from the time before.
        for _ in 0..2 {
            let run = host(&format!("merge {typed} --out {}", merged.display()));
            assert_eq!(run.exit, Exit::Success, "{typed}: {}", run.err);
            assert!(fs::read(&merged).unwrap() == bytes, "{typed}");
        }
        fs::remove_file(&merged).unwrap();
    }
    let out = merged.display();
    let empty = folder.path("empty");
    fs::create_dir(&empty).unwrap();
    let cases: [(String, &[&str]); 5] = [
        (format!("{here}/none-*.parquet"), &["no file matches", "none-*.parquet"]),
        (format!("{}", empty.display()), &["empty", "contains no `.parquet` file"]),
        (format!("{here}/part-*.parquet {}", parts[0].display()), &["is given twice"]),
        (format!("{here}/*.txt"), &["notes.txt", "is not Parquet"]),
        (format!("{here}/part-[.parquet"), &["is not a pattern of files"]),
    ];
    for (typed, words) in cases {
        check_refused(&format!("merge {typed} --out {out}"), words);
    }
}
