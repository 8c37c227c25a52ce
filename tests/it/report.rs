//! A report holds what the results and the run hold, in one file that asks nobody, or says what it does not hold.

use std::{fs, io::Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use host::cli::Exit;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Folder, check_refused, host};

const GRID: &str = "--plugin sma_cross --param fast=5..20:5 --param slow=10..60:10";

/// The data of the report at `path`, whose policy allows its script and its style alone.
fn data(path: &str) -> Value {
    let page = fs::read_to_string(path).unwrap();
    let between = |from: &str, to: &str| {
        let (_, rest) = page.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let hash = |text: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(text)));
    let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    for part in [between("<script type=\"module\">", "</script>"), between("<style>", "</style>")] {
        assert!(policy.contains(&hash(&part)), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'") && !page.contains("https://"), "{policy}");
    serde_json::from_str(&between("id=\"data\">", "</script>")).unwrap()
}

/// The numbers of a packed column.
fn unpacked(column: &Value) -> Vec<f64> {
    let mut bytes = Vec::new();
    GzDecoder::new(&*STANDARD.decode(column["data"].as_str().unwrap()).unwrap()).read_to_end(&mut bytes).unwrap();
    let numbers: Vec<f64> = match column["type"].as_str().unwrap() {
        "f64" => bytes.chunks(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect(),
        "f32" => bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()).into()).collect(),
        "i32" => bytes.chunks(4).map(|four| i32::from_le_bytes(four.try_into().unwrap()).into()).collect(),
        "u16" => bytes.chunks(2).map(|two| u16::from_le_bytes(two.try_into().unwrap()).into()).collect(),
        "u8" => bytes.into_iter().map(f64::from).collect(),
        kind => panic!("{kind}"),
    };
    let scale = column["scale"].as_f64().unwrap_or(1.0);
    let mut sum = 0.0;
    let whole = |number: f64| {
        sum = if column["delta"] == true { sum + number } else { number };
        sum / scale
    };
    numbers.into_iter().map(whole).collect()
}

fn json(command: &str) -> Value {
    serde_json::from_str(&host(&format!("{command} --quiet --format json")).out).unwrap()
}

#[test]
fn a_report_of_results_holds_the_sweep_its_best_run_and_the_evidence() {
    let folder = Folder::new();
    let [results, returns] = ["s.parquet", "r.arrow"].map(|name| folder.path(name).display().to_string());
    let sweep = json(&format!("sweep {GRID} --out {results} --returns {returns} --no-store"));
    let run = host(&format!("report {results} --returns {returns} --no-store"));
    assert!(run.exit == Exit::Success && run.err.contains("s.html"), "{}", run.err);
    let report = data(&folder.path("s.html").display().to_string());

    let best = &sweep["ranking"][0];
    let (fast, slow) = (&best["fast"], &best["slow"]);
    assert_eq!(report["title"], "sma_cross: 24 combinations");
    let cells = &report["sweep"];
    assert_eq!(cells["axes"][0]["values"], serde_json::json!([5, 10, 15, 20]));
    let chosen = cells["chosen"].as_u64().unwrap() as usize;
    for (axis, value) in [(0, fast), (1, slow)] {
        let place = unpacked(&cells["places"][axis])[chosen] as usize;
        assert_eq!(&cells["axes"][axis]["values"][place], value);
    }
    assert_eq!(cells["metrics"][0]["name"], "sharpe");
    let sharpes = unpacked(&cells["metrics"][0]["values"]);
    assert_eq!(sharpes[chosen] as f32, best["sharpe"].as_f64().unwrap() as f32);
    let failed = unpacked(&cells["failed"]);
    assert_eq!(failed.iter().sum::<f64>() as u64, 24 - sweep["succeeded"].as_u64().unwrap());
    assert!(sharpes.iter().zip(&failed).all(|(sharpe, failed)| sharpe.is_nan() == (*failed == 1.0)));

    let backtest = json(&format!("backtest --plugin sma_cross --param fast={fast} --param slow={slow}"));
    let summary = report["summary"].as_array().unwrap();
    for figure in summary {
        let name = figure["name"].as_str().unwrap();
        assert_eq!(figure["value"], backtest["metrics"][name], "{name}");
    }
    let equity = unpacked(&report["equity"]);
    let times = unpacked(&report["times"]);
    assert_eq!((equity.len(), times.len()), (7983, 7983));
    assert_eq!(equity[7982] as f32, backtest["metrics"]["final_equity"].as_f64().unwrap() as f32);
    assert_eq!(times[0], 511_056_000_000.0, "1986-03-13 at midnight");
    assert_eq!(unpacked(&report["bars"]["close"]).len(), 7983);
    assert!(!unpacked(&report["bars"]["low"]).iter().any(|low| low.is_nan()));
    let count = ["trades", "open_trades"].map(|name| backtest["metrics"][name].as_f64().unwrap()).iter().sum::<f64>();
    assert_eq!(report["trades"]["entry"].as_array().unwrap().len() as f64, count);
    assert_eq!(
        report["months"]["years"].as_array().unwrap().len() * 12,
        report["months"]["months"].as_array().unwrap().len()
    );

    let trust = json(&format!("trust {returns} --no-store"));
    assert_eq!((&report["verdict"]["level"], &report["verdict"]["words"]), (&trust["verdict"], &trust["words"]));
    let forward = json(&format!("walk-forward {returns} --no-store"));
    assert_eq!(report["walkForward"]["names"].as_array().unwrap().len(), forward["folds"].as_array().unwrap().len());
    assert_eq!(report["walkForward"]["outOfSample"][0], forward["folds"][0]["out_of_sample"]);
    let receipt: Vec<_> = report["receipt"].as_array().unwrap().iter().map(|line| line[1].as_str().unwrap()).collect();
    assert!(receipt.contains(&backtest["plugin_hash"].as_str().unwrap()), "{receipt:?}");
    assert!(receipt.contains(&"host report s.parquet --returns r.arrow --no-store"), "{receipt:?}");
    // The same parts make the same bytes.
    let again = folder.path("again.html").display().to_string();
    host(&format!("report {results} --returns {returns} --no-store --out {again}"));
    assert_eq!(fs::read(again).unwrap(), fs::read(folder.path("s.html")).unwrap());
}

#[test]
fn a_backtest_has_a_report_of_its_own_with_the_reasons_of_exits() {
    let folder = Folder::new();
    let path = folder.path("best.html").display().to_string();
    let run =
        host(&format!("backtest --plugin bracket --param stop_loss=0.05 --param take_profit=0.1 --report {path}"));
    assert!(run.err.contains("best.html"), "{}", run.err);
    let report = data(&path);
    let reasons = report["trades"]["reason"].as_array().unwrap();
    assert!(["stop", "target"].iter().all(|reason| reasons.iter().any(|one| one == reason)), "{reasons:?}");
    assert!(report.get("sweep").is_none() && report.get("verdict").is_none() && report.get("notes").is_none());
    assert_eq!(report["benchmark"]["name"], "hold MSFT");
}

#[test]
fn what_is_gone_is_said() {
    let folder = Folder::new();
    let bar = |day: u32| {
        let (month, of_month, price) = (1 + day / 28, 1 + day % 28, 20 + day % 7);
        format!("2024-{month:02}-{of_month:02},{price},{price},{price},{price}\n")
    };
    let bars: String = (0..60).map(bar).collect();
    let csv = folder.file("own.csv", format!("date,open,high,low,close\n{bars}"));
    let results = folder.path("s.parquet").display().to_string();
    let out = host(&format!("sweep --plugin momentum --param lookback=2..5 --data {csv} --out {results} --no-store"));
    assert!(out.exit == Exit::Success, "{}", out.err);
    fs::remove_file(csv).unwrap();
    let run = host(&format!("report {results}"));
    let said = "note: in the report: The combination could not run again";
    assert!(run.exit == Exit::SomeFailed && run.err.contains(said), "{}", run.err);
    let report = data(&folder.path("s.html").display().to_string());
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("could not run again") && note.contains("own"), "{note}");
    assert!(report.get("equity").is_none() && report["sweep"]["chosen"].is_u64());
}

#[test]
fn what_is_not_of_the_sweep_is_refused() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let (results, returns) = (path("s.parquet"), path("r.arrow"));
    host(&format!("sweep {GRID} --out {results} --no-store"));
    host(&format!("sweep --plugin sma_cross --param fast=5 --param slow=20,30 --returns {returns} --no-store"));
    check_refused(&format!("report {results} --returns {returns}"), &["another sweep", "r.arrow", "s.parquet"]);
    check_refused(&format!("report {results} --out {results}"), &["s.parquet", "also read"]);
    check_refused(&format!("report {results} --task fast=6"), &["no task `fast=6`"]);
    check_refused(&format!("report {results} --rank 99"), &["no rank 99"]);
    check_refused(&format!("report {}", path("none.parquet")), &["none.parquet"]);
    check_refused(&format!("report {returns}"), &["r.arrow", "is not results in Parquet"]);
    let failed = path("f.parquet");
    host(&format!("sweep --plugin sma_cross --param fast=50 --param slow=40 --out {failed} --no-store"));
    assert!(host(&format!("report {failed}")).exit == Exit::Success);
    let notes = data(&path("f.html"))["notes"].to_string();
    assert!(notes.contains("No combination could be ranked"), "{notes}");
}
