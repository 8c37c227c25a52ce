//! Returns of a server's sweeps: the file and the reports that the command line makes, or a refusal with the reason.

use host::results::ReturnsFile;
use serde_json::{Value, json};

use super::{Answer, Ask, LONG, ask, folder, serve, state};
use crate::support::host;

/// Starts a sweep whose returns are kept, and waits for its end.
fn finish(server: &impl Ask, query: &str, body: &str) -> Value {
    let sweep = post(server, query, body);
    assert_eq!(sweep.status, 201, "{}", sweep.text());
    server.wait(sweep.json()["id"].as_u64().unwrap(), |sweep| !["queued", "running"].contains(&state(sweep)))
}

fn post(server: &impl Ask, query: &str, body: &str) -> Answer {
    let json = [("Content-Type", "application/json")];
    ask(server.address(), &format!("POST /sweeps{query}"), &json, body.as_bytes())
}

const SWEEP: &str = r#"{"plugin": "sma_cross", "params": ["fast=5..30:5", "slow=40,80"]}"#;

#[test]
fn returns_and_reports_are_those_of_the_command_line() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let sweep = finish(&server, "?returns=week", SWEEP);
    assert_eq!((state(&sweep), &sweep["returns"]), ("finished", &json!("week")), "{sweep}");
    let got = server.get("/sweeps/1/returns");
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.head.contains("arrow.file") && got.head.contains("sweep-1.arrow"), "{}", got.head);
    folder.file("got.arrow", got.body);
    let theirs = folder.path("theirs.arrow");
    let typed =
        "sweep --plugin sma_cross --param fast=5..30:5 --param slow=40,80 --no-store --quiet --returns-period week";
    host(&format!("{typed} --returns {}", theirs.display()));
    let [got, theirs] = [folder.path("got.arrow"), theirs].map(|path| ReturnsFile::open(&path).unwrap());
    assert_eq!((got.len(), got.times()), (12, theirs.times()));
    assert!((0..12).all(|cell| got.cell(cell).unwrap() == theirs.cell(cell).unwrap()));
    for (route, command) in [
        ("trust?draws=300&seed=5", "trust FILE --no-store --draws 300 --seed 5"),
        ("walk-forward?test=100&anchored=true", "walk-forward FILE --test 100 --anchored"),
    ] {
        let command = command.replace("FILE", &folder.path("got.arrow").display().to_string());
        let mut expected: Value = serde_json::from_str(&host(&format!("{command} --format json")).out).unwrap();
        expected.as_object_mut().unwrap().shift_remove("format");
        assert_eq!(server.get(&format!("/sweeps/1/{route}")).json(), expected, "{route}");
    }
    assert_eq!(server.delete(1).status, 204);
    assert!(!folder.path("state/sweeps/1").exists());
}

#[test]
fn what_has_no_returns_says_so() {
    let folder = folder(&["sma_cross", "faulty"]);
    let server = serve(&folder);
    server.finish(SWEEP);
    let check = |path: &str, status: u16, words: &str| {
        let answer = server.get(&format!("/sweeps/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.error().contains(words), "{path}: {}", answer.error());
    };
    for route in ["returns", "trust", "walk-forward"] {
        check(&format!("1/{route}"), 404, "POST /sweeps?returns=day");
        check(&format!("7/{route}"), 404, "unknown sweep 7");
    }
    let failed = finish(&server, "?returns=day", r#"{"plugin": "sma_cross", "params": ["fast=50", "slow=40"]}"#);
    assert_eq!(failed["failed"], 1, "{failed}");
    check("2/trust", 404, "no combination has some");
    finish(&server, "?returns=day", SWEEP);
    check("3/trust?draws=30", 422, "100 to 1000000");
    check("3/trust?draws=1000000", 422, "up to 20000");
    check("3/trust?trials=3", 422, "this sweep alone has 12");
    check("3/trust?drawz=300", 400, "drawz");
    check("3/walk-forward?train=100000", 422, "walk-forward needs");
    for (query, body, status, words) in [
        ("?returns=month", SWEEP, 400, "month"),
        ("?return=day", SWEEP, 400, "return"),
        (
            "?returns=day",
            r#"{"plugin": "sma_cross", "scope": "each-symbol", "params": ["fast=5"]}"#,
            422,
            "each symbol alone",
        ),
        ("?returns=bar", LONG, 422, "this server keeps up to 2"),
    ] {
        let answer = post(&server, query, body);
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        assert!(answer.error().contains(words), "{query}: {}", answer.error());
    }
    let running = server.submit(LONG);
    check(&format!("{running}/trust"), 409, "once it has ended");
    server.delete(running);
}
