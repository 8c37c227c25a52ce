//! The file of a report: its script, its style and its data in one page, whose policy allows nothing else.
//!
//! Never lets a text of the data become markup: the data are JSON in which no `<` is left.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// The modules in their order: each one imports from those before it only.
const MODULES: [&str; 27] = [
    include_str!("page/charts/elements.js"),
    include_str!("page/charts/format.js"),
    include_str!("page/charts/scales.js"),
    include_str!("page/charts/colours.js"),
    include_str!("page/charts/pens.js"),
    include_str!("page/charts/tables.js"),
    include_str!("page/charts/frame.js"),
    include_str!("page/charts/explorer.js"),
    include_str!("page/charts/viewport.js"),
    include_str!("page/charts/series.js"),
    include_str!("page/charts/trades.js"),
    include_str!("page/charts/panes.js"),
    include_str!("page/charts/gestures.js"),
    include_str!("page/charts/time-chart.js"),
    include_str!("page/charts/lattice.js"),
    include_str!("page/charts/marks.js"),
    include_str!("page/charts/axis-bars.js"),
    include_str!("page/charts/heatmap.js"),
    include_str!("page/charts/neighbours.js"),
    include_str!("page/charts/histogram.js"),
    include_str!("page/charts/monthly.js"),
    include_str!("page/charts/marginals.js"),
    include_str!("page/charts/parallel.js"),
    include_str!("page/charts/folds.js"),
    include_str!("page/charts/list.js"),
    include_str!("page/columns.js"),
    include_str!("page/report.js"),
];

const STYLES: [&str; 2] = [include_str!("page/charts/charts.css"), include_str!("page/report.css")];

const PAGE: &str = include_str!("page/page.html");

/// The file whose data are `json`.
pub(super) fn page(json: &str) -> String {
    let (script, style) = parts();
    let parts = [("POLICY", policy()), ("STYLE", style), ("DATA", json.replace('<', "\\u003c")), ("SCRIPT", script)];
    filled(PAGE, &parts)
}

/// The script and the style.
fn parts() -> (String, String) {
    (joined(&MODULES.map(inlined)), joined(&STYLES.map(Cow::Borrowed)))
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
        let script = joined(&MODULES.map(inlined));
        let left = script.lines().find(|line| line.starts_with("import") || line.starts_with("export"));
        assert_eq!(left, None);
        assert!(!script.contains("</script") && !STYLES.concat().contains("</style"));
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
        assert_eq!(texts.len() + 2, MODULES.len());
        assert!(texts.iter().all(|text| MODULES.contains(&&**text)));
        let mut names = HashMap::new();
        for (at, module) in MODULES.iter().enumerate() {
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
