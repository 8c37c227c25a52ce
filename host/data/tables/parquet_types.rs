//! Types of Parquet columns: what a physical type and its annotations mean.
//!
//! Never reads a value.

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    schema::types::{BasicTypeInfo, Type},
};

use crate::data::tables::{
    arrow_schema::{ArrowColumn, ArrowType},
    types::{ColumnType, DAY, Meaning, Width},
};

/// The type of a column of the schema, about which its Arrow schema may say more.
pub(crate) fn column_type(column: &Type, arrow: &ArrowColumn) -> ColumnType {
    let Type::PrimitiveType { basic_info, physical_type, type_length, scale, precision } = column else {
        return ColumnType::new(Meaning::Other, nested(column.get_basic_info()));
    };
    if is_repeated(basic_info) {
        return ColumnType::new(Meaning::Other, "List");
    }
    let annotation = Annotation::of(basic_info, *precision, *scale);
    let plain = of_primitive(*physical_type, annotation, *type_length);
    hinted(&plain, *physical_type, arrow).unwrap_or(plain)
}

/// The type that the Arrow schema has for a column that is plain in Parquet.
fn hinted(plain: &ColumnType, physical: Physical, arrow: &ArrowColumn) -> Option<ColumnType> {
    let is_whole = matches!(plain.meaning, Meaning::Integer(Width { bits: 32 | 64, is_signed: true }));
    if let Some(frequency) = arrow.period.filter(|_| is_whole) {
        return Some(ColumnType::period(frequency));
    }
    match arrow.kind? {
        ArrowType::Stamp(unit) if is_whole => Some(ColumnType::new(Meaning::Stamp(unit), "Timestamp").local(true)),
        ArrowType::TimeOfDay(unit) if is_whole => Some(ColumnType::new(Meaning::TimeOfDay(unit), "Time")),
        ArrowType::Duration if is_whole => Some(ColumnType::new(Meaning::Other, "Duration")),
        ArrowType::Text if physical == Physical::BYTE_ARRAY && plain.meaning == Meaning::Bytes => {
            Some(ColumnType::new(Meaning::Text, "Utf8"))
        }
        _ => None,
    }
}

fn is_repeated(info: &BasicTypeInfo) -> bool {
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

fn nested(info: &BasicTypeInfo) -> &'static str {
    match info.converted_type() {
        ConvertedType::LIST => "List",
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => "Map",
        _ if is_repeated(info) => "List",
        _ => "Struct",
    }
}

/// What a column's annotations say about its physical type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Annotation {
    None,
    Text,
    Integer(i8, bool),
    Decimal(i32, i32),
    Date,
    Time(TimeUnit),
    Timestamp(TimeUnit, bool),
    Half,
    Interval,
    Null,
    Other,
}

impl Annotation {
    fn of(info: &BasicTypeInfo, precision: i32, scale: i32) -> Self {
        match info.logical_type_ref() {
            Some(logical) => Self::of_logical(logical),
            None => Self::of_converted(info.converted_type(), precision, scale),
        }
    }

    fn of_logical(logical: &LogicalType) -> Self {
        match logical {
            LogicalType::String | LogicalType::Json | LogicalType::Enum => Self::Text,
            LogicalType::Integer(kind) => Self::Integer(kind.bit_width, kind.is_signed),
            LogicalType::Decimal(kind) => Self::Decimal(kind.precision, kind.scale),
            LogicalType::Date => Self::Date,
            LogicalType::Time(kind) => Self::Time(kind.unit),
            LogicalType::Timestamp(kind) => Self::Timestamp(kind.unit, !kind.is_adjusted_to_u_t_c),
            LogicalType::Float16 => Self::Half,
            LogicalType::Unknown => Self::Null,
            _ => Self::Other,
        }
    }

    /// The annotation of files from before there were logical types.
    fn of_converted(converted: ConvertedType, precision: i32, scale: i32) -> Self {
        match converted {
            ConvertedType::NONE => Self::None,
            ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM => Self::Text,
            ConvertedType::INT_8 => Self::Integer(8, true),
            ConvertedType::INT_16 => Self::Integer(16, true),
            ConvertedType::INT_32 => Self::Integer(32, true),
            ConvertedType::INT_64 => Self::Integer(64, true),
            ConvertedType::UINT_8 => Self::Integer(8, false),
            ConvertedType::UINT_16 => Self::Integer(16, false),
            ConvertedType::UINT_32 => Self::Integer(32, false),
            ConvertedType::UINT_64 => Self::Integer(64, false),
            ConvertedType::DECIMAL => Self::Decimal(precision, scale),
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(TimeUnit::MILLIS),
            ConvertedType::TIME_MICROS => Self::Time(TimeUnit::MICROS),
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp(TimeUnit::MILLIS, false),
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp(TimeUnit::MICROS, false),
            ConvertedType::INTERVAL => Self::Interval,
            _ => Self::Other,
        }
    }
}

fn of_primitive(physical: Physical, annotation: Annotation, length: i32) -> ColumnType {
    let other = |name: String| ColumnType::new(Meaning::Other, name);
    match (physical, annotation) {
        (_, Annotation::Null) => other("Null".to_owned()),
        (Physical::BOOLEAN, _) => other("Boolean".to_owned()),
        (Physical::FLOAT, _) => ColumnType::new(Meaning::Float, "Float32"),
        (Physical::DOUBLE, _) => ColumnType::new(Meaning::Float, "Float64"),
        (Physical::INT96, _) => ColumnType::new(Meaning::Stamp(1), "Timestamp(ns)"),
        (Physical::INT32, Annotation::None) => ColumnType::integer(32, true),
        (Physical::INT64, Annotation::None) => ColumnType::integer(64, true),
        (Physical::INT32, Annotation::Integer(bits @ (8 | 16 | 32), is_signed))
        | (Physical::INT64, Annotation::Integer(bits @ 64, is_signed)) => ColumnType::integer(bits, is_signed),
        (Physical::INT32 | Physical::INT64 | Physical::BYTE_ARRAY, Annotation::Decimal(precision, scale)) => {
            ColumnType::decimal(precision, scale)
        }
        (Physical::FIXED_LEN_BYTE_ARRAY, Annotation::Decimal(precision, scale)) if (1..=32).contains(&length) => {
            ColumnType::decimal(precision, scale)
        }
        (Physical::FIXED_LEN_BYTE_ARRAY, Annotation::Half) if length == 2 => ColumnType::new(Meaning::Half, "Float16"),
        (Physical::INT32, Annotation::Date) => ColumnType::new(Meaning::Stamp(DAY), "Date32").local(true),
        (Physical::INT32, Annotation::Time(TimeUnit::MILLIS)) => time(TimeUnit::MILLIS),
        (Physical::INT64, Annotation::Time(unit @ (TimeUnit::MICROS | TimeUnit::NANOS))) => time(unit),
        (Physical::INT64, Annotation::Timestamp(unit, is_local)) => {
            let (nanos, name) = scale_of(unit);
            ColumnType::new(Meaning::Stamp(nanos), format!("Timestamp({name})")).local(is_local)
        }
        (Physical::BYTE_ARRAY, Annotation::Text) => ColumnType::new(Meaning::Text, "Utf8"),
        (Physical::BYTE_ARRAY, _) => ColumnType::new(Meaning::Bytes, "Binary"),
        (Physical::FIXED_LEN_BYTE_ARRAY, Annotation::Interval) => other("Interval".to_owned()),
        (Physical::FIXED_LEN_BYTE_ARRAY, _) => ColumnType::new(Meaning::Bytes, format!("FixedSizeBinary({length})")),
        // Annotations that the format does not allow on such a type.
        (Physical::INT32 | Physical::INT64, _) => other(format!("{physical} of an unknown kind")),
    }
}

fn time(unit: TimeUnit) -> ColumnType {
    let (nanos, name) = scale_of(unit);
    ColumnType::new(Meaning::TimeOfDay(nanos), format!("Time({name})"))
}

/// The nanoseconds of a unit, and its name.
fn scale_of(unit: TimeUnit) -> (i64, &'static str) {
    match unit {
        TimeUnit::MILLIS => (1_000_000, "ms"),
        TimeUnit::MICROS => (1_000, "us"),
        TimeUnit::NANOS => (1, "ns"),
    }
}
