//! Expression trees: type check and evaluation.
//!
//! Never reads text, and never looks up a name: names are numbers here, and the caller gives the value of each.

use std::{cmp::Ordering, fmt};

use crate::model::Value;

/// The value of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'a> {
    Undefined,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
}

/// The type of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarType {
    Boolean,
    Number,
    Text,
    /// A name whose type is not known yet.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone)]
pub(super) enum Term {
    Literal(Value),
    /// An index into the expression's list of names.
    Name(usize),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    In(Box<Node>, Vec<Node>),
}

/// A part of an expression, and where it starts in the text, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) term: Term,
}

/// A part whose type does not fit its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mismatch {
    /// Where the part starts in the text, in bytes.
    pub(super) at: usize,
    expected: ScalarType,
    found: ScalarType,
}

impl<'a> From<&'a Value> for Scalar<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Number(value) if value.is_nan() => Self::Undefined,
            Value::Number(value) => Self::Number(*value),
            Value::Text(value) => Self::Text(value),
        }
    }
}

impl Scalar<'_> {
    fn kind(self) -> ScalarType {
        match self {
            Self::Undefined => ScalarType::Unknown,
            Self::Boolean(_) => ScalarType::Boolean,
            Self::Integer(_) | Self::Number(_) => ScalarType::Number,
            Self::Text(_) => ScalarType::Text,
        }
    }

    fn real(self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(value as f64),
            Self::Number(value) => Some(value),
            _ => None,
        }
    }
}

impl From<&Value> for ScalarType {
    fn from(value: &Value) -> Self {
        match value {
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) | Value::Number(_) => Self::Number,
            Value::Text(_) => Self::Text,
        }
    }
}

impl fmt::Display for ScalarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "a condition (true or false)",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Unknown => "a value of unknown type",
        })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl Operator {
    /// The type that both sides must have; `None` if both need only the same type.
    fn operands(self) -> Option<ScalarType> {
        match self {
            Self::Or | Self::And => Some(ScalarType::Boolean),
            Self::Equal | Self::NotEqual => None,
            _ => Some(ScalarType::Number),
        }
    }

    fn result(self) -> ScalarType {
        match self {
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder => ScalarType::Number,
            _ => ScalarType::Boolean,
        }
    }
}

impl Node {
    /// Adds the names that are compared with a number, and that number.
    pub(super) fn bounds(&self, found: &mut Vec<(usize, f64)>) {
        match &self.term {
            Term::Binary(
                Operator::Equal
                | Operator::NotEqual
                | Operator::Less
                | Operator::LessEqual
                | Operator::Greater
                | Operator::GreaterEqual,
                sides,
            ) => match [&sides[0], &sides[1]].map(|side| (&side.term, side.written_number())) {
                [(Term::Name(name), _), (_, Some(bound))] | [(_, Some(bound)), (Term::Name(name), _)] => {
                    found.push((*name, bound));
                }
                _ => {}
            },
            Term::Binary(_, sides) => sides.iter().for_each(|side| side.bounds(found)),
            Term::Not(inner) => inner.bounds(found),
            Term::Literal(_) | Term::Name(_) | Term::Negate(_) | Term::In(..) => {}
        }
    }

    /// The number that is written here, if it is one.
    fn written_number(&self) -> Option<f64> {
        match &self.term {
            Term::Literal(value) => Scalar::from(value).real(),
            Term::Negate(inner) => inner.written_number().map(|number| -number),
            _ => None,
        }
    }

    /// Returns the type of the tree; `kind_of` gives those of names.
    pub(super) fn check(&self, kind_of: &dyn Fn(usize) -> ScalarType) -> Result<ScalarType, Mismatch> {
        match &self.term {
            Term::Literal(value) => Ok(value.into()),
            Term::Name(name) => Ok(kind_of(*name)),
            Term::Not(inner) => inner.must_be(inner.check(kind_of)?, ScalarType::Boolean),
            Term::Negate(inner) => inner.must_be(inner.check(kind_of)?, ScalarType::Number),
            Term::Binary(operator, sides) => {
                let [left, right] = &**sides;
                let found = left.check(kind_of)?;
                let expected = operator.operands().unwrap_or(found);
                left.must_be(found, expected)?;
                right.must_be(right.check(kind_of)?, expected)?;
                Ok(operator.result())
            }
            Term::In(item, list) => {
                let expected = item.check(kind_of)?;
                for choice in list {
                    choice.must_be(choice.check(kind_of)?, expected)?;
                }
                Ok(ScalarType::Boolean)
            }
        }
    }

    /// Returns `expected` if a part of type `found` fits there.
    pub(super) fn must_be(&self, found: ScalarType, expected: ScalarType) -> Result<ScalarType, Mismatch> {
        if found == expected || found == ScalarType::Unknown || expected == ScalarType::Unknown {
            return Ok(expected);
        }
        Err(Mismatch { at: self.at, expected, found })
    }

    /// Returns the value of the tree; `lookup` gives the values of names.
    pub(super) fn eval<'a>(&'a self, lookup: &impl Fn(usize) -> Scalar<'a>) -> Result<Scalar<'a>, Mismatch> {
        match &self.term {
            Term::Literal(value) => Ok(value.into()),
            Term::Name(name) => Ok(lookup(*name)),
            Term::Not(inner) => Ok(truth(inner.condition(lookup)?.map(|value| !value))),
            Term::Negate(inner) => Ok(match inner.number(lookup)? {
                Scalar::Integer(value) => value.checked_neg().map_or(Scalar::Number(-(value as f64)), Scalar::Integer),
                Scalar::Number(value) => Scalar::Number(-value),
                other => other,
            }),
            Term::Binary(operator, sides) => binary(*operator, &sides[0], &sides[1], lookup),
            Term::In(item, list) => {
                let value = item.eval(lookup)?;
                let mut found = Some(false);
                for choice in list {
                    found = either(found, equal(value, choice, lookup)?);
                }
                Ok(truth(found))
            }
        }
    }

    fn condition<'a>(&'a self, lookup: &impl Fn(usize) -> Scalar<'a>) -> Result<Option<bool>, Mismatch> {
        match self.eval(lookup)? {
            Scalar::Boolean(value) => Ok(Some(value)),
            Scalar::Undefined => Ok(None),
            other => Err(Mismatch { at: self.at, expected: ScalarType::Boolean, found: other.kind() }),
        }
    }

    fn number<'a>(&'a self, lookup: &impl Fn(usize) -> Scalar<'a>) -> Result<Scalar<'a>, Mismatch> {
        let value = self.eval(lookup)?;
        self.must_be(value.kind(), ScalarType::Number)?;
        Ok(value)
    }
}

/// Converts a condition. Undefined is a value of its own, so that `not` does not make it true.
fn truth<'a>(value: Option<bool>) -> Scalar<'a> {
    value.map_or(Scalar::Undefined, Scalar::Boolean)
}

fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn binary<'a>(
    operator: Operator,
    left: &'a Node,
    right: &'a Node,
    lookup: &impl Fn(usize) -> Scalar<'a>,
) -> Result<Scalar<'a>, Mismatch> {
    match operator {
        Operator::Or => match left.condition(lookup)? {
            Some(true) => Ok(Scalar::Boolean(true)),
            first => Ok(truth(either(first, right.condition(lookup)?))),
        },
        Operator::And => match left.condition(lookup)? {
            Some(false) => Ok(Scalar::Boolean(false)),
            first => {
                let second = right.condition(lookup)?;
                Ok(truth(either(first.map(|value| !value), second.map(|value| !value)).map(|value| !value)))
            }
        },
        Operator::Equal => Ok(truth(equal(left.eval(lookup)?, right, lookup)?)),
        Operator::NotEqual => Ok(truth(equal(left.eval(lookup)?, right, lookup)?.map(|same| !same))),
        _ => Ok(numeric(operator, left.number(lookup)?, right.number(lookup)?)),
    }
}

/// Returns whether `left` and `right` are equal; `None` if one is undefined.
fn equal<'a>(
    left: Scalar<'a>,
    right: &'a Node,
    lookup: &impl Fn(usize) -> Scalar<'a>,
) -> Result<Option<bool>, Mismatch> {
    let value = right.eval(lookup)?;
    right.must_be(value.kind(), left.kind())?;
    Ok(match (left, value) {
        (Scalar::Undefined, _) | (_, Scalar::Undefined) => None,
        (Scalar::Text(left), Scalar::Text(right)) => Some(left == right),
        (Scalar::Boolean(left), Scalar::Boolean(right)) => Some(left == right),
        (left, right) => order(left, right).map(Ordering::is_eq),
    })
}

fn order(left: Scalar<'_>, right: Scalar<'_>) -> Option<Ordering> {
    match (left, right) {
        (Scalar::Integer(left), Scalar::Integer(right)) => Some(left.cmp(&right)),
        _ => left.real()?.partial_cmp(&right.real()?),
    }
}

fn numeric<'a>(operator: Operator, left: Scalar<'a>, right: Scalar<'a>) -> Scalar<'a> {
    let test = |accepts: fn(Ordering) -> bool| truth(order(left, right).map(accepts));
    match operator {
        Operator::Less => test(Ordering::is_lt),
        Operator::LessEqual => test(Ordering::is_le),
        Operator::Greater => test(Ordering::is_gt),
        Operator::GreaterEqual => test(Ordering::is_ge),
        _ => whole(operator, left, right).or_else(|| real(operator, left, right)).unwrap_or(Scalar::Undefined),
    }
}

/// Arithmetic of whole numbers; `None` if the result does not fit.
fn whole<'a>(operator: Operator, left: Scalar<'a>, right: Scalar<'a>) -> Option<Scalar<'a>> {
    let (Scalar::Integer(left), Scalar::Integer(right)) = (left, right) else {
        return None;
    };
    let value = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Remainder => left.checked_rem(right),
        _ => None,
    };
    value.map(Scalar::Integer)
}

/// Arithmetic of real numbers; `None` if the result is not a number.
fn real<'a>(operator: Operator, left: Scalar<'a>, right: Scalar<'a>) -> Option<Scalar<'a>> {
    let (left, right) = (left.real()?, right.real()?);
    let value = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right != 0.0 => left / right,
        Operator::Remainder => left % right,
        _ => return None,
    };
    (!value.is_nan()).then_some(Scalar::Number(value))
}
