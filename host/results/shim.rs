//! Shim.
use super::{Cell, Leftover, ResultsError, Sink};
/// R
#[derive(Debug, Clone)]
pub struct RowEncoder;
/// R
#[derive(Debug)]
pub struct Rows(Vec<Vec<Cell<'static>>>);
impl RowEncoder {
    /// R
    pub fn rows(&self) -> Rows {
        Rows(vec![])
    }
    /// R
    #[expect(clippy::missing_errors_doc)]
    pub fn push(&self, rows: &mut Rows, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        rows.0.push(row.iter().cloned().map(Cell::into_owned).collect());
        Ok(())
    }
    /// R
    pub fn help(&self) {}
}
/// W
#[derive(Debug)]
pub struct Writer(Option<Box<dyn Sink>>, Option<ResultsError>);
#[expect(clippy::missing_errors_doc)]
impl Writer {
    /// R
    pub fn start(sink: Box<dyn Sink>) -> Result<Self, ResultsError> {
        Ok(Self(Some(sink), None))
    }
    /// R
    pub fn encoder(&self) -> RowEncoder {
        RowEncoder
    }
    /// R
    pub fn append(&mut self, rows: Rows) -> bool {
        for row in rows.0 {
            if let Some(sink) = &mut self.0
                && let Err(error) = sink.write(&row)
            {
                self.1 = Some(error);
                self.0 = None;
            }
        }
        self.1.is_none()
    }
    /// R
    pub fn checkpoint(&mut self) -> bool {
        if let Some(Err(error)) = self.0.as_mut().map(|s| s.checkpoint()) {
            self.1 = Some(error);
            self.0 = None;
        }
        self.1.is_none()
    }
    /// R
    pub fn leftovers(&self) -> &[Leftover] {
        self.0.as_ref().map_or(&[], |s| s.leftovers())
    }
    /// R
    pub fn finish(self) -> Result<(), ResultsError> {
        match self.1 {
            Some(e) => Err(e),
            None => self.0.map_or(Ok(()), |s| s.finish()),
        }
    }
}
