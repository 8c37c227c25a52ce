//! The OpenAPI document as it is served: what all routes share, and where their answers lead.
//!
//! Never answers a request, and never describes one route alone: its handler does.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::{reply::PROBLEM, schemas};

/// The paths of what belongs to one sweep.
const SWEEP: &str = "/sweeps/{id}";

/// The path that answers without a token.
const OPEN: &str = "/healthz";

/// What any operation may answer, since every request is checked before its route: the status, and why.
const ANY: [(&str, &str); 5] = [
    ("400", "The request has no `Host`, or its address is not readable"),
    ("401", "The token is missing or wrong"),
    ("403", "The `Host` is not a name of this machine"),
    ("500", "A bug of the host, or its disk does not work"),
    ("503", "The server is stopping, has no place for more connections, or the answer takes too long"),
];

/// The answers that lead on: method and path, the status, where the answer has the identifier, and to what it leads.
const LEADING: [(&str, &str, &str, &str, &str); 7] = [
    ("post", "/sweeps", "201", "$response.body#/id", SWEEP),
    ("get", "/sweeps", "200", "$response.body#/sweeps/0/id", SWEEP),
    ("get", SWEEP, "200", "$response.body#/id", SWEEP),
    ("patch", SWEEP, "200", "$response.body#/id", SWEEP),
    ("get", "/plugins", "200", "$response.body#/plugins/0/name", "/plugins/{name}"),
    ("put", "/plugins/{name}", "200", "$response.body#/name", "/plugins/{name}"),
    ("put", "/plugins/{name}", "201", "$response.body#/name", "/plugins/{name}"),
];

/// Completes `document`, the description of each route; `is_guarded` if reading needs the token. Returns it as JSON.
pub(super) fn complete(document: OpenApi, is_guarded: bool) -> serde_json::Result<String> {
    let mut document = serde_json::to_value(document)?;
    schemas::add(&mut document["components"]["schemas"]);
    bound_integers(&mut document);
    document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
    if is_guarded {
        document["security"] = json!([{"token": []}]);
        document["paths"][OPEN]["get"]["security"] = json!([]);
    }
    each_operation(&mut document, |path, operation| {
        add_answers(path, operation, is_guarded);
        name_problems(operation);
        leave_streams(operation);
    });
    let links = LEADING.map(|(method, path, status, id, to)| ((method, path, status), links(&document, to, id)));
    for ((method, path, status), links) in links {
        document["paths"][path][method]["responses"][status]["links"] = links;
    }
    add_examples(&mut document["paths"]);
    serde_json::to_string_pretty(&document)
}

fn each_operation(document: &mut Value, mut change: impl FnMut(&str, &mut Value)) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        item.as_object_mut().into_iter().flatten().for_each(|(_, operation)| change(path, operation));
    }
}

fn add_answers(path: &str, operation: &mut Value, is_guarded: bool) {
    let needs_token = |status: &str| status != "401" || is_guarded && path != OPEN;
    let Some(answers) = operation["responses"].as_object_mut() else { return };
    for (status, why) in ANY.into_iter().filter(|(status, _)| needs_token(status)) {
        let problem = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        answers.entry(status).or_insert_with(|| json!({"description": why, "content": problem}));
    }
    answers.sort_keys();
}

/// OpenAPI 3.1 describes one text, and a stream of events is many.
fn leave_streams(operation: &mut Value) {
    let answers = operation["responses"].as_object_mut().into_iter().flatten();
    let streams = answers.filter_map(|(_, answer)| answer.get_mut("content")?.get_mut("text/event-stream"));
    streams.for_each(|stream| *stream = json!({}));
}

/// Problems have a media type of their own.
fn name_problems(operation: &mut Value) {
    let answers = operation["responses"].as_object_mut().into_iter().flatten();
    for content in answers.filter_map(|(_, answer)| answer.get_mut("content")?.as_object_mut()) {
        let is_problem = |one: &Value| one["schema"]["$ref"] == "#/components/schemas/Problem";
        if let Some(problem) = content.get("application/json").filter(|one| is_problem(one)).cloned() {
            content.remove("application/json");
            content.insert(PROBLEM.to_owned(), problem);
        }
    }
}

/// The operations below the path `to` whose identifier an answer has at `id`.
fn links(document: &Value, to: &str, id: &str) -> Value {
    let name = if to == SWEEP { "id" } else { "name" };
    let below = document["paths"].as_object().into_iter().flatten().filter(|(path, _)| path.starts_with(to));
    let operations = below.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let link = |operation: &Value| {
        let link = json!({"operationId": operation["operationId"], "parameters": {name: id}});
        (operation["operationId"].as_str().unwrap_or_default().to_owned(), link)
    };
    operations.map(|(_, operation)| link(operation)).collect::<Map<_, _>>().into()
}

/// Integers are whole numbers of up to 64 bits, unless they say otherwise.
fn bound_integers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let is_integer = match &members.get("type") {
                Some(Value::Array(types)) => types.iter().any(|one| one == "integer"),
                one => one.is_some_and(|one| one == "integer"),
            };
            if is_integer && members.contains_key("minimum") {
                members.entry("maximum").or_insert(u64::MAX.into());
            }
            members.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

fn add_examples(paths: &mut Value) {
    let sweep = json!({"plugin": "momentum", "params": ["lookback=20..200:20"]});
    paths["/sweeps"]["post"]["requestBody"]["content"]["application/json"]["example"] = sweep;
    let label = json!({"name": "short lookbacks", "comment": null});
    paths[SWEEP]["patch"]["requestBody"]["content"]["application/json"]["example"] = label;
}
