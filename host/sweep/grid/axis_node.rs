//! Axes in the tree of a document: lists, ranges and single values.
//!
//! Never knows which parameter an axis is of.

use super::{
    axis::{Axis, Literal, RangeText},
    error::{AxisProblem, GridError},
    node::Node,
};
use crate::model::Value;

/// The error of a key whose value has another shape than `expected`.
pub(super) fn shape(key: &str, expected: &'static str, found: &Node) -> GridError {
    GridError::KeyShape { key: key.to_owned(), expected, found: found.describe() }
}

/// Reads an axis.
pub(super) fn axis(node: Node) -> Result<Axis, AxisProblem> {
    match node {
        Node::List(items) if items.is_empty() => Err(AxisProblem::Empty),
        Node::List(items) => items.into_iter().map(value).collect::<Result<_, _>>().map(Axis::List),
        Node::Table(entries) => range(entries),
        node => value(node).map(|value| Axis::List(vec![value])),
    }
}

/// Reads one value of an axis.
pub(super) fn value(node: Node) -> Result<Literal, AxisProblem> {
    let value = match node {
        Node::Boolean(value) => Value::Boolean(value),
        Node::Integer(value) => Value::Integer(value),
        Node::Number(value) => Value::Number(value),
        Node::Text(value) => Value::Text(value),
        other => return Err(AxisProblem::Shape { found: other.describe() }),
    };
    Ok(Literal::Value(value))
}

fn range(entries: Vec<(String, Node)>) -> Result<Axis, AxisProblem> {
    let mut range = RangeText::default();
    for (key, node) in entries {
        let part = match key.as_str() {
            "from" => &mut range.from,
            "to" => &mut range.to,
            "step" => &mut range.step,
            "n" => &mut range.n,
            "scale" => &mut range.scale,
            _ => return Err(AxisProblem::RangeKey { key }),
        };
        *part = Some(node.text());
    }
    range.read().map(Axis::Range)
}
