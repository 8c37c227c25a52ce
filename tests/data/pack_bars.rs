//! Packs bars from CSV into a small Parquet file: `cargo run --example pack_bars -- msft.csv msft.parquet`.
//!
//! This is how the bundled `msft.parquet` was made. The bits of every value stay as they are.

use std::{error::Error, fs::File, path::PathBuf, sync::Arc};

use host::{
    data::{Dataset, LoadOptions},
    model::Series,
};
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{DataType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

/// Days since 1970, prices as they are, volumes as whole numbers.
const SCHEMA: &str = "message arrow_schema {
    required int32 Date (DATE);
    required double Open;
    required double High;
    required double Low;
    required double Close;
    required int64 Volume;
}";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [csv, parquet] = arguments.as_slice() else {
        return Err("give the CSV file to read and the Parquet file to write".into());
    };
    let dataset = Dataset::load(std::slice::from_ref(csv), &LoadOptions::default())?.dataset;
    let [series] = dataset.series() else {
        return Err("the CSV file has more than one instrument".into());
    };
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(File::create(parquet)?, schema, Arc::new(properties()?))?;
    let mut group = writer.next_row_group()?;
    write(series, &mut group)?;
    group.close()?;
    writer.close()?;
    Ok(())
}

/// Writes the columns of the series, one after the other.
fn write(series: &Series, group: &mut SerializedRowGroupWriter<'_, File>) -> Result<(), Box<dyn Error>> {
    const DAY: i64 = 86_400_000_000_000;
    if series.time.iter().any(|time| time % DAY != 0) || series.volume.iter().any(|volume| volume.fract() != 0.0) {
        return Err("the bars are not daily, or a volume is not a whole number".into());
    }
    let dates: Vec<_> = series.time.iter().map(|time| (time / DAY) as i32).collect();
    let volumes: Vec<_> = series.volume.iter().map(|volume| *volume as i64).collect();
    column::<Int32Type>(group, &dates)?;
    for prices in [&series.open, &series.high, &series.low, &series.close] {
        column::<DoubleType>(group, prices)?;
    }
    Ok(column::<Int64Type>(group, &volumes)?)
}

fn column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, File>, values: &[T::T]) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut column = next.ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// Differences of dates and volumes; prices as they are, since zstd finds more in whole values than in dictionaries or
/// planes of bytes (114 KB against 164 and 216 KB for MSFT).
fn properties() -> Result<WriterProperties, Box<dyn Error>> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(19)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_enabled(false);
    for name in ["Date", "Volume"] {
        properties = properties.set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}
