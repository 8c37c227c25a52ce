//! Files and reports of results: what differs from run to run, infinite values, and times.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use host::cli::Exit;
use parquet::{
    basic::{LogicalType, TimeUnit, Type},
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::Value;

use crate::support::{Folder, component_path, host};

/// Bars of days that rise but for two of them, after which a late buyer sees no loss.
fn rising(folder: &Folder) -> String {
    let (mut lines, mut last) = (vec!["Date,Open,High,Low,Close,Volume".to_owned()], 100);
    for day in 0..60 {
        let close = if day == 10 || day == 11 { last - 3 } else { last + 1 };
        let date = host::model::format_time((20_000 + day) * 86_400_000_000_000);
        let (high, low) = (last.max(close), last.min(close));
        lines.push(format!("{date},{last},{high},{low},{close},1000"));
        last = close;
    }
    folder.file("rising.csv", lines.join("\n"))
}

fn header(path: &Path) -> Vec<String> {
    csv::Reader::from_path(path).unwrap().headers().unwrap().iter().map(str::to_owned).collect()
}

/// Each command on any number of workers writes the same file of each kind, and shows the same.
#[test]
fn the_number_of_workers_changes_no_byte() {
    let folder = Folder::new();
    let data = rising(&folder);
    let faulty = "sweep --plugin tests/plugins/faulty/faulty.wasm --param seed=0..29 --param \
                  behaviour=fine,panic,refuse,trap,fail,unsorted";
    let commands = [
        "sweep --sample 200 --quiet --format json".to_owned(),
        format!("{faulty} --data {data} --require orders>0 --format json"),
        format!("sweep --each-symbol --data {data} --param lookback=1..40 --metrics all --format json"),
        "compare --param slow=100 --quiet --format json".to_owned(),
    ];
    // Many short tasks, and more than fit into one row group.
    let many =
        format!("sweep --data {data} --param lookback=1..41 --param threshold=0..0.8:0.0005 --top 300 --format json");
    let of_each_kind =
        commands.iter().flat_map(|command| ["parquet", "csv", "tsv", "jsonl"].map(|name| (command, name)));
    for (command, extension) in of_each_kind.chain([(&many, "parquet")]) {
        let run = |workers| {
            let out = folder.path(&format!("{workers}.{extension}"));
            let run = host(&format!("{command} --workers {workers} --out {}", out.display()));
            assert!([Exit::Success, Exit::SomeFailed].contains(&run.exit), "{}", run.err);
            (fs::read(out).unwrap(), run.out)
        };
        let one = run(1);
        for workers in [2, 5, 64] {
            assert!(run(workers) == one, "{command} on {workers} workers into .{extension}");
        }
    }
}

#[test]
fn times_and_workers_are_in_files_that_ask_for_them() {
    let folder = Folder::new();
    let tasks = folder.file("tasks.json", r#"[{"task_id": "a"}]"#);
    let task = format!("run --plugin bootstrap --tasks {tasks}");
    let commands = ["sweep --sample 3", "compare", &task];
    for command in commands {
        for asked in [false, true] {
            let out = folder.path("out.csv");
            let run =
                host(&format!("{command} --quiet{} --out {}", if asked { " --timings" } else { "" }, out.display()));
            assert_eq!(run.exit, Exit::Success, "{}", run.err);
            let names = header(&out);
            for name in ["execution_time", "worker_id"] {
                assert_eq!(names.iter().any(|column| column == name), asked, "{command}: {names:?}");
            }
        }
    }
}

#[test]
fn what_is_infinitely_good_ranks_first_and_says_why() {
    let folder = Folder::new();
    let data = rising(&folder);
    let args = format!("sweep --data {data} --param lookback=1,30 --objective recovery_factor");
    let run = host(&format!("{args} --format json"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["objective_infinite"], &json["objective_undefined"]), (&1.into(), &0.into()), "{json}");
    let row = |rank: usize, name: &str| json["ranking"][rank][name].clone();
    assert_eq!((row(0, "lookback"), row(0, "recovery_factor")), (30.into(), "inf".into()));
    assert!(row(1, "recovery_factor").as_f64().is_some_and(|value| value > 0.0), "{json}");
    assert!(run.err.contains("1 with an infinite objective: no drawdown"), "{}", run.err);

    let out = folder.path("out.csv");
    let run = host(&format!("{args} --require recovery_factor>1000000 --out {}", out.display()));
    assert!(run.out.lines().any(|line| line.contains("30") && line.contains("inf")), "{}", run.out);
    assert!(run.err.contains("1 not meeting the requirements"), "{}", run.err);
    let place = header(&out).iter().position(|name| name == "recovery_factor").unwrap();
    let cells: Vec<_> =
        csv::Reader::from_path(&out).unwrap().records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert!(cells[1] == "inf" && cells[0].parse::<f64>().is_ok_and(f64::is_finite), "{cells:?}");

    let out = folder.path("out.parquet");
    host(&format!("{args} --quiet --out {}", out.display()));
    let reader = SerializedFileReader::new(fs::File::open(&out).unwrap()).unwrap();
    let field = |row: parquet::record::Row| {
        row.get_column_iter().find(|(name, _)| *name == "recovery_factor").map(|(_, field)| field.clone())
    };
    let fields: Vec<_> = reader.get_row_iter(None).unwrap().filter_map(|row| field(row.unwrap())).collect();
    assert_eq!(fields[1], Field::Double(f64::INFINITY));

    let run = host(&format!("backtest --data {data} --param lookback=30 --format json"));
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["metrics"]["calmar"], &json["metrics"]["max_drawdown"]), (&"inf".into(), &0.0.into()));
}

#[test]
fn times_are_timestamps_in_parquet_and_text_elsewhere() {
    let folder = Folder::new();
    let bracket = "backtest --plugin bracket --quiet";
    for (option, columns) in [
        ("trades", &["entry_time", "exit_time"][..]),
        ("fills", &["time"]),
        ("orders", &["until", "sent", "ended"]),
        ("equity", &["time"]),
    ] {
        let [packed, plain] = ["parquet", "csv"].map(|extension| folder.path(&format!("{option}.{extension}")));
        for path in [&packed, &plain] {
            let run = host(&format!("{bracket} --{option} {}", path.display()));
            assert_eq!(run.exit, Exit::Success, "{}", run.err);
        }
        let reader = SerializedFileReader::new(fs::File::open(&packed).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr();
        for name in columns {
            let column = schema.columns().iter().find(|column| column.name() == *name).unwrap();
            let expected = LogicalType::timestamp(true, TimeUnit::NANOS);
            assert_eq!((column.physical_type(), column.logical_type_ref()), (Type::INT64, Some(&expected)), "{name}");
        }
        // Both say the same.
        let place = header(&plain).iter().position(|name| *name == columns[columns.len() - 1]).unwrap();
        let texts = csv::Reader::from_path(&plain).unwrap().into_records().map(|row| row.unwrap()[place].to_owned());
        let fields = reader.get_row_iter(None).unwrap().map(|row| match row.unwrap().get_column_iter().nth(place) {
            Some((_, Field::Long(at))) => host::model::format_time(*at),
            other => panic!("not a time: {other:?}"),
        });
        assert!(texts.eq(fields), "{option}");
    }
}

#[test]
fn reports_for_programs_have_times_as_text() {
    let run = host("backtest --quiet --format json");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let worst = &json["drawdowns"][0];
    for name in ["peak_time", "trough_time"] {
        let text = worst[name].as_str().unwrap();
        assert_eq!(text.len(), "1986-03-13".len(), "{name} is {text}");
    }
}

/// The only file of `folder` whose name begins with `prefix`, with so many bytes at least.
fn written(folder: &Folder, prefix: &str, bytes: u64) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder.path("")).unwrap().map(Result::unwrap);
    let entry = entries.find(|entry| entry.file_name().to_string_lossy().starts_with(prefix))?;
    (entry.metadata().ok()?.len() >= bytes).then(|| entry.path())
}

#[test]
fn a_sweep_that_is_killed_loses_no_finished_row() {
    for extension in ["parquet", "csv", "jsonl"] {
        let folder = Folder::new();
        let out = folder.path(&format!("r.{extension}"));
        let mut sweep = Command::new(env!("CARGO_BIN_EXE_host"));
        sweep.args([
            "sweep",
            "--plugin",
            &component_path("faulty"),
            "--param",
            "seed=0..5000000",
            "--no-cache",
            "--out",
        ]);
        let mut sweep = sweep.arg(&out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Parquet holds rows back.
        let prefix = if extension == "parquet" { ".r.rows-" } else { ".r.partial-" };
        while written(&folder, prefix, 100_000).is_none() {
            assert!(sweep.try_wait().unwrap().is_none(), "it ends before it is killed");
            thread::yield_now();
        }
        // A run at the same time leaves it alone.
        let other = host(&format!("sweep --sample 3 --out {}", out.display()));
        assert!(!other.err.contains("ended from outside"), "{}", other.err);
        sweep.kill().unwrap();
        sweep.wait().unwrap();

        let next = host(&format!("sweep --sample 3 --out {}", out.display()));
        let kept = folder.path(&format!("r.partial-1.{extension}"));
        let note = next.err.lines().find(|line| line.starts_with("note: a run that was ended from outside had left "));
        let note = note.unwrap_or_else(|| panic!("{}", next.err));
        assert!(
            note.contains(" rows, which are in `") && note.contains(&format!("/r.partial-1.{extension}`")),
            "{note}"
        );
        let seeds: Vec<i64> = match extension {
            "parquet" => {
                let reader = SerializedFileReader::new(fs::File::open(kept).unwrap()).unwrap();
                let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
                let seed = |row: parquet::record::Row| {
                    let mut columns = row.get_column_iter().map(|(name, field)| (name.clone(), field.clone()));
                    columns.find_map(|column| {
                        if let (name, Field::Long(seed)) = column { (name == "seed").then_some(seed) } else { None }
                    })
                };
                rows.map(|row| seed(row).unwrap()).collect()
            }
            "csv" => {
                let mut reader = csv::Reader::from_path(kept).unwrap();
                let at = reader.headers().unwrap().iter().position(|name| name == "seed").unwrap();
                reader.records().map(|row| row.unwrap()[at].parse().unwrap()).collect()
            }
            _ => {
                let lines = fs::read_to_string(kept).unwrap();
                lines
                    .lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()["seed"].as_i64().unwrap())
                    .collect()
            }
        };
        assert!(seeds.len() > 50 && seeds.iter().copied().eq(0..seeds.len() as i64), "{extension}: {}", seeds.len());
        let left: Vec<_> = fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "nothing hidden is left: {left:?}");
    }
}

#[test]
fn what_an_interrupted_sweep_has_kept_is_said() {
    let folder = Folder::new();
    let out = folder.path("kept.csv");
    let mut sweep = Command::new(env!("CARGO_BIN_EXE_host"));
    sweep.args(["sweep", "--plugin", &component_path("faulty"), "--param", "seed=0..5000000", "--no-cache", "--out"]);
    let mut sweep = sweep.arg(&out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while written(&folder, ".kept.partial-", 10_000).is_none() {
        assert!(sweep.try_wait().unwrap().is_none(), "it ends before it is interrupted");
        thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap().success());
    let done = sweep.wait_with_output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(130), "{err}");
    let rows = csv::Reader::from_path(&out).unwrap().into_records().count();
    assert!(rows > 0 && err.contains(&format!("wrote `{}`: {rows} rows\n", out.display())), "{rows}: {err}");
    assert!(err.contains(&format!("interrupted; the {rows} that were finished are kept")), "{err}");
}

#[test]
fn a_small_stack_of_the_shell_is_no_matter() {
    let program = env!("CARGO_BIN_EXE_host");
    for kilobytes in [64, 128, 1024] {
        for arguments in ["sweep --sample 5 --quiet --no-cache", "inspect momentum", "--help"] {
            let script = format!("ulimit -s {kilobytes} && exec {program} {arguments}");
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert!(output.status.success(), "{script}: {output:?}");
            assert!(!output.stdout.is_empty(), "{script}");
        }
    }
}
