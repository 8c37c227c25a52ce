//! Restarts: a server finds again what it has finished, and keeps what was interrupted.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Command,
    time::Instant,
};

use host::{
    results::ResultsFile,
    server::{Options, ServerError, StoreError},
};
use serde_json::{Value, json};

use super::{Ask, LONG, Program, connect, folder, options, serve, start, state};

#[test]
fn a_restart_finds_what_has_finished_and_keeps_what_was_interrupted() {
    let folder = folder(&["faulty"]);
    let server = start(Options { running: 1, ..options(&folder) }).unwrap();
    let finished = server.finish(r#"{"plugin": "faulty", "params": ["seed=1,2"]}"#);
    let (ran, waited) = (server.submit(LONG), server.submit(LONG));
    let forgotten = server.submit(LONG);
    assert_eq!((server.delete(forgotten).status, server.delete(forgotten).status), (200, 204));
    server.wait(ran, |sweep| sweep["done"].as_u64() > Some(100));
    let in_use = start(options(&folder)).unwrap_err();
    assert!(matches!(in_use, ServerError::Store(StoreError::InUse { .. })), "{in_use}");
    drop(server);

    let server = serve(&folder);
    assert_eq!(server.get(&format!("/sweeps/{}", finished["id"])).json(), finished);
    assert_eq!(server.rows(1), 2);
    let sweep = server.get(&format!("/sweeps/{ran}")).json();
    assert_eq!(state(&sweep), "interrupted");
    assert_eq!(Some(server.rows(ran) as u64), sweep["done"].as_u64());
    assert!(!sweep["ranking"].as_array().unwrap().is_empty());
    let sweep = server.get(&format!("/sweeps/{waited}")).json();
    assert_eq!((state(&sweep), &sweep["error"]), ("interrupted", &json!("the server ended while the sweep waited")));
    assert_eq!(server.submit(r#"{"plugin": "faulty", "params": ["seed=1"]}"#), forgotten + 1, "no number comes twice");
}

#[test]
fn a_server_that_is_killed_finds_its_sweeps_again() {
    let folder = folder(&["faulty"]);
    let mut program = Program::start(&folder);
    let finished = program.address.finish(r#"{"plugin": "faulty", "params": ["seed=1,2"]}"#);
    let ran = program.address.submit(LONG);
    // Its results are saved soon after it has begun.
    let saved = || fs::read_to_string(folder.path(&format!("state/sweeps/{ran}/sweep.json"))).unwrap();
    let start = Instant::now();
    while serde_json::from_str::<Value>(&saved()).unwrap()["sweep"]["done"] == 0 {
        assert!(start.elapsed() < super::DEADLINE, "{}", saved());
        std::thread::yield_now();
    }
    folder.file(&format!("state/sweeps/{ran}/.host-x.partial"), "half");
    program.child.kill().unwrap();
    program.child.wait().unwrap();

    let server = serve(&folder);
    assert_eq!(server.get("/sweeps/1").json(), finished);
    let sweep = server.get(&format!("/sweeps/{ran}")).json();
    assert_eq!(state(&sweep), "interrupted");
    assert!(sweep["error"].as_str().unwrap().starts_with("the server ended while the sweep ran"), "{sweep}");
    assert!(sweep["done"].as_u64() > Some(0) && sweep["ranking"][0].is_object(), "{sweep}");
    assert_eq!(Some(server.rows(ran) as u64), sweep["done"].as_u64());
    let names =
        fs::read_dir(folder.path(&format!("state/sweeps/{ran}"))).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(["results.parquet", "sweep.json"].map(OsString::from)));
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_is_no_failure() {
    let folder = folder(&["faulty"]);
    let mut program = Program::start(&folder);
    let ran = program.address.submit(LONG);
    program.address.wait(ran, |sweep| sweep["done"].as_u64() > Some(0));
    let events = connect(program.address, &format!("GET /sweeps/{ran}/events"), &[], b"");
    let mut events = BufReader::new(events).lines().map(Result::unwrap);
    assert!(events.any(|line| line == "event: sweep"));
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(events.any(|line| line == "event: end"), "who listens hears the end");
    assert!(events.any(|line| line.contains(r#""state":"interrupted""#)));
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    program.err.read_to_string(&mut said).unwrap();
    assert!(said.contains(&format!("sweep {ran} interrupted: ")) && said.contains("stopped"), "{said}");
    let kept = ResultsFile::open(&folder.path(&format!("state/sweeps/{ran}/results.parquet"))).unwrap();
    assert!(kept.rows() > 0);
}

#[test]
fn old_sweeps_are_whole_though_memory_has_only_the_newest() {
    const MANY: u64 = 80;
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    let first = server.finish(r#"{"plugin": "faulty", "params": ["seed=1,2"], "top": 1}"#);
    drop(server);
    let sweeps = folder.path("state/sweeps");
    let text = fs::read_to_string(sweeps.join("1/sweep.json")).unwrap();
    for id in 2..=MANY {
        fs::create_dir(sweeps.join(id.to_string())).unwrap();
        let copy = text.replacen("\"id\":1,", &format!("\"id\":{id},"), 1);
        fs::write(sweeps.join(format!("{id}/sweep.json")), copy).unwrap();
    }
    let server = serve(&folder);
    let listed = server.get("/sweeps").json()["sweeps"].as_array().unwrap().clone();
    assert_eq!(listed.len() as u64, MANY);
    for id in [1, 2, MANY] {
        let sweep = server.get(&format!("/sweeps/{id}")).json();
        let other = json!({ "id": id });
        let expected = first.as_object().unwrap().iter().filter(|(name, _)| *name != "id");
        expected.for_each(|(name, value)| assert_eq!(sweep[name], *value, "`{name}` of sweep {id}"));
        assert_eq!(sweep["id"], other["id"]);
        let events = server.get(&format!("/sweeps/{id}/events")).text();
        assert!(events.contains("event: end") && events.contains("\"ranking\":[{"), "{events}");
    }
    let old = listed.last().unwrap();
    assert_eq!((&old["id"], &old["best"], old.get("ranking")), (&json!(1), &first["best"], None));
    fs::remove_file(sweeps.join("3/sweep.json")).unwrap();
    assert_eq!(server.get("/sweeps/3").status, 500, "what is lost is not shown as empty");
    assert_eq!(server.delete(1).status, 204);
    assert_eq!(server.get("/sweeps/1").status, 404);
}
