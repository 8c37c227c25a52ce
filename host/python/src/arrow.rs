//! The bridge to data frames: Arrow's C data interface in and out.
//!
//! Never copies a column on its way in, but bits of nulls that begin within a byte; never looks at a value.

#![expect(unsafe_code, reason = "the pointers of Arrow's C data interface are those of another library")]

use arrow_array::{Array, make_array};
use arrow_array::{
    RecordBatch, RecordBatchIterator, RecordBatchReader as _, ffi::FFI_ArrowSchema, ffi_stream::FFI_ArrowArrayStream,
    ffi_stream::RecordBatchStreamReader,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};
use bytes::Bytes;
use host::data::{Frame, FrameColumn, FrameField};
use pyo3::{prelude::*, types::PyCapsule};

use crate::errors::{Class, Failure};

/// The name that the protocol gives to capsules of streams.
const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// The frame that `data` hands over by `__arrow_c_stream__`, under `name`.
pub(crate) fn frame(data: &Bound<'_, PyAny>, name: &str) -> PyResult<Frame> {
    let capsule = data.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: the protocol says that a capsule of this name holds one valid stream, and that whoever takes it moves it out: what
    // stays has no release function, so that the capsule releases nothing.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    // Sources may compute while they are read.
    data.py()
        .detach(|| read(stream, name))
        .map_err(|error| Failure::new(Class::Data, format!("`{name}` cannot be read as a data frame: {error}")).into())
}

fn read(stream: FFI_ArrowArrayStream, name: &str) -> Result<Frame, ArrowError> {
    let reader = RecordBatchStreamReader::try_new(stream)?;
    let schema = reader.schema();
    let fields = schema.fields().iter().map(|field| frame_field(field)).collect::<Result<_, _>>()?;
    let metadata = schema.metadata().iter().map(|(key, text)| (key.clone(), text.clone())).collect();
    let mut frame = Frame::new(name, fields).with_metadata(metadata);
    for batch in reader {
        let batch = batch?;
        frame.push(batch.num_rows(), batch.columns().iter().map(|column| frame_column(&column.to_data())).collect());
    }
    Ok(frame)
}

fn frame_field(field: &Field) -> Result<FrameField, ArrowError> {
    let format = |kind: &DataType| FFI_ArrowSchema::try_from(kind).map(|schema| schema.format().to_owned());
    let (format, values) = match field.data_type() {
        DataType::Dictionary(numbers, values) => (format(numbers)?, Some(format(values)?)),
        kind => (format(kind)?, None),
    };
    let metadata = |key: &str| field.metadata().get(key).cloned();
    let extension =
        metadata("ARROW:extension:name").map(|name| (name, metadata("ARROW:extension:metadata").unwrap_or_default()));
    Ok(FrameField { name: field.name().clone(), format, values, extension })
}

fn frame_column(data: &ArrayData) -> FrameColumn {
    // Arrays of values that bars are made of begin at their first value; those of bits, and nested ones, may not, and are not read.
    if data.offset() != 0 {
        return FrameColumn::default();
    }
    let dictionary = match (data.data_type(), data.child_data()) {
        (DataType::Dictionary(..), [values]) => {
            let values = make_array(values.clone());
            Some((Box::new(frame_column(&values.to_data())), values.len()))
        }
        _ => None,
    };
    let valid = data.nulls().map(bits).unwrap_or_default();
    FrameColumn { valid, buffers: data.buffers().iter().cloned().map(shared).collect(), dictionary }
}

/// The bits of rows that have a value, from the first row on.
fn bits(nulls: &NullBuffer) -> Bytes {
    let bits = nulls.inner();
    shared(if bits.offset() == 0 { bits.inner().clone() } else { bits.sliced() })
}

/// A buffer as bytes that keep it alive.
fn shared(buffer: Buffer) -> Bytes {
    struct Owned(Buffer);
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            self.0.as_slice()
        }
    }
    Bytes::from_owner(Owned(buffer))
}

/// The capsule of a stream of `batches`.
pub(crate) fn stream(py: Python<'_>, schema: SchemaRef, batches: Vec<RecordBatch>) -> PyResult<Bound<'_, PyCapsule>> {
    let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
}
