//! A server under load: whoever holds connections, or sends and reads nothing, keeps nobody from being answered.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Ask, LONG, Program, TOKEN, ask, folder, options, serve, start};
use crate::support::Folder;

/// Connections that a hostile client opens: more than there are places.
const MANY: usize = 300;

/// How long `/healthz` may take while tests run on all processors.
const SOON: Duration = Duration::from_secs(5);

static HOLDING: Mutex<()> = Mutex::new(());

/// Opens many connections and sends `text` on each.
fn hold(address: SocketAddr, text: &str) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // The server may have closed it by now.
        let _ = stream.write_all(text.as_bytes());
        stream
    };
    (0..MANY).map(open).collect()
}

/// Checks that the health is told soon, and that others are served.
fn check_served(address: SocketAddr) {
    let start = Instant::now();
    let health = address.get("/healthz");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")), "{}", health.text());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    // A request that has just begun to arrive keeps its place for a second.
    while address.get("/plugins").status != 200 {
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        std::thread::yield_now();
    }
    address.finish(r#"{"plugin": "faulty", "params": ["seed=1..3"]}"#);
}

/// Lets clients send `text` on many connections, and read nothing.
fn check_held(text: impl FnOnce(SocketAddr) -> String) {
    // Together they would have more files open than a process may.
    let _one_at_a_time = HOLDING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder(&["faulty"]);
    let program = Program::start(&folder);
    let held = hold(program.address, &text(program.address));
    check_served(program.address);
    drop(held);
    check_served(program.address);
}

#[test]
fn half_a_request_on_every_connection_keeps_nobody_from_being_answered() {
    check_held(|_| "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-".to_owned());
}

#[test]
fn connections_without_a_word_keep_nobody_from_being_answered() {
    check_held(|_| String::new());
}

#[test]
fn bodies_that_never_come_keep_nobody_from_being_answered() {
    let head =
        "POST /sweeps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    check_held(|_| head.to_owned());
}

#[test]
fn events_that_nobody_reads_keep_nobody_from_being_answered() {
    check_held(|address| {
        let id = address.submit(LONG);
        format!("GET /sweeps/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    });
}

#[test]
fn results_that_nobody_reads_keep_nobody_from_being_answered() {
    check_held(|address| {
        let sweep = address.finish(r#"{"plugin": "faulty", "params": ["seed=1..20000"]}"#);
        format!("GET /sweeps/{}/results HTTP/1.1\r\nHost: localhost\r\n\r\n", sweep["id"])
    });
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost").unwrap();
    stream.set_read_timeout(Some(super::DEADLINE)).unwrap();
    let mut rest = Vec::new();
    let start = Instant::now();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() && start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

fn health(address: SocketAddr) -> (u16, Value) {
    let answer = address.get("/healthz");
    (answer.status, answer.json())
}

#[test]
fn the_health_tells_when_the_state_cannot_be_written_and_when_it_can_again() {
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    let (status, body) = health(server.address());
    assert_eq!((status, &body["status"], &body["problems"]), (200, &json!("ok"), &json!([])));
    // A file in the place of the folder: nobody can write below it, whatever the user may do.
    let (sweeps, moved) = (folder.path("state/sweeps"), folder.path("state/moved"));
    fs::rename(&sweeps, &moved).unwrap();
    fs::write(&sweeps, "").unwrap();
    assert_eq!(server.post(r#"{"plugin": "faulty", "params": ["seed=1"]}"#).status, 500);
    let (status, body) = health(server.address());
    assert_eq!((status, &body["status"]), (503, &json!("failing")), "{body}");
    let problem = body["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("the state folder cannot be written"), "{problem}");
    assert!(!problem.contains(folder.path("state").to_str().unwrap()), "whoever asks for it needs no token");
    fs::remove_file(&sweeps).unwrap();
    fs::rename(&moved, &sweeps).unwrap();
    let start = Instant::now();
    while health(server.address()).0 != 200 {
        assert!(start.elapsed() < super::DEADLINE, "it is tried again");
        std::thread::yield_now();
    }
    server.finish(r#"{"plugin": "faulty", "params": ["seed=1"]}"#);
}

#[test]
fn a_bad_file_does_not_keep_a_server_from_starting_nor_others_from_being_loaded() {
    let folder: Folder = folder(&["faulty"]);
    folder.file("plugins/evil.wasm", "no plugin");
    fs::create_dir_all(folder.path("state/sweeps/3/sweep.json")).unwrap();
    let server = start(options(&folder)).unwrap();
    fs::copy(crate::support::component_path("sma_cross"), folder.path("plugins/later.wasm")).unwrap();
    let start = Instant::now();
    while server.get("/plugins/later").status != 200 {
        assert!(start.elapsed() < super::DEADLINE);
        std::thread::yield_now();
    }
    assert_eq!(health(server.address()).0, 200);
}

#[test]
fn a_server_answers_as_many_clients_as_it_has_places() {
    let folder = folder(&["faulty"]);
    let server = Arc::new(serve(&folder));
    let read = |server: Arc<super::Server>| {
        std::thread::spawn(move || {
            let token = format!("Bearer {TOKEN}");
            (0..3).all(|_| ask(server.address(), "GET /sweeps", &[("Authorization", &token)], b"").status == 200)
        })
    };
    let readers: Vec<_> = (0..100).map(|_| read(Arc::clone(&server))).collect();
    assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
}
