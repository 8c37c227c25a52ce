//! Texts with a checksum: JSON objects whose last member is one of what stands before it.
//!
//! Never tells who wrote a text, only that it is as it was written.

use serde_json::Value;

/// What stands before the checksum.
const BEFORE: &str = ",\"check\":\"";

/// What stands behind it.
const BEHIND: &str = "\"}";

/// `object`, which is a JSON object with members, with its checksum, in as many lines.
pub(super) fn sealed(object: &str) -> String {
    let body = object.trim_end();
    let body = body.strip_suffix('}').unwrap_or(body).trim_end();
    format!("{body}{BEFORE}{:08x}{BEHIND}\n", crc32fast::hash(body.as_bytes()))
}

/// The object in `text`; `None` if it is not as it was written.
pub(super) fn unsealed(text: &str) -> Option<Value> {
    let text = text.trim_end().strip_suffix(BEHIND)?;
    let (body, check) = text.rsplit_once(BEFORE)?;
    let is_right = check == format!("{:08x}", crc32fast::hash(body.as_bytes()));
    if is_right { serde_json::from_str(&format!("{body}}}")).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_bit_that_changes_is_found() {
        let object = json!({ "a": [1.5, null], "text": "\"check\":\"}" });
        for text in [sealed(&object.to_string()), sealed(&format!("{object:#}\n"))] {
            assert_eq!(unsealed(&text), Some(object.clone()));
            for at in 0..text.len() - 1 {
                for bit in 0..8 {
                    let mut bytes = text.clone().into_bytes();
                    bytes[at] ^= 1 << bit;
                    let found = String::from_utf8(bytes).ok().and_then(|text| unsealed(&text));
                    assert_eq!(found, None, "bit {bit} of byte {at}");
                }
                assert_eq!(text.get(..at).and_then(unsealed), None);
            }
        }
        assert_eq!(unsealed("{}"), None);
    }
}
