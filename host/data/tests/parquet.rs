//! Parquet files of every type of column, through the front door.

use std::sync::Arc;

use ::parquet::{
    basic::{BrotliLevel, Compression, Encoding, GzipLevel, LogicalType, Repetition, Type as Physical, ZstdLevel},
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
        Int32Type, Int64Type, Int96, Int96Type,
    },
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::Type},
};

use super::{Loaded, TWO, check, check_refused, load, plain, problems, shown};

/// The values of a column as Parquet stores them.
#[derive(Clone)]
pub(super) enum Stored {
    Bool(Vec<Option<bool>>),
    I32(Vec<Option<i32>>),
    I64(Vec<Option<i64>>),
    I96(Vec<Option<[u32; 3]>>),
    F32(Vec<Option<f32>>),
    F64(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Fixed(Vec<Option<Vec<u8>>>),
}

/// A column: its line in a schema, and its values.
pub(super) type Column = (String, Stored);

fn some<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    values.iter().cloned().map(Some).collect()
}

fn texts(values: [&str; 2]) -> Stored {
    Stored::Bytes(values.map(|text| Some(text.as_bytes().to_vec())).to_vec())
}

/// The dates of [`TWO`].
pub(super) fn dates() -> Column {
    ("optional int32 date (DATE)".to_owned(), Stored::I32(some(&[19724, 19725])))
}

/// The columns of [`TWO`], with times of any type.
pub(super) fn prices(time: Column) -> Vec<Column> {
    let column = |line: &str, values| (line.to_owned(), values);
    vec![
        time,
        column("optional float open", Stored::F32(some(&[1.0, 2.0]))),
        column("optional int64 high", Stored::I64(some(&[3, 4]))),
        column("required double low", Stored::F64(some(&[0.5, 1.5]))),
        column("optional int64 close (DECIMAL(10,2))", Stored::I64(some(&[200, 300]))),
        column("optional int64 volume", Stored::I64(some(&[10, 20]))),
    ]
}

fn put<T: DataType>(column: &mut SerializedColumnWriter<'_>, values: &[Option<T::T>]) {
    let writer = column.typed::<T>();
    let is_nullable = writer.get_descriptor().max_def_level() > 0;
    let levels: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<_> = values.iter().flatten().cloned().collect();
    writer.write_batch(&present, is_nullable.then_some(&levels), None).unwrap();
}

fn put_any(column: &mut SerializedColumnWriter<'_>, values: &Stored) {
    let bytes = |values: &[Option<Vec<u8>>]| values.iter().cloned().map(|v| v.map(ByteArray::from)).collect::<Vec<_>>();
    match values {
        Stored::Bool(values) => put::<BoolType>(column, values),
        Stored::I32(values) => put::<Int32Type>(column, values),
        Stored::I64(values) => put::<Int64Type>(column, values),
        Stored::I96(values) => {
            let wide = |words: [u32; 3]| Int96::from(words.to_vec());
            put::<Int96Type>(column, &values.iter().map(|value| value.map(wide)).collect::<Vec<_>>());
        }
        Stored::F32(values) => put::<FloatType>(column, values),
        Stored::F64(values) => put::<DoubleType>(column, values),
        Stored::Bytes(values) => put::<ByteArrayType>(column, &bytes(values)),
        Stored::Fixed(values) => {
            let fixed = bytes(values).into_iter().map(|value| value.map(FixedLenByteArray::from));
            put::<FixedLenByteArrayType>(column, &fixed.collect::<Vec<_>>());
        }
    }
}

/// Packs columns into a file, each of `groups` times as a row group.
fn packed_as(columns: &[Column], properties: WriterPropertiesBuilder, groups: usize) -> Vec<u8> {
    let end = |line: &str| if line.ends_with('}') { "" } else { ";" };
    let lines: String = columns.iter().map(|(line, _)| format!("{line}{}\n", end(line))).collect();
    let schema = parse_message_type(&format!("message bars {{\n{lines}}}")).unwrap();
    written(schema, &columns.iter().map(|(_, values)| values).collect::<Vec<_>>(), properties, groups)
}

fn written(schema: Type, columns: &[&Stored], properties: WriterPropertiesBuilder, groups: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::new(properties.build())).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        for values in columns {
            let mut column = group.next_column().unwrap().unwrap();
            put_any(&mut column, values);
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// Packs columns into a file with pairs of metadata.
pub(super) fn packed_beside(pairs: &[(&str, &str)], columns: &[Column]) -> Vec<u8> {
    let pairs = pairs.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    packed_as(columns, WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())), 1)
}

/// Packs columns of floats and dates into a file, under names that no line of a schema can write.
pub(super) fn packed_named(columns: &[(String, Stored)]) -> Vec<u8> {
    let field = |(name, values): &(String, Stored)| {
        let builder = match values {
            Stored::I32(_) => {
                Type::primitive_type_builder(name, Physical::INT32).with_logical_type(Some(LogicalType::Date))
            }
            _ => Type::primitive_type_builder(name, Physical::DOUBLE),
        };
        Arc::new(builder.with_repetition(Repetition::OPTIONAL).build().unwrap())
    };
    let fields = columns.iter().map(field).collect();
    let schema = Type::group_type_builder("bars").with_fields(fields).build().unwrap();
    written(schema, &columns.iter().map(|(_, values)| values).collect::<Vec<_>>(), WriterProperties::builder(), 1)
}

/// Packs columns into a file.
pub(super) fn packed(columns: &[Column]) -> Vec<u8> {
    packed_as(columns, WriterProperties::builder(), 1)
}

fn read(columns: &[Column]) -> Result<Loaded, String> {
    load(&[("a.parquet", &packed(columns))], plain())
}

fn timed(line: &str, values: Stored) -> Vec<Column> {
    prices((line.to_owned(), values))
}

/// Replaces the column of the name that `line` has.
pub(super) fn with(mut columns: Vec<Column>, line: &str, values: Stored) -> Vec<Column> {
    let name = |line: &str| line.split(' ').nth(2).unwrap().to_owned();
    let at = columns.iter().position(|(other, _)| name(other) == name(line)).unwrap();
    columns[at] = (line.to_owned(), values);
    columns
}

#[test]
fn texts_and_numbers_of_any_form_are_read_where_the_file_settles_it() {
    let texts = |texts: [&str; 2]| Stored::Bytes(texts.iter().map(|text| Some(text.as_bytes().to_vec())).collect());
    let days = ["2024-01-31", "2024-02-01"];
    let read_days = |columns: &[Column]| {
        let loaded = read(columns)?;
        Ok::<_, String>(
            loaded.dataset.series()[0].time.iter().map(|time| crate::model::format_time(*time)).collect::<Vec<_>>(),
        )
    };
    for written in
        [["31/01/2024", "01/02/2024"], ["1/31/2024 12:00 AM", "2/1/2024 12:00 AM"], ["Jan 31, 2024", "Feb 1, 2024"]]
    {
        let found = read_days(&timed("optional binary date (UTF8)", texts(written)));
        assert_eq!(found.as_deref(), Ok(&days.map(str::to_owned)[..]), "{written:?}");
    }
    let digits = timed("optional int64 date", Stored::I64(some(&[20_240_131_000_000, 20_240_201_000_000])));
    assert_eq!(read_days(&digits).as_deref(), Ok(&days.map(str::to_owned)[..]));
    let unclear = read_days(&timed("optional binary date (UTF8)", texts(["01/02/2024", "02/02/2024"])));
    assert!(unclear.unwrap_err().contains("no time of the file settles which"));
}

#[test]
fn times_of_every_fitting_type_are_read() {
    let seconds = [1_704_153_600_i64, 1_704_240_000];
    let scaled = |factor: i64| Stored::I64(some(&seconds.map(|value| value * factor)));
    let times = [
        ("optional int32 date (DATE)", dates().1),
        ("optional int64 date (TIMESTAMP(MILLIS,true))", scaled(1_000)),
        ("required int64 date (TIMESTAMP(MILLIS,false))", scaled(1_000)),
        ("optional int64 date (TIMESTAMP(MICROS,true))", scaled(1_000_000)),
        ("optional int64 date (TIMESTAMP(NANOS,false))", scaled(1_000_000_000)),
        ("optional int64 date (TIMESTAMP_MILLIS)", scaled(1_000)),
        ("optional int64 date (TIMESTAMP_MICROS)", scaled(1_000_000)),
        ("optional int96 date", Stored::I96(some(&[[0, 0, 2_460_312], [0, 0, 2_460_313]]))),
        ("optional int64 date", scaled(1)),
        ("optional int64 date (INTEGER(64,false))", scaled(1_000)),
        ("optional int32 date", Stored::I32(some(&[20_240_102, 20_240_103]))),
        ("optional int32 date (INTEGER(32,false))", Stored::I32(some(&[20_240_102, 20_240_103]))),
        ("optional binary date (STRING)", texts(["2024-01-02", "2024-01-03"])),
        ("required binary date (UTF8)", texts(["2024-01-02", "2024-01-03"])),
    ];
    for (line, values) in times {
        check(read(&timed(line, values)), &TWO);
    }
}

#[test]
fn a_time_of_day_may_have_a_column_of_its_own() {
    let expected = [TWO[0], "2024-01-03T09:30:00Z 2 4 1.5 3 20"];
    let in_day = [
        ("optional int64 Time (TIME(MICROS,false))", Stored::I64(some(&[0, 34_200_000_000]))),
        ("optional int64 Time (TIME(NANOS,true))", Stored::I64(some(&[0, 34_200_000_000_000]))),
        ("optional int32 Time (TIME(MILLIS,false))", Stored::I32(some(&[0, 34_200_000]))),
        ("optional binary Time (STRING)", texts(["00:00", "09:30"])),
    ];
    let text = || ("optional binary date (STRING)".to_owned(), texts(["2024-01-02", "2024-01-03"]));
    for date in [dates(), text()] {
        for (line, values) in in_day.clone() {
            let mut columns = prices(date.clone());
            columns.push((line.to_owned(), values));
            check(read(&columns), &expected);
        }
    }
}

#[test]
fn the_index_that_pandas_writes_is_the_time() {
    let times = Stored::I64(some(&[1_704_153_600_000, 1_704_240_000_000]));
    check(read(&timed("optional int64 __index_level_0__ (TIMESTAMP(MILLIS,false))", times)), &TWO);
    let numbers = Stored::I64(some(&[0, 1]));
    let error = read(&timed("optional int64 __index_level_0__", numbers)).unwrap_err();
    assert!(error.starts_with("`a.parquet` has no column `Date`"), "{error}");
}

#[test]
fn numbers_of_every_type_are_read() {
    let bytes = |values: [&[u8]; 2]| some(&values.map(<[u8]>::to_vec));
    let long = |low: u8| [[0; 19].as_slice(), &[low]].concat();
    let opens = [
        ("optional double open", Stored::F64(some(&[1.0, 2.0]))),
        ("optional int32 open (INTEGER(8,true))", Stored::I32(some(&[1, 2]))),
        ("optional int32 open (INTEGER(16,false))", Stored::I32(some(&[1, 2]))),
        ("optional int32 open (UINT_32)", Stored::I32(some(&[1, 2]))),
        ("optional int64 open (INTEGER(64,false))", Stored::I64(some(&[1, 2]))),
        ("optional int32 open (DECIMAL(9,4))", Stored::I32(some(&[10_000, 20_000]))),
        ("optional binary open (DECIMAL(9,1))", Stored::Bytes(bytes([&[10], &[0, 20]]))),
        ("optional fixed_len_byte_array(2) open (DECIMAL(4,0))", Stored::Fixed(bytes([&[0, 1], &[0, 2]]))),
        ("optional fixed_len_byte_array(20) open (DECIMAL(40,1))", Stored::Fixed(bytes([&long(10), &long(20)]))),
        ("optional fixed_len_byte_array(2) open (FLOAT16)", Stored::Fixed(bytes([&[0, 0x3c], &[0, 0x40]]))),
    ];
    for (line, values) in opens {
        let columns: Vec<_> = prices(dates());
        let columns = with_open(columns, line, values);
        check(read(&columns), &TWO);
    }
}

/// Replaces the column `open`.
fn with_open(mut columns: Vec<Column>, line: &str, values: Stored) -> Vec<Column> {
    columns[1] = (line.to_owned(), values);
    columns
}

fn open_of(line: &str, values: Stored) -> f64 {
    let loaded = read(&with_open(prices(dates()), line, values)).unwrap();
    loaded.dataset.series()[0].open[0]
}

#[test]
fn a_decimal_is_the_number_nearest_to_it() {
    let of = |value: i64, scale: u32| {
        let line = format!("optional int64 open (DECIMAL(18,{scale}))");
        open_of(&line, Stored::I64(some(&[value, value])))
    };
    let nearest = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(of(123_456, 3), 123.456);
    assert_eq!(of(999_999_999_999_999_999, 17), nearest("9.99999999999999999"));
    assert_eq!(of(9_007_199_254_740_993, 1), nearest("900719925474099.3"));
    let wide = |bytes: Vec<u8>, scale: u32| {
        let line = format!("optional fixed_len_byte_array({}) open (DECIMAL(38,{scale}))", bytes.len());
        open_of(&line, Stored::Fixed(some(&[bytes.clone(), bytes])))
    };
    assert_eq!(
        wide(123_456_789_012_345_678_901_234_567_890_i128.to_be_bytes().to_vec(), 25),
        nearest("12345.67890123456789")
    );
    let longer = |value: i128| [vec![0; 16], value.to_be_bytes().to_vec()].concat();
    assert_eq!(wide(longer(123_456_789_012_345_678_901_234_567_890), 25), nearest("12345.67890123456789"));
    assert_eq!(wide(longer(1_000_000_000_000_000_000), 18), 1.0);
}

#[test]
fn a_half_precision_number_is_read_with_all_its_bits() {
    let of = |bits: u16| {
        let bytes = bits.to_le_bytes().to_vec();
        open_of("optional fixed_len_byte_array(2) open (FLOAT16)", Stored::Fixed(some(&[bytes.clone(), bytes])))
    };
    assert_eq!(
        [of(0x3555), of(0x7bff), of(0x0400), of(0x0001)],
        [0.333_251_953_125, 65_504.0, 2_f64.powi(-14), 2_f64.powi(-24)]
    );
    let infinite = Stored::Fixed(some(&[vec![0, 0x7c], vec![0, 0x7e]]));
    let columns = with_open(prices(dates()), "optional fixed_len_byte_array(2) open (FLOAT16)", infinite);
    let expected = [
        "`a.parquet` row 1: `open` is inf, which is not finite",
        "`a.parquet` row 2: `open` is NaN, which is not finite",
    ];
    assert_eq!(problems(read(&columns)), expected);
}

#[test]
fn negative_decimals_and_integers_keep_their_sign() {
    let bytes = |value: i128, length: usize| {
        let wide = [[if value < 0 { 0xff } else { 0 }; 16], value.to_be_bytes()].concat();
        wide[32 - length..].to_vec()
    };
    let lines = [
        ("optional int32 open (INTEGER(8,true))", Stored::I32(some(&[-3, -3]))),
        ("optional int64 open (DECIMAL(9,1))", Stored::I64(some(&[-30, -30]))),
        ("optional binary open (DECIMAL(9,1))", Stored::Bytes(some(&[bytes(-30, 1), bytes(-30, 3)]))),
        (
            "optional fixed_len_byte_array(20) open (DECIMAL(40,1))",
            Stored::Fixed(some(&[bytes(-30, 20), bytes(-30, 20)])),
        ),
    ];
    for (line, values) in lines {
        let expected = ["`a.parquet` row 1: open -3 is not above zero", "`a.parquet` row 2: open -3 is not above zero"];
        assert_eq!(problems(read(&with_open(prices(dates()), line, values))), expected, "{line}");
    }
    let unsigned = Stored::I64(some(&[-1, -1]));
    assert_eq!(open_of("optional int64 open (INTEGER(64,false))", unsigned), 18_446_744_073_709_551_615.0);
    let unsigned = Stored::I32(some(&[-1, -1]));
    assert_eq!(open_of("optional int32 open (INTEGER(32,false))", unsigned), 4_294_967_295.0);
}

#[test]
fn every_encoding_codec_and_version_reads_the_same() {
    let encodings = [
        (Encoding::PLAIN, None),
        (Encoding::DELTA_BINARY_PACKED, Some(Encoding::DELTA_BYTE_ARRAY)),
        (Encoding::DELTA_BINARY_PACKED, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
        (Encoding::BYTE_STREAM_SPLIT, None),
    ];
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
    ];
    let mut columns = prices(dates());
    columns.push(("optional binary symbol (STRING)".to_owned(), texts(["ACME", "ACME"])));
    let rows = columns.clone();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for codec in codecs {
            let plain = WriterProperties::builder().set_writer_version(version).set_compression(codec);
            let mut files = vec![packed_as(&rows, plain.clone(), 1)];
            for (whole, text) in encodings {
                let mut chosen = plain.clone().set_dictionary_enabled(false);
                for name in ["date", "high", "close", "volume"] {
                    chosen = chosen.set_column_encoding(name.into(), whole);
                }
                if let Some(text) = text {
                    chosen = chosen.set_column_encoding("symbol".into(), text);
                }
                files.push(packed_as(&rows, chosen, 1));
            }
            for file in files {
                let loaded = load(&[("a.parquet", &file)], super::plain()).unwrap();
                let series = &loaded.dataset.series()[0];
                assert_eq!((series.symbol.as_str(), shown(series)), ("ACME", TWO.map(str::to_owned).to_vec()));
            }
        }
    }
}

#[test]
fn rows_are_counted_over_row_groups_and_batches() {
    const ROWS: usize = 20_000;
    let times: Vec<_> = (0..ROWS as i64).map(|row| Some(1_704_153_600_000 + 60_000 * row)).collect();
    let all = |value: f64| Stored::F64(vec![Some(value); ROWS]);
    let mut low = vec![Some(1.0); ROWS];
    low[15_000] = None;
    let columns: Vec<Column> = [
        ("optional int64 time (TIMESTAMP(MILLIS,true))", Stored::I64(times)),
        ("required double open", all(1.0)),
        ("optional double high", all(1.0)),
        ("optional double low", Stored::F64(low)),
        ("optional double close", all(1.0)),
    ]
    .map(|(line, values)| (line.to_owned(), values))
    .to_vec();
    let file = packed_as(&columns, WriterProperties::builder(), 2);
    let found = problems(load(&[("a.parquet", &file)], super::sort()));
    assert_eq!(found[0], "`a.parquet` row 15001: `low` is null");
    assert_eq!(found[1], "`a.parquet` row 20001: time 2024-01-02 repeats that of row 1");
}

#[test]
fn nulls_and_types_that_do_not_fit_are_named() {
    let columns = timed("optional int32 date (DATE)", Stored::I32(vec![Some(19724), None]));
    let columns = with(columns, "optional double low", Stored::F64(vec![None, Some(f64::NAN)]));
    assert_eq!(
        problems(read(&columns)),
        ["`a.parquet` row 1: `low` is null", "`a.parquet` row 2: the time is null; `low` is NaN, which is not finite"]
    );
    let mut columns = timed("optional int64 date (TIMESTAMP(MILLIS,true))", Stored::I64(some(&[0, 34_200_000])));
    columns.push(("optional int64 time (TIME(MICROS,true))".to_owned(), Stored::I64(some(&[0, 34_200_000_000]))));
    let text = "`a.parquet` row 2: the date has a time of day, 1970-01-01T09:30:00Z, beside the column of times";
    assert_eq!(problems(read(&columns)), [text]);
    let unsigned = Stored::I64(some(&[1_704_153_600, -1]));
    let found = problems(read(&timed("optional int64 date (INTEGER(64,false))", unsigned)));
    let range = "times lie between 1677-09-21 and 2262-04-11";
    assert_eq!(found, [format!("`a.parquet` row 2: the time is out of range; {range}")]);
}

#[test]
fn a_time_out_of_range_is_named_with_its_row() {
    let expected = "`a.parquet` row 2: the time is out of range; times lie between 1677-09-21 and 2262-04-11";
    let far = Stored::I32(some(&[19724, 1_000_000]));
    assert_eq!(problems(read(&timed("optional int32 date (DATE)", far))), [expected]);
    let far = Stored::I96(some(&[[0, 0, 2_460_312], [0, 0, 5_373_484]]));
    assert_eq!(problems(read(&timed("optional int96 date", far))), [expected]);
}

#[test]
fn a_column_of_another_type_is_refused_with_its_type() {
    let check_time = |line: &str, values, found: &str| {
        let expected = format!(
            "column `date` of `a.parquet` is of type {found}; it must be a date, a timestamp, a text or a number"
        );
        check_refused(read(&timed(line, values)), &expected);
    };
    check_time(
        "optional fixed_len_byte_array(2) date (FLOAT16)",
        Stored::Fixed(some(&[vec![0; 2], vec![0; 2]])),
        "Float16",
    );
    check_time("optional boolean date", Stored::Bool(some(&[true, false])), "Boolean");
    check_time("optional int64 date (TIME(NANOS,true))", Stored::I64(some(&[1, 2])), "Time(ns)");
    check_time("optional int64 date (DECIMAL(10,2))", Stored::I64(some(&[1, 2])), "Decimal(10, 2)");
    let check_open = |line: &str, values, found: &str| {
        let expected = format!("column `open` of `a.parquet` is of type {found}; it must be a number or a text");
        check_refused(read(&with_open(prices(dates()), line, values)), &expected);
    };
    check_open("optional boolean open", Stored::Bool(some(&[true, false])), "Boolean");
    check_open("optional int32 open (DATE)", Stored::I32(some(&[1, 2])), "Date32");
    check_open("optional int64 open (TIMESTAMP(MICROS,true))", Stored::I64(some(&[1, 2])), "Timestamp(us)");
    check_open("optional int32 open (UNKNOWN)", Stored::I32(vec![None, None]), "Null");
    check_open("optional group open { optional double price; }", Stored::F64(some(&[1.0, 2.0])), "Struct");
}

#[test]
fn a_nested_column_that_is_not_needed_is_left_alone() {
    let mut columns = prices(dates());
    columns.insert(1, ("optional group note { optional double price; }".to_owned(), Stored::F64(vec![None, None])));
    check(read(&columns), &TWO);
}

/// Schemas of a column `date` as pyarrow writes them: `base64(pyarrow.schema([("date", type)]).serialize())`.
const TIMESTAMP_S: &str = "/////3AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAEKEAAAABwAAAAEAAAAAAAAAAQAAABkYXRlAAAAAAQABAAEAAAA";
const DATE_64: &str = "/////3AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAEIEAAAABwAAAAEAAAAAAAAAAQAAABkYXRlAAAAAAQABAAEAAAA";
const TIME_32_S: &str = "/////3gAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAEJEAAAABwAAAAEAAAAAAAAAAQAAABkYXRlAAAGAAgABgAGAAAAAAAAAAAAAAA=";
const DURATION_US: &str = "/////3gAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAESEAAAABwAAAAEAAAAAAAAAAQAAABkYXRlAAAGAAgABgAGAAAAAAACAAAAAAA=";
const DICTIONARY_OF_TIMESTAMP_S: &str = "/////5AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAEAAAAuP///wQAAAABAAAAFAAAABAAGAAIAAYABwAMABAAFAAQAAAAAAABChQAAABEAAAAIAAAAAQAAAAAAAAABAAAAGRhdGUAAAAACAAIAAAABAAIAAAADAAAAAgADAAIAAcACAAAAAAAAAEgAAAABAAEAAQAAAA=";
const STRING: &str = "/////3AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAEFEAAAABwAAAAEAAAAAAAAAAQAAABkYXRlAAAAAAQABAAEAAAA";

const PERIOD_M: &str = "/////xgBAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAYAAAAAAASABgACAAGAAcADAAAABAAFAASAAAAAAABAhQAAAC0AAAACAAAABQAAAAAAAAABAAAAGRhdGUAAAAAAgAAAFAAAAAEAAAAwP///xwAAAAEAAAADQAAAHsiZnJlcSI6ICJNIn0AAAAYAAAAQVJST1c6ZXh0ZW5zaW9uOm1ldGFkYXRhAAAAAAgADAAEAAgACAAAABwAAAAEAAAADQAAAHBhbmRhcy5wZXJpb2QAAAAUAAAAQVJST1c6ZXh0ZW5zaW9uOm5hbWUAAAAACAAMAAgABwAIAAAAAAAAAUAAAAAAAAAA";

const TIMESTAMP_US_BERLIN: &str = "/////5AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAEKEAAAACAAAAAEAAAAAAAAAAQAAABkYXRlAAAAAAgADAAGAAgACAAAAAAAAgAEAAAADQAAAEV1cm9wZS9CZXJsaW4AAAA=";

fn read_beside(schema: &str, columns: &[Column]) -> Result<Loaded, String> {
    let key = KeyValue::new("ARROW:schema".to_owned(), schema.to_owned());
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![key]));
    load(&[("a.parquet", &packed_as(columns, properties, 1))], plain())
}

/// Midnights of Berlin, on both sides of a change of its clocks.
#[test]
fn the_arrow_schema_tells_the_zone_of_times() {
    let hours = [1_711_666_800_i64, 1_711_922_400];
    let times = |line: &str| timed(line, Stored::I64(some(&hours.map(|time| time * 1_000_000))));
    let expected = ["2024-03-29 1 3 0.5 2 10", "2024-04-01 2 4 1.5 3 20"];
    let zoned = read_beside(TIMESTAMP_US_BERLIN, &times("optional int64 date (TIMESTAMP(MICROS,true))")).unwrap();
    assert_eq!(zoned.dataset.series()[0].schedule.zone.as_deref(), Some("Europe/Berlin"));
    check(Ok(zoned), &expected);
    let unknown = read(&times("optional int64 date (TIMESTAMP(MICROS,true))")).unwrap();
    assert!(!unknown.dataset.series()[0].schedule.dates);
    // Local times are those of the zone that is given, moments are not.
    let berlin = || super::with(|options| options.timezone = Some("Europe/Berlin".parse().unwrap()));
    let load_in = |line: &str, seconds: [i64; 2]| {
        let file = packed(&timed(line, Stored::I64(some(&seconds.map(|time| time * 1_000_000)))));
        load(&[("a.parquet", &file)], berlin())
    };
    check(load_in("optional int64 date (TIMESTAMP(MICROS,true))", hours), &expected);
    let local = [1_711_704_600_i64, 1_711_963_800];
    let loaded = load_in("optional int64 date (TIMESTAMP(MICROS,false))", local).unwrap();
    assert_eq!(shown(&loaded.dataset.series()[0])[0], "2024-03-29T08:30:00Z 1 3 0.5 2 10");
    let loaded = load_in("optional int64 date (TIMESTAMP(MICROS,true))", local).unwrap();
    assert_eq!(shown(&loaded.dataset.series()[0])[0], "2024-03-29T09:30:00Z 1 3 0.5 2 10");
}

#[test]
fn only_the_rows_of_the_instruments_that_are_asked_for_are_read() {
    let symbols = ["optional binary symbol (STRING)", "optional int64 symbol"];
    for (line, values, wanted, known) in [
        (symbols[0], texts(["A", "B"]), "B", "A"),
        (symbols[1], Stored::I64(some(&[10_107, 14_593])), "14593", "10107"),
    ] {
        let columns: Vec<Column> = prices(dates()).into_iter().chain([(line.to_owned(), values)]).collect();
        // Each group has the same two bars.
        let file = packed_as(&columns, WriterProperties::builder(), 1);
        let options = |symbol: &str| super::with(|options| options.symbols = vec![symbol.to_owned()]);
        let loaded = load(&[("a.parquet", &file)], options(wanted)).unwrap();
        let found: Vec<_> = loaded.dataset.series().iter().map(|series| series.symbol.as_str()).collect();
        assert_eq!(found, [wanted]);
        check(Ok(loaded), &TWO[1..]);
        let error = load(&[("a.parquet", &file)], options("ZZZ")).unwrap_err();
        assert_eq!(error, format!("unknown symbol `ZZZ`; known: `{known}`, `{wanted}`"));
    }
}

#[test]
fn several_instruments_under_an_unknown_column_are_told_in_parquet_too() {
    for (line, values) in
        [("optional binary ric (STRING)", texts(["A", "B"])), ("optional int64 permno", Stored::I64(some(&[1, 2])))]
    {
        let twice = Stored::I32(some(&[19724, 19724]));
        let columns: Vec<Column> = prices(("optional int32 date (DATE)".to_owned(), twice))
            .into_iter()
            .chain([(line.to_owned(), values)])
            .collect();
        let double = packed_as(&columns, WriterProperties::builder(), 1);
        // Two rows are too few to tell a name from a number that differs.
        assert!(load(&[("a.parquet", &double)], plain()).unwrap_err().contains("repeats that of row 1"));
        let four = |stored: &Stored| match stored {
            Stored::I32(v) if v[0] == v[1] => Stored::I32(some(&[19724, 19724, 19725, 19725])),
            Stored::I32(v) => Stored::I32([v.clone(), v.clone()].concat()),
            Stored::I64(v) => Stored::I64([v.clone(), v.clone()].concat()),
            Stored::F32(v) => Stored::F32([v.clone(), v.clone()].concat()),
            Stored::F64(v) => Stored::F64([v.clone(), v.clone()].concat()),
            Stored::Bytes(v) => Stored::Bytes([v.clone(), v.clone()].concat()),
            other => other.clone(),
        };
        let columns: Vec<Column> = columns.iter().map(|(line, stored)| (line.clone(), four(stored))).collect();
        let file = packed(&columns);
        let name = line.split(' ').nth(2).unwrap();
        let error = load(&[("a.parquet", &file)], super::both()).unwrap_err();
        assert!(error.ends_with(&format!("say that this column names them (`--read 'symbol={name}'`)")), "{error}");
        let options = super::with(|options| options.read.symbol = Some(name.to_owned()));
        assert_eq!(load(&[("a.parquet", &file)], options).unwrap().dataset.series().len(), 2);
    }
}

/// Times before 1973 in a unit that only the Arrow schema tells: as bare integers they would be taken for others.
#[test]
fn the_arrow_schema_tells_units_that_parquet_has_no_name_for() {
    let expected = ["1970-07-20 1 3 0.5 2 10", "1970-07-21 2 4 1.5 3 20"];
    let times = |unit: i64| timed("optional int64 date", Stored::I64(some(&[200 * unit, 201 * unit])));
    check(read_beside(TIMESTAMP_S, &times(86_400)), &expected);
    check(read_beside(DICTIONARY_OF_TIMESTAMP_S, &times(86_400)), &expected);
    check(read_beside(DATE_64, &times(86_400_000)), &expected);
    assert!(read(&times(86_400_000)).is_err());
    let text = timed("optional binary date", texts(["1970-07-20", "1970-07-21"]));
    check(read_beside(STRING, &text), &expected);
    let dated =
        timed("optional int64 date (TIMESTAMP(MILLIS,true))", Stored::I64(some(&[17_280_000_000, 17_366_400_000])));
    check(read_beside(TIMESTAMP_S, &dated), &expected);
    for (schema, name) in [(DURATION_US, "Duration"), (TIME_32_S, "Time")] {
        let error = read_beside(schema, &times(86_400)).unwrap_err();
        assert!(error.starts_with(&format!("column `date` of `a.parquet` is of type {name};")), "{error}");
    }
}

#[test]
fn periods_of_pandas_begin_where_their_frequency_says() {
    let columns = timed("optional int64 date", Stored::I64(some(&[648, 649])));
    check(read_beside(PERIOD_M, &columns), &["2024-01-01 1 3 0.5 2 10", "2024-02-01 2 4 1.5 3 20"]);
    let found = problems(read(&columns));
    assert!(found[0].ends_with("a `Period` of pandas needs `to_timestamp()` first"), "{found:?}");
}

#[test]
fn an_arrow_schema_that_is_damaged_is_refused_or_says_the_same() {
    let milliseconds = Stored::I64(some(&[1_704_153_600_000, 1_704_240_000_000]));
    let columns = timed("optional int64 date (TIMESTAMP(MILLIS,true))", milliseconds);
    let mut refused = 0;
    let mut either = |schema: &str| match read_beside(schema, &columns) {
        Ok(loaded) => assert_eq!(shown(&loaded.dataset.series()[0]), TWO, "{schema}"),
        Err(error) => {
            assert_eq!(error, "cannot read `a.parquet` as Parquet", "{schema}");
            refused += 1;
        }
    };
    for at in 0..TIMESTAMP_S.len() {
        either(&TIMESTAMP_S[..at]);
        for letter in ["A", "/", "é"] {
            either(&[&TIMESTAMP_S[..at], letter, &TIMESTAMP_S[at + 1..]].concat());
        }
    }
    assert!(refused > TIMESTAMP_S.len(), "{refused}");
}

#[test]
fn symbols_name_the_instruments() {
    let mut columns = prices(dates());
    columns.insert(0, ("optional binary ticker (STRING)".to_owned(), texts([" A", "B"])));
    let loaded = read(&columns).unwrap();
    let found: Vec<_> = loaded.dataset.series().iter().map(|s| (s.symbol.as_str(), s.len())).collect();
    assert_eq!(found, [("A", 1), ("B", 1)]);
    columns[0].1 = Stored::Bytes(vec![Some(b"A".to_vec()), None]);
    assert_eq!(problems(read(&columns)), ["`a.parquet` row 2: the symbol is empty"]);
    columns[0].1 = Stored::Bytes(vec![Some(vec![0xff]), Some(b"A".to_vec())]);
    check_refused(read(&columns), "cannot read `a.parquet` as Parquet");
}

#[test]
fn rows_that_take_no_room_in_the_file_are_not_read_without_a_limit() {
    const ROWS: usize = 100_000;
    let numbers = || Stored::F64(vec![Some(1.0); ROWS]);
    let column = |line: &str, values| (line.to_owned(), values);
    let columns = [
        column("optional int32 date (DATE)", Stored::I32(vec![Some(19_724); ROWS])),
        column("optional double open", numbers()),
        column("optional double high", numbers()),
        column("optional double low", numbers()),
        column("optional double close", numbers()),
    ];
    let file = packed_as(&columns, WriterProperties::builder(), 60);
    assert!(file.len() < 1 << 20, "{}", file.len());
    let error = load(&[("a.parquet", &file)], plain()).unwrap_err();
    let expected = format!(
        "`a.parquet` has 6000000 rows of 1 instruments in {} bytes: read, they take 274 MiB, and at most 256 MiB are taken for a \
         file of this size; if it is not made to fill the memory, write the bars as CSV, or in several files",
        file.len()
    );
    assert_eq!(error, expected);
}

#[test]
fn texts_that_a_dictionary_names_again_and_again_are_not_read_without_a_limit() {
    const ROWS: usize = 8192;
    let long = ["a", "b"].map(|letter| letter.repeat(9_000));
    let symbols = (0..ROWS).map(|row| Some(long[row % 2].clone().into_bytes())).collect();
    let numbers = || Stored::F64(vec![Some(1.0); ROWS]);
    let column = |line: &str, values| (line.to_owned(), values);
    let columns = [
        column("optional binary symbol (UTF8)", Stored::Bytes(symbols)),
        column("optional int32 date (DATE)", Stored::I32((0..ROWS as i32).map(Some).collect())),
        column("optional double close", numbers()),
    ];
    let file = packed(&columns);
    assert!(file.len() < 1 << 20, "{}", file.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, &file).unwrap();
    let error = crate::data::Dataset::load(&[path], &plain()).unwrap_err();
    let error = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.contains("a column has more than 64 MiB of texts in a few thousand rows, like `aaaa"), "{error}");
}
