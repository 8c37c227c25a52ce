//! JSON lines encoder: one object for each row, its members in the order of the columns.
//!
//! Never opens a file.
//!
//! A null is `null`. A number is written in the fewest digits that read back to the same bits. JSON has no infinity: an
//! infinite number is the text `inf`.

use std::{io, ops::Range, sync::Arc};

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder, add_json},
    rows::{RowFormat, Rows},
};

/// JSON lines.
#[derive(Debug, Clone)]
pub(super) struct JsonLines {
    /// What comes before each value: a separator, the name, and a colon.
    names: Vec<Vec<u8>>,
}

impl JsonLines {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column]) -> io::Result<Self> {
        let name = |(at, column): (usize, &Column)| {
            let mut bytes = if at == 0 { Vec::new() } else { vec![b','] };
            add_json(&column.name, &mut bytes)?;
            bytes.push(b':');
            Ok(bytes)
        };
        Ok(Self { names: columns.iter().enumerate().map(name).collect::<io::Result<_>>()? })
    }
}

impl RowFormat for JsonLines {
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()> {
        rows.bytes.push(b'{');
        for (name, cell) in self.names.iter().zip(row) {
            rows.bytes.extend_from_slice(name);
            add_json(cell, &mut rows.bytes)?;
        }
        rows.bytes.extend_from_slice(b"}\n");
        Ok(())
    }
}

impl Encoder for JsonLines {
    fn format(&self) -> Arc<dyn RowFormat> {
        Arc::new(self.clone())
    }

    fn start(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()> {
        chunk.add(rows, range);
        Ok(())
    }

    fn end(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Kind, rows};

    #[test]
    fn a_line_is_as_the_library_writes_the_object() {
        let names = ["plain", "", "\"quoted\"\n", "ü", "del\u{7f}", "hidden\u{202e}"];
        let cells = [
            Cell::Null,
            Cell::Boolean(true),
            Cell::Integer(i64::MIN),
            Cell::Number(f64::INFINITY),
            Cell::Number(1e-7),
            Cell::Number(5.0),
            Cell::Time(0, "1970-01-01".into()),
            Cell::from("a\"\u{7f}\u{202e}ü\n"),
        ];
        for count in 0..=names.len() {
            let columns: Vec<_> = names[..count].iter().map(|name| Column::new(*name, Kind::Text)).collect();
            for first in 0..cells.len() {
                let row: Vec<_> = cells.iter().cycle().skip(first).take(count).cloned().collect();
                let mut block = Rows::default();
                rows::push(&JsonLines::new(&columns).unwrap(), &mut block, &row).unwrap();
                let object: Vec<_> =
                    names.iter().zip(&row).map(|(name, cell)| json_text(name) + ":" + &json_text(cell)).collect();
                let expected = crate::model::plain_json(&format!("{{{}}}", object.join(","))).into_owned() + "\n";
                assert_eq!(String::from_utf8(block.bytes).unwrap(), expected);
            }
        }
    }

    fn json_text(value: &impl serde::Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }
}
