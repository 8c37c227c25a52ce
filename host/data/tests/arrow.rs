//! Arrow files and streams of every type of column, through the front door.
//!
//! A writer of the format, in as few lines as it takes, makes the files; three small ones of pandas and polars stand beside it.

use std::io::Write as _;

use proptest::prelude::*;

use super::{Loaded, TWO, check, check_refused, load, plain, problems, shown, with};

/// A member of a table of a flatbuffer.
#[derive(Clone)]
enum Member {
    None,
    Byte(u8),
    Short(i16),
    Int(i32),
    Long(i64),
    Text(String),
    Table(Vec<Member>),
    Tables(Vec<Vec<Member>>),
    /// Structures of so many bytes in all.
    Structures(usize, Vec<u8>),
}

use Member::{Byte, Int, Long, Short, Structures, Tables, Text};

/// Writes a flatbuffer: every table behind its layout, and what it leads to behind it.
fn flatbuffer(root: &[Member]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    let at = put_table(&mut bytes, root);
    bytes[..4].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn put_table(bytes: &mut Vec<u8>, members: &[Member]) -> usize {
    let layout = bytes.len().next_multiple_of(8);
    bytes.resize(layout, 0);
    let (mut offsets, mut inline) = (Vec::new(), vec![0; 4]);
    for member in members {
        let scalar: Vec<u8> = match member {
            Member::None => {
                offsets.push(0);
                continue;
            }
            Byte(value) => vec![*value],
            Short(value) => value.to_le_bytes().to_vec(),
            Int(value) => value.to_le_bytes().to_vec(),
            Long(value) => value.to_le_bytes().to_vec(),
            _ => vec![0; 4],
        };
        inline.resize(inline.len().next_multiple_of(scalar.len()), 0);
        offsets.push(u16::try_from(inline.len()).unwrap());
        inline.extend(scalar);
    }
    let size = u16::try_from(4 + 2 * members.len()).unwrap();
    bytes.extend([size, u16::try_from(inline.len()).unwrap()].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    let at = bytes.len().next_multiple_of(8);
    bytes.resize(at, 0);
    inline[..4].copy_from_slice(&i32::try_from(at - layout).unwrap().to_le_bytes());
    bytes.extend(inline);
    for (member, offset) in members.iter().zip(offsets) {
        let place = at + usize::from(offset);
        let child = match member {
            Text(text) => put_list(bytes, text.len(), text.as_bytes()),
            Member::Table(members) => put_table(bytes, members),
            Structures(count, content) => put_list(bytes, *count, content),
            Tables(tables) => {
                let list = put_list(bytes, tables.len(), &vec![0; 4 * tables.len()]);
                for (index, members) in tables.iter().enumerate() {
                    let child = put_table(bytes, members);
                    point(bytes, list + 4 + 4 * index, child);
                }
                list
            }
            _ => continue,
        };
        point(bytes, place, child);
    }
    at
}

fn put_list(bytes: &mut Vec<u8>, count: usize, content: &[u8]) -> usize {
    // What stands behind the count is aligned.
    let at = (bytes.len() + 4).next_multiple_of(8) - 4;
    bytes.resize(at, 0);
    bytes.extend(u32::try_from(count).unwrap().to_le_bytes());
    bytes.extend(content);
    at
}

fn point(bytes: &mut [u8], place: usize, child: usize) {
    bytes[place..place + 4].copy_from_slice(&u32::try_from(child - place).unwrap().to_le_bytes());
}

/// How the buffers of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Lz4,
    Zstd,
    /// Marked as packed, but left as they are.
    Plain,
}

/// A column: its type, and its buffers in each batch.
#[derive(Clone)]
struct Column {
    name: String,
    number: u8,
    kind: Vec<Member>,
    dictionary: Option<Box<Column>>,
    children: Vec<Column>,
    /// Keys and values beside the type.
    extension: Vec<(&'static str, &'static str)>,
    rows: usize,
    nulls: usize,
    buffers: Vec<Vec<u8>>,
    /// How many buffers are of a view.
    views: Option<usize>,
}

impl Column {
    fn new(name: &str, number: u8, kind: Vec<Member>, rows: usize, buffers: Vec<Vec<u8>>) -> Self {
        let buffers = std::iter::once(Vec::new()).chain(buffers).collect();
        let (dictionary, children, extension) = (None, Vec::new(), Vec::new());
        Self {
            name: name.to_owned(),
            number,
            kind,
            dictionary,
            children,
            extension,
            rows,
            nulls: 0,
            buffers,
            views: None,
        }
    }

    /// Takes values out.
    fn without(mut self, nulls: &[usize]) -> Self {
        let mut bits = vec![0xff_u8; self.rows.div_ceil(8)];
        nulls.iter().for_each(|row| bits[row / 8] &= !(1 << (row % 8)));
        (self.buffers[0], self.nulls) = (bits, nulls.len());
        self
    }

    fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Numbers that stand for the values of this column.
    fn encoded(self, indices: &[u8]) -> Self {
        let buffers = vec![Vec::new(), indices.to_vec()];
        let nulls = 0;
        Self { rows: indices.len(), nulls, buffers, views: None, dictionary: Some(Box::new(self.clone())), ..self }
    }

    fn schema(&self, id: i64) -> Vec<Member> {
        let dictionary = match &self.dictionary {
            None => Member::None,
            Some(_) => Member::Table(vec![Long(id), Member::Table(vec![Int(8), Byte(0)])]),
        };
        let children = self.children.iter().map(|child| child.schema(0)).collect();
        let pair = |(key, value): &(&str, &str)| vec![Text((*key).to_owned()), Text((*value).to_owned())];
        let extension = Tables(self.extension.iter().map(pair).collect());
        let kind = Member::Table(self.kind.clone());
        vec![Text(self.name.clone()), Byte(1), Byte(self.number), kind, dictionary, Tables(children), extension]
    }

    /// This column and those in it.
    fn flat(&self) -> Vec<&Self> {
        std::iter::once(self).chain(self.children.iter().flat_map(Self::flat)).collect()
    }
}

fn longs(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn ints(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn doubles(name: &str, values: &[f64]) -> Column {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Column::new(name, 3, vec![Short(2)], values.len(), vec![bytes])
}

fn integers(name: &str, bits: i32, is_signed: bool, values: &[i64]) -> Column {
    let size = usize::try_from(bits / 8).unwrap();
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()[..size].to_vec()).collect();
    Column::new(name, 2, vec![Int(bits), Byte(u8::from(is_signed))], values.len(), vec![bytes])
}

fn texts(name: &str, values: &[&str]) -> Column {
    let ends = values.iter().scan(0, |end, text| {
        *end += i32::try_from(text.len()).unwrap();
        Some(*end)
    });
    let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
    Column::new(name, 5, Vec::new(), values.len(), vec![ints(&offsets), values.concat().into_bytes()])
}

fn large_texts(name: &str, values: &[&str]) -> Column {
    let short = texts(name, values);
    let offsets = short.buffers[1].chunks_exact(4);
    let offsets: Vec<i64> = offsets.map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap()).into()).collect();
    Column::new(name, 20, Vec::new(), values.len(), vec![longs(&offsets), short.buffers[2].clone()])
}

fn views(name: &str, values: &[&str]) -> Column {
    let (mut views, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    for (row, text) in values.iter().enumerate() {
        views.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        if text.len() <= 12 {
            views.extend(text.as_bytes().iter().copied().chain(std::iter::repeat(0)).take(12));
            continue;
        }
        let (number, buffer): (u32, &mut Vec<u8>) = if row % 2 == 0 { (0, &mut first) } else { (1, &mut second) };
        views.extend(&text.as_bytes()[..4]);
        views.extend([number, u32::try_from(buffer.len()).unwrap()].into_iter().flat_map(u32::to_le_bytes));
        buffer.extend(text.as_bytes());
    }
    let column = Column::new(name, 24, Vec::new(), values.len(), vec![views, first, second]);
    Column { views: Some(2), ..column }
}

fn stamps(unit: i16, zone: Option<&str>, values: &[i64]) -> Column {
    let zone = zone.map_or(Member::None, |zone| Text(zone.to_owned()));
    Column::new("date", 10, vec![Short(unit), zone], values.len(), vec![longs(values)])
}

fn dates() -> Column {
    Column::new("date", 8, vec![Short(0)], 2, vec![ints(&[19724, 19725])])
}

/// The columns of [`TWO`], with times of any type.
fn prices(time: Column) -> Vec<Column> {
    let single = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let wide = [200_i128, 300].iter().flat_map(|value| value.to_le_bytes()).collect();
    vec![
        time,
        Column::new("open", 3, vec![Short(1)], 2, vec![single]),
        integers("high", 16, false, &[3, 4]),
        doubles("low", &[0.5, 1.5]),
        Column::new("close", 7, vec![Int(38), Int(2)], 2, vec![wide]),
        integers("volume", 64, true, &[10, 20]),
    ]
}

/// Replaces the column of the same name, or adds one.
fn replaced(mut columns: Vec<Column>, column: Column) -> Vec<Column> {
    match columns.iter().position(|other| other.name == column.name) {
        Some(at) => columns[at] = column,
        None => columns.push(column),
    }
    columns
}

fn with_time(column: Column) -> Vec<Column> {
    prices(column)
}

fn pack(packing: Packing, content: &[u8]) -> Vec<u8> {
    if packing == Packing::None || content.is_empty() {
        return content.to_vec();
    }
    let size = if packing == Packing::Plain { -1 } else { i64::try_from(content.len()).unwrap() };
    let packed = match packing {
        Packing::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => zstd::encode_all(content, 1).unwrap(),
        _ => content.to_vec(),
    };
    [longs(&[size]), packed].concat()
}

/// The header of a batch, and its body.
fn batch(columns: &[&Column], packing: Packing) -> (Vec<Member>, Vec<u8>) {
    let (mut nodes, mut buffers, mut views, mut body) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for column in columns.iter().flat_map(|column| column.flat()) {
        nodes.extend([column.rows, column.nulls].map(|count| i64::try_from(count).unwrap()));
        views.extend(column.views.map(|count| i64::try_from(count).unwrap()));
        for content in &column.buffers {
            let packed = pack(packing, content);
            buffers.extend([body.len(), packed.len()].map(|place| i64::try_from(place).unwrap()));
            body.extend(packed);
            body.resize(body.len().next_multiple_of(8), 0);
        }
    }
    let codec = match packing {
        Packing::None => Member::None,
        Packing::Lz4 => Member::Table(vec![Byte(0), Byte(0)]),
        Packing::Zstd | Packing::Plain => Member::Table(vec![Byte(1), Byte(0)]),
    };
    let rows = Long(i64::try_from(columns[0].rows).unwrap());
    let nodes = Structures(nodes.len() / 2, longs(&nodes));
    let buffers = Structures(buffers.len() / 2, longs(&buffers));
    (vec![rows, nodes, buffers, codec, Structures(views.len(), longs(&views))], body)
}

fn message(number: u8, header: Vec<Member>, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let length = Long(i64::try_from(body.len()).unwrap());
    let content = flatbuffer(&[Short(4), Byte(number), Member::Table(header), length]);
    let length = i32::try_from(content.len()).unwrap().to_le_bytes();
    ([[0xff; 4].as_slice(), &length, &content].concat(), body.to_vec())
}

/// The number of the type of a message, its head and its body.
type Message = (u8, (Vec<u8>, Vec<u8>));

/// The schema, and the messages of dictionaries and batches.
fn messages(batches: &[Vec<Column>], packing: Packing) -> (Vec<Member>, Vec<Message>) {
    let fields = batches[0].iter().enumerate().map(|(at, column)| column.schema(at as i64)).collect();
    let schema = vec![Short(0), Tables(fields)];
    let mut found = Vec::new();
    for columns in batches {
        for (id, column) in columns.iter().enumerate() {
            if let Some(values) = &column.dictionary {
                let (header, body) = batch(&[values], packing);
                found.push((2, message(2, vec![Long(id as i64), Member::Table(header), Byte(0)], &body)));
            }
        }
        let (header, body) = batch(&columns.iter().collect::<Vec<_>>(), packing);
        found.push((3, message(3, header, &body)));
    }
    (schema, found)
}

fn stream(batches: &[Vec<Column>], packing: Packing) -> Vec<u8> {
    let (schema, messages) = messages(batches, packing);
    let mut bytes = message(1, schema, &[]).0;
    messages.into_iter().for_each(|(_, (head, body))| bytes.extend([head, body].concat()));
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    bytes
}

fn file(batches: &[Vec<Column>], packing: Packing) -> Vec<u8> {
    let (schema, messages) = messages(batches, packing);
    let mut bytes = b"ARROW1\0\0".to_vec();
    bytes.extend(message(1, schema.clone(), &[]).0);
    let (mut dictionaries, mut rows) = (Vec::new(), Vec::new());
    for (number, (head, body)) in messages {
        let places = [bytes.len(), head.len(), body.len()].map(|place| i64::try_from(place).unwrap());
        if number == 2 { &mut dictionaries } else { &mut rows }.extend(longs(&places));
        bytes.extend([head, body].concat());
    }
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let list = |blocks: Vec<u8>| Structures(blocks.len() / 24, blocks);
    let footer = flatbuffer(&[Short(4), Member::Table(schema), list(dictionaries), list(rows)]);
    bytes.extend(&footer);
    bytes.extend(i32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes.extend(b"ARROW1");
    bytes
}

fn read(columns: &[Column]) -> Result<Loaded, String> {
    load(&[("a.arrow", &file(&[columns.to_vec()], Packing::None))], plain())
}

#[test]
fn files_and_streams_are_read_however_they_are_packed() {
    for packing in [Packing::None, Packing::Lz4, Packing::Zstd, Packing::Plain] {
        let batches = [prices(dates())];
        for name in ["a.arrow", "a.feather", "a.ipc", "a"] {
            check(load(&[(name, &file(&batches, packing))], plain()), &TWO);
        }
        let loaded = load(&[("a.arrows", &stream(&batches, packing))], plain()).unwrap();
        assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
        check(Ok(loaded), &TWO);
    }
    let open = stream(&[prices(dates())], Packing::None);
    let loaded = load(&[("a.arrow", &open[..open.len() - 8])], plain()).unwrap();
    assert_eq!(loaded.notices, ["`a.arrow` is a stream without a mark at its end: it may be cut off"]);
}

#[test]
fn files_of_pandas_and_polars_are_read() {
    let files: [(&str, &[u8]); 3] = [
        ("pandas.feather", include_bytes!("arrow/pandas.feather")),
        ("polars.arrow", include_bytes!("arrow/polars.arrow")),
        ("polars.arrows", include_bytes!("arrow/polars.arrows")),
    ];
    for file in files {
        let loaded = load(&[file], plain()).unwrap();
        assert_eq!(loaded.dataset.series()[0].symbol, if file.0.starts_with("polars") { "ACME" } else { "pandas" });
        check(Ok(loaded), &TWO);
    }
}

#[test]
fn times_of_every_type_are_read() {
    let seconds = [1_704_153_600_i64, 1_704_240_000];
    let scaled = |factor: i64| seconds.map(|value| value * factor);
    let milliseconds = longs(&scaled(1000));
    let times = [
        dates(),
        Column::new("date", 8, vec![Short(1)], 2, vec![milliseconds.clone()]),
        Column::new("date", 8, Vec::new(), 2, vec![milliseconds]),
        stamps(0, None, &seconds),
        stamps(1, Some("UTC"), &scaled(1_000)),
        stamps(2, None, &scaled(1_000_000)),
        stamps(3, Some("+00:00"), &scaled(1_000_000_000)),
        integers("date", 32, true, &[20_240_102, 20_240_103]),
        integers("date", 64, false, &seconds),
        doubles("date", &scaled(1_000).map(|value| value as f64)),
        texts("date", &["2024-01-02", "2024-01-03"]),
        large_texts("date", &["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]),
        views("date", &["2024-01-02", "2024-01-03"]),
        views("date", &["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]),
        texts("date", &["2024-01-03", "2024-01-02"]).encoded(&[1, 0]),
        stamps(0, None, &[seconds[1], seconds[0]]).encoded(&[1, 0]),
    ];
    for (at, time) in times.into_iter().enumerate() {
        assert_eq!(
            read(&with_time(time)).map(|loaded| shown(&loaded.dataset.series()[0])),
            Ok(TWO.map(str::to_owned).to_vec()),
            "{at}"
        );
    }
    let in_day = Column::new("time", 9, vec![Short(2), Int(64)], 2, vec![longs(&[0, 34_200_000_000])]);
    check(read(&replaced(prices(dates()), in_day)), &[TWO[0], "2024-01-03T09:30:00Z 2 4 1.5 3 20"]);
    let mut period = integers("date", 64, true, &[2_823, 2_824]);
    period.extension =
        vec![("ARROW:extension:name", "pandas.period"), ("ARROW:extension:metadata", r#"{"freq": "W-SUN"}"#)];
    check(read(&with_time(period)), &["2024-01-29 1 3 0.5 2 10", "2024-02-05 2 4 1.5 3 20"]);
    let zoned = read(&with_time(stamps(0, Some("Europe/Berlin"), &[1_704_150_000, 1_704_236_400]))).unwrap();
    assert_eq!(zoned.dataset.series()[0].schedule.zone.as_deref(), Some("Europe/Berlin"));
    check(Ok(zoned), &TWO);
    for (number, kind, name) in [(18, vec![Short(2)], "Duration"), (11, vec![Short(1)], "Interval")] {
        let error = read(&with_time(Column::new("date", number, kind, 2, vec![longs(&[1, 2])]))).unwrap_err();
        let must = "it must be a date, a timestamp, a text or a number";
        assert_eq!(error, format!("column `date` of `a.arrow` is of type {name}; {must}"));
    }
}

#[test]
fn numbers_of_every_type_are_read() {
    let wide = |values: [i128; 2], size: usize| {
        let long = |value: i128| [value.to_le_bytes(), [if value < 0 { 0xff } else { 0 }; 16]].concat();
        values.iter().flat_map(|value| long(*value)[..size].to_vec()).collect::<Vec<u8>>()
    };
    let decimal = |scale: i32, bits: i32, values: [i128; 2]| {
        let kind = vec![Int(9), Int(scale), Int(bits)];
        Column::new("open", 7, kind, 2, vec![wide(values, usize::try_from(bits / 8).unwrap())])
    };
    let opens = [
        doubles("open", &[1.0, 2.0]),
        Column::new("open", 3, Vec::new(), 2, vec![vec![0, 0x3c, 0, 0x40]]),
        integers("open", 8, true, &[1, 2]),
        integers("open", 8, false, &[1, 2]),
        integers("open", 32, false, &[1, 2]),
        integers("open", 64, false, &[1, 2]),
        decimal(1, 32, [10, 20]),
        decimal(2, 64, [100, 200]),
        decimal(20, 128, [10_i128.pow(20), 2 * 10_i128.pow(20)]),
        decimal(30, 256, [10_i128.pow(30), 2 * 10_i128.pow(30)]),
        texts("open", &["1.0", "2"]),
        views("open", &["1.0", "2.000000000000000000"]),
        doubles("open", &[2.0, 1.0]).encoded(&[1, 0]),
        integers("open", 64, false, &[2, 1]).encoded(&[1, 0]),
        decimal(2, 64, [200, 100]).encoded(&[1, 0]),
        texts("open", &["2", "1.0"]).encoded(&[1, 0]),
    ];
    for (at, open) in opens.into_iter().enumerate() {
        let loaded = read(&replaced(prices(dates()), open));
        assert_eq!(
            loaded.map(|loaded| shown(&loaded.dataset.series()[0])),
            Ok(TWO.map(str::to_owned).to_vec()),
            "{at}"
        );
    }
    for negative in [decimal(-1, 32, [-1, -1]), decimal(1, 128, [-100, -100]), decimal(1, 256, [-100, -100])] {
        let expected = ["row 1", "row 2"].map(|row| format!("`a.arrow` {row}: open -10 is not above zero"));
        assert_eq!(problems(read(&replaced(prices(dates()), negative))), expected);
    }
}

#[test]
fn nulls_are_faults_in_prices_and_told_in_volumes() {
    let columns = replaced(prices(dates()), integers("volume", 64, true, &[10, 20]).without(&[0]));
    let loaded = read(&columns).unwrap();
    assert_eq!(loaded.notices, ["`a.arrow` has 1 bar without a volume, taken as zero: row 1"]);
    let columns = replaced(columns, doubles("low", &[0.5, 1.5]).without(&[1]));
    assert_eq!(problems(read(&columns)), ["`a.arrow` row 2: `low` is null"]);
    let columns = replaced(columns, texts("low", &["0.5", ""]).without(&[1]));
    assert_eq!(problems(read(&columns)), ["`a.arrow` row 2: `low` is null"]);
}

#[test]
fn symbols_name_instruments_and_only_those_asked_for_are_read() {
    let symbols = [
        texts("symbol", &["A", "B"]),
        large_texts("symbol", &["A", "B"]),
        views("symbol", &["A", "B"]),
        texts("symbol", &["B", "A"]).encoded(&[1, 0]),
        views("symbol", &["B", "A"]).encoded(&[1, 0]),
        Column::new("symbol", 15, vec![Int(2)], 2, vec![b"A\0B\0".to_vec()]),
    ];
    for symbol in symbols {
        let file = file(&[replaced(prices(dates()), symbol)], Packing::Zstd);
        let of = |symbol: &str| with(|options| options.symbols = vec![symbol.to_owned()]);
        assert_eq!(load(&[("a.arrow", &file)], plain()).unwrap().dataset.series().len(), 2);
        check(load(&[("a.arrow", &file)], of("B")), &TWO[1..]);
        check_refused(load(&[("a.arrow", &file)], of("C")), "unknown symbol `C`; known: `A`, `B`");
    }
}

#[test]
fn rows_go_on_over_batches_and_dictionaries_may_change_in_streams() {
    let later = |days: [i32; 2]| Column::new("date", 8, vec![Short(0)], 2, vec![ints(&days)]);
    let batches = |symbols: [&[&str]; 2]| {
        let one = replaced(prices(dates()), texts("symbol", symbols[0]).encoded(&[0, 0]));
        vec![one, replaced(prices(later([19726, 19727])), texts("symbol", symbols[1]).encoded(&[0, 0]))]
    };
    let loaded = load(&[("a.arrow", &stream(&batches([&["A"], &["B"]]), Packing::Lz4))], plain()).unwrap();
    let found: Vec<_> = loaded.dataset.series().iter().map(|series| (series.symbol.as_str(), series.len())).collect();
    assert_eq!(found, [("A", 2), ("B", 2)]);
    let nulls = replaced(prices(later([19726, 19727])), doubles("low", &[0.5, 1.5]).without(&[1]));
    let both = load(&[("a.arrow", &file(&[prices(dates()), nulls], Packing::None))], plain());
    assert_eq!(problems(both), ["`a.arrow` row 4: `low` is null"]);
    // A file has one dictionary for each column.
    let twice = load(&[("a.arrow", &file(&batches([&["A"], &["B"]]), Packing::None))], plain());
    check_refused(twice, "cannot read `a.arrow` as Arrow");
}

#[test]
fn columns_that_are_not_needed_are_left_alone() {
    let item = integers("item", 64, true, &[1, 2, 3]);
    let list = Column { children: vec![item], ..Column::new("xa", 12, Vec::new(), 2, vec![ints(&[0, 1, 3])]) };
    let structure = Column {
        children: vec![views("x", &["a", "b"]), texts("y", &["a", "b"]).encoded(&[0, 1])],
        ..Column::new("xb", 13, Vec::new(), 2, Vec::new())
    };
    let mut null = Column::new("xc", 1, Vec::new(), 2, Vec::new());
    null.buffers.clear();
    let flags = Column::new("xd", 6, Vec::new(), 2, vec![vec![1]]);
    let mut columns = vec![list, structure, null, flags, views("xe", &["a long text of many letters", "b"])];
    columns.extend(prices(dates()));
    check(read(&columns), &TWO);
    let nested = columns.swap_remove(1);
    let error = read(&replaced(columns, nested.named("open"))).unwrap_err();
    assert_eq!(error, "column `open` of `a.arrow` is of type Struct; it must be a number or a text");
}

#[test]
fn what_is_no_arrow_file_is_told() {
    let good = file(&[prices(dates())], Packing::None);
    check_refused(
        load(&[("a.feather", b"FEA1\0\0 and more")], plain()),
        "`a.feather` is Feather version 1, which is not read; write it anew as Feather version 2 or Parquet (in Python: \
         `pandas.read_feather(FILE).to_parquet(...)`)",
    );
    check(load(&[("a.csv", &good)], plain()), &TWO);
    check_refused(load(&[("a.arrow", &good[..good.len() - 3])], plain()), "cannot read `a.arrow` as Arrow");
    let open = stream(&[prices(dates())], Packing::None);
    check_refused(load(&[("a.arrow", &open[..open.len() - 20])], plain()), "cannot read `a.arrow` as Arrow");
}

/// A packed buffer that says that it is larger than the limit, or than it is, is not unpacked.
#[test]
fn a_bomb_is_refused() {
    let size = 10_i64.to_le_bytes();
    for claimed in [i64::MAX, (1 << 30) + 1, 11, 9, -2] {
        let mut bytes = file(&[with_time(texts("date", &["2024-01-02", "2024-01-03"]))], Packing::Zstd);
        // The two dates have 20 bytes.
        let at = bytes
            .windows(12)
            .position(|window| window[..8] == 20_i64.to_le_bytes() && window[8..] == [0x28, 0xb5, 0x2f, 0xfd]);
        let at = at.unwrap();
        bytes[at..at + 8].copy_from_slice(&(claimed.saturating_add(i64::from(claimed < 100) * 10)).to_le_bytes());
        assert_ne!(bytes[at..at + 8], size);
        check_refused(load(&[("a.arrow", &bytes)], plain()), "cannot read `a.arrow` as Arrow");
    }
}

proptest! {
    #[test]
    fn a_damaged_arrow_file_never_panics(at in 0..5000_usize, byte: u8, cut in 0..4_usize, kind in 0..4_usize) {
        let symbol = [views("symbol", &["A", "a name of many letters"]), texts("symbol", &["A", "B"]).encoded(&[1, 0])];
        let columns = replaced(prices(dates()), symbol[kind % 2].clone());
        let mut bytes = if kind < 2 { file(&[columns], Packing::Zstd) } else { stream(&[columns], Packing::Lz4) };
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut);
        match load(&[("a.arrow", &bytes)], plain()) {
            Ok(loaded) => prop_assert!(!loaded.dataset.series().is_empty()),
            Err(error) => prop_assert!(!error.contains("panicked")),
        }
    }

    /// The same bars have the same fingerprint however they are stored.
    #[test]
    fn bars_are_the_same_as_parquet_and_as_arrow(
        rows in prop::collection::vec((1..1000_i64, 0..50_i64, 0..50_i64), 1..40),
        packing in prop::sample::select(vec![Packing::None, Packing::Lz4, Packing::Zstd, Packing::Plain]),
        is_stream: bool,
        kind in 0..4_u8,
    ) {
        let seconds: Vec<i64> = (0..rows.len() as i64).map(|row| 1_704_153_600 + 3600 * row).collect();
        let cents = |pick: fn(&(i64, i64, i64)) -> i64| rows.iter().map(pick).collect::<Vec<i64>>();
        let prices = [
            ("open", cents(|row| row.0 + 50)), ("high", cents(|row| row.0 + 50 + row.1)),
            ("low", cents(|row| row.0 + 50 - row.2)), ("close", cents(|row| row.0 + 50)), ("volume", cents(|row| 100 * row.1)),
        ];
        let stored = |values: &[i64]| super::parquet::Stored::I64(values.iter().copied().map(Some).collect());
        let mut parquet = vec![("optional int64 time (TIMESTAMP(MILLIS,true))".to_owned(), stored(&seconds.iter().map(|s| s * 1000).collect::<Vec<_>>()))];
        parquet.extend(prices.iter().map(|(name, values)| (format!("optional int64 {name} (DECIMAL(18,2))"), stored(values))));
        let arrow_column = |(name, values): &(&str, Vec<i64>)| {
            let texts_of: Vec<String> = values.iter().map(|cents| format!("{}.{:02}", cents / 100, cents % 100)).collect();
            let texts_of: Vec<&str> = texts_of.iter().map(String::as_str).collect();
            match kind {
                0 => Column::new(name, 7, vec![Int(18), Int(2), Int(64)], values.len(), vec![longs(values)]),
                1 => doubles(name, &texts_of.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>()),
                2 => texts(name, &texts_of),
                _ => views(name, &texts_of),
            }
        };
        let mut arrow = vec![stamps(0, Some("UTC"), &seconds)];
        arrow.extend(prices.iter().map(arrow_column));
        let bytes = if is_stream { stream(&[arrow], packing) } else { file(&[arrow], packing) };
        let one = load(&[("a.parquet", &super::parquet::packed(&parquet))], plain()).unwrap();
        let other = load(&[("a.arrow", &bytes)], plain()).unwrap();
        prop_assert_eq!(one.dataset.fingerprint(), other.dataset.fingerprint());
    }
}
