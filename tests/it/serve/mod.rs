//! `host serve`: answers what `host sweep` writes, loses nothing, and refuses with a reason.

mod cells;
mod description;
mod events;
mod load;
mod refusals;
mod restarts;
mod returns;
mod searches;
mod sweeps;
mod uploads;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use host::{
    backtest::{AccountSpec, Market, Settings},
    data::Dataset,
    sandbox::Limits,
    server::{Options, Server, ServerError, Token},
    sweep::ParallelBacktester,
};
use serde_json::Value;

use crate::support::{Folder, component_path};

const TOKEN: &str = "0123456789abcdef";

/// A sweep that nobody waits for.
const LONG: &str = r#"{"plugin": "faulty", "params": ["seed=0..5000000"]}"#;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What a problem says, which is of its media type and has all members of RFC 9457.
    fn error(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&"about:blank".into(), &self.status.into()), "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// Sends a request, and returns the connection and what is to be said of the body.
fn connect(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut head = format!("{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head += "Host: localhost\r\n";
    }
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    // A server that refuses early does not read the rest.
    let _ = stream.write_all((head + "\r\n").as_bytes()).and_then(|()| stream.write_all(body));
    stream
}

fn ask(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut bytes = Vec::new();
    connect(address, request, headers, body).read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let body = bytes.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") { whole(&body) } else { body };
    Answer { status: head[9..12].parse().unwrap(), head, body }
}

/// A body in chunks, put together.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n").expect("a chunk says its length");
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend(&chunks[line + 2..line + 2 + length]);
        chunks = &chunks[line + 4 + length..];
    }
}

/// Where a server is, and what can be asked of any.
trait Ask {
    fn address(&self) -> SocketAddr;

    fn get(&self, path: &str) -> Answer {
        ask(self.address(), &format!("GET {path}"), &[], b"")
    }

    fn delete(&self, id: u64) -> Answer {
        ask(self.address(), &format!("DELETE /sweeps/{id}"), &[], b"")
    }

    fn post(&self, body: &str) -> Answer {
        ask(self.address(), "POST /sweeps", &[("Content-Type", "application/json")], body.as_bytes())
    }

    fn put(&self, name: &str, token: Option<&str>, bytes: &[u8]) -> Answer {
        let token = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = token.iter().map(|token| ("Authorization", token.as_str())).collect();
        ask(self.address(), &format!("PUT /plugins/{name}"), &headers, bytes)
    }

    /// Starts a sweep and returns its number.
    fn submit(&self, body: &str) -> u64 {
        let answer = self.post(body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_u64().unwrap()
    }

    /// Asks for sweep `id` until it is as wanted.
    fn wait(&self, id: u64, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let sweep = self.get(&format!("/sweeps/{id}")).json();
            if is_wanted(&sweep) {
                return sweep;
            }
            assert!(start.elapsed() < DEADLINE, "{sweep}");
            std::thread::yield_now();
        }
    }

    fn finish(&self, body: &str) -> Value {
        let sweep = self.wait(self.submit(body), |sweep| !["queued", "running"].contains(&state(sweep)));
        assert_eq!(state(&sweep), "finished", "{sweep}");
        sweep
    }

    fn rows(&self, id: u64) -> usize {
        self.get(&format!("/sweeps/{id}/results?columns=success")).json()["rows"].as_array().unwrap().len()
    }
}

fn state(sweep: &Value) -> &str {
    sweep["state"].as_str().unwrap()
}

impl Ask for SocketAddr {
    fn address(&self) -> SocketAddr {
        *self
    }
}

impl Ask for Server {
    fn address(&self) -> SocketAddr {
        self.address()
    }
}

/// A folder with plugins.
fn folder(plugins: &[&str]) -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("plugins")).unwrap();
    for name in plugins {
        fs::copy(component_path(name), folder.path(&format!("plugins/{name}.wasm"))).unwrap();
    }
    folder
}

fn options(folder: &Folder) -> Options {
    let market = Market::new(Dataset::bundled().unwrap(), Settings::default()).unwrap();
    Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        plugins: folder.path("plugins"),
        state: folder.path("state"),
        data: vec![("msft".to_owned(), Arc::new(market))],
        account: AccountSpec::default(),
        token: Some(Token::new(TOKEN).unwrap()),
        queue: 4,
        running: 2,
        max_combinations: 10_000_000,
        max_plugin_size: 1 << 20,
        results: None,
    }
}

fn start(options: Options) -> Result<Server, ServerError> {
    Server::start(options, ParallelBacktester::new(Some(2), Limits::default()).unwrap())
}

fn serve(folder: &Folder) -> Server {
    start(options(folder)).unwrap()
}

/// The program itself, on a port of its own.
struct Program {
    child: Child,
    address: SocketAddr,
    err: BufReader<std::process::ChildStderr>,
}

impl Program {
    fn start(folder: &Folder) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--no-cache", "--workers", "2", "--plugins"]);
        command.arg(folder.path("plugins")).arg("--state").arg(folder.path("state")).env_remove("HOST_TOKEN");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(err.read_line(&mut line).unwrap() > 0, "it ends before it listens");
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                break address.parse().unwrap();
            }
        };
        Self { child, address, err }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
