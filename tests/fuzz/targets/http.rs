//! Requests over HTTP: an input is a line such as `POST /sweeps`, then the body.
//!
//! Never uploads a plugin: the server has no token, which it needs to take one.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, OnceLock},
    time::Duration,
};

use host::{
    backtest::{AccountSpec, Market, Settings},
    data::Dataset,
    sandbox::Limits,
    server::{Options, Server},
    sweep::ParallelBacktester,
};

use super::{message, replaced};

/// What requests are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "GET ", "POST ", "DELETE ", "PUT ", "/sweeps", "/sweeps/1", "/sweeps/1/results", "/plugins", "/plugins/sma_cross", "/data",
    "/healthz", "/metrics", "/openapi.json", "?format=csv", "?format=parquet", "?top=", "%00", "%2e%2e%2f", "..", "//", "\n",
    "\"plugin\"", "\"sma_cross\"", "\"params\"", "\"fast=5,10\"", "\"data\"", "\"grid\"", "\"limits\"", "\"account\"", "{", "}", ":", ",",
];

/// How long an answer that does not end is read: events of a sweep go on.
const PATIENCE: Duration = Duration::from_millis(300);

/// Sends the input and reads the answer.
pub(super) fn run(input: &[u8]) {
    let (line, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let Some(line) = std::str::from_utf8(line).ok().filter(|line| is_request(line)) else { return };
    let answer = ask(line, body);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).expect("an answer begins with its status");
    assert!(head.starts_with("HTTP/1.1 ") && status != 500, "{line}: {answer:.600}");
    if status >= 400
        && let Ok(body) = serde_json::from_str::<serde_json::Value>(body)
        && let Some(error) = body["error"].as_str()
    {
        message::check_text(error);
    }
}

/// A method in letters, and a path without blanks.
fn is_request(line: &str) -> bool {
    let Some((method, path)) = line.split_once(' ') else { return false };
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with('/') && visible(path)
}

fn ask(line: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address()).expect("the server takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    // A server that refuses early does not read the rest.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    // What does not end is cut: its head is there.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A server with one plugin and a few bars, for the whole process.
fn address() -> SocketAddr {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start).address()
}

fn start() -> Server {
    let plugins = replaced::folder().join("plugins");
    fs::create_dir_all(&plugins).expect("a temporary folder can be made");
    let plugin = fs::read("plugins/sma_cross/sma_cross.wasm").expect("the plugin is committed");
    fs::write(plugins.join("sma_cross.wasm"), plugin).expect("a temporary file can be written");
    let bars = Dataset::bundled().expect("the bundled bars are whole").first(&[300]);
    let options = Options {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        plugins,
        state: replaced::folder().join("state"),
        data: vec![(
            "msft".to_owned(),
            Arc::new(Market::new(bars, Settings::default()).expect("the account is plain")),
        )],
        account: AccountSpec::default(),
        token: None,
        queue: 4,
        running: 1,
        max_combinations: 20,
        max_plugin_size: 1 << 20,
        results: None,
    };
    let backtester = ParallelBacktester::new(Some(1), Limits::default()).expect("workers start");
    Server::start(options, backtester).expect("the server starts")
}
