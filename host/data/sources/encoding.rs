//! Encodings of texts: UTF-8 as it is, UTF-16 and Windows-1252 decoded.
//!
//! Never decodes what may be another encoding as well, never replaces a byte that has no meaning.

use std::path::Path;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::data::error::{DataError, excerpt};

/// How much of a text tells whether it is UTF-16.
const LOOKED_AT: usize = 1024;

/// The encoding that is called so, if texts in it can be read.
pub(crate) fn encoding_named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(name.as_bytes())
}

/// A text as UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) bytes: Bytes,
    /// The encoding that it had, if it was decoded.
    pub(crate) encoding: Option<&'static Encoding>,
    /// What to tell of that.
    pub(crate) note: Option<String>,
}

impl Text {
    fn plain(bytes: Bytes) -> Self {
        Self { bytes, encoding: None, note: None }
    }

    fn decoded(bytes: Bytes, encoding: &'static Encoding, note: String) -> Self {
        Self { bytes, encoding: Some(encoding), note: Some(note) }
    }
}

/// The text in `bytes`, which are in the encoding called `said`, or in one that is recognised. UTF-8 is not copied.
pub(crate) fn to_utf8(path: &Path, bytes: Bytes, said: Option<&str>) -> Result<Text, DataError> {
    if let Some(name) = said {
        let unknown = || DataError::Format {
            path: path.to_owned(),
            found: format!("is said to be in the encoding `{name}`, which is unknown"),
            remedy: "say another one (`--read encoding=gbk`), or none",
        };
        let encoding = encoding_named(name).ok_or_else(unknown)?;
        if encoding != UTF_8 {
            return decode_said(path, bytes, encoding);
        }
    }
    if let Some((encoding, mark)) = utf_16(&bytes) {
        let order = if encoding == UTF_16LE { "UTF-16 (little-endian)" } else { "UTF-16 (big-endian)" };
        let text = decode(encoding, &bytes[mark..]).filter(|text| bytes.len().is_multiple_of(2) && !text.contains(&0));
        let damaged = || DataError::Format {
            path: path.to_owned(),
            found: format!("is {order}, but is cut off or damaged"),
            remedy: "save it again, as UTF-8",
        };
        return Ok(Text::decoded(text.ok_or_else(damaged)?, encoding, format!("is {order}, and decoded as such")));
    }
    check_zeros(path, &bytes)?;
    let Err(error) = std::str::from_utf8(&bytes) else { return Ok(Text::plain(bytes)) };
    let not_utf8 = || DataError::NotUtf8 { path: path.to_owned(), line: line_of(&bytes, error.valid_up_to()) };
    if said.is_some() || !is_western(&bytes) {
        return Err(not_utf8());
    }
    let text = decode(WINDOWS_1252, &bytes).ok_or_else(not_utf8)?;
    let line = line_of(&bytes, error.valid_up_to());
    let shown = std::str::from_utf8(&text).ok().and_then(|text| text.lines().nth(line as usize - 1));
    let shown = shown.and_then(|text| text.split([',', ';', '\t']).find(|cell| !cell.is_ascii())).unwrap_or_default();
    let note = format!(
        "is not UTF-8, and read as Windows-1252 (line {line} has `{}`): if letters are wrong, say which it is \
         (`--read encoding=windows-1250`)",
        excerpt(shown.trim())
    );
    Ok(Text::decoded(text, WINDOWS_1252, note))
}

/// The text in an encoding that is said.
fn decode_said(path: &Path, bytes: Bytes, encoding: &'static Encoding) -> Result<Text, DataError> {
    let mark = Encoding::for_bom(&bytes).filter(|(marked, _)| *marked == encoding).map_or(0, |(_, length)| length);
    match decode(encoding, &bytes[mark..]).filter(|text| !text.contains(&0)) {
        Some(text) => Ok(Text { bytes: text, encoding: Some(encoding), note: None }),
        None => Err(DataError::Format {
            path: path.to_owned(),
            found: format!("is not a text in {}, which is said to be its encoding", encoding.name()),
            remedy: "say the right one (`--read encoding=gbk`), or none",
        }),
    }
}

fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Option<Bytes> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(Bytes::from(text.into_owned().into_bytes()))
}

/// The encoding of a text in UTF-16, and the length of its mark: by the mark, else by zeros in every second byte.
fn utf_16(bytes: &[u8]) -> Option<(&'static Encoding, usize)> {
    match bytes {
        [0xff, 0xfe, ..] => return Some((UTF_16LE, 2)),
        [0xfe, 0xff, ..] => return Some((UTF_16BE, 2)),
        _ => {}
    }
    let pairs = bytes[..bytes.len().min(LOOKED_AT)].chunks_exact(2);
    let count = pairs.len();
    let (mut first, mut second) = (0, 0);
    for pair in pairs {
        first += usize::from(pair[0] == 0);
        second += usize::from(pair[1] == 0);
    }
    // Letters beyond Latin-1 have no zero, and no text has a zero character.
    let is_most = |zeros: usize| count >= 8 && 10 * zeros >= 9 * count;
    match (first, second) {
        (0, zeros) if is_most(zeros) => Some((UTF_16LE, 0)),
        (zeros, 0) if is_most(zeros) => Some((UTF_16BE, 0)),
        _ => None,
    }
}

/// Refuses bytes of zero, which no text has, and of which files have many after a crash or from another format.
fn check_zeros(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let controls = |bytes: &[u8]| bytes.iter().filter(|byte| matches!(byte, 0..=8 | 14..=25 | 27..=31)).count();
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    if 10 * controls(start) > start.len() {
        return Err(DataError::Format {
            path: path.to_owned(),
            found: "is neither a text nor in a known format".to_owned(),
            remedy: "give CSV, Parquet or Arrow, as it is, compressed with gzip or zstd, or as a zip of one file",
        });
    }
    // Looked for as a whole first, which is quicker by far.
    let at = if bytes.contains(&0) { bytes.iter().position(|byte| *byte == 0) } else { None };
    let Some(at) = at else { return Ok(()) };
    Err(DataError::Format {
        path: path.to_owned(),
        found: format!("is damaged: line {} has a byte of zero, which no text has", line_of(bytes, at)),
        remedy: "copy or download it again",
    })
}

/// Whether a text that is not UTF-8 is Windows-1252 (of which Latin-1 is a part): letters with an accent within words, and
/// common signs. Words of other scripts have several such bytes in a row, and a text that has characters in UTF-8, too, is
/// broken.
fn is_western(bytes: &[u8]) -> bool {
    const LONGEST: usize = 2;
    // The euro, quotes, dashes, the blank that does not break, pound, section, registered, degree, square and half.
    const SIGNS: &[u8] = b"\x80\x91\x92\x93\x94\x96\x97\xa0\xa3\xa7\xae\xb0\xb2\xbd";
    let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|byte| !byte.is_ascii()) {
        let start = at + skipped;
        let length = bytes[start..].iter().take_while(|byte| !byte.is_ascii()).count();
        let run = &bytes[start..start + length];
        at = start + length;
        let in_word = is_letter(start.checked_sub(1)) || is_letter(Some(at));
        let is_well = |byte: &u8| SIGNS.contains(byte) || *byte >= 0xc0 && in_word;
        if length > LONGEST || !run.iter().all(is_well) || std::str::from_utf8(run).is_ok() {
            return false;
        }
    }
    true
}

/// The line of the byte at `at`, counted from 1.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Date,Clôture\n2024-01-02,1\n";

    fn utf_16_of(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    fn read(bytes: &[u8]) -> Result<(String, String), String> {
        let read = to_utf8(Path::new("a.csv"), Bytes::copy_from_slice(bytes), None).map_err(|error| error.to_string());
        read.map(|text| (String::from_utf8(text.bytes.to_vec()).unwrap(), text.note.unwrap_or_default()))
    }

    #[test]
    fn texts_are_decoded_and_it_is_said_how() {
        let western: Vec<u8> = TEXT.chars().map(|c| c as u8).collect();
        let (little, big) = (utf_16_of(TEXT, true), utf_16_of(TEXT, false));
        let cases = [
            (TEXT.as_bytes().to_vec(), ""),
            ([b"\xff\xfe", little.as_slice()].concat(), "is UTF-16 (little-endian), and decoded as such"),
            ([b"\xfe\xff", big.as_slice()].concat(), "is UTF-16 (big-endian), and decoded as such"),
            (little, "is UTF-16 (little-endian), and decoded as such"),
            (big, "is UTF-16 (big-endian), and decoded as such"),
            (
                western,
                "is not UTF-8, and read as Windows-1252 (line 1 has `Clôture`): if letters are wrong, say which it is \
                 (`--read encoding=windows-1250`)",
            ),
        ];
        for (bytes, note) in cases {
            assert_eq!(read(&bytes), Ok((TEXT.to_owned(), note.to_owned())));
        }
    }

    #[test]
    fn an_encoding_that_is_said_is_taken() {
        let said = |bytes: &[u8], said: &str| to_utf8(Path::new("a.csv"), Bytes::copy_from_slice(bytes), Some(said));
        for (name, bytes) in [
            ("gbk", b"\xc8\xd5\xc6\xda".as_slice()),
            ("gb18030", b"\xc8\xd5\xc6\xda"),
            ("shift_jis", b"\x93\xfa\x8a\xfa"),
            ("utf-16le", b"\xe5\x65\x1f\x67"),
            ("utf-16le", b"\xff\xfe\xe5\x65\x1f\x67"),
            ("utf-8", "\u{65e5}\u{671f}".as_bytes()),
        ] {
            let text = said(bytes, name).unwrap();
            assert_eq!((text.bytes.as_ref(), text.note), ("日期".as_bytes(), None), "{name}");
        }
        let error = said(b"\xff\xff", "gbk").unwrap_err().to_string();
        assert!(error.starts_with("`a.csv` is not a text in GBK, which is said to be its encoding; say"), "{error}");
        assert!(said(b"a,Cl\xf4ture\n", "utf-8").is_err());
    }

    #[test]
    fn what_may_be_something_else_is_refused() {
        let cut = [b"\xff\xfe", &utf_16_of(TEXT, true)[..25]].concat();
        let cases: [(&[u8], &str); 9] = [
            (&cut, "`a.csv` is UTF-16 (little-endian), but is cut off or damaged; save it again, as UTF-8"),
            (b"\xff\xfe\x00\xd8\x41\0", "`a.csv` is UTF-16 (little-endian), but is cut off"),
            // Cyrillic, Chinese, UTF-8 beside Windows-1252, bytes that are nothing in it, and Polish.
            (
                b"Date\n\xc4\xe0\xf2\xe0\n",
                "`a.csv` is not UTF-8: line 2 has an invalid byte; save it as UTF-8, or say its encoding (`--read encoding=gbk`)",
            ),
            (b"\xc8\xd5\xc6\xda,\xbf\xaa\n", "`a.csv` is not UTF-8: line 1"),
            (b"\xc3\xa9\n\xe9\n", "`a.csv` is not UTF-8: line 2"),
            (b"Date\n1,\x81\n", "`a.csv` is not UTF-8: line 2"),
            (b"Date\n1,\xff\n", "`a.csv` is not UTF-8: line 2"),
            (b"Data,Najwy\xbfszy\n", "`a.csv` is not UTF-8: line 1"),
            (b"Date,Open\n2024-01-02,1\n2024-01\0\0", "`a.csv` is damaged: line 3 has a byte of zero"),
        ];
        for (bytes, expected) in cases {
            let error = read(bytes).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(read(&[7, 0, 1, 2, 200, 3, 0, 9, 30]).unwrap_err().contains("neither a text nor in a known format"));
    }
}
