//! A bound axis: the values of a parameter, each computed from its index.
//!
//! Never holds the values of a long range.

use std::collections::HashSet;

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};

use super::{
    ast::Scalar,
    axis::{Axis, Range, Spread},
    error::{AxisProblem, GridError},
};
use crate::model::{Canonical, ParamSpec, Value};

/// Ranges up to this length are kept as lists: a value then costs one lookup.
const SHORT: u64 = 4096;

/// The most points on a log scale of whole numbers, where points that round to the same number must be removed.
const MOST_WHOLE_POINTS: u64 = 1_000_000;

/// Points on a log scale are rounded to 12 digits; neighbours closer than this ratio could become equal.
const LEAST_RATIO: f64 = 1e-10;

/// The distinct values of an axis, of the parameter's type.
#[derive(Debug, Clone)]
pub(super) enum Values {
    List(Vec<Value>),
    Range(Range, Form),
}

/// The conversion of a range to values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    len: u64,
    whole: bool,
}

impl Values {
    /// Returns the values of `axis` for the parameter `spec`; a list may have duplicates.
    pub(super) fn bind(axis: &Axis, spec: &ParamSpec) -> Result<Self, GridError> {
        match axis {
            Axis::List(literals) if literals.is_empty() => {
                Err(GridError::Axis { axis: spec.name.clone(), problem: AxisProblem::Empty })
            }
            Axis::List(literals) => {
                let accept = |value: Value| spec.accept(&value).map(tidy).map_err(GridError::Parameter);
                let values = literals.iter().map(|literal| accept(literal.value(&spec.default)));
                values.collect::<Result<_, _>>().map(Self::List)
            }
            Axis::Range(range) => bind_range(range, spec),
        }
    }

    /// The number of values.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::List(values) => values.len() as u64,
            Self::Range(_, form) => form.len,
        }
    }

    /// Returns the value at `place`, which is below [`len`](Self::len).
    pub(super) fn at(&self, place: u64) -> Value {
        match self {
            Self::List(values) => values[place as usize].clone(),
            Self::Range(range, form) => range.value(place, form.whole),
        }
    }

    /// Like [`at`](Self::at), without copying texts.
    pub(super) fn scalar(&self, place: u64) -> Scalar<'_> {
        match self {
            Self::List(values) => Scalar::from(&values[place as usize]),
            Self::Range(range, form) => match range.value(place, form.whole) {
                Value::Integer(value) => Scalar::Integer(value),
                Value::Number(value) => Scalar::Number(value),
                // Ranges are of numbers.
                Value::Boolean(_) | Value::Text(_) => Scalar::Undefined,
            },
        }
    }

    /// Adds the values to `bytes`: each one of a list, and what a long range is computed from.
    pub(super) fn spell(&self, bytes: Canonical) -> Canonical {
        match self {
            Self::List(values) => {
                let bytes = bytes.count("values", values.len() as u64);
                values.iter().fold(bytes, |bytes, value| bytes.value("value", value))
            }
            Self::Range(Range { from, to, spread }, Form { len, whole }) => {
                let (how, by) = match spread {
                    Spread::Step(step) => ("step", step.normalize().to_string()),
                    Spread::Linear(n) => ("linear", n.to_string()),
                    Spread::Log(n) => ("log", n.to_string()),
                };
                let bytes = bytes.text("from", &from.normalize().to_string()).text("to", &to.normalize().to_string());
                bytes.text(how, &by).count("length", *len).flag("whole", *whole)
            }
        }
    }

    /// Refuses a list with duplicates; the values of a range are distinct.
    pub(super) fn refuse_duplicates(&self) -> Result<(), AxisProblem> {
        let Self::List(values) = self else {
            return Ok(());
        };
        let mut seen = HashSet::with_capacity(values.len());
        match values.iter().find(|value| !seen.insert(value.to_string())) {
            Some(value) => Err(AxisProblem::Duplicate { value: value.clone() }),
            None => Ok(()),
        }
    }
}

/// Minus zero and zero are one value.
fn tidy(value: Value) -> Value {
    match value {
        Value::Number(value) => Value::Number(value + 0.0),
        value => value,
    }
}

fn bind_range(range: &Range, spec: &ParamSpec) -> Result<Values, GridError> {
    let whole = matches!(spec.default, Value::Integer(_));
    let problem = |problem| GridError::Axis { axis: spec.name.clone(), problem };
    // The ends are checked as written, before points between them are rounded.
    for end in [range.from, range.to] {
        let steps = matches!(range.spread, Spread::Step(_));
        if end == range.from || !steps {
            spec.accept(&plain(end)).map_err(GridError::Parameter)?;
        }
    }
    if let Spread::Step(step) = range.spread
        && whole
        && !step.is_integer()
    {
        return Err(problem(AxisProblem::PartStep { step: step.to_string() }));
    }
    let len = range.len(whole).ok_or_else(|| problem(range.too_fine()))?;
    let values = match range.spread {
        Spread::Log(n) if whole && n > MOST_WHOLE_POINTS => {
            return Err(problem(AxisProblem::TooManyPoints { n, most: MOST_WHOLE_POINTS }));
        }
        Spread::Log(_) if whole => {
            let mut values: Vec<_> = (0..len).map(|place| range.value(place, true)).collect();
            values.dedup();
            Values::List(values)
        }
        _ if len <= SHORT => Values::List((0..len).map(|place| range.value(place, whole)).collect()),
        _ => Values::Range(*range, Form { len, whole }),
    };
    accept_all(&values, spec).map_err(GridError::Parameter)?;
    Ok(values)
}

/// Checks the last value, and enough of the first ones that one of them is not among the choices if any is not.
fn accept_all(values: &Values, spec: &ParamSpec) -> Result<(), crate::model::ParamError> {
    let first = (spec.choices.len() as u64 + 1).min(values.len());
    (0..first).chain([values.len() - 1]).try_for_each(|place| spec.accept(&values.at(place)).map(drop))
}

impl Range {
    /// The number of values; `None` if they would not be distinct, or 64 bits cannot count them.
    fn len(&self, whole: bool) -> Option<u64> {
        let span = self.to.checked_sub(self.from)?;
        let n = match self.spread {
            Spread::Step(step) => {
                let steps = span.checked_div(step)?.floor();
                steps.to_u64()?.checked_add(1)?
            }
            Spread::Linear(n) | Spread::Log(n) => n,
        };
        if span.is_zero() || n == 1 {
            return (n == 1).then_some(1);
        }
        let gaps = Decimal::from(n - 1);
        let distinct = match self.spread {
            // Rounded points may be equal; `bind_range` removes duplicates.
            Spread::Log(_) if whole => true,
            Spread::Log(_) => libm::pow(real(self.to) / real(self.from), 1.0 / (n - 1) as f64) - 1.0 > LEAST_RATIO,
            _ if whole => span.checked_div(gaps)? >= Decimal::ONE,
            _ => {
                let largest = real(self.from.abs().max(self.to.abs()));
                // Half of the gap, so that rounding the ends of each gap cannot close it.
                largest + real(span) / (n - 1) as f64 / 2.0 > largest
            }
        };
        // If the last product does not overflow, none does.
        let fits = match self.spread {
            Spread::Step(step) => step.checked_mul(gaps).is_some(),
            Spread::Linear(_) => span.checked_mul(gaps).is_some(),
            Spread::Log(_) => true,
        };
        (distinct && fits).then_some(n)
    }

    fn too_fine(&self) -> AxisProblem {
        AxisProblem::TooFine { from: self.from.normalize().to_string(), to: self.to.normalize().to_string() }
    }

    fn value(&self, place: u64, whole: bool) -> Value {
        let steps = Decimal::from(place);
        let exact = match self.spread {
            Spread::Step(step) => self.from + step * steps,
            Spread::Linear(1) => self.from,
            // The product below may have been rounded; the end is exact.
            Spread::Linear(n) if place + 1 == n => self.to,
            Spread::Linear(n) => self.from + (self.to - self.from) * steps / Decimal::from(n - 1),
            Spread::Log(n) => return self.log(place, n, whole),
        };
        if whole { integer(exact) } else { Value::Number(real(exact)) }
    }

    fn log(&self, place: u64, n: u64, whole: bool) -> Value {
        if place == 0 || place + 1 == n {
            let end = if place == 0 { self.from } else { self.to };
            return if whole { integer(end) } else { Value::Number(real(end)) };
        }
        let (from, to) = (real(self.from), real(self.to));
        let value = from * libm::pow(to / from, place as f64 / (n - 1) as f64);
        if whole { Value::Integer(libm::round(value) as i64) } else { Value::Number(twelve_digits(value)) }
    }
}

/// The number as a value of the type that it would be written as.
fn plain(number: Decimal) -> Value {
    match number.to_i64().filter(|_| number.is_integer()) {
        Some(value) => Value::Integer(value),
        None => Value::Number(real(number)),
    }
}

/// The nearest integer, saturated at 64 bits; the check of the ends has refused larger ones before.
fn integer(number: Decimal) -> Value {
    let rounded = number.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let limit = if rounded.is_sign_negative() { i64::MIN } else { i64::MAX };
    Value::Integer(rounded.to_i64().unwrap_or(limit))
}

/// Returns the nearest 64-bit floating-point number.
fn real(number: Decimal) -> f64 {
    /// Powers of ten that are exact; with an exact numerator, one division rounds once.
    const TENS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    let mantissa = number.mantissa();
    match TENS.get(number.scale() as usize) {
        Some(tens) if mantissa.unsigned_abs() < 1 << 53 => mantissa as f64 / tens,
        // The text of a decimal always parses.
        _ => number.to_string().parse().unwrap_or(f64::NAN),
    }
}

/// Rounds to 12 digits, so that 0.01 to 10 in four points is 0.01, 0.1, 1 and 10, and names stay short.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}
