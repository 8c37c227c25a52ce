//! Source text as words: without comments, texts and code that only tests compile.

/// The words of `text`: identifiers, `::`, and every other character that is not white space.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest);
        if length > 0 {
            rest = &rest[length..];
            continue;
        }
        let length = match first {
            _ if is_of_a_name(first) => rest.find(|c| !is_of_a_name(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        words.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    words
}

/// `words` without the items behind `#[cfg(test)]`.
pub(super) fn without_tests(words: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = words;
    while !rest.is_empty() {
        if starts_with(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest = &rest[7 + item(&rest[7..])..];
        } else {
            kept.push(rest[0].clone());
            rest = &rest[1..];
        }
    }
    kept
}

/// The modules that only tests compile: the names in `#[cfg(test)] mod NAME;`.
pub(super) fn test_modules(words: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    words.windows(9).filter(|window| starts_with(window, &mark)).map(|window| window[8].clone()).collect()
}

fn starts_with(words: &[String], expected: &[&str]) -> bool {
    words.len() >= expected.len() && words.iter().zip(expected).all(|(word, expected)| word == expected)
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many words the item has that `words` begin with: up to its semicolon, or to the end of its braces.
fn item(words: &[String]) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        let is_use = words.get(at + 1).is_some_and(|next| next == ";");
        if depth == 0 && (word == ";" || (word == "}" && !is_use)) {
            return at + 1;
        }
    }
    words.len()
}

/// How many bytes `text` begins with that are no words: white space, a comment, a text, a character or a lifetime.
fn skipped(text: &str) -> usize {
    let space = text.len() - text.trim_start().len();
    if space > 0 {
        return space;
    }
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    let prefix = text.find(|c| !"rb".contains(c)).unwrap_or(0);
    let marks = text[prefix..].chars().take_while(|c| *c == '#').count();
    match text[prefix + marks..].chars().next() {
        Some('"') if prefix > 0 && text[..prefix].contains('r') => raw(text, prefix + marks + 1, marks),
        Some('"') if marks == 0 => prefix + quoted(&text[prefix..]),
        Some('\'') if marks == 0 => prefix + character(&text[prefix..]),
        _ => 0,
    }
}

/// The end of a raw text that begins at `start` behind so many `marks`.
fn raw(text: &str, start: usize, marks: usize) -> usize {
    let end = format!("\"{}", "#".repeat(marks));
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// The length of a text with its quotes.
fn quoted(text: &str) -> usize {
    let mut is_escaped = true;
    for (at, c) in text.char_indices() {
        if c == '"' && !is_escaped {
            return at + 1;
        }
        is_escaped = at == 0 || (c == '\\' && !is_escaped);
        if at == 0 {
            is_escaped = false;
        }
    }
    text.len()
}

/// The length of a character with its quotes, or of a lifetime's mark.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let length = match inner.strip_prefix('\\') {
        Some(escaped) => 1 + escaped.char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at),
        None => inner.chars().next().map_or(0, char::len_utf8),
    };
    if inner[length..].starts_with('\'') { length + 2 } else { 1 }
}

#[test]
fn comments_and_texts_are_no_words() {
    let text = r####"use a::b; // use c::d
        let text = "e::\"f"; let raw = r#"g "::" h"#; let (c, quote) = ('i', '\''); fn j<'k>() {}"####;
    let words = words(text).join(" ");
    assert_eq!(words, "use a :: b ; let text = ; let raw = ; let ( c , quote ) = ( , ) ; fn j < k > ( ) { }");
}

#[test]
fn items_of_tests_are_left_out() {
    let text = "mod a; #[cfg(test)] mod b; #[cfg(test)] use c::{d}; #[cfg(test)] fn e() { f(); } mod g;";
    assert_eq!(without_tests(&words(text)).join(" "), "mod a ; mod g ;");
    assert_eq!(test_modules(&words(text)), ["b"]);
}
