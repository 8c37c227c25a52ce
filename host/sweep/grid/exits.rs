//! The exits of a grid: axes of stop losses, take profits and trailing stops, beside those of parameters.
//!
//! Never decides when a position is closed.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    axis::{self, Axis, Literal},
    axis_node::{self, shape},
    error::{AxisProblem, GridError, quoted},
    node::Node,
    written::Grid,
};
use crate::{
    backtest::ExitKind,
    model::{Description, Encoding, Params},
};

/// The exits that are asked for, each with its values as they are written: a number, a list, a range, or a text such as
/// `2%,5%` or `0.01..0.05:0.01`. 0 is no exit.
///
/// # Examples
///
/// ```
/// use host::sweep::grid::{ExitsSpec, Grid};
///
/// let exits: ExitsSpec = serde_json::from_str(r#"{"stop_loss": [0.02, "5%"], "trailing_stop": "1%..3%:1%"}"#)?;
/// let mut grid = Grid::new().axis("fast", [5, 10]);
/// grid.set_exits(&exits)?;
/// assert_eq!(grid.axes().collect::<Vec<_>>(), ["fast", "stop_loss", "trailing_stop"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExitsSpec {
    axes: Vec<(ExitKind, Node)>,
}

impl ExitsSpec {
    /// The exits of these texts, as they are typed.
    pub fn typed<'a>(texts: impl IntoIterator<Item = (ExitKind, &'a str)>) -> Self {
        Self { axes: texts.into_iter().map(|(kind, text)| (kind, Node::Text(text.to_owned()))).collect() }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    /// The exits that are asked for.
    pub fn kinds(&self) -> impl Iterator<Item = ExitKind> {
        self.axes.iter().map(|(kind, _)| *kind)
    }

    /// `self`, and of `base` the exits that it does not have.
    #[must_use]
    pub fn over(&self, base: Self) -> Self {
        let kept = base.axes.into_iter().filter(|(kind, _)| self.kinds().all(|own| own != *kind));
        Self { axes: kept.chain(self.axes.iter().cloned()).collect() }
    }

    /// Adds to `params` the exits that they lack, of which one combination has one value each.
    ///
    /// # Errors
    ///
    /// Returns an error if an exit has several values, or none that an exit can have.
    pub fn add_to(&self, params: &mut Params) -> Result<(), GridError> {
        let lacking = self.axes.iter().filter(|(kind, _)| !params.contains_key(kind.name()));
        let mut grid = Grid::new();
        grid.set_exits(&Self { axes: lacking.cloned().collect() })?;
        let plan = grid.bind(&nothing())?;
        if plan.cells() != 1 {
            let several = grid.exits.iter().map(|kind| kind.name());
            return Err(GridError::SeveralExits { names: quoted(several) });
        }
        params.extend(plan.params(0).into_iter().flatten());
        Ok(())
    }

    pub(super) fn of_node(node: Node) -> Result<Self, GridError> {
        let Node::Table(entries) = node else { return Err(shape("exits", "a table of exits", &node)) };
        let known = || quoted(ExitKind::ALL.map(ExitKind::name).iter());
        let axes = entries.into_iter().map(|(name, node)| match ExitKind::named(&name) {
            Some(kind) => Ok((kind, node)),
            None => Err(GridError::UnknownExit { name, known: known() }),
        });
        Ok(Self { axes: axes.collect::<Result<_, _>>()? })
    }
}

impl Grid {
    /// Adds the axes of exits, or replaces their values.
    ///
    /// # Errors
    ///
    /// Returns an error if the values of one are not those of an axis.
    pub fn set_exits(&mut self, exits: &ExitsSpec) -> Result<(), GridError> {
        for (kind, node) in &exits.axes {
            let axis = read(node.clone());
            let axis = axis.map_err(|problem| GridError::Axis { axis: kind.name().to_owned(), problem })?;
            self.axes.insert(kind.name().to_owned(), axis);
            if !self.exits.contains(kind) {
                self.exits.push(*kind);
            }
        }
        Ok(())
    }

    /// The exits that have an axis.
    pub fn exits(&self) -> &[ExitKind] {
        &self.exits
    }
}

/// A plugin without parameters.
fn nothing() -> Description {
    let (name, version, summary) = Default::default();
    Description { name, version, summary, parameters: Vec::new(), output: Encoding::Json }
}

/// Reads an axis, whose texts are typed: they may be percentages.
fn read(node: Node) -> Result<Axis, AxisProblem> {
    match node {
        Node::Text(text) => axis::typed(&as_shares(&text)),
        Node::List(items) => {
            let typed = |item: &Node| matches!(item, Node::Text(_));
            if !items.iter().any(typed) {
                return axis_node::axis(Node::List(items));
            }
            let literal = |item: Node| match item {
                Node::Text(text) => Ok(Literal::Typed(as_share(&text))),
                other => axis_node::value(other),
            };
            items.into_iter().map(literal).collect::<Result<_, _>>().map(Axis::List)
        }
        Node::Table(entries) => {
            let plain = |node| if let Node::Text(text) = node { Node::Text(as_share(&text)) } else { node };
            axis_node::axis(Node::Table(entries.into_iter().map(|(key, node)| (key, plain(node))).collect()))
        }
        other => axis_node::axis(other),
    }
}

/// A typed axis with its percentages as shares: `1%..5%:1%` is `0.01..0.05:0.01`.
pub fn as_shares(text: &str) -> String {
    let each = |text: &str, separator: &str, read: &dyn Fn(&str) -> String| {
        text.split(separator).map(read).collect::<Vec<_>>().join(separator)
    };
    each(text, ",", &|item| each(item, "..", &|end| each(end, ":", &|part| each(part, "/", &as_share))))
}

/// A number with its percentage as a share: `2%` is `0.02`. What is not a percentage stays as it is.
fn as_share(text: &str) -> String {
    let percent = text.trim().strip_suffix('%').and_then(|percent| Decimal::from_str_exact(percent.trim()).ok());
    let share = percent.and_then(|percent| percent.checked_mul(Decimal::new(1, 2)));
    share.map_or_else(|| text.trim().to_owned(), |share| share.normalize().to_string())
}

impl Serialize for ExitsSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.axes.iter().map(|(kind, node)| (kind.name(), node)))
    }
}

impl<'de> Deserialize<'de> for ExitsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of_node(Node::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Value, sweep::grid::Plan};

    fn plan(json: &str) -> Result<Plan, GridError> {
        Grid::from_json(json)?.bind(&nothing())
    }

    fn stops(values: &str) -> Vec<f64> {
        let plan = plan(&format!(r#"{{"exits": {{"stop_loss": {values}}}}}"#)).unwrap();
        plan.cursor().filter_map(|(_, params)| params["stop_loss"].as_f64()).collect()
    }

    #[test]
    fn values_are_numbers_or_percentages_in_any_notation_of_an_axis() {
        assert_eq!(stops("0.02"), [0.02]);
        assert_eq!(stops("[0, 0.02, 0.05]"), [0.0, 0.02, 0.05]);
        assert_eq!(stops(r#""0.02,5%""#), [0.02, 0.05]);
        assert_eq!(stops(r#"[0.02, "5%", "7.5 %"]"#), [0.02, 0.05, 0.075]);
        assert_eq!(stops(r#""1%..3%:1%""#), [0.01, 0.02, 0.03]);
        assert_eq!(stops(r#""1%..3%/2""#), [0.01, 0.03]);
        assert_eq!(stops(r#"{"from": 0.01, "to": "3%", "step": 0.01}"#), [0.01, 0.02, 0.03]);
    }

    #[test]
    fn what_is_not_an_exit_is_refused_with_the_way_out() {
        let check = |json: &str, expected: &str| {
            let error = plan(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(
            r#"{"exits": {"stop": 0.02}}"#,
            "`stop` is not an exit; known: `stop_loss`, `take_profit`, `trailing_stop`",
        );
        check(r#"{"exits": 0.02}"#, "grid key `exits` takes a table of exits, not `0.02`");
        check(r#"{"exits": {"stop_loss": 2}}"#, "parameter `stop_loss` takes values from 0 to 0.9999, not 2");
        check(r#"{"exits": {"stop_loss": "x"}}"#, "parameter `stop_loss` takes a number, not the text `x`");
        check(r#"{"exits": {"stop_loss": []}}"#, "grid axis `stop_loss` has no value");
    }

    #[test]
    fn a_plugin_with_a_parameter_of_that_name_is_refused() {
        let own = crate::model::ParamSpec {
            name: "stop_loss".into(),
            doc: String::new(),
            default: Value::Number(0.1),
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        };
        let plugin = Description { parameters: vec![own], ..nothing() };
        let error = Grid::from_json(r#"{"exits": {"stop_loss": 0.02}}"#).unwrap().bind(&plugin).unwrap_err();
        assert!(
            error.to_string().contains("has a parameter `stop_loss` of its own; give it with `--param stop_loss="),
            "{error}"
        );
    }

    #[test]
    fn conditions_may_name_exits_and_axes_of_exits_advance_last() {
        let text = r#"{"exits": {"take_profit": [0.01, 0.1], "stop_loss": [0.02, 0.2]}, "constraints": "stop_loss < take_profit"}"#;
        let plan = plan(text).unwrap();
        let ids: Vec<_> = plan.cursor().map(|(_, params)| plan.task_id(&params)).collect();
        assert_eq!(ids, ["stop_loss=0.02,take_profit=0.1"]);
    }

    #[test]
    fn one_combination_takes_exits_of_one_value() {
        let spec: ExitsSpec = serde_json::from_str(r#"{"stop_loss": [0.02, 0.05], "take_profit": "10%"}"#).unwrap();
        let mut given = Params::from([("stop_loss".to_owned(), Value::Number(0.03))]);
        spec.add_to(&mut given).unwrap();
        assert_eq!((given["stop_loss"].as_f64(), given["take_profit"].as_f64()), (Some(0.03), Some(0.1)));
        let error = spec.add_to(&mut Params::new()).unwrap_err().to_string();
        assert_eq!(
            error,
            "`stop_loss`, `take_profit` have several values, and one combination has one of each; give one value"
        );
    }

    #[test]
    fn a_spec_is_written_as_it_was_read_and_replaces_exit_by_exit() {
        let text = r#"{"stop_loss":[0.02,"5%"],"take_profit":0.1}"#;
        let spec: ExitsSpec = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        let typed = ExitsSpec::typed([(ExitKind::StopLoss, "3%")]);
        assert_eq!(serde_json::to_string(&typed.over(spec)).unwrap(), r#"{"take_profit":0.1,"stop_loss":"3%"}"#);
    }
}
