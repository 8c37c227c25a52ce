//! The file of a report: its script, its style and its data in one page, whose policy allows nothing else.
//!
//! Never lets a text of the data become markup: the data are JSON in which no `<` is left.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// The path of a file within `page`, and its text.
type Part = (&'static str, &'static str);

macro_rules! part {
    ($path:literal) => {
        ($path, include_str!(concat!("page/", $path)))
    };
}

/// The modules in their order: each one imports from those before it only.
const MODULES: [Part; 34] = [
    part!("charts/elements.js"),
    part!("charts/format.js"),
    part!("charts/scales.js"),
    part!("charts/colours.js"),
    part!("charts/pens.js"),
    part!("charts/tables.js"),
    part!("charts/frame.js"),
    part!("charts/explorer.js"),
    part!("charts/viewport.js"),
    part!("charts/series.js"),
    part!("charts/trades.js"),
    part!("charts/panes.js"),
    part!("charts/gestures.js"),
    part!("charts/time-chart.js"),
    part!("charts/lattice.js"),
    part!("charts/marks.js"),
    part!("charts/axis-bars.js"),
    part!("charts/heatmap.js"),
    part!("charts/neighbours.js"),
    part!("charts/histogram.js"),
    part!("charts/monthly.js"),
    part!("charts/marginals.js"),
    part!("charts/importance.js"),
    part!("charts/scatter.js"),
    part!("charts/parallel.js"),
    part!("charts/folds.js"),
    part!("charts/list.js"),
    part!("charts/conditions.js"),
    part!("charts/combinations.js"),
    part!("columns.js"),
    part!("commands.js"),
    part!("sections.js"),
    part!("sweep-sections.js"),
    part!("report.js"),
];

const STYLES: [Part; 3] = [part!("charts/charts.css"), part!("sections.css"), part!("report.css")];

const PAGE: &str = include_str!("page/page.html");

/// The file whose data are `json`.
pub(super) fn page(json: &str) -> String {
    let (script, style) = parts();
    let parts = [("POLICY", policy()), ("STYLE", style), ("DATA", json.replace('<', "\\u003c")), ("SCRIPT", script)];
    filled(PAGE, &parts)
}

/// The script and the style.
fn parts() -> (String, String) {
    (joined(&MODULES.map(|(_, text)| inlined(text))), joined(&STYLES.map(|(_, text)| Cow::Borrowed(text))))
}

/// The files of the page, so that another page can use them: their paths within its folder, and their texts.
pub(super) fn files() -> impl Iterator<Item = Part> {
    MODULES.into_iter().chain(STYLES)
}

/// What the page may do: run its script and have its style.
pub(super) fn policy() -> String {
    let (script, style) = parts();
    let (script, style) = (hash(&script), hash(&style));
    format!("default-src 'none'; script-src '{script}'; style-src '{style}'; base-uri 'none'; form-action 'none'")
}

fn joined(parts: &[Cow<'_, str>]) -> String {
    format!("\n{}", parts.join("\n"))
}

/// A module without its imports and exports: all modules are one script, in which each name is there once.
fn inlined(module: &str) -> Cow<'_, str> {
    let (mut script, mut rest) = (String::new(), module);
    while !rest.is_empty() {
        if rest.starts_with("import ") {
            rest = rest.split_once(";\n").map_or("", |(_, rest)| rest);
            continue;
        }
        let (line, after) = rest.split_at(rest.find('\n').map_or(rest.len(), |end| end + 1));
        script.push_str(line.strip_prefix("export ").unwrap_or(line));
        rest = after;
    }
    Cow::Owned(script.trim_start_matches('\n').to_owned())
}

/// What a policy allows by its content.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// `template` with each `%NAME%` of it replaced. What is put in is not looked at again.
fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    for (at, piece) in template.split('%').enumerate() {
        match parts.iter().find(|(name, _)| at % 2 == 1 && *name == piece) {
            Some((_, text)) => page.push_str(text),
            None => page.push_str(piece),
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use super::*;

    #[test]
    fn modules_become_one_script() {
        let module = "// About.\nimport {\n  a,\n  b,\n} from \"./x.js\";\nimport { c } from \"./y.js\";\n\nexport const d = a;\n";
        assert_eq!(inlined(module), "// About.\n\nconst d = a;\n");
        let (script, style) = parts();
        let left = script.lines().find(|line| line.starts_with("import") || line.starts_with("export"));
        assert_eq!(left, None);
        assert!(!script.contains("</script") && !style.contains("</style"));
    }

    /// The names that a line declares, if it is at the level of the module.
    fn declared(line: &str) -> Vec<&str> {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        let Some((kind, rest)) = line.split_once(' ') else { return Vec::new() };
        if !["function", "function*", "class", "const", "let"].contains(&kind) {
            return Vec::new();
        }
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let several = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        several.map_or_else(
            || vec![rest.split(|letter: char| !is_name(letter)).next().unwrap_or_default()],
            |(names, _)| names.split(',').map(str::trim).collect(),
        )
    }

    #[test]
    fn every_module_is_in_the_script_once_and_imports_from_those_before_it() {
        let files = fs::read_dir("host/report/page/charts").unwrap().map(|file| file.unwrap().path());
        let scripts = files.filter(|path| path.extension().is_some_and(|ending| ending == "js"));
        let texts: Vec<_> = scripts.map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts.len() + 5, MODULES.len());
        assert!(texts.iter().all(|text| MODULES.iter().any(|(_, module)| module == text)));
        let mut names = HashMap::new();
        for (at, (_, module)) in MODULES.iter().enumerate() {
            for name in module.lines().flat_map(declared) {
                assert_eq!(names.insert(name, at), None, "`{name}` is in two modules");
            }
            for imported in module.split("import {").skip(1) {
                let listed = imported.split('}').next().unwrap_or_default();
                for name in listed.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    assert!(names.get(name).is_some_and(|from| *from < at), "`{name}` comes after module {at}");
                }
            }
        }
    }

    #[test]
    fn a_page_has_its_parts_once_and_no_markup_of_the_data() {
        let page = page(r#"{"title":"</script><b>%SCRIPT%"}"#);
        assert!(page.contains(r#"{"title":"\u003c/script>\u003cb>%SCRIPT%"}"#));
        for part in ["POLICY", "STYLE", "DATA"] {
            assert!(!page.contains(&format!("%{part}%")), "{part}");
        }
        assert_eq!(page.matches("sha256-").count(), 2);
        assert!(!page.contains("https://"), "a report asks nobody");
    }
}
