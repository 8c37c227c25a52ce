//! The way back from the name of a task to its combination.
//!
//! Never walks through combinations: only through the values of each axis.

use super::plan::{Constraint, Plan, PlanAxis, Source, label};

impl Plan {
    /// Returns the index of the combination whose task has this name, as [`task_id`](Self::task_id) makes it; `None` where
    /// no combination that runs has it.
    pub fn find(&self, task_id: &str) -> Option<u64> {
        let labels = self.labels(task_id)?;
        let mut index = 0;
        for (group, digit) in self.groups.iter().enumerate() {
            let axes: Vec<_> = self.axes.iter().filter(|axis| axis.group == group).collect();
            let is_here = |place: &u64| axes.iter().all(|axis| is_labelled(axis, *place, &labels));
            index += (0..digit.len).find(is_here)? * digit.stride;
        }
        let constraints: Vec<&Constraint> = self.constraints.iter().collect();
        let is_drawn = self.sample.as_ref().is_none_or(|sample| sample.binary_search(&index).is_ok());
        (index < self.cells && is_drawn && self.meets(&constraints, index)).then_some(index)
    }

    /// Returns the symbol and the index of the combination whose task has this name, as [`task_id_on`](Self::task_id_on) makes
    /// it; `None` where no combination that runs has it.
    pub fn find_on(&self, task_id: &str) -> Option<(String, u64)> {
        let rest = task_id.strip_prefix("symbol=")?;
        let (text, after) = rest.split_at(length(rest));
        let index = match (after, self.axes.is_empty()) {
            ("", true) => self.find("defaults")?,
            (after, false) => self.find(after.strip_prefix(',')?)?,
            _ => return None,
        };
        Some((unquoted(text)?, index))
    }

    /// The texts of the values in the name of a task, each with the name of its axis.
    fn labels<'a>(&'a self, task_id: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let swept = self.parameters.iter().filter(|(_, source)| matches!(source, Source::Axis(_)));
        let names: Vec<&str> = swept.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return (task_id == "defaults").then(Vec::new);
        }
        let mut rest = task_id;
        let mut labels = Vec::new();
        for (at, name) in names.iter().enumerate() {
            rest = if at == 0 { rest } else { rest.strip_prefix(',')? };
            rest = rest.strip_prefix(name)?.strip_prefix('=')?;
            let (text, after) = rest.split_at(length(rest));
            labels.push((*name, text));
            rest = after;
        }
        rest.is_empty().then_some(labels)
    }
}

/// The length of the first value of a text: to the next comma that is not within quotes.
fn length(text: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The text that has this label.
fn unquoted(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let inner = inner.strip_suffix('"')?;
    let mut plain = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next()? {
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            '0' => plain.push('\0'),
            'u' => {
                let digits: String = rest.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
                plain.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)?);
            }
            other => plain.push(other),
        }
    }
    Some(plain)
}

fn is_labelled(axis: &PlanAxis, place: u64, labels: &[(&str, &str)]) -> bool {
    labels.iter().any(|(name, text)| *name == axis.name && label(&axis.values.at(place)) == *text)
}

#[cfg(test)]
mod tests {
    use crate::{
        model::{Description, Encoding, ParamSpec, Value},
        sweep::grid::{Grid, GridDocument, Plan},
    };

    fn plan(document: &str) -> Plan {
        let spec = |name: &str, default: Value| ParamSpec {
            name: name.to_owned(),
            doc: String::new(),
            default,
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        };
        let plugin = Description {
            name: "p".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: vec![
                spec("a", Value::Integer(1)),
                spec("x", Value::Number(0.5)),
                spec("t", Value::Text("u".to_owned())),
                spec("b", Value::Boolean(false)),
            ],
            output: Encoding::Json,
        };
        let grid: Grid = GridDocument::from_json(document).unwrap().grid().unwrap();
        grid.bind(&plugin).unwrap()
    }

    #[test]
    fn every_task_is_found_by_its_name_and_nothing_else_is() {
        let documents = [
            r#"{"t": ["u", "", "a,x=1", "q\"\\,", "ü b"], "a": {"from": 1, "to": 9}, "b": [true, false]}"#,
            r#"{"x": {"from": 0, "to": 1, "n": 7}, "a": [3, 1, 2], "constraints": ["a > 1", "x > 0.2"]}"#,
            r#"{"parameters": {"a": [1, 2, 3], "x": [0.1, 1e-7, 1e22], "b": [false, true]}, "zip": [["a", "x"]]}"#,
            r#"{"parameters": {"a": {"from": 1, "to": 1000}, "x": {"from": 0, "to": 1, "n": 1000}}, "sample": 50}"#,
            "{}",
        ];
        for document in documents {
            let plan = plan(document);
            let mut count = 0;
            for (index, params) in plan.cursor() {
                assert_eq!(plan.find(&plan.task_id(&params)), Some(index), "{}", plan.task_id(&params));
                count += 1;
            }
            assert!(count > 0, "{document}");
        }
    }

    #[test]
    fn a_task_on_one_symbol_is_found_with_its_symbol() {
        let (plan, plain) = (plan(r#"{"a": [1, 2], "t": ["u,v"]}"#), plan("{}"));
        for symbol in ["ACME", "BRK B", "a=1,b", "\"q\"", "new\nline\u{7}\u{200b}", "back\\slash", "'", ""] {
            for (index, params) in plan.cursor() {
                let id = plan.task_id_on(symbol, &params);
                assert_eq!(plan.find_on(&id), Some((symbol.to_owned(), index)), "{id}");
            }
            let id = plain.task_id_on(symbol, &plain.params(0).unwrap());
            assert_eq!(plain.find_on(&id), Some((symbol.to_owned(), 0)), "{id}");
        }
        assert_eq!(plan.find_on("a=1,t=\"u,v\""), None);
        assert_eq!(plan.find_on("symbol=ACME"), None);
    }

    #[test]
    fn what_does_not_run_is_not_found() {
        let zipped =
            plan(r#"{"parameters": {"a": [1, 2], "x": [0.5, 0.25]}, "zip": [["a", "x"]], "constraints": ["a < 2"]}"#);
        assert_eq!(zipped.find("a=1,x=0.5"), Some(0));
        for id in ["a=1,x=0.25", "a=2,x=0.25", "a=1", "a=1,x=0.5,b=true", "a=01,x=0.5", "x=0.5,a=1", "defaults", ""] {
            assert_eq!(zipped.find(id), None, "{id}");
        }
    }
}
