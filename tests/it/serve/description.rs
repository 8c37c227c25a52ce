//! `/openapi.json` and `/metrics`: what programs read of a server.

use std::collections::BTreeSet;

use host::server::Options;
use serde_json::{Value, json};

use super::{Ask, TOKEN, ask, folder, options, serve, start};

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
        "/sweeps/{id} get,delete,patch",
        "/sweeps/{id}/cells get",
        "/sweeps/{id}/events get",
        "/sweeps/{id}/monte-carlo get",
        "/sweeps/{id}/report get",
        "/sweeps/{id}/results get",
        "/sweeps/{id}/returns get",
        "/sweeps/{id}/run get",
        "/sweeps/{id}/trust get",
        "/sweeps/{id}/walk-forward get",
    ];
    assert_eq!(listed, expected.map(str::to_owned).into());
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let described = response["description"].as_str().unwrap_or_default();
                assert!(!described.is_empty(), "{method} {path}: {status} has no description");
                let is_problem = status.starts_with(['4', '5']) && path != "/healthz";
                let media = if is_problem { &response["content"]["application/problem+json"] } else { &Value::Null };
                assert_eq!(media["schema"]["$ref"].is_string(), is_problem, "{method} {path}: {status}");
            }
        }
    }
    let started = &document["paths"]["/sweeps"]["post"]["responses"]["201"];
    assert!(started["headers"]["Location"].is_object(), "{started}");
    let links = started["links"].as_object().unwrap();
    let led: BTreeSet<_> = links.values().map(|link| link["operationId"].as_str().unwrap().to_owned()).collect();
    let of_sweep = paths.iter().filter(|(path, _)| path.starts_with("/sweeps/{id}"));
    let all = of_sweep.flat_map(|(_, item)| item.as_object().unwrap().values());
    assert_eq!(led, all.map(|one| one["operationId"].as_str().unwrap().to_owned()).collect());
    assert!(links.values().all(|link| link["parameters"]["id"] == "$response.body#/id"), "{started}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(schemas.contains_key(name), "`{name}` is not described");
    }

    let media = &document["paths"]["/metrics"]["get"]["responses"]["200"]["content"];
    for accept in ["text/plain", "application/openmetrics-text"] {
        let metrics = ask(server.address(), "GET /metrics", &[("Accept", accept)], b"");
        assert!(metrics.head.contains(&format!("content-type: {accept}; version=")), "{}", metrics.head);
        assert!(media[accept].is_object(), "{media}");
    }
    let neither = ask(server.address(), "GET /metrics", &[("Accept", "application/json")], b"");
    assert_eq!((neither.status, neither.error().contains("or `text/plain`")), (406, true));
    let text = server.get("/metrics").text();
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

#[test]
fn the_description_says_where_the_token_is_needed() {
    let folder = folder(&["faulty"]);
    let needed = |document: &Value, path: &str, method: &str| {
        let own = document["paths"][path][method].get("security").cloned();
        own.or_else(|| document.get("security").cloned()).unwrap_or_else(|| json!([]))
    };
    let check = |document: &Value, reading: &Value| {
        assert_eq!(needed(document, "/plugins/{name}", "put"), json!([{ "token": [] }]));
        assert_eq!(needed(document, "/healthz", "get"), json!([]));
        assert_eq!(needed(document, "/sweeps", "post"), *reading);
        let answers = &document["paths"]["/sweeps"]["get"]["responses"];
        assert_eq!(answers.get("401").is_some(), *reading != json!([]), "{answers}");
    };
    check(&serve(&folder).get("/openapi.json").json(), &json!([]));
    let open = start(Options { listen: vec!["0.0.0.0:0".parse().unwrap()], ..options(&folder) }).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], open.address().port()));
    let token = format!("Bearer {TOKEN}");
    let document = ask(address, "GET /openapi.json", &[("Authorization", &token)], b"").json();
    check(&document, &json!([{ "token": [] }]));
}
