//! A search finds what a whole sweep finds, with the same trials on any number of workers and from the store; other rankings.

use std::{collections::BTreeSet, fs};

use host::cli::Exit;
use serde_json::Value as Json;

use crate::support::{Folder, check_refused, host};

/// 3,600 combinations.
const GRID: &str = "--plugin sma_cross --param fast=1..60 --param slow=5..300:5";

fn json(args: &str) -> Json {
    let run = host(&format!("{args} --format json --quiet"));
    assert!(matches!(run.exit, Exit::Success | Exit::SomeFailed), "{args}: {}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

/// The names of the tasks in a file of results, in their order.
fn tasks(csv: &std::path::Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(csv).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == "task_id").unwrap();
    reader.records().map(|row| row.unwrap()[at].to_owned()).collect()
}

#[test]
fn evolution_finds_the_best_of_a_grid_in_a_fraction_of_its_trials() {
    let best = |report: &Json| report["ranking"][0]["sharpe"].as_f64().unwrap();
    let whole = best(&json(&format!("sweep {GRID} --no-store --top 1")));
    let found = json(&format!("optimize {GRID} --no-store --trials 400"));
    assert!(best(&found) >= 0.95 * whole, "{} of {whole}", best(&found));
    assert_eq!(found["optimize"]["trials_done"], 400);
    assert_eq!(found["optimize"]["ended"], "spent");
}

#[test]
fn trials_are_the_same_on_any_number_of_workers_and_from_the_store() {
    let folder = Folder::new();
    let store = format!("--seed 7 --store {}", folder.path("store").display());
    for method in ["evolution", "sobol", "random", "halving", "nsga2 --objective sharpe,max_drawdown"] {
        let run = |name: &str, more: &str| {
            let out = folder.path(name);
            let report =
                json(&format!("optimize {GRID} --method {method} --trials 300 --out {} {more}", out.display()));
            (fs::read(&out).unwrap(), report["optimize"].clone(), tasks(&out))
        };
        let (bytes, report, names) = run("one.csv", "--no-store --workers 1 --seed 7");
        for (name, more) in
            [("three.csv", "--no-store --workers 3 --seed 7"), ("kept.csv", &*store), ("known.csv", &*store)]
        {
            let (other, same, _) = run(name, more);
            assert!(other == bytes, "{method} {more}");
            assert_eq!(same, report, "{method} {more}");
        }
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{method}: no combination runs twice");
        let (other, ..) = run("seeded.csv", "--no-store --seed 8");
        assert!(other != bytes, "{method}: another seed has other trials");
    }
}

#[test]
fn every_trial_counts_for_the_bars_also_one_that_saw_a_ninth_of_them() {
    let folder = Folder::new();
    let store = folder.path("store");
    let report = json(&format!("optimize {GRID} --method halving --trials 600 --store {}", store.display()));
    let cost = report["optimize"]["cost"].as_f64().unwrap();
    assert!(cost < 0.6 * 600.0, "{cost} runs on all bars");
    let listed = json(&format!("results trials --store {}", store.display()));
    let most = listed["data"].as_array().unwrap().iter().map(|row| row["trials"].as_u64().unwrap()).max().unwrap();
    let distinct = report["combinations"].as_u64().unwrap();
    assert!(most > distinct && most <= 600, "{most} of 600, {distinct} of them on all bars");
}

#[test]
fn a_front_has_what_no_other_combination_beats() {
    let report =
        json(&format!("optimize {GRID} --no-store --trials 500 --objective sharpe,max_drawdown,average_bars_held:min"));
    let front: Vec<Vec<f64>> = report["optimize"]["front"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect())
        .collect();
    assert!(front.len() > 5, "{} combinations", front.len());
    let beats = |one: &[f64], other: &[f64]| {
        let turned = |values: &[f64]| [values[0], values[1], -values[2]];
        let (one, other) = (turned(one), turned(other));
        one != other && one.iter().zip(&other).all(|(one, other)| one >= other)
    };
    assert!(front.iter().all(|one| front.iter().all(|other| !beats(other, one))));
    // The ranking is the front by the first objective.
    let sharpes: Vec<_> =
        report["ranking"].as_array().unwrap().iter().map(|row| row["sharpe"].as_f64().unwrap()).collect();
    assert!(sharpes.is_sorted_by(|one, next| one >= next) && sharpes.len() <= front.len());
}

#[test]
fn a_grid_smaller_than_the_trials_is_swept_whole() {
    let grid = "--plugin sma_cross --param fast=2..8 --param slow=10,20,30";
    for method in ["evolution", "halving", "sobol", "random", "nsga2"] {
        let report = json(&format!("optimize {grid} --no-store --method {method} --trials 5000"));
        assert_eq!(
            (&report["combinations"], &report["optimize"]["ended"]),
            (&21.into(), &"exhausted".into()),
            "{method}"
        );
    }
}

#[test]
fn what_a_search_cannot_do_is_refused() {
    let optimize = |more: &str| format!("optimize {GRID} --no-store {more}");
    check_refused(&optimize("--objective sharpe,max_drawdown --method evolution"), &["one objective", "nsga2"]);
    check_refused(&optimize("--objective sharpe,sharp"), &["unknown metric `sharp`"]);
    check_refused(&optimize("--objective sharpe:up"), &["`up` is not a direction"]);
    check_refused(&optimize("--sample 10"), &["`sample`", "`trials`"]);
    check_refused(&optimize("--each-symbol"), &["`each-symbol`"]);
    check_refused(&optimize("--method tpe"), &["`tpe` is not a method", "sobol"]);
    check_refused(&optimize("--trials 0"), &["--trials"]);
}

#[test]
fn a_plateau_ranks_by_the_neighbours() {
    let folder = Folder::new();
    let out = folder.path("all.csv");
    let grid = "--plugin sma_cross --param fast=5..50:5 --param slow=60..300:20";
    let report = json(&format!("sweep {grid} --no-store --rank-by plateau --top 3 --out {}", out.display()));
    let (ranking, plateau) = (&report["ranking"], &report["plateau"]);
    assert_eq!(plateau.as_array().unwrap().len(), 3);
    // The best one by hand: the lower quartile of the cell and its 12 neighbours within two steps.
    let mut reader = csv::Reader::from_path(&out).unwrap();
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (fast, slow, sharpe) = (at("fast"), at("slow"), at("sharpe"));
    let rows: Vec<(i64, i64, f64)> = reader
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[fast].parse().unwrap(), row[slow].parse().unwrap(), row[sharpe].parse().unwrap()))
        .collect();
    let score = |row: &(i64, i64, f64)| {
        let steps = |other: &&(i64, i64, f64)| (row.0 - other.0).abs() / 5 + (row.1 - other.1).abs() / 20 <= 2;
        let mut around: Vec<f64> = rows.iter().filter(steps).map(|other| other.2).collect();
        around.sort_by(f64::total_cmp);
        // The quantile at 1/4 of 13 values: between the third and the fourth.
        (around.len() == 13).then(|| around[2] + 0.5 * (around[3] - around[2]))
    };
    let best = rows.iter().filter_map(score).max_by(f64::total_cmp).unwrap();
    let found = plateau[0]["score"].as_f64().unwrap();
    assert!(found >= best - 1e-12, "{found} is not below {best}");
    let first = &ranking[0];
    let own = (first["fast"].as_i64().unwrap(), first["slow"].as_i64().unwrap(), first["sharpe"].as_f64().unwrap());
    if let Some(expected) = score(&own) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
    check_refused(&format!("sweep {grid} --sample 5 --rank-by plateau"), &["neighbours", "`sample`"]);
    check_refused(&format!("sweep {grid} --rank-by peak"), &["`peak` is not a way to rank"]);
}

#[test]
fn a_split_ranks_by_the_first_part_and_shows_the_rest() {
    let grid = "--plugin sma_cross --param fast=5,10,20 --param slow=50,100,200 --no-store";
    let split = json(&format!("sweep {grid} --split 70% --top 4"));
    let [first, second] = ["in_sample", "out_of_sample"].map(|part| &split["split"][part]);
    let (to, from) = (&first["period"]["to"], &second["period"]["from"]);
    let plain = json(&format!("sweep {grid} --top 4 --to {}", to.as_str().unwrap()));
    assert_eq!(plain["ranking"], split["ranking"]);
    let after = json(&format!("sweep {grid} --from {}", from.as_str().unwrap()));
    let rows = after["ranking"].as_array().unwrap();
    for (ranked, result) in
        split["ranking"].as_array().unwrap().iter().zip(split["split"]["results"].as_array().unwrap())
    {
        assert_eq!(ranked["task_id"], result["task_id"]);
        let expected = rows.iter().find(|row| row["task_id"] == ranked["task_id"]).unwrap();
        assert_eq!(expected["sharpe"], result["metrics"]["sharpe"]);
    }
    let run = host(&format!("sweep {grid} --split 0.5"));
    assert!(run.out.contains("out_sharpe") && run.out.contains("out of sample"), "{}", run.out);
    check_refused(&format!("sweep {grid} --split 70"), &["`70` is not a share", "70%"]);
    check_refused(&format!("sweep {grid} --split 70% --each-symbol"), &["`each-symbol`"]);
}

#[test]
fn what_a_search_wrote_is_not_taken_for_a_sweep() {
    let folder = Folder::new();
    let (out, store) = (folder.path("found.parquet"), folder.path("store"));
    let grid = "--plugin momentum --param lookback=1..500 --param threshold=0..1:0.000000001";
    let search = |seed: u32| {
        json(&format!("optimize {grid} --trials 20 --seed {seed} --out {} --store {}", out.display(), store.display()))
    };
    search(1);
    search(2);
    let merged = folder.path("merged.parquet");
    check_refused(&format!("merge {} --out {}", out.display(), merged.display()), &["results of a search"]);
    let runs = json(&format!("results runs --store {}", store.display()));
    let names: Vec<_> = runs["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    let at = format!("--store {}", store.display());
    check_refused(&format!("results diff {} {} {at}", names[0], names[1]), &["is a search"]);
    check_refused(&format!("results verify {} {at}", names[0]), &["is a search"]);
    let shown = json(&format!("results show {} {at}", names[0]));
    assert_eq!(shown["search"]["method"], "evolution");
    // The file names its rows.
    let again = host(&format!("backtest --again {} --task {}", out.display(), first_task(&out)));
    assert!(matches!(again.exit, Exit::Success), "{}", again.err);
}

/// The name of the first task of a file in Parquet.
fn first_task(parquet: &std::path::Path) -> String {
    let file = host::results::ResultsFile::open(parquet).unwrap();
    let rows = file.batches(Some(&["task_id".to_owned()])).unwrap().next().unwrap().unwrap();
    rows.rows().next().map(|row| row[0].to_string()).unwrap()
}
