//! The indicators of the SDKs over columns of Python, all of them by one table.
//!
//! Never computes: the SDK does. An indicator that is new in the SDK takes one line in the table, and a test says which lacks one.

use backtest_sdk::indicators::{self, AdxValues, Bands, Channels, Crossing, MacdValues};
use pyo3::{buffer::PyBuffer, exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::errors::{Class, Failure};

/// What an indicator answers, as columns with their names.
trait Answer {
    /// The names of several columns; empty if there is one.
    const NAMES: &'static [&'static str];

    fn columns(self) -> Vec<Vec<f64>>;
}

impl Answer for Vec<f64> {
    const NAMES: &'static [&'static str] = &[];

    fn columns(self) -> Vec<Vec<f64>> {
        vec![self]
    }
}

impl Answer for Channels {
    const NAMES: &'static [&'static str] = &["upper", "lower"];

    fn columns(self) -> Vec<Vec<f64>> {
        vec![self.upper, self.lower]
    }
}

impl Answer for Bands {
    const NAMES: &'static [&'static str] = &["upper", "middle", "lower"];

    fn columns(self) -> Vec<Vec<f64>> {
        vec![self.upper, self.middle, self.lower]
    }
}

impl Answer for MacdValues {
    const NAMES: &'static [&'static str] = &["line", "signal", "histogram"];

    fn columns(self) -> Vec<Vec<f64>> {
        vec![self.line, self.signal, self.histogram]
    }
}

impl Answer for AdxValues {
    const NAMES: &'static [&'static str] = &["adx", "plus_di", "minus_di"];

    fn columns(self) -> Vec<Vec<f64>> {
        vec![self.adx, self.plus_di, self.minus_di]
    }
}

impl Answer for Vec<Option<Crossing>> {
    const NAMES: &'static [&'static str] = &[];

    fn columns(self) -> Vec<Vec<f64>> {
        let number = |crossing: Option<Crossing>| match crossing {
            Some(Crossing::Above) => 1.0,
            Some(Crossing::Below) => -1.0,
            None => 0.0,
        };
        vec![self.into_iter().map(number).collect()]
    }
}

/// The names of the columns that `function` answers with.
fn names<F, A: Answer>(_: F) -> &'static [&'static str]
where
    F: FnOnce() -> A,
{
    A::NAMES
}

/// An argument of an indicator beside its columns.
trait Argument: Sized {
    fn read(indicator: &str, name: &str, given: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// A number of bars, at least 1.
impl Argument for usize {
    fn read(indicator: &str, name: &str, given: &Bound<'_, PyAny>) -> PyResult<Self> {
        // What is no whole number, and what is below 0, is told like 0.
        given.extract::<Self>().ok().filter(|bars| *bars > 0).ok_or_else(|| {
            let text = format!("`{name}` of `{indicator}` is {given}; give a whole number of bars, 1 or more");
            Failure::new(Class::Settings, text).into()
        })
    }
}

/// A width, as a multiple of something.
impl Argument for f64 {
    fn read(indicator: &str, name: &str, given: &Bound<'_, PyAny>) -> PyResult<Self> {
        given.extract::<Self>().ok().filter(|width| width.is_finite()).ok_or_else(|| {
            let text = format!("`{name}` of `{indicator}` is {given}; give a finite number");
            Failure::new(Class::Settings, text).into()
        })
    }
}

/// One indicator, as Python makes a function of it: its name, its columns, its other arguments, the columns that it answers with, and
/// one line on it.
type Entry = (&'static str, Vec<&'static str>, Vec<&'static str>, &'static [&'static str], &'static str);

macro_rules! table {
    ($($name:ident($($column:ident),+ $(; $argument:ident: $kind:ty)*) = $doc:literal;)*) => {
        fn entries() -> Vec<Entry> {
            vec![$((
                stringify!($name),
                vec![$(stringify!($column)),+],
                vec![$(stringify!($argument)),*],
                names(|| indicators::$name($(table!(@none $column)),+ $(, table!(@one $argument: $kind))*)),
                $doc,
            )),*]
        }

        fn computed(name: &str, columns: &[Vec<f64>], arguments: &[Bound<'_, PyAny>]) -> PyResult<Vec<Vec<f64>>> {
            match name {
                $(stringify!($name) => {
                    let [$($column),+] = columns else { return Err(wrong(name)) };
                    let [$($argument),*] = arguments else { return Err(wrong(name)) };
                    $(let $argument = <$kind as Argument>::read(name, stringify!($argument), $argument)?;)*
                    Ok(indicators::$name($($column),+ $(, $argument)*).columns())
                })*
                _ => Err(wrong(name)),
            }
        }
    };
    (@none $column:ident) => { &[] };
    (@one $argument:ident: $kind:ty) => { <$kind>::default() };
}

table! {
    adx(high, low, close; n: usize) = "The average directional index and what it is made of, by Wilder's smoothing, 0 to 100.";
    atr(high, low, close; n: usize) = "The average true range by Wilder's smoothing, in quote currency.";
    bollinger(values; n: usize; width: f64) = "The average of the last `n` values, and `width` deviations above and below it.";
    crossings(line, other) = "Where a line crosses another: 1 where it comes out above, -1 where it comes out below, else 0.";
    deviation(values; n: usize) = "The standard deviation of the last `n` values, divided by `n` as Bollinger does, and not by `n - 1`.";
    donchian(high, low; n: usize) = "The highest high and the lowest low of the last `n` bars, this one included.";
    ema(values; n: usize) = "The exponential moving average, which begins with the simple average of the first `n` values.";
    macd(values; fast: usize; slow: usize; signal: usize) = "The exponential averages: `fast` less `slow`, and their signal.";
    rsi(values; n: usize) = "The relative strength index of `n` changes by Wilder's smoothing, 0 to 100; 50 where nothing has changed.";
    sma(values; n: usize) = "The simple moving average of the last `n` values.";
    true_range(high, low, close) = "The true range of each bar, in quote currency; the first bar has none.";
    z_score(values; n: usize) = "How many standard deviations a value is above the average of the last `n`; NaN where all are equal.";
}

/// Every indicator of the SDK.
#[pyfunction]
pub(crate) fn all_indicators() -> Vec<Entry> {
    entries()
}

fn wrong(name: &str) -> PyErr {
    Failure::new(Class::Settings, format!("there is no indicator `{name}` that takes such arguments")).into()
}

/// Computes the indicator `name` of columns of numbers of 64 bits. Each column that it answers with is bytes of 64 bits a value.
#[pyfunction]
pub(crate) fn indicator<'py>(
    py: Python<'py>,
    name: &str,
    columns: Vec<PyBuffer<f64>>,
    arguments: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let columns = columns.iter().map(|column| column.to_vec(py)).collect::<PyResult<Vec<_>>>()?;
    let lengths: Vec<usize> = columns.iter().map(Vec::len).collect();
    if lengths.iter().any(|length| *length != lengths[0]) {
        let text = format!("the columns of `{name}` have {lengths:?} values; give as many of each");
        return Err(PyValueError::new_err(text));
    }
    let bytes = |column: Vec<f64>| {
        let bytes: Vec<u8> = column.into_iter().flat_map(f64::to_ne_bytes).collect();
        PyBytes::new(py, &bytes)
    };
    Ok(computed(name, &columns, &arguments)?.into_iter().map(bytes).collect())
}
