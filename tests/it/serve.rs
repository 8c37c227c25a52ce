//! `host serve`: answers what `host sweep` writes, loses nothing, and refuses with a reason.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use host::{
    backtest::{AccountSpec, Market, Settings},
    cli::Exit,
    data::{Dataset, LoadOptions},
    results::{Form, ResultsFile},
    sandbox::Limits,
    server::{Options, Server, ServerError, StoreError, Token},
    sweep::ParallelBacktester,
};
use serde_json::{Value, json};

use crate::support::{Folder, component, component_path, host, rows_of};

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

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
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
    }
}

fn start(options: Options) -> Result<Server, ServerError> {
    Server::start(options, ParallelBacktester::new(Some(2), Limits::default()).unwrap())
}

fn serve(folder: &Folder) -> Server {
    start(options(folder)).unwrap()
}

#[test]
fn a_download_is_what_host_sweep_writes() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let csv = folder.path("expected.csv");
    let grid = folder.file("grid.json", r#"{"fast": [5, 10, 20], "slow": [10, 50], "constraints": ["fast < slow"]}"#);
    let run = host(&format!("sweep --plugin {} --grid {grid} --out {}", component_path("sma_cross"), csv.display()));
    let grid: Value = serde_json::from_str(&fs::read_to_string(grid).unwrap()).unwrap();
    let sweep = server.finish(&json!({ "plugin": "sma_cross", "grid": grid }).to_string());
    assert_eq!((&sweep["total"], &sweep["done"], &sweep["failed"]), (&json!(4), &json!(4), &json!(0)));
    assert_eq!(sweep["request"], json!({ "plugin": "sma_cross", "data": "msft", "grid": grid }));

    let download = |query: &str| server.get(&format!("/sweeps/{}/results{query}", sweep["id"]));
    let rows = rows_of(&csv);
    let file = |name: &str, query: &str| folder.path(name).with_file_name(folder.file(name, download(query).body));
    assert_eq!(rows_of(&file("got.csv", "?format=csv")), rows);
    assert_eq!(fs::read_to_string(folder.path("got.csv")).unwrap().lines().next(), header(&csv).as_deref());
    let parquet = ResultsFile::open(&file("got.parquet", "?format=parquet")).unwrap();
    let pieces: Vec<_> = parquet.encoded(Form::Csv, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(pieces.concat(), download("?format=csv").body);
    let json = download("").json();
    let names: Vec<_> = json["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert_eq!(header(&csv), Some(names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(",")));
    assert_eq!(json["rows"].as_array().unwrap().len(), rows.len());
    let some = download("?format=csv&columns=slow,fast,plugin_hash").text();
    let hash = sweep["plugin_hash"].as_str().unwrap();
    assert_eq!(some.lines().take(2).collect::<Vec<_>>(), ["slow,fast,plugin_hash", &format!("10,5,{hash}")]);

    let best = &sweep["ranking"][0];
    assert_eq!((&best["task_id"], &best["value"]), (&sweep["best"]["task_id"], &best["metrics"]["sharpe"]));
    let shown = run.out.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(shown[1..3], [best["params"]["fast"].to_string(), best["params"]["slow"].to_string()]);
}

fn header(csv: &Path) -> Option<String> {
    fs::read_to_string(csv).unwrap().lines().next().map(str::to_owned)
}

#[test]
fn what_is_typed_replaces_what_the_grid_says() {
    let folder = folder(&["sma_cross", "faulty"]);
    let server = serve(&folder);
    let sweep = server.finish(
        r#"{"plugin": "sma_cross", "data": "msft", "grid": {"fast": [5, 7], "slow": [50], "require": "trades >= 100000",
            "objective": "cagr"}, "params": ["fast=9,11,13"], "objective": "max_drawdown", "direction": "min", "top": 2}"#,
    );
    assert_eq!((&sweep["total"], &sweep["axes"]), (&json!(3), &json!(["fast", "slow"])));
    assert_eq!((&sweep["objective"], &sweep["better"]), (&json!("max_drawdown"), &json!("lower")));
    assert_eq!((&sweep["ranking"], &sweep["notes"]), (&json!([]), &json!({ "not meeting the requirements": 3 })));
    let sweep = server.finish(r#"{"plugin": "faulty", "params": ["behaviour=fine,panic,refuse"], "top": 1}"#);
    assert_eq!((&sweep["failed"], sweep["ranking"].as_array().unwrap().len()), (&json!(2), 1));
    let kinds: Vec<_> = sweep["failures"].as_array().unwrap().iter().map(|one| one["error_kind"].clone()).collect();
    assert_eq!(kinds, ["invalid-params", "panic"]);
    assert_eq!(sweep["failures"][1]["example"]["task_id"], "behaviour=panic");
    let listed = server.get("/sweeps").json();
    assert_eq!((&listed["sweeps"][0]["id"], &listed["sweeps"][1]["id"]), (&json!(2), &json!(1)));
    assert_eq!((listed["sweeps"][0].get("ranking"), listed["sweeps"][0].get("request")), (None, None));
}

/// The rows of a sweep of the server, as a CSV file that was downloaded has them.
fn downloaded(server: &Server, folder: &Folder, sweep: &Value) -> Vec<Vec<String>> {
    let body = server.get(&format!("/sweeps/{}/results?format=csv", sweep["id"])).body;
    rows_of(&folder.path("got.csv").with_file_name(folder.file("got.csv", body)))
}

#[test]
fn a_posted_request_is_what_the_command_line_runs_from_flags_and_from_a_file() {
    let folder = folder(&["sma_cross"]);
    let (two, server) = (two_symbols(), serve_over(&folder));
    let (a, b) = (folder.file("A.csv", &two[0]), folder.file("B.csv", &two[1]));
    let path = |name: &str| folder.path(name).display().to_string();
    let flags = format!(
        "sweep --plugin {} --param fast=2,3 --param slow=5,8 --each-symbol --cash 5000 --commission 7 --rule at_end=close --top 3 \
         --memory 64 --data {a} {b} --quiet --out {} --save-request {}",
        component_path("sma_cross"),
        path("flags.csv"),
        path("saved.json")
    );
    assert_eq!(host(&flags).exit, Exit::Success);
    let saved: Value = serde_json::from_str(&fs::read_to_string(folder.path("saved.json")).unwrap()).unwrap();
    let request = folder.file("request.json", saved["request"].to_string());
    let from_file = format!("sweep --request {request} --data {a} {b} --quiet --out {}", path("file.csv"));
    assert_eq!(host(&from_file).exit, Exit::Success);
    let sweep = server.finish(&saved["request"].to_string());
    assert_eq!(sweep["request"], saved["request"]);
    assert_eq!((&sweep["total"], &sweep["done"], &sweep["data_hash"]), (&json!(8), &json!(8), &saved["data_hash"]));
    assert!(sweep["best"]["symbol"].is_string() && sweep["ranking"][0]["symbol"].is_string(), "{sweep}");
    let rows = rows_of(&folder.path("flags.csv"));
    assert_eq!(rows.len(), 8);
    assert!(rows_of(&folder.path("file.csv")) == rows, "the file says the same as the flags");
    assert!(downloaded(&server, &folder, &sweep) == rows, "the server runs the same");
    let carried =
        host::sweep::RequestFile::load(&folder.path(&format!("state/sweeps/{}/results.parquet", sweep["id"])));
    assert_eq!(serde_json::to_value(carried.unwrap().request()).unwrap(), saved["request"]);

    drop(server);
    let server = start(Options { max_combinations: 5, ..options_over(&folder) }).unwrap();
    let refused = server.post(&saved["request"].to_string());
    assert_eq!(refused.status, 422, "8 tasks are over 5");
    assert!(
        refused.error().contains("4 combinations on each of 2 symbols; this server takes up to 5"),
        "{}",
        refused.text()
    );
}

#[test]
fn a_sweep_has_bounds_an_account_and_limits_of_its_own() {
    let folder = folder(&["bracket"]);
    let server = serve(&folder);
    let request = json!({
        "plugin": "bracket", "params": ["stop_loss=0.01,0.02", "take_profit=0.02"], "bounds": true, "account": {"commission_bps": 10, "initial_cash": 5000},
        "limits": {"timeout": 5, "memory": 32}, "period": {"from": "2000-01-01", "to": "2009-12-31"},
    });
    let sweep = server.finish(&request.to_string());
    let interval = &sweep["bounds"][1]["final_equity"];
    assert!(interval[0].as_f64() < interval[1].as_f64(), "{sweep}");
    let json = host(
        "sweep --plugin bracket --param stop_loss=0.01,0.02 --param take_profit=0.02 --bounds --commission 10 --cash 5000 --from 2000-01-01 --to 2009-12-31 --quiet --format json",
    );
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["bounds"][1]["final_equity"], *interval);
    assert_eq!(report["ranking"][0]["final_equity"], sweep["bounds"][0]["pessimistic"]["final_equity"]);

    let check = |member: &str, value: Value, words: &str| {
        let mut asked = json!({ "plugin": "bracket", "params": ["stop_loss=0.01"] });
        asked[member] = value;
        let answer = server.post(&asked.to_string());
        assert!(answer.status == 422 && answer.error().contains(words), "{asked}: {}", answer.text());
    };
    check("limits", json!({"timeout": 11}), "`timeout` is 11; this server allows up to 10 s");
    check("limits", json!({"budget": "none"}), "`budget` is none; this server allows up to");
    check("limits", json!({"memory": 100_000, "tasks_per_fork": 2}), "`memory` is 100000; this server allows up to");
    check("limits", json!({"memory": 0}), "`memory` is 0");
    check("account", json!({"initial_cash": -1}), "`initial_cash` is -1");
    check("period", json!({"from": "2018-01-01"}), "no bar begins at or after 2018-01-01");
    check("period", json!({"to": "1980-01-01"}), "no bar in the period: `MSFT` (1986-03-13 to 2017-11-10)");
    check("period", json!({"from": "2001-01-01", "to": "2000-01-01"}), "the period begins at 2001-01-01");
    check("top", json!(1001), "`top` is 1001");
    let unknown = server.post(r#"{"plugin": "bracket", "account": {"comission_bps": 1}}"#);
    assert!(unknown.status == 400 && unknown.error().contains("did you mean `commission_bps`?"), "{}", unknown.text());
}

/// Two files of bars that go up and down in different ways.
fn two_symbols() -> [String; 2] {
    [3, 5].map(|step: u32| {
        let price = |day: u32| 100.0 + f64::from((day * step) % 17);
        let row = |day: u32| {
            format!(
                "{}-{:02}-{:02},{p},{p},{p},{p},1000\n",
                2020 + day / 336,
                day / 28 % 12 + 1,
                day % 28 + 1,
                p = price(day)
            )
        };
        std::iter::once("Date,Open,High,Low,Close,Volume\n".to_owned()).chain((0..400).map(row)).collect()
    })
}

fn serve_over(folder: &Folder) -> Server {
    start(options_over(folder)).unwrap()
}

/// Options of a server over the two symbols, as a data set that is called like the two files.
fn options_over(folder: &Folder) -> Options {
    let files = [folder.file("A.csv", &two_symbols()[0]), folder.file("B.csv", &two_symbols()[1])].map(PathBuf::from);
    let dataset = Dataset::load(&files, &LoadOptions::default()).unwrap().dataset;
    let market = Arc::new(Market::new(dataset, Settings::default()).unwrap());
    Options { data: vec![("A+B".to_owned(), market)], ..options(folder) }
}

#[test]
fn failures_under_a_requests_own_limits_do_not_roll_a_build_back() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let next = fs::read(component_path("sma_rolling")).unwrap();
    assert_eq!(server.put("sma_cross", Some(TOKEN), &next).status, 200);
    let sweep = server.finish(
        r#"{"plugin": "sma_cross", "params": ["fast=2..40:2", "slow=50..100:5"], "limits": {"budget": 100000}}"#,
    );
    assert_eq!((&sweep["done"], &sweep["failed"]), (&json!(220), &json!(220)));
    let plugins = server.get("/plugins").json();
    assert_eq!(plugins["plugins"][0]["generation"], 2, "{plugins}");
}

#[test]
fn sweeps_share_the_workers_and_wait_in_a_queue_that_ends() {
    let folder = folder(&["faulty"]);
    let server = start(Options { queue: 1, ..options(&folder) }).unwrap();
    let (one, two) = (server.submit(LONG), server.submit(LONG));
    for _ in 0..2 {
        let done = [one, two].map(|id| server.wait(id, |sweep| sweep["done"].as_u64() > Some(0))["done"].clone());
        [one, two].into_iter().zip(done).for_each(|(id, done)| _ = server.wait(id, |sweep| sweep["done"] != done));
    }
    let waits = server.submit(LONG);
    assert_eq!(state(&server.get(&format!("/sweeps/{waits}")).json()), "queued");
    let full = server.post(LONG);
    assert_eq!(
        (full.status, full.error().contains("the queue is full: 1 sweeps wait")),
        (429, true),
        "{}",
        full.text()
    );
    let results = server.get(&format!("/sweeps/{one}/results"));
    assert_eq!((results.status, results.error().contains("is running")), (409, true));

    let cancelled = server.delete(waits);
    assert_eq!((cancelled.status, state(&cancelled.json())), (200, "cancelled"));
    let none = server.get(&format!("/sweeps/{waits}/results"));
    assert_eq!((none.status, none.error().contains("has no results: it is cancelled")), (404, true));
    let cancelled = server.delete(one).json();
    assert_eq!(state(&cancelled), "cancelled");
    assert_eq!(Some(server.rows(one) as u64), cancelled["done"].as_u64());
    assert_eq!(server.delete(one).status, 204);
    assert_eq!((server.delete(one).status, server.get(&format!("/sweeps/{one}")).status), (404, 404));
    assert!(!folder.path(&format!("state/sweeps/{one}")).exists());
    assert_eq!(state(&server.get(&format!("/sweeps/{two}")).json()), "running");
    assert_eq!(server.submit(LONG), waits + 1, "the one that was refused took no number");
}

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

#[test]
fn a_server_that_is_killed_finds_its_sweeps_again() {
    let folder = folder(&["faulty"]);
    let mut program = Program::start(&folder);
    let finished = program.address.finish(r#"{"plugin": "faulty", "params": ["seed=1,2"]}"#);
    let ran = program.address.submit(LONG);
    program.address.wait(ran, |sweep| sweep["done"].as_u64() > Some(0));
    program.child.kill().unwrap();
    program.child.wait().unwrap();

    let server = serve(&folder);
    assert_eq!(server.get("/sweeps/1").json(), finished);
    let sweep = server.get(&format!("/sweeps/{ran}")).json();
    assert_eq!(state(&sweep), "interrupted");
    assert!(sweep["error"].as_str().unwrap().starts_with("the server ended while the sweep ran"), "{sweep}");
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
fn what_cannot_be_is_refused_with_the_way_out() {
    let folder = folder(&["sma_cross", "bootstrap", "faulty"]);
    folder.file("plugins/junk.wasm", "no plugin");
    let market = Arc::new(Market::new(Dataset::bundled().unwrap(), Settings::default()).unwrap());
    let data = vec![("msft".to_owned(), Arc::clone(&market)), ("other".to_owned(), market)];
    let server = start(Options { data, max_combinations: 1_000, ..options(&folder) }).unwrap();
    let check = |body: &str, status: u16, words: &str| {
        let answer = server.post(body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.error().contains(words), "{body}: {}", answer.text());
    };
    let grid = |grid: &str| format!(r#"{{"plugin": "sma_cross", "data": "msft", "grid": {grid}}}"#);
    check("", 400, "the body is not the request of a sweep: EOF");
    check("{", 400, "the body is not the request of a sweep: EOF");
    check("[]", 400, "the body is not the request of a sweep");
    check(r#"{"plugin": "sma_cross", "plugin": "x"}"#, 400, "duplicate field `plugin`");
    check(r#"{"plugin": "sma_cross", "grit": {}}"#, 400, "unknown field `grit`");
    check(r#"{"data": "msft", "grid": {}}"#, 400, "missing field `plugin`");
    check(r#"{"plugin": "sma_cros", "grid": {}}"#, 404, "unknown plugin `sma_cros`; known: `bootstrap`, `faulty`");
    check(r#"{"plugin": "../momentum", "grid": {}}"#, 404, "unknown plugin `../momentum`");
    check(r#"{"plugin": "junk", "data": "msft", "grid": {}}"#, 422, "is not WebAssembly: it starts with `no plugin`");
    check(r#"{"plugin": "bootstrap", "data": "msft", "grid": {}}"#, 422, "exports neither `signals` nor `events`");
    check(r#"{"plugin": "sma_cross", "grid": {}}"#, 422, "names no data; give `data` as one of `msft`, `other`");
    check(r#"{"plugin": "sma_cross", "data": "/etc/passwd"}"#, 404, "unknown data `/etc/passwd`; known:");
    check(r#"{"plugin": "sma_cross", "data": "msft"}"#, 422, "no grid for `sma_cross`; give `--grid FILE`");
    check(&grid(r#"{"fats": [5]}"#), 422, "has no parameter `fats`");
    check(&grid(r#"{"fast": [5], "fast": [6]}"#), 400, "the key `fast` is given twice");
    check(&grid(r#"{"fast": [5], "objective": "sharp"}"#), 422, "unknown metric `sharp` to rank by");
    check(&grid(r#"{"fast": [5], "require": "slowness > 3"}"#), 422, "names `slowness`, which is neither a metric");
    check(
        &grid(r#"{"fast": [50], "slow": [20], "constraints": "fast < slow"}"#),
        422,
        "no combination of the grid meets",
    );
    let large = |more: &str| {
        grid(&format!(r#"{{"fast": {{"from": 1, "to": 2000}}, "slow": {{"from": 2, "to": 2001}}{more}}}"#))
    };
    check(&large(""), 422, "has 4000000 combinations; this server takes up to 1000: use `sample`");
    check(&large(r#", "sample": 2000"#), 422, "this server takes up to 1000");
    check(
        r#"{"plugin": "sma_cross", "data": "msft", "params": ["fast=5", "fast=6"]}"#,
        422,
        "gives `fast` a second time",
    );
    check(r#"{"plugin": "sma_cross", "data": "msft", "params": ["fast"]}"#, 422, "cannot read `fast` as a parameter");
    check(r#"{"plugin": "sma_cross", "data": "msft", "params": ["fast=5"], "top": 0}"#, 422, "`top` is 0");
    check(&" ".repeat((1 << 20) + 1), 413, "larger than this server takes");
    assert_eq!(server.get("/sweeps").json(), json!({ "sweeps": [] }), "nothing was taken");
    assert_eq!(server.finish(&large(r#", "sample": 3"#))["done"], 3);
}

#[test]
fn addresses_that_are_none_are_refused_as_such() {
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    server.finish(r#"{"plugin": "faulty", "params": ["seed=1"]}"#);
    let check = |request: &str, headers: &[(&str, &str)], status: u16, words: &str| {
        let answer = ask(server.address(), request, headers, b"{}");
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        assert!(answer.error().contains(words), "{request}: {}", answer.text());
    };
    check("GET /nothing", &[], 404, "unknown address");
    check("GET /../etc/passwd", &[], 404, "unknown address");
    check("POST /plugins", &[], 405, "method not allowed here");
    check("BREW /sweeps", &[], 405, "method not allowed here");
    check("GET /plugins/nobody", &[], 404, "unknown plugin `nobody`");
    check("GET /plugins/..%2f..%2fetc%2fpasswd", &[], 404, "unknown plugin `../../etc/passwd`");
    check("GET /plugins/%ff", &[], 400, "not readable");
    for id in ["0", "2", "18446744073709551615"] {
        check(&format!("GET /sweeps/{id}"), &[], 404, &format!("unknown sweep {id}"));
    }
    for id in ["-1", "one", "18446744073709551616", "..%2f1", "1%00"] {
        check(&format!("GET /sweeps/{id}/results"), &[], 404, "is not the number of a sweep");
    }
    check("GET /sweeps/1/results?format=xml", &[], 400, "unknown variant `xml`");
    check("GET /sweeps/1/results?colums=seed", &[], 400, "unknown field `colums`");
    check("GET /sweeps/1/results?columns=seed,../x", &[], 400, "unknown column `../x`; known: task_id");
    check("GET /sweeps/1/results?columns=seed,seed", &[], 400, "column `seed` is asked for twice");
    check("POST /sweeps", &[], 415, "send JSON with `Content-Type: application/json`");
    check("POST /sweeps", &[("Content-Type", "text/plain")], 415, "the content type is `text/plain`");
    check("GET /sweeps", &[("Host", "evil.example")], 403, "`evil.example` is not a name of this machine");
    check("GET /", &[("Host", "")], 403, "is not a name of this machine");
    let page = server.get("/");
    assert!(page.head.contains("content-security-policy: default-src 'self'; frame-ancestors 'none'"), "{}", page.head);
    assert!(page.head.contains("x-content-type-options: nosniff") && page.head.contains("text/html"), "{}", page.head);
}

#[test]
fn an_upload_serves_if_it_is_good_and_whoever_sends_it_may() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let good = component("sma_rolling");
    let check = |name: &str, token: Option<&str>, bytes: &[u8], status: u16, words: &str| {
        let answer = server.put(name, token, bytes);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert!(answer.error().contains(words), "{name}: {}", answer.text());
    };
    check("sma_cross", None, &good, 401, "this needs the token");
    check("sma_cross", Some("0123456789abcdeg"), &good, 401, "this is not the token");
    check("sma_cross", Some(TOKEN), b"no plugin", 422, "is not WebAssembly");
    check("sma_cross", Some(TOKEN), &component("momentum"), 422, "parameter `fast` is gone");
    check("sma_cross", Some(TOKEN), &vec![0; (1 << 20) + 1], 413, "larger than this server takes");
    for name in ["..%2fsma_cross", "1x", "a.b", "%2e%2e", "x%00", "a b"] {
        check(&name.replace(' ', "%20"), Some(TOKEN), &good, 400, "is not a plugin name");
    }
    let before = server.get("/plugins/sma_cross").json();
    assert_eq!((&before["generation"], before["refused"]["reason"].is_string()), (&json!(1), true));
    let after = server.put("sma_cross", Some(TOKEN), &good);
    assert_eq!(after.status, 200, "{}", after.text());
    let after = after.json();
    assert_eq!(
        (&after["generation"], &after["previous_hash"], &after["refused"]),
        (&json!(2), &before["hash"], &json!(null))
    );
    assert_eq!(fs::read(folder.path("plugins/sma_cross.wasm")).unwrap(), good);
    assert_eq!(fs::read_dir(folder.path("plugins")).unwrap().count(), 1, "nothing else was written");
    assert_eq!(server.put("sma_cross", Some(TOKEN), &good).json()["generation"], 2, "the same bytes are no news");
    let log = server.get("/plugins").json()["log"].clone();
    assert_eq!((&log[0]["event"], &log[0]["hash"]), (&json!("swapped"), &after["hash"]));
    drop(server);

    let server = start(Options { token: None, ..options(&folder) }).unwrap();
    let answer = server.put("sma_cross", Some(TOKEN), &good);
    assert_eq!((answer.status, answer.error().starts_with("uploads are off")), (403, true));
}

#[test]
fn a_sweep_runs_on_the_build_that_served_when_it_was_asked_for() {
    let folder = folder(&["sma_cross"]);
    let server = start(Options { running: 1, ..options(&folder) }).unwrap();
    let long = r#"{"plugin": "sma_cross", "grid": {"fast": {"from": 1, "to": 2000}, "slow": {"from": 2, "to": 2001}}}"#;
    let short = r#"{"plugin": "sma_cross", "grid": {"fast": [5, 10], "slow": [50, 100]}}"#;
    let (runs, waits) = (server.submit(long), server.submit(short));
    server.wait(runs, |sweep| sweep["done"].as_u64() > Some(0));
    let before = server.get("/plugins/sma_cross").json()["hash"].clone();
    let after = server.put("sma_cross", Some(TOKEN), &component("sma_rolling")).json()["hash"].clone();
    assert_ne!(before, after);
    let late = server.submit(short);
    let done = server.get(&format!("/sweeps/{runs}")).json()["done"].clone();
    server.wait(runs, |sweep| sweep["done"] != done);
    server.delete(runs);
    server.wait(late, |sweep| state(sweep) == "finished");
    for (id, hash) in [(runs, &before), (waits, &before), (late, &after)] {
        assert_eq!(server.get(&format!("/sweeps/{id}")).json()["plugin_hash"], *hash);
        let rows = server.get(&format!("/sweeps/{id}/results?columns=plugin_hash")).json()["rows"].clone();
        let hashes: BTreeSet<_> = rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
        assert_eq!(hashes, BTreeSet::from([hash.as_str().unwrap()]));
    }
}

#[test]
fn other_machines_need_the_token_for_everything_but_the_page() {
    let folder = folder(&["faulty"]);
    let open = || vec!["0.0.0.0:0".parse().unwrap()];
    let error = start(Options { listen: open(), token: None, ..options(&folder) }).unwrap_err();
    assert!(error.to_string().contains("can be reached from other machines without a token"), "{error}");
    let server = start(Options { listen: open(), ..options(&folder) }).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let status = |path: &str, token: &str| {
        let headers = [("Host", "trader.example"), ("Authorization", token)];
        ask(address, &format!("GET {path}"), &headers, b"").status
    };
    for path in ["/data", "/plugins", "/sweeps", "/metrics", "/openapi.json", "/sweeps/1/events", "/nothing"] {
        let found = if path.ends_with("events") || path == "/nothing" { 404 } else { 200 };
        assert_eq!((status(path, ""), status(path, &format!("Bearer {TOKEN}"))), (401, found), "{path}");
    }
    for path in ["/", "/app.js", "/app.css", "/healthz"] {
        assert_eq!(status(path, ""), 200, "{path}");
    }
}

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
    assert_eq!(names, BTreeSet::from(["progress", "best", "failures", "end"]));
    let done = events.iter().filter(|(name, _)| name == "progress").map(|(_, data)| data["done"].as_u64().unwrap());
    assert!(done.is_sorted());
    let (name, last) = events.last().unwrap();
    assert_eq!((name.as_str(), state(last), &last["done"]), ("end", "finished", &json!(600)));
    let best = events.iter().rev().find(|(name, _)| name == "best").map(|(_, data)| data);
    assert_eq!(best, Some(&last["best"]));
    let failures = events.iter().find(|(name, _)| name == "failures").map(|(_, data)| &data[0]["error_kind"]);
    assert_eq!(failures, Some(&json!("panic")));
    assert_eq!(server.get(&format!("/sweeps/{id}")).json(), *last);
}

#[test]
fn the_description_lists_every_route_and_the_counters_can_be_read() {
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    server.finish(r#"{"plugin": "faulty", "params": ["behaviour=fine,panic"]}"#);
    let document = server.get("/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    let methods = |path: &Value| path.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",");
    let listed: BTreeSet<_> = paths.iter().map(|(path, item)| format!("{path} {}", methods(item))).collect();
    let expected = [
        "/data get",
        "/healthz get",
        "/metrics get",
        "/openapi.json get",
        "/plugins get",
        "/plugins/{name} get,put",
        "/sweeps get,post",
        "/sweeps/{id} get,delete",
        "/sweeps/{id}/events get",
        "/sweeps/{id}/results get",
    ];
    assert_eq!(listed, expected.map(str::to_owned).into());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(schemas.contains_key(name), "`{name}` is not described");
    }

    let metrics = server.get("/metrics");
    assert!(metrics.head.contains("application/openmetrics-text"), "{}", metrics.head);
    let text = metrics.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("host_") && value.parse::<f64>().is_ok(), "{line}");
    }
    for line in [
        r#"host_sweeps{state="finished"} 1"#,
        "host_tasks_total 2",
        r#"host_tasks_failed_total{error_kind="panic"} 1"#,
        r#"host_plugin_generation{plugin="faulty"} 1"#,
        r#"host_plugin_events_total{event="loaded"} 1"#,
        r#"host_requests_total{method="POST",route="/sweeps",status="201"} 1"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "`{line}` is not in:\n{text}");
    }
}
