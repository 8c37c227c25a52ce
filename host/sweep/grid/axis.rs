//! A written axis: a list or a range, not typed yet.
//!
//! Never knows its parameter.

use rust_decimal::Decimal;

use super::error::AxisProblem;
use crate::model::Value;

/// The values of an axis as they were written.
#[derive(Debug, Clone)]
pub(super) enum Axis {
    List(Vec<Literal>),
    Range(Range),
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) enum Literal {
    Value(Value),
    /// Typed on a command line, where `5` may be a number or a text: the parameter decides.
    Typed(String),
}

/// Numbers between two ends, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) from: Decimal,
    pub(super) to: Decimal,
    pub(super) spread: Spread,
}

/// The spacing of the numbers of a range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spread {
    Step(Decimal),
    Linear(u64),
    Log(u64),
}

/// The parts of a range as they were written; `None` for those left out.
#[derive(Debug, Clone, Default)]
pub(super) struct RangeText {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) step: Option<String>,
    pub(super) n: Option<String>,
    pub(super) scale: Option<String>,
}

impl RangeText {
    /// Reads the range from its parts.
    pub(super) fn read(&self) -> Result<Range, AxisProblem> {
        let end = |key, text: &Option<String>| match text {
            Some(text) => number(key, text),
            None => Err(AxisProblem::NoEnd { key }),
        };
        let (from, to) = (end("from", &self.from)?, end("to", &self.to)?);
        let ends = || (from.normalize().to_string(), to.normalize().to_string());
        if from > to {
            let (from, to) = ends();
            return Err(AxisProblem::Backwards { from, to });
        }
        let spread = match (&self.step, &self.n) {
            (Some(_), Some(_)) => return Err(AxisProblem::StepAndPoints),
            (_, None) if self.scale.is_some() => return Err(AxisProblem::ScaleAlone),
            (Some(step), None) => Spread::Step(number("step", step)?),
            (None, Some(n)) => self.points(n)?,
            (None, None) if from.is_integer() && to.is_integer() => Spread::Step(Decimal::ONE),
            (None, None) => {
                let (from, to) = ends();
                return Err(AxisProblem::NoStep { from, to });
            }
        };
        match spread {
            Spread::Linear(1) | Spread::Log(1) if from < to => {
                let (from, to) = ends();
                Err(AxisProblem::OnePoint { from, to })
            }
            Spread::Step(step) if step <= Decimal::ZERO => Err(AxisProblem::Step { step: step.to_string() }),
            Spread::Log(_) if from <= Decimal::ZERO => Err(AxisProblem::NotPositive { from: ends().0 }),
            spread => Ok(Range { from, to, spread }),
        }
    }

    fn points(&self, text: &str) -> Result<Spread, AxisProblem> {
        let n = match text.parse() {
            Ok(n) if n > 0 => n,
            _ => return Err(AxisProblem::NoPoints { found: text.to_owned() }),
        };
        match self.scale.as_deref() {
            None | Some("linear") => Ok(Spread::Linear(n)),
            Some("log") => Ok(Spread::Log(n)),
            Some(scale) => Err(AxisProblem::Scale { found: scale.to_owned() }),
        }
    }
}

/// Reads a number exactly as it is written, with or without an exponent.
fn number(key: &'static str, text: &str) -> Result<Decimal, AxisProblem> {
    exact(text).ok_or_else(|| AxisProblem::NotANumber { key, found: text.to_owned() })
}

fn exact(text: &str) -> Option<Decimal> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let shape = digits.trim_start_matches(['-', '+']);
    if !shape.starts_with(|c: char| c.is_ascii_digit()) || shape.contains('_') {
        return None;
    }
    let digits = Decimal::from_str_exact(digits).ok()?.normalize();
    let scale = i64::from(digits.scale()) - i64::from(exponent);
    if scale >= 0 {
        return Decimal::try_from_i128_with_scale(digits.mantissa(), u32::try_from(scale).ok()?).ok();
    }
    let tens = 10i128.checked_pow(u32::try_from(-scale).ok()?)?;
    Decimal::try_from_i128_with_scale(digits.mantissa().checked_mul(tens)?, 0).ok()
}

/// Reads the values of a parameter on the command line: `5,10,20`, `a..b`, `a..b:step`, `a..b/n`, `a..b/n:log`.
pub(super) fn typed(text: &str) -> Result<Axis, AxisProblem> {
    let Some((from, rest)) = text.split_once("..") else {
        let values: Vec<_> = text.split(',').map(|value| Literal::Typed(value.trim().to_owned())).collect();
        let empty = values.iter().any(|value| matches!(value, Literal::Typed(text) if text.is_empty()));
        return if empty { Err(AxisProblem::Empty) } else { Ok(Axis::List(values)) };
    };
    let own = |text: &str| Some(text.trim().to_owned());
    let mut range = RangeText { from: own(from), ..RangeText::default() };
    if let Some((to, points)) = rest.split_once('/') {
        let (n, scale) = points.split_once(':').map_or((points, None), |(n, scale)| (n, own(scale)));
        (range.to, range.n, range.scale) = (own(to), own(n), scale);
    } else {
        let (to, step) = rest.split_once(':').map_or((rest, None), |(to, step)| (to, own(step)));
        (range.to, range.step) = (own(to), step);
    }
    range.read().map(Axis::Range)
}

impl Literal {
    /// Returns the value; the type of `like` decides how to read typed text.
    pub(super) fn value(&self, like: &Value) -> Value {
        let text = match self {
            Self::Value(value) => return value.clone(),
            Self::Typed(text) => text,
        };
        let number = || text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Number);
        let boolean = || text.parse().ok().map(Value::Boolean);
        let guess = text.parse().ok().map(Value::Integer).or_else(number).or_else(boolean);
        guess.filter(|_| !matches!(like, Value::Text(_))).unwrap_or_else(|| Value::Text(text.clone()))
    }
}
