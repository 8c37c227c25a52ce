//! Where tables come from: containers, encodings, pipes, folders and patterns, good and bad.

use std::io::{Cursor, Write as _};

use flate2::{Compression, write::GzEncoder};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

/// Two bars.
const TABLE: &str = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,3,0.5,2,10\n2024-01-03,2,4,1.5,3,20\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        match name.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, SimpleFileOptions::default()).unwrap(),
            None => {
                writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                writer.write_all(content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

fn utf_16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

/// Every way to write a text, by the ending of the file's name.
fn encoded(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("csv", text.as_bytes().to_vec()),
        ("csv", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("csv", [b"\xff\xfe", utf_16(text, true).as_slice()].concat()),
        ("txt", [b"\xfe\xff", utf_16(text, false).as_slice()].concat()),
        ("csv", utf_16(text, true)),
        ("dat", utf_16(text, false)),
    ]
}

/// Every way to pack a file; `cut` is where it is parted in two.
fn packed_ways(ending: &str, content: &[u8], cut: usize) -> Vec<(String, Vec<u8>)> {
    let (first, second) = content.split_at(cut % content.len());
    let zeros = [0; 512];
    vec![
        (ending.to_owned(), content.to_vec()),
        (format!("{ending}.gz"), gzip(content)),
        (format!("{ending}.gz"), [gzip(first), gzip(second)].concat()),
        (format!("{ending}.gz"), [gzip(content), zeros.to_vec()].concat()),
        (ending.to_owned(), gzip(content)),
        (format!("{ending}.zst"), zstd(content)),
        (format!("{ending}.zst"), [zstd(first), zstd(second)].concat()),
        ("zip".to_owned(), zip(&[(&format!("a.{ending}"), content)])),
        (
            "zip".to_owned(),
            zip(&[("__MACOSX/._a", b"x"), ("x/", b""), (".DS_Store", b"x"), (&format!("x/a.{ending}"), content)]),
        ),
        ("zip".to_owned(), zip(&[(&format!("a.{ending}.gz"), &gzip(content))])),
        ("zip".to_owned(), zip(&[("data.csv", content)])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn bars_are_the_same_however_they_are_packed_and_encoded(closes in prop::collection::vec(1_u32..99_999, 1..40), cut in 1_usize..10_000) {
        let row = |(day, close): (usize, &u32)| format!("{},{close},{close},{close},{close},{day}\n", 1_704_067_200 + 86_400 * day);
        let text = bars(&closes.iter().enumerate().map(row).collect::<String>());
        let expected = csv(&text, plain()).unwrap().dataset;
        for (ending, content) in encoded(&text) {
            for (ending, content) in packed_ways(ending, &content, cut) {
                let loaded = load(&[(&format!("a.{ending}"), &content)], plain()).unwrap();
                prop_assert_eq!(loaded.dataset.fingerprint(), expected.fingerprint(), "{}", ending);
                prop_assert_eq!(&loaded.dataset, &expected);
            }
        }
    }
}

#[test]
fn parquet_is_read_from_any_container_under_any_name() {
    let content = packed(&prices(dates()));
    for (ending, content) in packed_ways("parquet", &content, 100).into_iter().chain(packed_ways("csv", &content, 7)) {
        check(load(&[(&format!("a.{ending}"), &content)], plain()), &TWO);
    }
    for name in ["a.csv", "a.data", "a"] {
        check(load(&[(name, &content)], plain()), &TWO);
    }
    for name in ["a.parquet", "a.dat", "a"] {
        check(load(&[(name, TABLE.as_bytes())], plain()), &TWO);
    }
}

#[test]
fn what_was_recognised_is_said() {
    let parquet = packed(&prices(dates()));
    let western: Vec<u8> =
        TABLE.replace("Volume", "Volume,Clé").replace("0\n", "0,x\n").chars().map(|c| c as u8).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.csv", TABLE.as_bytes().to_vec(), ""),
        ("a.csv.gz", gzip(TABLE.as_bytes()), ""),
        ("a.zip", zip(&[("a.csv", TABLE.as_bytes())]), ""),
        ("a.csv", parquet, "`a.csv` is named .csv, but is Parquet, and read as that"),
        ("a.pq", TABLE.as_bytes().to_vec(), "`a.pq` is named .pq, but is a text, and read as that"),
        ("a.csv", gzip(TABLE.as_bytes()), "`a.csv` is packed with gzip, and unpacked"),
        ("a.csv", utf_16(TABLE, true), "`a.csv` is UTF-16 (little-endian), and decoded as such"),
        (
            "a.csv",
            western,
            "`a.csv` is not UTF-8, and read as Windows-1252 (line 1 has `Clé`): if letters are wrong, say which it is (`--read encoding=windows-1250`)",
        ),
        ("b.zip", zip(&[("a.csv", TABLE.as_bytes())]), "`b.zip` is an archive of `a.csv`"),
        (
            "b.zip",
            zip(&[("a.csv", TABLE.as_bytes()), ("a.txt", b"no gaps"), ("README", b"")]),
            "`b.zip` is an archive: `a.csv` is read, `a.txt` and `README` passed over",
        ),
    ];
    for (name, content, notice) in cases {
        let loaded = load(&[(name, &content)], plain()).unwrap();
        assert_eq!(loaded.notices, if notice.is_empty() { vec![] } else { vec![notice] }, "{name}");
        assert_eq!(loaded.dataset.series()[0].symbol, "a");
    }
    let many: Vec<_> = (0..6).map(|i| (format!("a{i}.csv"), utf_16(TABLE, true))).collect();
    let many: Vec<_> = many.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let notices = load(&many, plain()).unwrap().notices;
    assert_eq!(notices, ["`a0.csv` to `a5.csv` (6 files) are UTF-16 (little-endian), and decoded as such"]);
}

#[test]
fn a_packed_file_is_read_whole_or_not_at_all() {
    let rows: String =
        (0..200).map(|day| format!("{},1,1,1,1,{}\n", 1_704_067_200 + 86_400 * day, day * day % 977)).collect();
    let text = bars(&rows);
    let expected = csv(&text, plain()).unwrap().dataset;
    let whole = [
        ("gz", gzip(text.as_bytes())),
        ("gz", [gzip(&text.as_bytes()[..900]), gzip(&text.as_bytes()[900..])].concat()),
        ("zst", {
            let mut writer = zstd::Encoder::new(Vec::new(), 3).unwrap();
            writer.include_checksum(true).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            writer.finish().unwrap()
        }),
        ("zip", zip(&[("a.csv", text.as_bytes())])),
    ];
    for (ending, content) in whole {
        let name = format!("a.csv.{ending}");
        let boundary = if content.starts_with(&[0x1f, 0x8b]) { gzip(&text.as_bytes()[..900]).len() } else { 0 };
        for cut in (1..content.len()).step_by(11) {
            let error = load(&[(&name, &content[..cut])], plain());
            // Members of gzip that are whole are a whole file.
            assert!(error.is_err() || cut == boundary, "{name} cut at {cut} of {}", content.len());
        }
        for at in (0..content.len()).step_by(17) {
            let mut broken = content.clone();
            broken[at] ^= 0x10;
            if let Ok(loaded) = load(&[(&name, &broken)], plain()) {
                assert_eq!(loaded.dataset.series()[0].close, expected.series()[0].close, "{name} broken at {at}");
                assert_eq!(loaded.dataset.series()[0].volume, expected.series()[0].volume, "{name} broken at {at}");
            }
        }
    }
}

#[test]
fn what_cannot_be_unpacked_is_told_with_the_place_and_the_way_out() {
    let packed = gzip(TABLE.repeat(50).as_bytes());
    let mut wrong_sum = gzip(TABLE.as_bytes());
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    let mut locked = zip(&[("a.csv", TABLE.as_bytes())]);
    // The flag of a password, in both headers.
    let central = locked.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    locked[6] |= 1;
    locked[central + 8] |= 1;
    let mut other = zip(&[("a.csv", TABLE.as_bytes())]);
    other[8] = 14;
    other[central + 10] = 14;
    let table = TABLE.as_bytes();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.csv.gz", packed[..packed.len() - 9].to_vec(), "`a.csv.gz` is damaged or cut off: gzip ends after"),
        ("a.csv.gz", packed[..packed.len() - 9].to_vec(), "its end is missing; copy or download it again"),
        ("a.csv.gz", packed[..5].to_vec(), "gzip ends after 0 unpacked bytes (line 1): its end is missing"),
        (
            "a.csv.gz",
            wrong_sum,
            "gzip ends after 80 unpacked bytes (line 4): corrupt gzip stream does not have a matching checksum",
        ),
        (
            "a.csv.gz",
            [gzip(table), b"and more".to_vec()].concat(),
            "80 unpacked bytes (line 4): 8 bytes behind its end are not gzip",
        ),
        ("a.csv.gz", gzip(b""), "`a.csv.gz` has nothing in it; a data file has a header"),
        ("a.csv.gz", gzip(&gzip(table)), "`a.csv.gz` is packed more than once; unpack it until one packing is left"),
        ("a.csv.gz", gzip(&zip(&[("a.csv", table)])), "`a.csv.gz` is packed more than once"),
        ("a.zip", zip(&[("a.csv.gz", &gzip(&gzip(table)))]), "`a.zip/a.csv.gz` is packed more than once"),
        (
            "a.csv.zst",
            zstd(table)[..30].to_vec(),
            "`a.csv.zst` is damaged or cut off: zstd ends after 0 unpacked bytes",
        ),
        ("a.csv.zst", [zstd(table), b"and more".to_vec()].concat(), "zstd ends after 80 unpacked bytes (line 4)"),
        ("a.zip", zip(&[]), "`a.zip` is an archive without a file; unpack it"),
        ("a.zip", zip(&[("x/", b"")]), "`a.zip` is an archive without a file"),
        (
            "a.zip",
            zip(&[("a.csv", table), ("b.csv", table)]),
            "`a.zip` is an archive of 2 files with bars (`a.csv`, `b.csv`); unpack it, and name the files with bars, or their folder",
        ),
        ("a.zip", locked, "`a.zip` is encrypted: `a.csv` needs a password; unpack it"),
        ("a.zip", other, "`a.zip/a.csv` is packed by a method of zip that is not read (number 14); unpack it"),
        (
            "a.xlsx",
            zip(&[("[Content_Types].xml", b"<"), ("xl/workbook.xml", b"<")]),
            "`a.xlsx` is an Excel workbook (xlsx); save the sheet",
        ),
        ("a.npz", zip(&[("close.npy", b"\x93NUMPY")]), "is an archive of NumPy arrays (npz)"),
        ("a.zip", zip(&[("a\x1b[31m.csv", b"Date\n")]), "`a.zip/a\\u{1b}[31m.csv` has no column"),
        (
            "a.csv.bz2",
            b"BZh91AY&SY\x01".to_vec(),
            "`a.csv.bz2` is compressed with bzip2, which is not read; unpack it, or pipe it in (`bzip2 -dc",
        ),
        ("a.csv", gzip(b"\x89HDF\r\n\x1a\n\0"), "`a.csv` is HDF5; write it as CSV or Parquet"),
        ("a.json", b"[{\"open\": 1}]".to_vec(), "`a.json` is JSON, which is not read; write it as CSV or Parquet"),
        (
            "a.csv",
            b"\x01\x02\x03\x04\x05".to_vec(),
            "`a.csv` is neither a text nor in a known format; give CSV, Parquet or Arrow",
        ),
        ("a.csv", [table, b"2024-01-04,\0\0\0\0"].concat(), "`a.csv` is damaged: line 4 has a byte of zero"),
        (
            "a.csv",
            [TABLE.repeat(30).as_bytes(), packed.as_slice()].concat(),
            "`a.csv` is damaged: line 91 has a byte of zero",
        ),
    ];
    for (name, content, expected) in cases {
        let error = load(&[(name, &content)], plain()).unwrap_err();
        assert!(error.contains(expected), "{error}\n  lacks {expected}");
    }
}

#[test]
fn zstd_may_look_back_as_far_as_it_can() {
    let mut writer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    // Without the length of the content, the frame asks for all of the window.
    writer.window_log(28).unwrap();
    writer.include_contentsize(false).unwrap();
    writer.write_all(TABLE.as_bytes()).unwrap();
    check(load(&[("a.csv.zst", &writer.finish().unwrap())], plain()), &TWO);
}

#[test]
fn a_small_file_that_would_fill_the_memory_is_refused() {
    let zeros = gzip(&vec![b'0'; 300 << 20]);
    let error = load(&[("a.csv.gz", &zeros)], plain()).unwrap_err();
    assert_eq!(
        error,
        "`a.csv.gz` has more than 256 MiB of content, which is as much as a file of its size may hold: if it is not made to fill the \
         memory, unpack it, and name the unpacked file"
    );
}

/// Files by their names.
type Files<'a> = Vec<(&'a str, &'a [u8])>;

/// A folder with files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// What is read of paths below a folder: the instruments with their bars, the files and the notices.
type Found = (Vec<(String, usize)>, Vec<String>, Vec<String>);

fn found(folder: &tempfile::TempDir, paths: &[&str]) -> Result<Found, String> {
    let bare = |text: String| {
        text.replace(&format!("{}/", folder.path().display()), "").replace(&folder.path().display().to_string(), "DIR")
    };
    let paths: Vec<_> = paths.iter().map(|path| folder.path().join(path)).collect();
    let loaded = Dataset::load(&paths, &plain()).map_err(|error| bare(error.to_string()))?;
    let instruments = loaded.dataset.series().iter().map(|series| (series.symbol.clone(), series.len())).collect();
    let bare = |texts: Vec<String>| texts.into_iter().map(bare).collect::<Vec<_>>();
    Ok((instruments, loaded.files.into_iter().map(|file| file.name).collect(), bare(loaded.notices)))
}

#[test]
fn a_folder_stands_for_the_data_files_in_it() {
    let (table, parquet) = (TABLE.as_bytes(), packed(&prices(dates())));
    let packed = gzip(table);
    let there = folder(&[
        ("b/MSFT.parquet", &parquet),
        ("AAPL.csv", table),
        ("c.csv.gz", &packed),
        ("README.md", b"x"),
        ("instruments.toml", b"x"),
        ("_SUCCESS", b""),
        (".hidden.csv", b"x"),
        ("_temporary/0.csv", b"x"),
        ("old.xlsx", b"x"),
    ]);
    let (instruments, files, notices) = found(&there, &[""]).unwrap();
    assert_eq!(instruments, [("AAPL".to_owned(), 2), ("MSFT".to_owned(), 2), ("c".to_owned(), 2)]);
    assert_eq!(files, ["AAPL.csv", "b/MSFT.parquet", "c.csv.gz"]);
    assert_eq!(
        notices,
        ["folder `DIR`: passed over 1 file that is not named like a table (`old.xlsx`); a path or a pattern names others"]
            .map(|text| text.replace("`DIR`", "``"))
    );
    for (pattern, expected) in [
        ("*.csv", vec!["AAPL.csv"]),
        ("*", vec!["AAPL.csv", "b/MSFT.parquet", "c.csv.gz"]),
        ("**/*.parquet", vec!["b/MSFT.parquet"]),
        ("?/*", vec!["b/MSFT.parquet"]),
        ("[a-c]", vec!["b/MSFT.parquet"]),
        ("**", vec!["AAPL.csv", "b/MSFT.parquet", "c.csv.gz"]),
    ] {
        assert_eq!(found(&there, &[pattern]).unwrap().1, expected, "{pattern}");
    }
    assert_eq!(
        found(&there, &["x*.csv"]).unwrap_err(),
        "`x*.csv` matches no data file; check the pattern: `*` stands for any name, `**` for any folders"
    );
    assert!(found(&there, &["[x.csv"]).unwrap_err().contains("is not a pattern of paths"));
    let empty = folder(&[("x/notes.md", b""), ("x/a.xlsx", b"")]);
    assert_eq!(
        found(&empty, &["x"]).unwrap_err(),
        "folder `x` has no data files, but 1 file that is not named like a table (`x/a.xlsx`); CSV, Parquet and Arrow files are read, \
         also packed with gzip, zstd or zip"
    );
    let delta = folder(&[("db/part-0.parquet", &parquet), ("db/_delta_log/0.json", b"")]);
    assert!(
        found(&delta, &[""])
            .unwrap_err()
            .starts_with("`db` is a Delta table, whose files may be of several versions; write")
    );
    let twice = folder(&[("AAPL.csv", table), ("AAPL.parquet", &parquet)]);
    assert_eq!(
        found(&twice, &[""]).unwrap_err(),
        "both `AAPL.csv` and `AAPL.parquet` have bars of `AAPL`; give each instrument once"
    );
    // A name with a star of its own is no pattern.
    let star = folder(&[("a[1].csv", table)]);
    assert_eq!(found(&star, &["a[1].csv"]).unwrap().1, ["a[1].csv"]);
}

/// Two daily bars from a day of January 2024 on.
fn days(from: u32) -> Vec<u8> {
    let row = |day: u32| format!("2024-01-{day:02},1,3,0.5,2,10\n");
    bars(&(row(from) + &row(from + 1))).into_bytes()
}

#[test]
fn the_parts_of_a_table_are_joined() {
    let (one, two, three) = (days(2), days(4), days(6));
    let monthly = |name: &str, content: &[u8]| zip(&[(name, content)]);
    let (first, second) = (monthly("B-1h-20240102-20240103.csv", &one), monthly("B-1h-20240104-20240105.csv", &two));
    let (packed_one, packed_two) = (gzip(&one), gzip(&two));
    let (general_one, general_two) = (monthly("data.csv", &one), monthly("data.csv", &two));
    let uuid = |part: u32| format!("AAPL/part-{part:05}-2f1c9a31-8a6e-4f0e-9a25-0c4b9d1f7c11-c000.csv");
    let (spark_one, spark_two) = (uuid(0), uuid(1));
    let cases: Vec<(Files<'_>, Vec<(&str, usize)>)> = vec![
        (
            vec![
                ("symbol=A/year=2023/month=12/part-0.csv", &one),
                ("symbol=A/year=2024/month=01/part-0.csv", &two),
                ("symbol=B%2FC/year=2024/month=01/part-0.csv", &one),
            ],
            vec![("A", 4), ("B/C", 2)],
        ),
        (
            vec![("db/year=2023/0.csv", &one), ("db/year=2024/0.csv", &two), ("db/year=2024/1.csv", &three)],
            vec![("db", 6)],
        ),
        (
            vec![("x/AAPL/2024/01/02.csv", &one), ("x/AAPL/2024/01/04.csv", &two), ("x/MSFT/2024/01/02.csv", &one)],
            vec![("AAPL", 4), ("MSFT", 2)],
        ),
        (vec![("2024/01/AAPL.csv", &one), ("2024/02/AAPL.csv", &two)], vec![("AAPL", 4)]),
        (
            vec![
                ("B-1h-20240102-20240103.zip", &first),
                ("B-1h-20240104-20240105.zip", &second),
                ("B-1h-20240106-20240107.csv", &three),
            ],
            vec![("B-1h", 6)],
        ),
        (
            vec![("B-1h-20240102-20240103.zip", &general_one), ("B-1h-20240104-20240105.zip", &general_two)],
            vec![("B-1h", 4)],
        ),
        (
            vec![("B_20240102-20240103.csv.gz", &packed_one), ("B_20240104-20240105.csv.gz", &packed_two)],
            vec![("B", 4)],
        ),
        (vec![("AAPL.US.csv.gz", &packed_one)], vec![("AAPL.US", 2)]),
        (vec![(&spark_one, &one), (&spark_two, &two)], vec![("AAPL", 4)]),
        (vec![("exchange=NYSE/A.csv", &one), ("exchange=NYSE/B.csv", &two)], vec![("A", 2), ("B", 2)]),
    ];
    for (files, expected) in cases {
        let there = folder(&files);
        let (instruments, read, _) = found(&there, &[""]).unwrap();
        let expected: Vec<_> = expected.into_iter().map(|(name, bars)| (name.to_owned(), bars)).collect();
        assert_eq!(instruments, expected);
        assert_eq!(read.len(), files.len());
    }
    // A folder names the instruments under the name that is said.
    let there = folder(&[("stock=A/part-0.csv", &one), ("stock=B/part-0.csv", &two)]);
    let options = with(|options| options.read.symbol = Some("stock".to_owned()));
    let loaded = Dataset::load(&[there.path().to_owned()], &options).unwrap();
    assert_eq!(loaded.dataset.series().iter().map(|series| series.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
}

mod pipes {
    use std::process::{Child, Command};

    use super::*;

    /// A pipe into which a program writes the file beside it.
    fn pipe(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> (PathBuf, Child) {
        let (path, file) = (folder.path().join(name), folder.path().join(format!("{name}.content")));
        fs::write(&file, content).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let writer = Command::new("sh").arg("-c").arg("cat \"$1\" > \"$0\"").arg(&path).arg(&file).spawn().unwrap();
        (path, writer)
    }

    fn read(name: &str, content: &[u8], options: &LoadOptions) -> Result<Loaded, String> {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut writer) = pipe(&folder, name, content);
        let loaded = Dataset::load(&[path], options).map_err(|error| error.to_string());
        writer.wait().unwrap();
        loaded.map_err(|error| error.replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_pipe_is_read_once_by_its_content() {
        check(read("a", TABLE.as_bytes(), &plain()), &TWO);
        check(read("a", &gzip(TABLE.as_bytes()), &plain()), &TWO);
        check(read("a", &packed(&prices(dates())), &plain()), &TWO);
        assert_eq!(
            read("a.csv", b"", &plain()).unwrap_err(),
            "`a.csv` is empty: the program before the pipe wrote nothing; a data file has a header and one row for each bar"
        );
        let cut = gzip(TABLE.as_bytes());
        assert!(read("a", &cut[..cut.len() - 4], &plain()).unwrap_err().contains("its end is missing"));
        assert!(read("a", &TABLE.as_bytes()[..TABLE.len() - 4], &plain()).unwrap_err().contains("the row has 5 cells"));
        let notices = read("a", &TABLE.as_bytes()[..TABLE.len() - 1], &plain()).unwrap().notices;
        assert!(notices[0].ends_with(
            "has no line end behind its last row: if the program before the pipe failed, the row is cut off"
        ));
        // What is looked at twice is kept.
        let mixed = "Name,Date,Open,High,Low,Close\nA,2024-01-02,1,1,1,1\nB,2024-01-02,2,2,2,2\nA,2024-01-03,1,1,1,1\nB,2024-01-03,2,2,2,2\n";
        assert!(read("a", mixed.as_bytes(), &plain()).unwrap_err().contains("looks like several instruments"));
    }

    #[test]
    fn pipes_that_cannot_be_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            Dataset::load(&paths, &plain()).unwrap_err().to_string()
        };
        assert_eq!(
            error(&["-", "/dev/stdin"]),
            "`/dev/stdin` is named twice, but a pipe can be read once only; name it once"
        );
        assert!(error(&["/dev/zero"]).starts_with("`/dev/zero` is a device or a socket, not a file"));
        let (path, mut writer) = pipe(&folder, "a", TABLE.as_bytes());
        let path = path.display().to_string();
        assert!(error(&[&path, &path]).contains("is named twice"));
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
}

#[test]
fn a_line_without_an_end_is_left() {
    let long = "x".repeat(5 << 20);
    let row = format!("{TABLE}2024-01-04,1,3,0.5,2,{long}\n");
    let header = format!("Date,Open,High,Low,Close,Volume,{long}\n2024-01-02,1,3,0.5,2,10,0\n");
    for (name, text, line) in [("one.csv", &long, 1), ("row.csv", &row, 4), ("header.csv", &header, 1)] {
        let why =
            format!("`{name}` line {line}: a row of more than 4 MiB, which no row of bars has; check that the file");
        let refused = load(&[(name, text.as_bytes())], plain()).unwrap_err();
        assert!(refused.starts_with(&why), "{refused}");
        let name = format!("{name}.gz");
        let refused = load(&[(&name, &gzip(text.as_bytes()))], plain()).unwrap_err();
        assert!(refused.starts_with(&format!("`{name}` line {line}: a row of more than 4 MiB")), "{refused}");
    }
}

#[test]
fn a_quote_that_is_not_closed_ends_the_reading() {
    let rows = "2024-01-04,1,3,0.5,2,10\n".repeat(3 << 20);
    let text = format!("{TABLE}2024-01-04,\"1,3,0.5,2,10\n{rows}");
    let refused = load(&[("a.csv", text.as_bytes())], plain()).unwrap_err();
    assert!(refused.starts_with("`a.csv` line 4: a row of more than 64 MiB"), "{refused}");
}

#[test]
fn a_long_line_is_found_wherever_it_is() {
    let most = 4 << 20;
    let line = |length: usize| "y".repeat(length);
    for (before, length) in [(0, most + 1), (1, most + 1), (300_000, 2 * most)] {
        let text = format!("{}{}\nrest\n", "short\n".repeat(before), line(length));
        assert_eq!(crate::data::text::csv_file::long_line(text.as_bytes()), Some(1 + before as u64));
    }
    for text in [String::new(), line(most), "\n".repeat(2 * most), format!("{}\n", line(most - 1)).repeat(3)] {
        assert_eq!(crate::data::text::csv_file::long_line(text.as_bytes()), None);
    }
    let returns = format!("a\r{}\rb\r", line(most + 1));
    assert_eq!(crate::data::text::csv_file::long_line(returns.as_bytes()), Some(2));
}
