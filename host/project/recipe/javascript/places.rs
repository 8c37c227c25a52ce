//! Source positions of a JavaScript bundle, in a form that a component looks up almost for free.
//!
//! Never keeps what belongs to the SDK: no author looks for an error there.

use serde::Deserialize;

/// The part of a source map that is needed, as <https://tc39.es/ecma426> has it.
#[derive(Deserialize)]
struct SourceMap {
    /// Files, relative to the folder `build`.
    sources: Vec<String>,
    /// Lines separated by `;`, segments by `,`, each of them numbers in base 64.
    mappings: String,
}

/// Returns a line of JavaScript that leaves the places of `map` for `sdk/stack.js`: for each line of the bundle groups of
/// four numbers, which are a column of the bundle, a file, a line and a column, all but the file counted from 1.
///
/// # Errors
///
/// Returns an error if `map` is not a source map.
pub(super) fn statement(map: &str) -> Result<String, String> {
    let map: SourceMap = serde_json::from_str(map).map_err(|error| error.to_string())?;
    let files: Vec<&str> = map.sources.iter().map(|source| source.strip_prefix("../").unwrap_or(source)).collect();
    let lines = lines(&map.mappings, &files)?;
    let table = serde_json::json!({ "files": files, "lines": lines });
    Ok(format!("globalThis[Symbol.for(\"backtest.places\")] = {table};\n"))
}

fn lines(mappings: &str, files: &[&str]) -> Result<Vec<Vec<i64>>, String> {
    // A segment holds differences to the one before it; only the column of the bundle begins anew in each line.
    let (mut file, mut line, mut column) = (0, 0, 0);
    let mut lines = Vec::new();
    for text in mappings.split(';') {
        let (mut generated, mut places) = (0, Vec::new());
        for segment in text.split(',').filter(|segment| !segment.is_empty()) {
            let numbers = numbers(segment).ok_or_else(|| format!("`{segment}` is not a segment of a source map"))?;
            generated += numbers.first().unwrap_or(&0);
            let [_, files_on, lines_on, columns_on, ..] = numbers[..] else { continue };
            (file, line, column) = (file + files_on, line + lines_on, column + columns_on);
            let name = usize::try_from(file).ok().and_then(|file| files.get(file));
            if name.is_some_and(|name| !name.starts_with("sdk/")) {
                places.extend([generated + 1, file, line + 1, column + 1]);
            }
        }
        lines.push(places);
    }
    Ok(lines)
}

/// The numbers of a segment: five bits a digit, the lowest first, the sixth says that more follow; the lowest bit of all is
/// the sign.
fn numbers(segment: &str) -> Option<Vec<i64>> {
    let (mut numbers, mut value, mut shift) = (Vec::new(), 0_i64, 0);
    for digit in segment.bytes() {
        let bits = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        value |= i64::from(bits & 31).checked_shl(shift)?;
        shift += 5;
        if bits & 32 == 0 {
            numbers.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_as_differences() {
        assert_eq!(numbers("AAgBC"), Some(vec![0, 0, 16, 1]));
        assert_eq!(numbers("D"), Some(vec![-1]));
        assert_eq!(numbers("g"), None);
        assert_eq!(numbers("!"), None);
    }

    #[test]
    fn lines_of_the_sdk_have_no_place() {
        let map = r#"{"sources": ["../sdk/log.js", "../strategy.js"], "mappings": "AAAA;ACCA,IAAE;;GACA"}"#;
        let statement = statement(map).unwrap();
        assert_eq!(
            statement,
            "globalThis[Symbol.for(\"backtest.places\")] = {\"files\":[\"sdk/log.js\",\"strategy.js\"],\
             \"lines\":[[],[1,1,2,1,5,1,2,3],[],[4,1,3,3]]};\n"
        );
    }

    #[test]
    fn what_is_no_source_map_is_told() {
        assert!(statement("{}").unwrap_err().contains("missing field"));
        let damaged = r#"{"sources": [], "mappings": "A!"}"#;
        assert_eq!(statement(damaged).unwrap_err(), "`A!` is not a segment of a source map");
    }
}
