//! Refusals: whatever cannot be is refused with the way out.

use std::{net::SocketAddr, sync::Arc};

use host::{
    backtest::{Market, Settings},
    data::Dataset,
    server::Options,
};
use serde_json::json;

use super::{Ask, TOKEN, ask, folder, options, serve, start};

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
    check(r#"{"plugin": 1"#, 400, "the body is not the request of a sweep: invalid type");
    check("[]", 422, "the body is not the request of a sweep");
    check(r#"{"plugin": "sma_cross", "plugin": "x"}"#, 422, "duplicate field `plugin`");
    check(r#"{"plugin": "sma_cross", "grit": {}}"#, 422, "unknown field `grit`");
    check(r#"{"data": "msft", "grid": {}}"#, 422, "missing field `plugin`");
    check(r#"{"plugin": "sma_cros", "grid": {}}"#, 404, "unknown plugin `sma_cros`; known: `bootstrap`, `faulty`");
    check(r#"{"plugin": "../momentum", "grid": {}}"#, 404, "unknown plugin `../momentum`");
    check(r#"{"plugin": "junk", "data": "msft", "grid": {}}"#, 422, "is not WebAssembly: it starts with `no plugin`");
    check(r#"{"plugin": "bootstrap", "data": "msft", "grid": {}}"#, 422, "exports neither `signals` nor `events`");
    check(r#"{"plugin": "sma_cross", "grid": {}}"#, 422, "names no data; give `data` as one of `msft`, `other`");
    check(r#"{"plugin": "sma_cross", "data": "/etc/passwd"}"#, 404, "unknown data `/etc/passwd`; known:");
    check(r#"{"plugin": "sma_cross", "data": "msft"}"#, 422, "no grid for `sma_cross`; give `--grid FILE`");
    check(&grid(r#"{"fats": [5]}"#), 422, "has no parameter `fats`");
    check(&grid(r#"{"fast": [5], "fast": [6]}"#), 422, "the key `fast` is given twice");
    check(&grid(r#"{"fast": [5], "objective": "sharp"}"#), 422, "unknown metric `sharp`; did you mean `sharpe`?");
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
    for path in ["/sweeps", "/plugins", "/sweeps/1", "/sweeps/1/results", "/data", "/metrics", "/healthz"] {
        check(&format!("PUT {path}"), &[], 405, "method not allowed here");
    }
    for (request, methods) in [
        ("PUT /sweeps", "get,head,post"),
        ("POST /sweeps/1", "delete,get,head,patch"),
        ("DELETE /plugins/x", "get,head,put"),
    ] {
        let answer = ask(server.address(), request, &[], b"");
        let allow = answer.head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap_or_default();
        let mut allowed: Vec<_> = allow.split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!((answer.status, allowed.join(",").as_str()), (405, methods), "{request}");
    }
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
    check("GET /sweeps/1/results?columns=seed,../x", &[], 422, "unknown column `../x`; known: task_id");
    check("GET /sweeps/1/results?columns=seed,seed", &[], 422, "column `seed` is asked for twice");
    check("POST /sweeps", &[], 415, "send `Content-Type: application/json`");
    check("POST /sweeps", &[("Content-Type", "text/plain")], 415, "the content type is `text/plain`");
    check("GET /sweeps", &[("Host", "evil.example")], 403, "`evil.example` is not a name of this machine");
    check("GET /", &[("Host", "")], 403, "is not a name of this machine");
    let page = server.get("/");
    assert!(page.head.contains("content-security-policy: default-src 'self'; frame-ancestors 'none'"), "{}", page.head);
    assert!(page.head.contains("x-content-type-options: nosniff") && page.head.contains("text/html"), "{}", page.head);
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
