//! The web page: serves the files of `page/`.
//!
//! Never depends on a request: every client gets the same files, which fetch the rest themselves.

use axum::{Router, http::header, routing::get};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The path, media type and content of each file.
const PARTS: [(&str, &str, &str); 15] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/app.css", STYLE, include_str!("page/app.css")),
    ("/icon.svg", IMAGE, include_str!("page/icon.svg")),
    ("/app.js", SCRIPT, include_str!("page/app.js")),
    ("/cells.js", SCRIPT, include_str!("page/cells.js")),
    ("/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/colours.js", SCRIPT, include_str!("page/colours.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/form.js", SCRIPT, include_str!("page/form.js")),
    ("/grid.js", SCRIPT, include_str!("page/grid.js")),
    ("/map.js", SCRIPT, include_str!("page/map.js")),
    ("/metrics.js", SCRIPT, include_str!("page/metrics.js")),
    ("/plugins.js", SCRIPT, include_str!("page/plugins.js")),
    ("/server.js", SCRIPT, include_str!("page/server.js")),
    ("/sweeps.js", SCRIPT, include_str!("page/sweeps.js")),
];

/// The routes of all files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    PARTS.into_iter().fold(Router::new(), |router, (path, media, text)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, media)], text) }))
    })
}

/// Returns true if `path` is that of a file of the page.
pub(super) fn has(path: &str) -> bool {
    PARTS.iter().any(|(part, ..)| *part == path)
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
