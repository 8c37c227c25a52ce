//! Lines of Python: where a strategy was when the host ended it, as the memory of its interpreter says.
//!
//! Never runs anything of the guest, which is stopped for good, and never takes its memory for more than bytes that a stranger wrote:
//! every address is looked up, every length and number of steps is bounded, and nothing that cannot be read is an error.
//!
//! CPython describes its own structures for debuggers, in a table that begins with a word of its own (`_Py_DebugOffsets` in
//! `pycore_debug_offsets.h` of CPython 3.14): numbers of 64 bits, in a fixed order. From there a chain of pointers leads to the frames
//! of the first thread, and from a frame to its file, function and line.

use std::fmt::Write;

use super::memory::Window;

/// The version of CPython whose table is known, without its patch level.
const VERSION: u32 = 0x030e;

/// Frames that are looked at, and those that a message shows.
const DEEPEST: usize = 256;
const FRAMES: usize = 8;

/// The most bytes of a text and of a table of lines.
const LONGEST: u32 = 200;
const LONGEST_LINES: u32 = 1 << 16;

/// The SDK's own files.
const OWN: &str = "/backtest/";

/// Positions of numbers in the table.
#[derive(Debug, Clone, Copy)]
enum Known {
    Version = 1,
    Interpreters = 5,
    Threads = 9,
    CurrentFrame = 26,
    Previous = 32,
    Executable = 33,
    Instruction = 34,
    File = 40,
    Function = 42,
    Lines = 43,
    FirstLine = 44,
    Code = 48,
    Type = 51,
    TypeName = 53,
    BytesLength = 75,
    Bytes = 76,
    TextLength = 79,
    Text = 80,
}

/// The frames of the Python code that runs in the memory, innermost first, a line for each; `None` where there is none that can be
/// read.
pub(super) fn places(window: &Window) -> Option<String> {
    let interpreter = Interpreter { window, table: window.table() };
    let frames = interpreter.frames()?;
    let own: Vec<_> = frames.iter().filter(|frame| !frame.file.contains(OWN)).collect();
    let shown = if own.is_empty() { frames.iter().collect() } else { own };
    let mut text = String::new();
    for frame in shown.iter().take(FRAMES) {
        let line = frame.line.map_or_else(String::new, |line| format!(":{line}"));
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  at {} ({}{line})", frame.function, short(&frame.file));
    }
    if shown.len() > FRAMES {
        let _ = write!(text, "\n  and {} frames more", shown.len() - FRAMES);
    }
    (!text.is_empty()).then_some(text)
}

/// A file's name as its author knows it: the component's folders are not those of the project.
fn short(file: &str) -> &str {
    match file.strip_prefix('/').and_then(|path| path.split_once('/')) {
        Some((_, rest)) => rest,
        None => file,
    }
}

#[derive(Debug)]
struct Frame {
    file: String,
    function: String,
    line: Option<i64>,
}

/// An interpreter's memory, and where in it the table is.
struct Interpreter<'a> {
    window: &'a Window,
    table: u32,
}

impl Interpreter<'_> {
    fn frames(&self) -> Option<Vec<Frame>> {
        if self.number(Known::Version)? >> 16 != VERSION {
            return None;
        }
        let interpreter = self.word(self.table, Known::Interpreters)?;
        let thread = self.word(interpreter, Known::Threads)?;
        let mut at = self.word(thread, Known::CurrentFrame)?;
        let mut frames = Vec::new();
        for _ in 0..DEEPEST {
            if at == 0 {
                break;
            }
            // Frames between Python and C have no code.
            frames.extend(self.frame(at));
            at = self.word(at, Known::Previous)?;
        }
        Some(frames)
    }

    fn frame(&self, at: u32) -> Option<Frame> {
        // The lowest bits of a reference say who owns it.
        let code = self.word(at, Known::Executable)? & !3;
        let kind = self.word(self.word(code, Known::Type)?, Known::TypeName)?;
        if self.window.read(kind, 5)? != b"code\0" {
            return None;
        }
        let text = |which| self.text(self.word(code, which)?);
        let (file, function) = (text(Known::File)?, text(Known::Function)?);
        Some(Frame { file, function, line: self.line(at, code) })
    }

    fn line(&self, frame: u32, code: u32) -> Option<i64> {
        let first = self.word(code, Known::FirstLine)?;
        let begin = code.checked_add(self.number(Known::Code)?)?;
        let unit = self.word(frame, Known::Instruction)?.checked_sub(begin)? / 2;
        let lines = self.word(code, Known::Lines)?;
        let length = self.word(lines, Known::BytesLength)?.min(LONGEST_LINES);
        let table = self.window.read(lines.checked_add(self.number(Known::Bytes)?)?, length as usize)?;
        line_of(&table, first.cast_signed().into(), unit)
    }

    /// A text of printable ASCII.
    fn text(&self, object: u32) -> Option<String> {
        let length = self.word(object, Known::TextLength)?.min(LONGEST);
        let bytes = self.window.read(object.checked_add(self.number(Known::Text)?)?, length as usize)?;
        let is_plain = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        is_plain.then(|| String::from_utf8(bytes).ok()).flatten()
    }

    /// A number of the table.
    fn number(&self, known: Known) -> Option<u32> {
        self.at(self.table.checked_add(8 * known as u32)?)
    }

    /// What lies in the structure at `address`, as far into it as the table says.
    fn word(&self, address: u32, known: Known) -> Option<u32> {
        self.at(address.checked_add(self.number(known)?)?)
    }

    fn at(&self, address: u32) -> Option<u32> {
        Some(u32::from_le_bytes(*self.window.read(address, 4)?.first_chunk()?))
    }
}

/// The line of the code unit `unit`, by the table of a code object, whose first line is `line` (`InternalDocs/code_objects.md` of
/// CPython). An entry is a byte with a kind and a number of units, and what its kind has after that.
fn line_of(table: &[u8], mut line: i64, unit: u32) -> Option<i64> {
    let mut rest = table.iter().copied();
    let mut begin = 0;
    while let Some(head) = rest.next() {
        let (kind, units) = ((head >> 3) & 15, u32::from(head & 7) + 1);
        match kind {
            0..=9 => _ = rest.next()?,
            10..=12 => {
                line += i64::from(kind - 10);
                (_, _) = (rest.next()?, rest.next()?);
            }
            13 => line += signed(&mut rest)?,
            14 => {
                line += signed(&mut rest)?;
                for _ in 0..3 {
                    unsigned(&mut rest)?;
                }
            }
            _ => {}
        }
        if (begin..begin + units).contains(&unit) {
            return (kind != 15).then_some(line);
        }
        begin = begin.checked_add(units)?;
    }
    None
}

/// A number in pieces of six bits, the lowest first.
fn unsigned(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let mut value = 0_i64;
    for shift in (0..36).step_by(6) {
        let byte = bytes.next()?;
        value |= i64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

/// The same, with its sign in the lowest bit.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = unsigned(bytes)?;
    Some(if value & 1 == 0 { value >> 1 } else { -(value >> 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of a function with loops, handlers and long expressions, and the line of each of its units, as `co_lines` of
    /// CPython 3.13 gives them. The format is that of 3.14.
    #[test]
    fn lines_are_those_that_python_gives() {
        let table = include_bytes!("python/lines.bin");
        let expected = include_str!("python/lines.txt");
        for row in expected.lines() {
            let (unit, line) = row.split_once(' ').unwrap();
            assert_eq!(line_of(table, 1, unit.parse().unwrap()), line.parse().ok(), "{row}");
        }
    }

    #[test]
    fn a_table_that_is_cut_or_made_of_anything_ends() {
        let table = include_bytes!("python/lines.bin");
        for end in 0..table.len() {
            line_of(&table[..end], 1, u32::MAX);
        }
        for byte in 0..=u8::MAX {
            line_of(&[byte; 4096], i64::from(i32::MIN), u32::MAX);
        }
    }

    #[test]
    fn a_file_is_named_as_its_author_knows_it() {
        for (file, name) in
            [("/0/strategy.py", "strategy.py"), ("/0/a/b.py", "a/b.py"), ("x.py", "x.py"), ("/x.py", "/x.py")]
        {
            assert_eq!(short(file), name);
        }
    }
}
