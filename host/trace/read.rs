//! The trace reader, line by line.
//!
//! Never trusts one: what is not as it is written is an error that names the line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};

use super::{End, FORMAT, Failure, Header, Message};

/// The longest line in bytes. Only the list of symbols in a header grows, and does not come near it.
const LONGEST: usize = 16 << 20;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("trace `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The first line is not that of a trace.
    #[error("`{}` is not a trace, by its first line: {problem}; give a file of `host backtest --trace`", path.display())]
    NoTrace {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The trace is of another version.
    #[error("trace `{}` has format {found}, and this program reads format {FORMAT}; record it anew", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A line is not as it was written.
    #[error("trace `{}` is damaged in line {line}: {problem}; record it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// A trace that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    input: R,
    header: Header,
    /// Lines that were read.
    line: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Opens the trace in the file `path`, and reads its header.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or does not begin like a trace.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let file = File::open(path).map_err(|source| TraceError::Read { path: path.to_owned(), source })?;
        Self::new(path, BufReader::new(file))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the header of the trace in `input`; `path` stands for it in errors.
    ///
    /// # Errors
    ///
    /// Returns an error if the input cannot be read or does not begin like a trace.
    pub fn new(path: &Path, input: R) -> Result<Self, TraceError> {
        #[derive(Deserialize)]
        struct Version {
            trace: u32,
        }
        let header = Header::new("", "", &[], &crate::model::Params::new());
        let mut reader = Self { path: path.to_owned(), input, header, line: 0, buffer: Vec::new(), ended: false };
        reader.read_line()?;
        let problem = |problem: String| TraceError::NoTrace { path: path.to_owned(), problem };
        let Version { trace } = parse(&reader.buffer).map_err(problem)?;
        if trace != FORMAT {
            return Err(TraceError::Format { path: path.to_owned(), found: trace });
        }
        reader.header = parse(&reader.buffer).map_err(problem)?;
        Ok(reader)
    }

    /// What the trace is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The line of the message that was read last, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next message; `None` after the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is damaged or is cut off.
    pub fn message(&mut self) -> Result<Option<Message>, TraceError> {
        let has_line = self.read_line()?;
        match (has_line, self.ended) {
            (false, true) => return Ok(None),
            (false, false) => return Err(self.damaged("the trace is cut off; its last line is missing".to_owned())),
            (true, true) => return Err(self.damaged("something follows the end".to_owned())),
            (true, false) => {}
        }
        let message = message(&self.buffer).map_err(|problem| self.damaged(problem))?;
        self.ended = matches!(message, Message::End(_));
        Ok(Some(message))
    }

    /// Reads the next line without what ends it; returns whether there is one.
    fn read_line(&mut self) -> Result<bool, TraceError> {
        self.buffer.clear();
        self.line += 1;
        let mut input = (&mut self.input).take(LONGEST as u64 + 1);
        let read = input.read_until(b'\n', &mut self.buffer);
        let length = read.map_err(|source| TraceError::Read { path: self.path.clone(), source })?;
        if length > LONGEST {
            return Err(self.damaged(format!("the line is longer than {LONGEST} bytes")));
        }
        if self.buffer.ends_with(b"\n") {
            self.buffer.pop();
        }
        Ok(length > 0)
    }

    fn damaged(&self, problem: String) -> TraceError {
        TraceError::Damaged { path: self.path.clone(), line: self.line, problem }
    }
}

/// What a line has, told by the names of its fields.
fn message(line: &[u8]) -> Result<Message, String> {
    #[derive(Deserialize)]
    struct Named {
        event: Option<String>,
        command: Option<String>,
        failed: Option<Failure>,
        log: Option<String>,
        end: Option<End>,
    }
    match parse(line)? {
        // A command may name an event.
        Named { command: Some(_), .. } => Ok(Message::Command(parse(line)?)),
        Named { event: Some(_), .. } => Ok(Message::Event(parse(line)?)),
        Named { failed: Some(failure), .. } => Ok(Message::Failed(failure)),
        Named { log: Some(log), .. } => Ok(Message::Log(log)),
        Named { end: Some(end), .. } => Ok(Message::End(end)),
        _ => Err("it has none of the fields `event`, `command`, `failed`, `log` and `end`".to_owned()),
    }
}

/// Reads a line, or says what is wrong with it and in which column.
fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    if line.is_empty() {
        return Err("it is empty".to_owned());
    }
    serde_json::from_slice(line).map_err(|error| {
        // The line that JSON counts is always the first.
        error.to_string().replace(" at line 1 column ", " at column ")
    })
}
