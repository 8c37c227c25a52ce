//! What follows a sweep, over HTTP: searches, plateaus, splits, Monte Carlo and folds anew, each as the command line has it.

use serde_json::{Value, json};

use super::{Ask, LONG, ask, folder, options, serve, start, state};
use crate::support::host;

const GRID: &str = r#""plugin": "sma_cross", "params": ["fast=5..30:5", "slow=40..120:20"]"#;
const TYPED: &str = "--plugin sma_cross --param fast=5..30:5 --param slow=40..120:20 --no-store --quiet --format json";

fn command(line: &str) -> Value {
    serde_json::from_str(&host(line).out).unwrap()
}

/// The names of what a sweep of the server ranks, and of what the command shows.
fn named(sweep: &Value, shown: &Value) -> [Vec<Value>; 2] {
    let names = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["task_id"].clone()).collect();
    [names(&sweep["ranking"]), names(&shown["ranking"])]
}

#[test]
fn a_search_a_plateau_and_a_split_are_those_of_the_command_line() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    for (member, more, typed, part) in [
        ("\"rank_by\": \"plateau\"", "", "sweep {} --rank-by plateau", "plateau"),
        ("\"split\": \"70%\"", "", "sweep {} --split 70%", "split"),
        ("\"split\": 0.5, \"rank_by\": \"plateau\"", "", "sweep {} --split 50% --rank-by plateau", "split"),
        ("\"optimize\": {\"trials\": 20}", ", \"seed\": 3", "optimize {} --trials 20 --seed 3", "optimize"),
        (
            "\"optimize\": {\"trials\": 15, \"method\": \"halving\"}",
            "",
            "optimize {} --trials 15 --method halving",
            "optimize",
        ),
        (
            "\"optimize\": {\"trials\": 30}",
            ", \"objective\": \"sharpe,max_drawdown\"",
            "optimize {} --trials 30 --objective sharpe,max_drawdown --top 10",
            "optimize",
        ),
    ] {
        let sweep = server.finish(&format!("{{{GRID}, {member}{more}}}"));
        let shown = command(&typed.replace("{}", TYPED));
        assert_eq!(sweep[part], shown[part], "{member}");
        let [mine, theirs] = named(&sweep, &shown);
        assert_eq!((&mine, mine.first()), (&theirs, Some(&sweep["best"]["task_id"])), "{member}");
        if part == "optimize" {
            assert_eq!(sweep["done"], shown["optimize"]["trials_done"], "{member}");
            assert_eq!(server.rows(sweep["id"].as_u64().unwrap()) as u64, shown["combinations"], "{member}");
        }
    }
    let listed = server.get("/sweeps").json();
    assert!(["plateau", "split", "optimize"].iter().all(|name| listed["sweeps"][0].get(name).is_none()), "{listed}");
}

#[test]
fn one_combination_meets_luck_and_noise() {
    let folder = folder(&["sma_cross", "faulty"]);
    let server = serve(&folder);
    let sweep = server.finish(&format!("{{{GRID}}}"));
    let best = sweep["best"]["params"].as_object().unwrap();
    let params = |params: &serde_json::Map<String, Value>| -> String {
        params.iter().map(|(name, value)| format!(" --param {name}={}", value.to_string().replace('"', ""))).collect()
    };
    for (query, typed, of) in [
        ("?draws=200&runs=5", "--draws 200 --runs 5", params(best)),
        (
            "?task_id=fast%3D5%2Cslow%3D40&draws=100&runs=0&seed=9",
            "--draws 100 --runs 0 --seed 9",
            " --param fast=5 --param slow=40".into(),
        ),
    ] {
        let answer = server.get(&format!("/sweeps/1/monte-carlo{query}"));
        let mut shown = command(&format!("monte-carlo --plugin sma_cross{of} {typed} --quiet --format json"));
        shown.as_object_mut().unwrap().shift_remove("format");
        assert_eq!(answer.json(), shown, "{query}");
    }
    let check = |path: &str, status: u16, words: &str| {
        let answer = server.get(&format!("/sweeps/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.error().contains(words), "{path}: {}", answer.error());
    };
    check("1/monte-carlo?task_id=fast%3D6", 404, "no combination `fast=6`");
    check("1/monte-carlo?draws=20", 422, "100 to 1000000");
    check("1/monte-carlo?draws=30000", 422, "up to 20000");
    check("1/monte-carlo?runs=1001", 422, "up to 1000");
    check("1/monte-carlo?noise=2", 422, "from 0 to 1");
    check("1/monte-carlo?copies=2", 400, "copies");
    check("9/monte-carlo", 404, "unknown sweep 9");
    server.finish(&format!("{{{GRID}, \"scope\": \"each-symbol\"}}"));
    assert_eq!(server.get("/sweeps/2/monte-carlo?draws=100&runs=0").status, 200, "of the best on its symbol");
    let failed = server.finish(r#"{"plugin": "faulty", "params": ["behaviour=panic"]}"#)["id"].clone();
    check(&format!("{failed}/monte-carlo"), 422, "ranks no combination");
    let running = server.submit(LONG);
    check(&format!("{running}/monte-carlo"), 409, "once it has ended");
    server.delete(running);
}

#[test]
fn folds_run_anew() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let json = [("Content-Type", "application/json")];
    let body = format!("{{{GRID}, \"period\": {{\"from\": \"1990-01-01\", \"to\": \"2010-12-31\"}}}}");
    let sweep = ask(server.address(), "POST /sweeps?returns=day", &json, body.as_bytes()).json();
    server.wait(sweep["id"].as_u64().unwrap(), |sweep| state(sweep) == "finished");
    folder.file("returns.arrow", server.get("/sweeps/1/returns").body);
    let file = folder.path("returns.arrow");
    let mut shown = command(&format!(
        "walk-forward {} --fresh --plugin {} --no-store --quiet --format json",
        file.display(),
        "sma_cross"
    ));
    shown.as_object_mut().unwrap().shift_remove("format");
    let found = server.get("/sweeps/1/walk-forward?fresh=true").json();
    assert!(found["fresh"]["sharpe_out_of_sample"].is_number(), "{found}");
    assert_eq!(found, shown);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = folder(&["sma_cross"]);
    let server = start(super::Options { max_combinations: 100, ..options(&folder) }).unwrap();
    let check = |query: &str, more: &str, words: &str| {
        let json = [("Content-Type", "application/json")];
        let answer =
            ask(server.address(), &format!("POST /sweeps{query}"), &json, format!("{{{GRID}, {more}}}").as_bytes());
        assert_eq!(answer.status, 422, "{more}: {}", answer.text());
        assert!(answer.error().contains(words), "{more}: {}", answer.error());
    };
    check("", r#""split": 7"#, "`7` is not a share");
    check("", r#""rank_by": "peak""#, "plateau");
    check("", r#""split": 0.5, "scope": "each-symbol""#, "`split` and a scope of `each-symbol`");
    check("", r#""rank_by": "plateau", "sample": 5"#, "neighbours");
    check("", r#""optimize": {"trials": 101}"#, "up to 100");
    check("", r#""optimize": {"method": "tpe"}"#, "sobol");
    check("", r#""optimize": {}, "split": 0.5"#, "leave out `split`");
    check("?returns=day", r#""optimize": {"trials": 5}"#, "keeps no returns");
    // The trials count, not the grid.
    let huge = r#"{"plugin": "sma_cross", "params": ["fast=2..400", "slow=3..900"], "optimize": {"trials": 40}}"#;
    assert_eq!(server.finish(huge)["optimize"]["trials_done"], json!(40));
}

#[test]
fn a_sweep_has_a_report_in_one_file() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let json = [("Content-Type", "application/json")];
    let sweep = ask(server.address(), "POST /sweeps?returns=day", &json, format!("{{{GRID}}}").as_bytes()).json();
    let ended = server.wait(sweep["id"].as_u64().unwrap(), |sweep| state(sweep) == "finished");
    let answer = server.get("/sweeps/1/report");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (head, page) = (&answer.head, answer.text());
    assert!(head.contains("text/html") && head.contains("script-src 'sha256-") && !head.contains("'self'"), "{head}");
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    assert!(
        ["equity", "trades", "sweep", "verdict", "walkForward"].iter().all(|part| data[*part].is_object()),
        "{page}"
    );
    let receipt = data["receipt"].to_string();
    assert!(receipt.contains(sweep["plugin_hash"].as_str().unwrap()), "{receipt}");
    assert!(receipt.contains(ended["best"]["task_id"].as_str().unwrap()), "{receipt}");
    assert_eq!(server.get("/sweeps/2/report").status, 404);
}
