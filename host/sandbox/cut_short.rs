//! Truncated WebAssembly: a file that ends too soon, since whoever writes it is not through.
//!
//! Never says whether a whole file is a plugin.

use wasmparser::{Chunk, Parser, Payload};

/// What every module and component begins with.
const MAGIC: &[u8] = b"\0asm";

/// Whether `bytes` are the beginning of a module or a component that ends in the middle of something. One that ends between
/// two sections cannot be told from a whole one.
pub(crate) fn is_cut_short(bytes: &[u8]) -> bool {
    if !MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
        return false;
    }
    let (mut at, mut functions) = (0, 0);
    // The parsers of all that lies in each other, the outermost first, with where each ends.
    let mut parsers = vec![(Parser::new(0), usize::MAX)];
    while let Some((parser, end)) = parsers.last_mut() {
        if at == *end {
            parsers.pop();
            continue;
        }
        let (consumed, payload) = match parser.parse(&bytes[at..], false) {
            Ok(Chunk::Parsed { consumed, payload }) => (consumed, payload),
            Ok(Chunk::NeedMoreData(_)) => {
                return at == 0 || at < bytes.len() || parsers.len() > 1 || functions > 0;
            }
            // It is damaged: more bytes would not mend it.
            Err(_) => return false,
        };
        at += consumed;
        match payload {
            Payload::ModuleSection { parser, unchecked_range }
            | Payload::ComponentSection { parser, unchecked_range } => {
                parsers.push((parser, unchecked_range.end));
            }
            Payload::CodeSectionStart { count, .. } => functions = count,
            Payload::CodeSectionEntry(_) => functions -= 1,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_a_section_is_cut_short() {
        let whole = std::fs::read("plugins/sma_cross/sma_cross.wasm").unwrap();
        assert!(!is_cut_short(&whole));
        for length in [0, 4, 7, 9, 10, whole.len() / 2, whole.len() - 1] {
            assert!(is_cut_short(&whole[..length]), "{length}");
        }
        assert!(!is_cut_short(&whole[..8]), "a component may be empty");
        assert!(!is_cut_short(b"a text") && !is_cut_short(b"x"));
    }

    #[test]
    fn only_between_the_outermost_sections_is_the_cut_not_seen() {
        let whole = wat::parse_str("(component (core module (func) (func)) (component (core module)))").unwrap();
        let unseen: Vec<_> = (0..=whole.len()).filter(|length| !is_cut_short(&whole[..*length])).collect();
        let inner = wat::parse_str("(module (func) (func))").unwrap();
        // The header; the first section, with its kind and its length; the second one.
        assert_eq!(unseen, [8, 10 + inner.len(), whole.len()]);
    }

    #[test]
    fn a_module_that_ends_between_two_functions_is_cut_short() {
        let whole = wat::parse_str("(module (func) (func))").unwrap();
        let end_of_a_function = whole.iter().rposition(|byte| *byte == 0x0b).unwrap();
        assert!(is_cut_short(&whole[..end_of_a_function - 2]));
    }

    #[test]
    fn what_is_damaged_waits_for_nothing() {
        assert!(!is_cut_short(b"\0asm\x0d\0\x01\0\xff\x01\0"));
    }
}
