//! Data sets for Python: bars from files, data frames and columns in memory.
//!
//! Never checks a bar: the library does, and its messages name the column and the row.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use host::{
    backtest::{BenchmarkSpec, Settings},
    data::{self, FileDescription, Frame, FrameColumn, FrameField, LoadOptions, Loaded, read_instruments},
    model::{Series, format_time},
};
use indexmap::IndexMap;
use pyo3::{
    buffer::PyBuffer,
    exceptions::PyIndexError,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    arrow,
    errors::{Class, Failure, OrFailure},
    wait::attended,
};

/// What `host` calls the bundled bars.
const BUNDLED: &str = "msft";

/// Bars of one or more instruments that have passed every check.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Dataset {
    pub(crate) bars: data::Dataset,
    /// How it was read, each file too; plain for frames, which no command can read again.
    pub(crate) read: LoadOptions,
    /// The files, as they were named.
    pub(crate) paths: Vec<PathBuf>,
    /// How requests call it.
    pub(crate) name: String,
    notes: Vec<String>,
    /// Whether each row of the frames that it was read from is a bar, in the same order.
    is_row_by_row: bool,
    /// Where its finer bars come from.
    pub(crate) detail: Option<Origin>,
    /// Bars that runs on these can be measured against.
    benchmark: Option<Beside>,
}

/// How requests call finer bars, and the files that they are from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) paths: Vec<PathBuf>,
}

/// The bars of a benchmark, and the file that they are from.
struct Beside {
    bars: data::Dataset,
    file: Option<PathBuf>,
}

/// A column in memory: its name, its type in Arrow's notation or `None` for that of its buffer, and its values.
type GivenColumn<'py> = (String, Option<String>, Bound<'py, PyAny>);

#[pymethods]
impl Dataset {
    /// Reads files, folders and patterns as `host --data` does; none are the bundled bars.
    #[staticmethod]
    #[pyo3(signature = (paths, **options))]
    fn from_paths(py: Python<'_>, paths: Vec<PathBuf>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let options = load_options(options)?;
        if paths.is_empty() {
            let bundled = data::Dataset::bundled().or_failure(Class::Data)?;
            let (bars, notes) = match options.timeframe {
                Some(timeframe) => bundled.with_timeframe(timeframe).or_failure(Class::Data)?,
                None => (bundled, Vec::new()),
            };
            return Ok(Self {
                bars,
                read: options,
                paths,
                name: BUNDLED.to_owned(),
                notes,
                is_row_by_row: true,
                detail: None,
                benchmark: None,
            });
        }
        let name = paths.iter().map(|path| data::name_of_file(path)).collect::<Vec<_>>().join("+");
        let loaded = attended(py, || data::Dataset::load(&paths, &options))?.or_failure(Class::Data)?;
        let files = loaded.files.iter().map(|file| (file.name.clone(), file.description.clone())).collect();
        Ok(Self::of(loaded, LoadOptions { files, ..options }, paths, name, true))
    }

    /// Reads frames: of each its name, whether that is surely its instrument, and an object with `__arrow_c_stream__` or a list
    /// of columns.
    #[staticmethod]
    #[pyo3(signature = (frames, name = "data", **options))]
    fn from_frames(
        py: Python<'_>,
        frames: Vec<(String, bool, Bound<'_, PyAny>)>,
        name: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let options = load_options(options)?;
        let frame = |(name, is_named, given): &(String, bool, Bound<'_, PyAny>)| -> PyResult<Frame> {
            let frame = match given.extract::<Vec<GivenColumn<'_>>>() {
                Ok(columns) => of_columns(name, columns)?,
                Err(_) => arrow::frame(given, name)?,
            };
            Ok(if *is_named { frame.of_instrument() } else { frame })
        };
        let frames: Vec<Frame> = frames.iter().map(frame).collect::<PyResult<_>>()?;
        let loaded = attended(py, || data::Dataset::of_frames(&frames, &options))?.or_failure(Class::Data)?;
        let rows: usize = frames.iter().map(Frame::rows).sum();
        let is_row_by_row = loaded.is_in_order && rows == loaded.dataset.bars();
        let options = LoadOptions { files: IndexMap::new(), ..options };
        Ok(Self::of(loaded, options, Vec::new(), name.to_owned(), is_row_by_row))
    }

    /// What `to_bytes` has written in a process of the same program.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let bars = data::Dataset::from_bytes(bytes)
            .ok_or_else(|| Failure::new(Class::Data, "the bytes are not those of a dataset of this version of host"))?;
        let (read, name) = (LoadOptions::default(), "data".to_owned());
        Ok(Self {
            bars,
            read,
            paths: Vec::new(),
            name,
            notes: Vec::new(),
            is_row_by_row: true,
            detail: None,
            benchmark: None,
        })
    }

    /// The bars as bytes for another process; how they were read is not among them.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.bars.to_bytes()))
    }

    /// The same bars, with those of `other` for a benchmark beside them.
    fn with_benchmark(&self, other: &Self) -> Self {
        let file = if let [file] = other.paths.as_slice() { Some(file.clone()) } else { None };
        Self {
            bars: self.bars.clone(),
            read: self.read.clone(),
            paths: self.paths.clone(),
            name: self.name.clone(),
            notes: self.notes.clone(),
            is_row_by_row: self.is_row_by_row,
            detail: self.detail.clone(),
            benchmark: Some(Beside { bars: other.bars.clone(), file }),
        }
    }

    /// The same bars, with those of `other` as finer ones.
    fn with_detail(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let (bars, notices) = py.detach(|| self.bars.with_detail(&other.bars)).or_failure(Class::Data)?;
        Ok(Self {
            bars,
            read: self.read.clone(),
            paths: self.paths.clone(),
            name: self.name.clone(),
            notes: [self.notes.clone(), notices].concat(),
            is_row_by_row: self.is_row_by_row,
            detail: Some(Origin { name: other.name.clone(), paths: other.paths.clone() }),
            benchmark: None,
        })
    }

    /// The bars of its benchmark as bytes, if it has some.
    fn benchmark_to_bytes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let beside = self.benchmark.as_ref()?;
        Some(PyBytes::new(py, &py.detach(|| beside.bars.to_bytes())))
    }

    /// How requests call it.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Whether each row of the frames is a bar, in the same order: not where rows come newest first, were sorted or dropped.
    #[getter]
    fn is_row_by_row(&self) -> bool {
        self.is_row_by_row
    }

    /// The columns of the first `most` bars of instrument `at`: times in nanoseconds since the Unix epoch, then open, high, low,
    /// close and volume, each as bytes of 64 bits a value.
    #[pyo3(signature = (at, most = None))]
    fn columns<'py>(&self, py: Python<'py>, at: usize, most: Option<usize>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let missing = || PyIndexError::new_err(format!("there is no instrument {at}"));
        Ok(columns_of(py, self.bars.series().get(at).ok_or_else(missing)?, most))
    }

    /// The instruments, in their order.
    #[getter]
    fn symbols(&self) -> Vec<&str> {
        self.bars.series().iter().map(|series| series.symbol.as_str()).collect()
    }

    /// The number of bars of all instruments.
    #[getter]
    fn bars(&self) -> usize {
        self.bars.bars()
    }

    /// The hash of the bars: the same from whatever they were read.
    #[getter]
    fn fingerprint(&self) -> String {
        self.bars.fingerprint().to_string()
    }

    /// One line on what it has.
    #[getter]
    fn summary(&self) -> String {
        self.bars.summary()
    }

    /// What was sorted, dropped, assumed, or may be wrong, one line each.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// The first and the last time of each instrument, ISO 8601.
    #[getter]
    fn spans(&self) -> Vec<(String, String)> {
        let time = |at: Option<&i64>| at.map_or_else(String::new, |at| format_time(*at));
        self.bars.series().iter().map(|series| (time(series.time.first()), time(series.time.last()))).collect()
    }

    fn __repr__(&self) -> String {
        format!("<host.Dataset {}>", self.bars.summary())
    }

    fn __len__(&self) -> usize {
        self.bars.bars()
    }
}

impl Dataset {
    fn of(loaded: Loaded, read: LoadOptions, paths: Vec<PathBuf>, name: String, is_row_by_row: bool) -> Self {
        let (bars, notes) = (loaded.dataset, loaded.notices);
        Self { bars, read, paths, name, notes, is_row_by_row, detail: None, benchmark: None }
    }

    /// The file of its benchmark, if that is from one.
    pub(crate) fn benchmark_file(&self) -> Option<&Path> {
        self.benchmark.as_ref()?.file.as_deref()
    }

    /// Looks up what runs under `settings` are measured against, if `spec` names something.
    pub(crate) fn measure(&self, settings: &mut Settings, spec: Option<&BenchmarkSpec>) -> Result<(), Failure> {
        let Some(spec) = spec else { return Ok(()) };
        let beside = self.benchmark.as_ref().map(|beside| &beside.bars);
        // An instrument that `symbols` leaves out is beside those that it names.
        let bars = beside.filter(|_| matches!(spec, BenchmarkSpec::Symbol(_))).unwrap_or(&self.bars);
        let missing = |name: &str| {
            let text = format!("the benchmark `data:{name}` is not here; give its bars with `benchmark`");
            Failure::new(Class::Settings, text)
        };
        settings.benchmark = Some(spec.resolve(bars, |name| beside.cloned().ok_or_else(|| missing(name)))?);
        Ok(())
    }
}

/// The columns of `series` as bytes, of at most so many bars.
pub(crate) fn columns_of<'py>(py: Python<'py>, series: &Series, most: Option<usize>) -> Vec<Bound<'py, PyBytes>> {
    let bars = most.unwrap_or(usize::MAX).min(series.len());
    let bytes = |values: &[f64]| {
        let bytes: Vec<u8> = values[..bars].iter().flat_map(|value| value.to_ne_bytes()).collect();
        PyBytes::new(py, &bytes)
    };
    let times: Vec<u8> = series.time[..bars].iter().flat_map(|time| time.to_ne_bytes()).collect();
    let prices = [&series.open, &series.high, &series.low, &series.close, &series.volume];
    std::iter::once(PyBytes::new(py, &times)).chain(prices.into_iter().map(|values| bytes(values))).collect()
}

/// The options of reading, by the names of the command's.
fn load_options(given: Option<&Bound<'_, PyDict>>) -> PyResult<LoadOptions> {
    let mut options = LoadOptions::default();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        let refused = |problem: String| Failure::new(Class::Data, format!("`{name}`: {problem}"));
        let text = || value.extract::<String>();
        match name.as_str() {
            "sort" => options.sort = value.extract()?,
            "drop_bad" => options.drop_bad = value.extract()?,
            "adjusted" => options.adjusted = value.extract()?,
            "negative_prices" => options.negative_prices = value.extract()?,
            "timezone" => options.timezone = Some(text()?.parse().map_err(refused)?),
            "session" => options.session = Some(text()?.parse().map_err(refused)?),
            "bar_time" => options.bar_time = Some(text()?.parse().map_err(refused)?),
            "timeframe" => options.timeframe = Some(text()?.parse().map_err(refused)?),
            "symbols" => options.symbols = value.extract()?,
            "instruments" => {
                options.instruments = read_instruments(&value.extract::<PathBuf>()?).or_failure(Class::Data)?;
            }
            "read" => {
                let mut description = FileDescription::default();
                for (name, value) in value.cast::<PyDict>()? {
                    let (name, value) = (name.extract::<String>()?, value.str()?.to_string());
                    description.set(&name, &value).map_err(|problem| refused(format!("`{name}`: {problem}")))?;
                }
                options.read = description;
            }
            _ => {
                let known = "sort, drop_bad, adjusted, negative_prices, timezone, session, bar_time, timeframe, read, symbols, instruments";
                let text = format!("`{name}` is no option of reading data; there are {known}");
                return Err(Failure::new(Class::Data, text).into());
            }
        }
    }
    Ok(options)
}

/// A frame of columns in memory. Each column is copied once.
fn of_columns(name: &str, columns: Vec<GivenColumn<'_>>) -> PyResult<Frame> {
    let (mut fields, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for (column, format, given) in columns {
        let Read { format, rows, column: read } = read_column(format, &given).map_err(|error| {
            Failure::new(Class::Data, format!("`{name}` column `{column}` cannot be read: {error}"))
        })?;
        lengths.push((column.clone(), rows));
        fields.push(FrameField { name: column, format, ..FrameField::default() });
        values.push(read);
    }
    let rows = lengths.first().map_or(0, |(_, rows)| *rows);
    if let Some((column, other)) = lengths.iter().find(|(_, length)| *length != rows) {
        let first = &lengths[0].0;
        let text = format!("`{name}` column `{column}` has {other} values, but `{first}` has {rows}; give as many");
        return Err(Failure::new(Class::Data, text).into());
    }
    let mut frame = Frame::new(name, fields);
    frame.push(rows, values);
    Ok(frame)
}

/// A column that was read.
struct Read {
    format: String,
    rows: usize,
    column: FrameColumn,
}

/// Reads a column: a buffer of numbers, or a list of texts or numbers.
fn read_column(format: Option<String>, given: &Bound<'_, PyAny>) -> PyResult<Read> {
    macro_rules! numbers {
        ($($kind:ty => $letter:literal),*) => {
            $(if let Ok(buffer) = PyBuffer::<$kind>::get(given) {
                let values = buffer.to_vec(given.py())?;
                return Ok(of_numbers(format.unwrap_or_else(|| $letter.to_owned()), &values));
            })*
        };
    }
    numbers!(f64 => "g", i64 => "l", f32 => "f", i32 => "i", u64 => "L", u32 => "I", i16 => "s", u16 => "S", i8 => "c", u8 => "C");
    if let Ok(values) = given.extract::<Vec<Option<i64>>>() {
        return Ok(of_options(format.unwrap_or_else(|| "l".to_owned()), &values));
    }
    if let Ok(values) = given.extract::<Vec<Option<f64>>>() {
        return Ok(of_options("g".to_owned(), &values));
    }
    Ok(of_texts(&given.extract::<Vec<Option<String>>>()?))
}

/// A number of a buffer, by its bytes.
trait Number: Copy + Default {
    fn bytes(self) -> impl AsRef<[u8]>;

    /// What NumPy writes where there is no time.
    fn is_no_time(self) -> bool {
        false
    }
}

macro_rules! plain_numbers {
    ($($kind:ty),*) => {
        $(impl Number for $kind {
            fn bytes(self) -> impl AsRef<[u8]> {
                self.to_le_bytes()
            }
        })*
    };
}

plain_numbers!(f64, f32, i32, u64, u32, i16, u16, i8, u8);

impl Number for i64 {
    fn bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }

    fn is_no_time(self) -> bool {
        self == Self::MIN
    }
}

fn of_numbers<T: Number>(format: String, values: &[T]) -> Read {
    let may_lack = format.starts_with('t') && values.iter().any(|value| value.is_no_time());
    let valid = if may_lack { bits(values.iter().map(|value| !value.is_no_time())) } else { Bytes::new() };
    let mut bytes = Vec::with_capacity(size_of_val(values));
    values.iter().for_each(|value| bytes.extend_from_slice(value.bytes().as_ref()));
    Read { format, rows: values.len(), column: FrameColumn { valid, buffers: vec![bytes.into()], dictionary: None } }
}

fn of_options<T: Number>(format: String, values: &[Option<T>]) -> Read {
    let plain: Vec<T> = values.iter().map(|value| value.unwrap_or_default()).collect();
    let mut read = of_numbers(format, &plain);
    if values.iter().any(Option::is_none) {
        read.column.valid = bits(values.iter().map(Option::is_some));
    }
    read
}

fn of_texts(values: &[Option<String>]) -> Read {
    let (mut offsets, mut bytes) = (0_i64.to_le_bytes().to_vec(), Vec::new());
    for value in values {
        bytes.extend_from_slice(value.as_deref().unwrap_or_default().as_bytes());
        offsets.extend_from_slice(&(bytes.len() as i64).to_le_bytes());
    }
    let valid =
        if values.iter().all(Option::is_some) { Bytes::new() } else { bits(values.iter().map(Option::is_some)) };
    let column = FrameColumn { valid, buffers: vec![offsets.into(), bytes.into()], dictionary: None };
    Read { format: "U".to_owned(), rows: values.len(), column }
}

/// A bit for each flag, the lowest first.
fn bits(flags: impl Iterator<Item = bool>) -> Bytes {
    let mut bytes = Vec::new();
    for (at, flag) in flags.enumerate() {
        if at % 8 == 0 {
            bytes.push(0);
        }
        if let Some(last) = bytes.last_mut() {
            *last |= u8::from(flag) << (at % 8);
        }
    }
    bytes.into()
}
