//! Mutations of inputs from a seed: the same seed makes the same inputs on every machine.
//!
//! Never learns from what an input reaches; libFuzzer does, in longer runs.

/// Random numbers (SplitMix64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Numbers that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// Numbers at the edges of their types.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
    0x7ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
];

/// Numbers at the edges, as texts.
const NUMBERS: [&str; 10] =
    ["0", "-1", "1e308", "-0.0", "1e-320", "9223372036854775807", "9223372036854775808", "1e400", "0.1", "4294967296"];

/// The longest input, in bytes.
const LONGEST: usize = 1 << 20;

/// Returns `input` after a few changes; parts may come from the `others`, and texts from `words`.
pub(crate) fn mutated(input: &[u8], others: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, others, words, random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let length = 1 + random.below((bytes.len() - at).min(64));
    let end = (at + length).min(bytes.len());
    match random.below(10) {
        0 => flip(bytes, at, random),
        1 => overwrite(bytes, at, random),
        2 => drop(bytes.drain(at..end)),
        3 => repeat(bytes, at..end, random),
        4 => _ = bytes.splice(at..at, (0..length).map(|_| random.below(256) as u8)).count(),
        5 => bytes.truncate(at),
        6 => splice(bytes, at, others, random),
        7 => replace_number(bytes, at, random),
        8 => swap_lines(bytes, random),
        _ => {
            let word = random.pick(words).map_or(&[][..], |word| word.as_bytes());
            let replaced = if random.below(2) == 0 { at..at } else { at..end };
            bytes.splice(replaced, word.iter().copied());
        }
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// Lays a number over the bytes from `at` on, in 1, 2, 4 or 8 of them.
fn overwrite(bytes: &mut [u8], at: usize, random: &mut Random) {
    let number = random.pick(&EDGES).copied().unwrap_or_default().wrapping_add(random.below(3) as u64).wrapping_sub(1);
    let width = 1 << random.below(4);
    for (byte, new) in bytes[at..].iter_mut().zip(number.to_le_bytes()).take(width) {
        *byte = new;
    }
}

fn repeat(bytes: &mut Vec<u8>, part: std::ops::Range<usize>, random: &mut Random) {
    let copies = bytes[part.clone()].repeat(1 + random.below(30));
    bytes.splice(part.start..part.start, copies);
}

/// Goes on as another input does from some place on.
fn splice(bytes: &mut Vec<u8>, at: usize, others: &[Vec<u8>], random: &mut Random) {
    let Some(other) = random.pick(others) else { return };
    let from = random.below(other.len() + 1);
    bytes.truncate(at);
    bytes.extend_from_slice(&other[from..]);
}

/// Replaces the first number in digits from `at` on.
fn replace_number(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = random.pick(&NUMBERS).copied().unwrap_or_default();
    bytes.splice(start..start + length, number.bytes());
}

fn swap_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    if one != other {
        lines.swap(one, other);
        *bytes = lines.concat();
    }
}
