//! The web page: serves the files of `page/`, and those that draw reports.
//!
//! Never depends on a request: every client gets the same files, which fetch the rest themselves.

use axum::{Router, http::header, routing::get};

use crate::report::Report;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The path, media type and content of each file.
const PARTS: [(&str, &str, &str); 28] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/address.js", SCRIPT, include_str!("page/address.js")),
    ("/app.css", STYLE, include_str!("page/app.css")),
    ("/app.js", SCRIPT, include_str!("page/app.js")),
    ("/cell.js", SCRIPT, include_str!("page/cell.js")),
    ("/compare.js", SCRIPT, include_str!("page/compare.js")),
    ("/differences.js", SCRIPT, include_str!("page/differences.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/evidence.js", SCRIPT, include_str!("page/evidence.js")),
    ("/explore.js", SCRIPT, include_str!("page/explore.js")),
    ("/fields.js", SCRIPT, include_str!("page/fields.js")),
    ("/form.js", SCRIPT, include_str!("page/form.js")),
    ("/grid.js", SCRIPT, include_str!("page/grid.js")),
    ("/icon.svg", IMAGE, include_str!("page/icon.svg")),
    ("/joined.js", SCRIPT, include_str!("page/joined.js")),
    ("/knowledge.js", SCRIPT, include_str!("page/knowledge.js")),
    ("/label.js", SCRIPT, include_str!("page/label.js")),
    ("/luck.js", SCRIPT, include_str!("page/luck.js")),
    ("/metrics.js", SCRIPT, include_str!("page/metrics.js")),
    ("/parameters.js", SCRIPT, include_str!("page/parameters.js")),
    ("/plugins.js", SCRIPT, include_str!("page/plugins.js")),
    ("/ranked.js", SCRIPT, include_str!("page/ranked.js")),
    ("/run.js", SCRIPT, include_str!("page/run.js")),
    ("/server.js", SCRIPT, include_str!("page/server.js")),
    ("/sweep-data.js", SCRIPT, include_str!("page/sweep-data.js")),
    ("/sweep.js", SCRIPT, include_str!("page/sweep.js")),
    ("/sweeps.js", SCRIPT, include_str!("page/sweeps.js")),
    ("/views.css", STYLE, include_str!("page/views.css")),
];

/// Before the path of a file that draws reports.
const REPORT: &str = "/report/";

/// The path, media type and content of each file that draws reports.
fn report_parts() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let media = |path: &str| if path.ends_with(".css") { STYLE } else { SCRIPT };
    Report::files().map(move |(path, text)| (format!("{REPORT}{path}"), media(path), text))
}

/// The routes of all files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let own = PARTS.into_iter().map(|(path, media, text)| (path.to_owned(), media, text));
    own.chain(report_parts()).fold(Router::new(), |router, (path, media, text)| {
        router.route(&path, get(move || async move { ([(header::CONTENT_TYPE, media)], text) }))
    })
}

/// Returns true if `path` is that of a file of the page.
pub(super) fn has(path: &str) -> bool {
    PARTS.iter().any(|(part, ..)| *part == path)
        || path.strip_prefix(REPORT).is_some_and(|path| Report::files().any(|(part, _)| part == path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_a_part_and_asks_only_for_parts() {
        let files = std::fs::read_dir("host/server/page").unwrap().map(|file| file.unwrap().file_name());
        let names: Vec<_> = files.map(|name| format!("/{}", name.to_str().unwrap())).collect();
        assert_eq!(names.len(), PARTS.len());
        assert!(names.iter().all(|name| name == "/index.html" || has(name)), "{names:?}");
        for (part, _, text) in PARTS {
            let quoted = text.split('"').skip(1).step_by(2);
            let asked = quoted.filter(|path| path.starts_with('/') && path.contains('.') && !path.contains("json"));
            asked.for_each(|path| assert!(has(path), "{part} asks for {path}"));
            assert!(!text.contains("http://") || part == "/icon.svg", "{part} asks another host");
            assert!(!text.contains("https://"), "{part} asks another host");
        }
    }
}
