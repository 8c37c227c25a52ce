//! The reader of grids in JSON and TOML.
//!
//! Never knows a plugin, and never guesses: an unknown key is an error.

use std::path::Path;

use super::{
    axis_node::{axis, shape},
    error::{GridError, quoted},
    exits::ExitsSpec,
    node::Node,
    written::Grid,
};

/// The key of the table of axes, in a grid that does not list them at the top level.
const PARAMETERS: &str = "parameters";

/// The keys of the grid itself.
const OWN: [&str; 8] = ["exits", "zip", "constraints", "require", "objective", "direction", "sample", "seed"];

impl Grid {
    /// Reads a grid in JSON.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not JSON, or does not describe a grid.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::sweep::grid::Grid;
    ///
    /// let grid = Grid::from_json(r#"{"fast": [5, 10], "slow": {"from": 20, "to": 50, "step": 10}, "sample": 4}"#)?;
    /// assert_eq!(grid.axes().collect::<Vec<_>>(), ["fast", "slow"]);
    /// assert_eq!(grid.sample(), Some(4));
    /// # Ok::<(), host::sweep::grid::GridError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, GridError> {
        read(DocumentFormat::Json.node(text)?)
    }

    /// Reads a grid in TOML.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not TOML, or does not describe a grid.
    pub fn from_toml(text: &str) -> Result<Self, GridError> {
        read(DocumentFormat::Toml.node(text)?)
    }
}

/// The formats of grids.
#[derive(Debug, Clone, Copy)]
pub(super) enum DocumentFormat {
    Json,
    Toml,
}

impl DocumentFormat {
    /// The format by the extension of a file.
    pub(super) fn of(path: &Path) -> Result<Self, GridError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("json") => Ok(Self::Json),
            Some("toml") => Ok(Self::Toml),
            _ => Err(GridError::Extension { path: path.to_owned() }),
        }
    }

    /// The document in `text`.
    pub(super) fn node(self, text: &str) -> Result<Node, GridError> {
        refuse_blank(text)?;
        match self {
            Self::Json => {
                serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| syntax("JSON", &error))
            }
            Self::Toml => toml::from_str(text).map_err(|error| syntax("TOML", &error)),
        }
    }
}

fn refuse_blank(text: &str) -> Result<(), GridError> {
    if text.trim().is_empty() { Err(GridError::Blank) } else { Ok(()) }
}

fn syntax(format: &'static str, problem: &dyn std::error::Error) -> GridError {
    GridError::Syntax { format, problem: problem.to_string().trim_end().to_owned() }
}

/// The grid that `document` describes.
pub(super) fn read(document: Node) -> Result<Grid, GridError> {
    let Node::Table(entries) = document else {
        let problem = format!("a grid is a table of parameters, not {}", document.describe());
        return Err(GridError::Syntax { format: "a grid", problem });
    };
    let structured = entries.iter().any(|(key, _)| key == PARAMETERS);
    let mut grid = Grid::new();
    for (key, node) in entries {
        if structured && key == PARAMETERS {
            let Node::Table(axes) = node else {
                return Err(shape(&key, "a table of axes", &node));
            };
            axes.into_iter().try_for_each(|(name, node)| add_axis(&mut grid, name, node))?;
        } else if OWN.contains(&key.as_str()) {
            set_own(&mut grid, &key, node)?;
            if !structured {
                grid.beside_axes.push(key);
            }
        } else if structured {
            return Err(GridError::UnknownKey { key, known: quoted(OWN.iter()) });
        } else {
            add_axis(&mut grid, key, node)?;
        }
    }
    Ok(grid)
}

fn set_own(grid: &mut Grid, key: &str, node: Node) -> Result<(), GridError> {
    match key {
        "exits" => grid.set_exits(&ExitsSpec::of_node(node)?)?,
        "zip" => grid.zip = groups(node)?,
        "constraints" => texts(key, node)?.iter().try_for_each(|text| grid.add_constraint(text))?,
        "require" => texts(key, node)?.iter().try_for_each(|text| grid.add_requirement(text))?,
        "objective" => match node {
            Node::Text(metric) => grid.set_objective(&metric),
            other => return Err(shape(key, "the name of a metric", &other)),
        },
        "direction" => match node.text().parse() {
            Ok(direction) => grid.set_direction(direction),
            Err(_) => return Err(shape(key, "`max` or `min`", &node)),
        },
        "sample" => grid.set_sample(count(key, &node)?),
        _ => grid.set_seed(count(key, &node)?),
    }
    Ok(())
}

fn count(key: &str, node: &Node) -> Result<u64, GridError> {
    let wrong = || shape(key, "a whole number from 0 on", node);
    match node {
        Node::Integer(value) => u64::try_from(*value).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Texts in a list, or one alone.
fn texts(key: &str, node: Node) -> Result<Vec<String>, GridError> {
    let expected = "a text or a list of texts";
    let text = |node: Node| match node {
        Node::Text(text) => Ok(text),
        other => Err(shape(key, expected, &other)),
    };
    match node {
        Node::List(items) => items.into_iter().map(text).collect(),
        node => text(node).map(|text| vec![text]),
    }
}

/// Groups in a list, or one alone.
fn groups(node: Node) -> Result<Vec<Vec<String>>, GridError> {
    match node {
        Node::List(items) if items.iter().all(|item| matches!(item, Node::List(_))) => {
            items.into_iter().map(|group| texts("zip", group)).collect()
        }
        Node::List(items) => texts("zip", Node::List(items)).map(|group| vec![group]),
        other => Err(shape("zip", "a list of groups of axes", &other)),
    }
}

fn add_axis(grid: &mut Grid, name: String, node: Node) -> Result<(), GridError> {
    match axis(node) {
        Ok(axis) => {
            grid.axes.insert(name, axis);
            Ok(())
        }
        Err(problem) => Err(GridError::Axis { axis: name, problem }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let error = Grid::from_json(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_not_a_grid_is_refused_with_the_way_out() {
        check("", "the grid is empty");
        check("[1]", "a grid is a table of parameters, not a list");
        check(r#"{"fast": [5], "fast": [6]}"#, "the key `fast` is given twice");
        check(r#"{"fast": [5]"#, "line 1 column 12");
        check(r#"{"fast": []}"#, "grid axis `fast` has no value; give at least one");
        check(r#"{"fast": null}"#, "grid axis `fast` is null; give a value");
        check(r#"{"fast": [[1]]}"#, "grid axis `fast` is a list");
        check(r#"{"fast": {"from": 5, "to": 50, "stp": 5}}"#, "has a range with the key `stp`");
        check(r#"{"fast": {"from": 5, "step": 5}}"#, "has a range without `to`; give both");
        check(r#"{"fast": {"from": 5, "to": 50, "step": 0}}"#, "grid axis `fast` has a step of 0; give a step above 0");
        check(r#"{"fast": {"from": 5, "to": 50, "step": -5}}"#, "has a step of -5; give a step above 0");
        check(r#"{"fast": {"from": 5, "to": 50, "step": 5, "n": 3}}"#, "both `step` and `n`");
        check(r#"{"fast": {"from": 5, "to": 50, "n": 2.5}}"#, "has `2.5` as its `n`");
        check(r#"{"fast": {"from": 5, "to": 50, "step": 5, "scale": "log"}}"#, "has a `scale` without `n`");
        check(
            r#"{"fast": {"from": -1, "to": 50, "n": 5, "scale": "log"}}"#,
            "has a log scale from -1; give ends above 0",
        );
        check(r#"{"fast": {"from": [], "to": 50}}"#, "has `a list` as its `from`");
        check(r#"{"fast": [18446744073709551615]}"#, "is above 9223372036854775807");
    }

    #[test]
    fn keys_of_the_grid_are_checked_and_known() {
        check(
            r#"{"parameters": {"fast": [5]}, "slow": [20]}"#,
            "unknown key `slow` of the grid; known beside `parameters`: `exits`, `zip`",
        );
        check(r#"{"parameters": [5]}"#, "grid key `parameters` takes a table of axes, not a list");
        check(r#"{"fast": [5], "seed": [1, 2]}"#, "put a parameter of that name into `parameters`");
        check(r#"{"fast": [5], "sample": -1}"#, "takes a whole number from 0 on, not `-1`");
        check(r#"{"fast": [5], "direction": "up"}"#, "takes `max` or `min`, not the text `up`");
        check(r#"{"fast": [5], "constraints": ["fast <"]}"#, "constraint of the grid: expression `fast <`, column 7");
        check(r#"{"fast": [5], "require": "trades + 1"}"#, "requirement of the grid: expression `trades + 1`");
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let json = r#"{"parameters": {"fast": [5, 10], "mode": "long", "seed": {"from": 1, "to": 3}}, "zip": ["fast", "slow"],
            "constraints": ["fast < 7"], "require": ["trades >= 30"], "objective": "sharpe", "direction": "max",
            "sample": 100, "seed": 7}"#;
        let toml = "zip = [[\"fast\", \"slow\"]]\nconstraints = \"fast < 7\"\nrequire = [\"trades >= 30\"]\n\
            objective = \"sharpe\"\ndirection = \"max\"\nsample = 100\nseed = 7\n[parameters]\nfast = [5, 10]\n\
            mode = \"long\"\nseed = { from = 1, to = 3 }\n";
        let (json, toml) = (Grid::from_json(json).unwrap(), Grid::from_toml(toml).unwrap());
        assert_eq!(format!("{json:?}"), format!("{toml:?}"));
        assert_eq!((json.seed(), json.sample(), json.objective()), (7, Some(100), Some("sharpe")));
        assert_eq!(json.requirements()[0].to_string(), "trades >= 30");
    }

    #[test]
    fn whole_numbers_may_have_a_point_and_lose_it() {
        let text = r#"{"fast": [5.0, 0.5, -0.0], "sample": 4.0, "seed": 1e3}"#;
        let document: Node = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&document).unwrap();
        assert_eq!(written, r#"{"fast":[5,0.5,0],"sample":4,"seed":1000}"#);
        let grid = read(document).unwrap();
        assert_eq!((grid.sample(), grid.seed()), (Some(4), 1000));
        check(r#"{"fast": [5], "sample": 1.5}"#, "takes a whole number from 0 on, not `1.5`");
    }

    #[test]
    fn toml_refuses_what_json_refuses() {
        for (text, expected) in [
            ("fast = [5]\nfast = [6]", "duplicate key"),
            ("fast = 1979-05-27", "a date is not a value"),
            ("fast = nan", "finite"),
        ] {
            let error = Grid::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_by_its_extension_and_named_in_errors() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, text: &str, expected: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = Grid::load(&path).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        };
        check("grid.yaml", "fast: [5]", "neither `.json` nor `.toml`");
        check("grid.json", "", "the grid is empty");
        check("grid.toml", "fast = ", "not TOML");
        let error = Grid::load(&folder.path().join("none.json")).unwrap_err().to_string();
        assert!(error.contains("cannot read grid file"), "{error}");
        std::fs::write(folder.path().join("grid.TOML"), "fast = [5, 10]").unwrap();
        assert_eq!(Grid::load(&folder.path().join("grid.TOML")).unwrap().axes().count(), 1);
    }
}
