//! Uploads: a build serves if it is good, whoever sends it may, and it is still wanted.

use std::fs;

use host::server::Options;
use serde_json::json;

use super::{Ask, TOKEN, ask, folder, options, serve, start};
use crate::support::component;

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
    let typed = |name: &str, media: &str| {
        let headers = [("Authorization", &*format!("Bearer {TOKEN}")), ("Content-Type", media)];
        ask(server.address(), &format!("PUT /plugins/{name}"), &headers, &good)
    };
    for media in ["application/wasm", "application/octet-stream"] {
        assert_eq!(typed("sma_cross", media).status, 200, "{media}");
    }
    let form = typed("sma_cross", "application/x-www-form-urlencoded");
    assert_eq!((form.status, form.error().contains("send `Content-Type: application/octet-stream`")), (415, true));
    let first = typed("first", "application/wasm");
    assert_eq!((first.status, first.head.contains("location: /plugins/first")), (201, true), "{}", first.head);
    drop(server);

    let server = start(Options { token: None, ..options(&folder) }).unwrap();
    let answer = server.put("sma_cross", Some(TOKEN), &good);
    assert_eq!((answer.status, answer.error().starts_with("uploads are off")), (403, true));
}
