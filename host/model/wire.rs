//! The wire forms of the model: what goes to a worker process and comes back, without a loss.
//!
//! Never meant for files: a form has neither names nor defaults, and changes with the program. The forms in files name their
//! members and leave out what is not set, which the format of frames cannot read. Each form takes its type apart field by
//! field, so that a new field does not compile until it travels too.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BarTime, Contract, Description, Encoding, ParamSpec, Params, Schedule, Series, Value};

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WireValue {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl From<&Value> for WireValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Number(value) => Self::Number(*value),
            Value::Text(value) => Self::Text(value.clone()),
        }
    }
}

impl From<WireValue> for Value {
    fn from(value: WireValue) -> Self {
        match value {
            WireValue::Boolean(value) => Self::Boolean(value),
            WireValue::Integer(value) => Self::Integer(value),
            WireValue::Number(value) => Self::Number(value),
            WireValue::Text(value) => Self::Text(value),
        }
    }
}

/// The parameters of a task, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WireParams(Vec<(String, WireValue)>);

impl From<&Params> for WireParams {
    fn from(params: &Params) -> Self {
        Self(params.iter().map(|(name, value)| (name.clone(), value.into())).collect())
    }
}

impl From<WireParams> for Params {
    fn from(params: WireParams) -> Self {
        params.0.into_iter().map(|(name, value)| (name, value.into())).collect()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct WireParam {
    name: String,
    doc: String,
    default: WireValue,
    minimum: Option<f64>,
    maximum: Option<f64>,
    choices: Vec<WireValue>,
}

/// A plugin in its own words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireDescription {
    name: String,
    version: String,
    summary: String,
    parameters: Vec<WireParam>,
    is_json: bool,
}

impl From<&Description> for WireDescription {
    fn from(description: &Description) -> Self {
        let Description { name, version, summary, parameters, output } = description;
        let param = |spec: &ParamSpec| {
            let ParamSpec { name, doc, default, minimum, maximum, choices } = spec;
            WireParam {
                name: name.clone(),
                doc: doc.clone(),
                default: default.into(),
                minimum: *minimum,
                maximum: *maximum,
                choices: choices.iter().map(WireValue::from).collect(),
            }
        };
        Self {
            name: name.clone(),
            version: version.clone(),
            summary: summary.clone(),
            parameters: parameters.iter().map(param).collect(),
            is_json: *output == Encoding::Json,
        }
    }
}

impl From<WireDescription> for Description {
    fn from(description: WireDescription) -> Self {
        let WireDescription { name, version, summary, parameters, is_json } = description;
        let param = |WireParam { name, doc, default, minimum, maximum, choices }| ParamSpec {
            name,
            doc,
            default: Value::from(default),
            minimum,
            maximum,
            choices: choices.into_iter().map(Value::from).collect(),
        };
        let output = if is_json { Encoding::Json } else { Encoding::Binary };
        Self { name, version, summary, parameters: parameters.into_iter().map(param).collect(), output }
    }
}

/// An instrument without its bars, which travel as [columns](columns). (Not a tree: a stranger's would have any depth.)
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireSeries {
    own: WireBars,
    /// The finer bars.
    detail: Option<WireBars>,
}

/// What there is of a series beside its columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WireBars {
    symbol: String,
    bars: usize,
    dates: bool,
    interval: Option<i64>,
    is_by_close: bool,
    /// As it is written.
    session: Option<String>,
    zone: Option<String>,
    offsets: Vec<(i64, i32)>,
    /// In the order of the fields.
    contract: [Option<f64>; 8],
}

impl From<&Series> for WireSeries {
    fn from(series: &Series) -> Self {
        Self { own: WireBars::from(series), detail: series.detail.as_deref().map(WireBars::from) }
    }
}

impl WireSeries {
    /// The instrument, whose columns are the first of `bytes`, and the rest of these; `None` if they do not fit.
    fn with_columns(self, bytes: &[u8]) -> Option<(Series, &[u8])> {
        let (own, mut rest) = self.own.with_columns(bytes)?;
        let mut detail = None;
        if let Some(finer) = self.detail {
            let (finer, after) = finer.with_columns(rest)?;
            (detail, rest) = (Some(Arc::new(finer)), after);
        }
        Some((Series { detail, ..own }, rest))
    }
}

/// Without the finer bars.
impl From<&Series> for WireBars {
    fn from(series: &Series) -> Self {
        let Series { symbol, time, open: _, high: _, low: _, close: _, volume: _, schedule, contract, detail: _ } =
            series;
        let Schedule { dates, interval, bar_time, session, zone, offsets } = schedule;
        let Contract {
            lot,
            tick,
            multiplier,
            commission_bps,
            commission_per_unit,
            commission_per_order,
            commission_minimum,
            commission_maximum,
        } = contract;
        Self {
            symbol: symbol.clone(),
            bars: time.len(),
            dates: *dates,
            interval: *interval,
            is_by_close: *bar_time == BarTime::Close,
            session: session.map(|session| session.to_string()),
            zone: zone.clone(),
            offsets: offsets.clone(),
            contract: [
                *lot,
                *tick,
                *multiplier,
                *commission_bps,
                *commission_per_unit,
                *commission_per_order,
                *commission_minimum,
                *commission_maximum,
            ],
        }
    }
}

impl WireBars {
    /// The bars, whose columns are the first of `bytes`, and the rest of these; `None` if there are fewer.
    fn with_columns(self, bytes: &[u8]) -> Option<(Series, &[u8])> {
        let Self { symbol, bars, dates, interval, is_by_close, session, zone, offsets, contract } = self;
        let (bytes, rest) = bytes.split_at_checked(bars.checked_mul(6 * size_of::<u64>())?)?;
        let column = |at: usize| {
            let words = bytes[at * bars * 8..(at + 1) * bars * 8].chunks_exact(8);
            words.map(|word| u64::from_le_bytes(word.try_into().expect("a word has eight bytes")))
        };
        let numbers = |at: usize| column(at).map(f64::from_bits).collect();
        let [
            lot,
            tick,
            multiplier,
            commission_bps,
            commission_per_unit,
            commission_per_order,
            commission_minimum,
            commission_maximum,
        ] = contract;
        let series = Series {
            symbol,
            time: column(0).map(u64::cast_signed).collect(),
            open: numbers(1),
            high: numbers(2),
            low: numbers(3),
            close: numbers(4),
            volume: numbers(5),
            schedule: Schedule {
                dates,
                interval,
                bar_time: if is_by_close { BarTime::Close } else { BarTime::Open },
                session: session.map(|session| session.parse()).transpose().ok()?,
                zone,
                offsets,
            },
            contract: Contract {
                lot,
                tick,
                multiplier,
                commission_bps,
                commission_per_unit,
                commission_per_order,
                commission_minimum,
                commission_maximum,
            },
            detail: None,
        };
        Some((series, rest))
    }
}

/// The bars of all `series` as bytes: for each its columns one after the other, then those of its finer bars.
pub(crate) fn columns(series: &[Series]) -> Vec<u8> {
    let all = || series.iter().flat_map(|one| std::iter::once(one).chain(one.detail.as_deref()));
    let mut bytes = Vec::with_capacity(all().map(|series| series.len() * 6 * size_of::<u64>()).sum());
    for Series { time, open, high, low, close, volume, .. } in all() {
        time.iter().for_each(|time| bytes.extend(time.to_le_bytes()));
        for column in [open, high, low, close, volume] {
            column.iter().for_each(|number| bytes.extend(number.to_bits().to_le_bytes()));
        }
    }
    bytes
}

/// The instruments whose [columns](columns) `bytes` are; `None` if they do not fit.
pub(crate) fn series(forms: Vec<WireSeries>, mut bytes: &[u8]) -> Option<Vec<Series>> {
    let mut all = Vec::with_capacity(forms.len());
    for form in forms {
        let (series, rest) = form.with_columns(bytes)?;
        bytes = rest;
        all.push(series);
    }
    bytes.is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_arrives_bit_for_bit() {
        let bars = |symbol: &str, at: f64| Series {
            symbol: symbol.to_owned(),
            time: vec![-1, 86_400_000_000_000],
            open: vec![at, f64::MIN_POSITIVE],
            high: vec![at + 0.1, 1e300],
            low: vec![-0.0, -3.5],
            close: vec![at, 0.1 + 0.2],
            volume: vec![0.0, 1.0],
            schedule: Schedule {
                dates: false,
                interval: Some(60),
                bar_time: BarTime::Close,
                session: Some("17:00-16:00".parse().unwrap()),
                zone: Some("America/Chicago".to_owned()),
                offsets: vec![(i64::MIN, -21_600), (5, -18_000)],
            },
            contract: Contract { tick: Some(0.25), multiplier: Some(50.0), ..Contract::default() },
            detail: None,
        };
        let detail = Some(Arc::new(bars("finer", 3.5)));
        let all = vec![Series { detail, ..bars("A", 1.5) }, Series { contract: Contract::default(), ..bars("B", 2.5) }];
        let forms: Vec<_> = all.iter().map(WireSeries::from).collect();
        let bytes = columns(&all);
        assert_eq!(series(forms.clone(), &bytes).unwrap(), all);
        assert!(series(forms, &bytes[1..]).is_none());
    }
}
