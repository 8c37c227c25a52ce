//! Texts of times: what a column of times has, as it is written, with the place of each.
//!
//! Never knows what a text means.

use crate::data::error::Location;

/// The times of a file as they are written.
#[derive(Debug, Default)]
pub(crate) struct TimeTexts {
    /// The name of their column.
    pub(crate) column: String,
    text: String,
    ends: Vec<usize>,
    pub(crate) places: Vec<Location>,
}

impl TimeTexts {
    /// None yet, of a column; of two columns, their names with a blank between.
    pub(crate) fn of_column(name: &str) -> Self {
        Self { column: name.to_owned(), ..Self::default() }
    }

    /// Adds a time of one column.
    pub(crate) fn push(&mut self, place: Location, text: &str) {
        self.text += text;
        self.ends.push(self.text.len());
        self.places.push(place);
    }

    /// Adds a date and a time of day of two columns.
    pub(crate) fn push_pair(&mut self, place: Location, date: &str, time: &str) {
        self.text.extend([date, " ", time]);
        self.ends.push(self.text.len());
        self.places.push(place);
    }

    /// The first time; nothing, if there is none.
    pub(crate) fn first(&self) -> &str {
        self.iter().next().unwrap_or_default()
    }

    /// All times, in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.text[begin..*end])
    }
}
