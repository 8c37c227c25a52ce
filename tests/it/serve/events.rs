//! The event stream of a sweep.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
};

use host::server::Options;
use serde_json::{Value, json};

use super::{Ask, LONG, connect, folder, options, start, state};

#[test]
fn events_tell_of_a_sweep_from_its_beginning_to_its_end() {
    let folder = folder(&["faulty"]);
    let server = start(Options { running: 1, ..options(&folder) }).unwrap();
    let before = server.submit(LONG);
    let id = server.submit(r#"{"plugin": "faulty", "params": ["seed=1..300", "behaviour=fine,panic"]}"#);
    let stream = connect(server.address(), &format!("GET /sweeps/{id}/events"), &[], b"");
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap).skip_while(|line| line != "event: sweep");
    let mut next = || {
        let name = lines.find_map(|line| line.strip_prefix("event: ").map(str::to_owned))?;
        let data = lines.next().unwrap();
        Some((name, serde_json::from_str::<Value>(data.strip_prefix("data: ").unwrap()).unwrap()))
    };
    let (name, first) = next().unwrap();
    assert_eq!((name.as_str(), state(&first), &first["total"]), ("sweep", "queued", &json!(600)));
    server.delete(before);
    let mut events = Vec::new();
    while let Some(event) = next() {
        events.push(event);
    }
    let names: BTreeSet<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["progress", "best", "ranking", "failures", "end"]));
    let done = events.iter().filter(|(name, _)| name == "progress").map(|(_, data)| data["done"].as_u64().unwrap());
    assert!(done.is_sorted());
    let (name, last) = events.last().unwrap();
    assert_eq!((name.as_str(), state(last), &last["done"]), ("end", "finished", &json!(600)));
    let best = events.iter().rev().find(|(name, _)| name == "best").map(|(_, data)| data);
    assert_eq!(best, Some(&last["best"]));
    // The ranking comes with what is best, and both are of one moment.
    for (at, (_, data)) in events.iter().enumerate().filter(|(_, (name, _))| name == "best") {
        let (name, ranking) = &events[at + 1];
        assert_eq!((name.as_str(), &ranking[0]["task_id"]), ("ranking", &data["task_id"]));
    }
    let failures = events.iter().find(|(name, _)| name == "failures").map(|(_, data)| &data[0]["error_kind"]);
    assert_eq!(failures, Some(&json!("panic")));
    assert_eq!(server.get(&format!("/sweeps/{id}")).json(), *last);
}
