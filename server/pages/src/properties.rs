//! Java's properties files, in UTF-8.

use std::collections::HashMap;

/// The pairs of the file: `key=value` or `key: value`, `#` and `!` begin comments, a backslash at
/// a line's end continues it, `\n`, `\t` and `\uXXXX` stand for what they do in Java.
pub(crate) fn parse(text: &str) -> HashMap<String, String> {
    let mut pairs = HashMap::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = line.to_owned();
        while continues(&whole) {
            whole.pop();
            match lines.next() {
                Some(next) => whole.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = split(&whole);
        pairs.insert(unescaped(key), unescaped(value));
    }
    pairs
}

/// An odd number of backslashes at the end.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '=' || c == ':' || c.is_whitespace() {
            let (key, rest) = line.split_at(at);
            let rest = rest.trim_start();
            let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (key, rest.trim_start());
        }
    }
    (line, "")
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok();
                out.push(
                    code.and_then(char::from_u32)
                        .unwrap_or(char::REPLACEMENT_CHARACTER),
                );
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn as_java_reads_them() {
        let pairs = parse(
            "# comment\n! too\n\nplain = a = b\ncolon: x\\u00e9\\n\nlong = one \\\n   two\nspace value\nempty\na\\=b=c\nend=x\\\\",
        );
        for (key, value) in [
            ("plain", "a = b"),
            ("colon", "xé\n"),
            ("long", "one two"),
            ("space", "value"),
            ("empty", ""),
            ("a=b", "c"),
            ("end", "x\\"),
        ] {
            assert_eq!(pairs.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert_eq!(pairs.len(), 7);
    }
}
