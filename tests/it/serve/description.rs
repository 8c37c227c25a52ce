//! `/openapi.json` and `/metrics`: what programs read of a server.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Ask, folder, serve};

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
            }
        }
    }
    let media = &document["paths"]["/metrics"]["get"]["responses"]["200"]["content"];
    assert!(media["application/openmetrics-text"].is_object(), "{media}");
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
