//! What a plugin says about itself: an input is the first 1024 bytes of a guest's memory, which its answer lies in.
//!
//! `describe` answers with what lies at 64: the addresses and lengths of name, version, summary and parameters, and how answers
//! are encoded. `tests/it/fuzz.rs` makes the guest.

use std::{fs, sync::OnceLock};

use host::sandbox::Plugin;

use super::{component, message};

/// What such memory has.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\u{0}\u{0}\u{0}\u{0}", "\u{1}\u{0}\u{0}\u{0}", "\u{1b}[2J", "\u{202e}", "\u{7f}", "hostile", "=1+1", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{f0}\u{7f}",
];

/// The guest, whose memory begins with [`PLACE`] over and over.
const GUEST: &str = "tests/fuzz/corpus/component/described.wasm";

/// What the guest has where the input goes.
const PLACE: &[u8] = b"FUZZ";

/// The length of what the input replaces, in bytes.
const LENGTH: usize = 1024;

/// Loads the guest that answers with the input.
pub(super) fn run(input: &[u8]) {
    match Plugin::from_bytes(component::sandbox(), "described.wasm", guest(input)) {
        Ok(plugin) => component::check(&plugin),
        Err(error) => message::check(&error),
    }
}

fn guest(input: &[u8]) -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    let mut guest = BUILT.get_or_init(|| fs::read(GUEST).expect("the guest is committed")).clone();
    let place = PLACE.repeat(LENGTH / PLACE.len());
    let at = guest.windows(LENGTH).position(|window| window == place).expect("the guest has the place");
    let length = input.len().min(LENGTH);
    guest[at..at + LENGTH].fill(0);
    guest[at..at + length].copy_from_slice(&input[..length]);
    guest
}
