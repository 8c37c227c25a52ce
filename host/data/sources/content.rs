//! Formats by content: what the first bytes of a file say that it is.
//!
//! Never looks at a name, never reads a value.

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Parquet,
    /// A file of Arrow IPC, which is Feather version 2, or a stream of it.
    Arrow,
    Gzip,
    Zstd,
    Zip,
    /// Everything that may be a text.
    Text,
    /// What is not read.
    Foreign(Foreign),
}

/// A format that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What it is, behind `is`.
    pub(crate) what: &'static str,
    /// What to do about it.
    pub(crate) remedy: &'static str,
}

const SAVE: &str = "save the sheet with the bars as CSV";
const PANDAS: &str = "write it as CSV or Parquet (in Python: `DataFrame.to_csv`, `DataFrame.to_parquet`)";
const UNPACK: &str = "unpack it, and name the file with the bars";
const DOWNLOAD: &str = "download the data itself";
const PICTURE: &str = "name a file with bars";

/// What stands at an offset of a file, what that is, and the way out.
type Magic = (usize, &'static [u8], &'static str, &'static str);

/// The binary formats.
const MAGIC: &[Magic] = &[
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)", SAVE),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5", PANDAS),
    (
        0,
        b"SQLite format 3\0",
        "an SQLite database",
        "write its table as CSV (`sqlite3 -csv -header FILE 'select ...'`)",
    ),
    (8, b"DUCK", "a DuckDB database", "write its table as Parquet (`COPY bars TO 'bars.parquet'`)"),
    (0, b"\x93NUMPY", "a NumPy array (npy)", PANDAS),
    (
        0,
        b"BZh",
        "compressed with bzip2, which is not read",
        "unpack it, or pipe it in (`bzip2 -dc FILE | host ... --data -`)",
    ),
    (
        0,
        b"\xfd7zXZ\0",
        "compressed with xz, which is not read",
        "unpack it, or pipe it in (`xz -dc FILE | host ... --data -`)",
    ),
    (
        0,
        b"LZIP",
        "compressed with lzip, which is not read",
        "unpack it, or pipe it in (`lzip -dc FILE | host ... --data -`)",
    ),
    (
        0,
        b"\x04\x22\x4d\x18",
        "compressed with LZ4, which is not read",
        "unpack it, or pipe it in (`lz4 -dc FILE | host ... --data -`)",
    ),
    (
        0,
        b"\x1f\x9d",
        "compressed with compress (.Z), which is not read",
        "unpack it, or pipe it in (`zcat FILE | host ... --data -`)",
    ),
    (0, b"\xff\x06\0\0sNaPpY", "compressed with Snappy, which is not read", UNPACK),
    (0, b"\x5d\0\0", "compressed with LZMA (as Dukascopy's .bi5), which is not read", "download it as CSV"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (
        0,
        b"FEA1",
        "Feather version 1, which is not read",
        "write it anew as Feather version 2 or Parquet (in Python: `pandas.read_feather(FILE).to_parquet(...)`)",
    ),
    (0, b"PARE", "encrypted Parquet", "decrypt it"),
    (0, b"ORC", "ORC, which is not read", PANDAS),
    (0, b"Obj\x01", "Avro, which is not read", PANDAS),
    (
        0,
        b"DBN",
        "Databento's binary encoding (DBN)",
        "write it as CSV or Parquet (`dbn FILE --csv`, or `DBNStore.to_parquet` in Python)",
    ),
    (0, b"RDX", "a file of R (RData)", "write it as CSV (`write.csv` in R)"),
    (0, b"RDA", "a file of R (RData)", "write it as CSV (`write.csv` in R)"),
    (0, b"X\n\0\0", "a file of R (rds)", "write it as CSV (`write.csv` in R)"),
    (0, b"MATLAB 5.0 MAT-file", "a file of MATLAB", "write it as CSV (`writetable` in MATLAB)"),
    (0, b"%PDF", "a PDF", PICTURE),
    (0, b"\x89PNG", "a picture", PICTURE),
    (0, b"\xff\xd8\xff", "a picture", PICTURE),
    (0, b"\x7fELF", "a program", PICTURE),
    (0, b"\0asm", "WebAssembly", "give it as the plugin (`--plugin FILE`), and name a file with bars"),
    (0, b"\xff\xfe\0\0", "UTF-32", "save it as UTF-8"),
    (0, b"\0\0\xfe\xff", "UTF-32", "save it as UTF-8"),
];

/// How much of a file tells what it is.
const LOOKED_AT: usize = 4096;

/// Tells what `bytes` are by how they begin.
pub(crate) fn content(bytes: &[u8]) -> Content {
    match bytes {
        // An instrument may be called so, too.
        [b'P', b'A', b'R', b'1', next, ..] if !b",;|\t\"".contains(next) => return Content::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', 0, ..] => return Content::Arrow,
        // A stream: the mark of a message, and its length.
        [0xff, 0xff, 0xff, 0xff, _, _, _, 0, ..] => return Content::Arrow,
        [0x1f, 0x8b, ..] => return Content::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Content::Zstd,
        // A frame of zstd that is skipped, as `pzstd` writes first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Content::Zstd,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => return Content::Zip,
        // Of pickles, the number of the protocol and how the first object begins.
        [0x80, 2..=5, next, ..] if !next.is_ascii_alphanumeric() || *next == b'c' => {
            return foreign("a pickle of Python", PANDAS);
        }
        _ => {}
    }
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    if is_printable(start) {
        return markup(start).map_or(Content::Text, Content::Foreign);
    }
    let is_there = |(at, magic, ..): &&Magic| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic));
    match MAGIC.iter().find(is_there) {
        Some((_, _, what, remedy)) => foreign(what, remedy),
        None => Content::Text,
    }
}

/// Whether nothing tells bytes from those of a text.
fn is_printable(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, 0..=8 | 14..=25 | 27..=31))
}

fn foreign(what: &'static str, remedy: &'static str) -> Content {
    Content::Foreign(Foreign { what, remedy })
}

/// Texts that are no tables.
fn markup(bytes: &[u8]) -> Option<Foreign> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    if begins(b"<!doctype") || begins(b"<html") {
        return Some(Foreign { what: "a web page", remedy: DOWNLOAD });
    }
    if begins(b"%PDF-") {
        return Some(Foreign { what: "a PDF", remedy: PICTURE });
    }
    if begins(b"version https://git-lfs") {
        return Some(Foreign {
            what: "a pointer of Git LFS, not the file itself",
            remedy: "fetch the file (`git lfs pull`)",
        });
    }
    if begins(b"<?xml") {
        return Some(Foreign { what: "XML, which is not read", remedy: PANDAS });
    }
    let (&first, rest) = start.split_first()?;
    let &second = rest.trim_ascii_start().first()?;
    let is_json = match first {
        b'{' => matches!(second, b'"' | b'}'),
        b'[' => matches!(second, b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9'),
        _ => false,
    };
    let is_lines = first == b'{'
        && start.windows(2).any(|pair| pair == b"}\n")
        && start.split(|byte| *byte == b'\n').nth(1).is_some_and(|next| next.starts_with(b"{"));
    match (is_json, is_lines) {
        (true, true) => Some(Foreign {
            what: "JSON lines, which are not read",
            remedy: "write them as CSV or Parquet (in Python: `pandas.read_json(FILE, lines=True).to_parquet(...)`)",
        }),
        (true, false) => Some(Foreign {
            what: "JSON, which is not read",
            remedy: "write it as CSV or Parquet (in Python: `pandas.read_json(FILE).to_parquet(...)`)",
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        let cases: [(&[u8], Content); 19] = [
            (b"PAR1\x15", Content::Parquet),
            (b"PAR1,2024-01-02,1", Content::Text),
            (b"ARROW1\0\0", Content::Arrow),
            (b"ARROW1,2024-01-02", Content::Text),
            (b"ORCL,2024-01-02", Content::Text),
            (b"FEA1;2024-01-02", Content::Text),
            (b"RDX\t2024-01-02", Content::Text),
            (b"20240102DUCK", Content::Text),
            (b"\x1f\x8b\x08", Content::Gzip),
            (b"\x28\xb5\x2f\xfd", Content::Zstd),
            (b"\x50\x2a\x4d\x18", Content::Zstd),
            (b"PK\x03\x04", Content::Zip),
            (b"PK\x05\x06", Content::Zip),
            (b"\xff\xff\xff\xff\x10\x02\0\0", Content::Arrow),
            (b"", Content::Text),
            (b"Date,Open", Content::Text),
            (b"<DATE>\t<OPEN>", Content::Text),
            (b"[Data],Open", Content::Text),
            (b"{Date}", Content::Text),
        ];
        for (bytes, expected) in cases {
            assert_eq!(content(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_read_is_called_by_its_name() {
        let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
        let cases: [(&[u8], &str); 14] = [
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)"),
            (b"\x80\x04\x95\x10", "a pickle of Python"),
            (b"\x80\x02cpandas", "a pickle of Python"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
            (b"BZh91AY&SY\x01", "compressed with bzip2, which is not read"),
            (&tar, "a tar archive"),
            (b"12345678DUCK\0", "a DuckDB database"),
            (b"\n <!DOCTYPE html>", "a web page"),
            (b"<?xml version", "XML, which is not read"),
            (b"{\"a\": [1]}", "JSON, which is not read"),
            (b"\xef\xbb\xbf[\n  {\"a\": 1}]", "JSON, which is not read"),
            (b"[[1499040000000,\"0.1\"]]", "JSON, which is not read"),
            (b"{\"a\":1}\n{\"a\":2}\n", "JSON lines, which are not read"),
            (b"FEA1\0\0", "Feather version 1, which is not read"),
        ];
        for (bytes, expected) in cases {
            let Content::Foreign(found) = content(bytes) else { panic!("{}", bytes.escape_ascii()) };
            assert_eq!(found.what, expected);
            assert!(!found.remedy.is_empty());
        }
    }
}
