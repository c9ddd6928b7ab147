//! The shared SQL as PostgreSQL wants it.

use crate::migrations::POSTGRESQL_ONLY;

/// A statement with `$n` parameters, and which of them limit a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) sql: String,
    /// Indices (from 0) of the parameters after LIMIT: a negative one means no limit to SQLite.
    pub(super) limits: Vec<usize>,
}

/// Turns `?1` into `$1` outside of string literals.
pub(super) fn statement(sql: &str) -> Translated {
    let mut out = String::with_capacity(sql.len());
    let mut limits = Vec::new();
    let mut quoted = false;
    let mut characters = sql.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                out.push(c);
            }
            '?' if !quoted => {
                let mut number = String::new();
                while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                let limit = out.trim_end().to_ascii_uppercase().ends_with("LIMIT");
                if limit && let Ok(n) = number.parse::<usize>() {
                    limits.push(n.saturating_sub(1));
                }
                out.push('$');
                out.push_str(&number);
            }
            _ => out.push(c),
        }
    }
    Translated { sql: out, limits }
}

/// A step of the schema. Text is compared byte by byte, as in SQLite: an index then does not depend
/// on the operating system's locales, which change with its upgrades.
pub(super) fn schema(sql: &str, collate: bool) -> String {
    let mut out = String::with_capacity(sql.len());
    for line in sql.lines() {
        let line = line.strip_prefix(POSTGRESQL_ONLY).unwrap_or(line);
        let code = line.split_once("--").map_or(line, |(code, _)| code);
        let mut word = String::new();
        let mut quoted = false;
        for c in code.chars().chain(std::iter::once('\n')) {
            if !quoted && (c.is_ascii_alphanumeric() || c == '_') {
                word.push(c);
                continue;
            }
            out.push_str(&word);
            if collate && word == "TEXT" {
                out.push_str(" COLLATE \"C\"");
            }
            word.clear();
            if c == '\'' {
                quoted = !quoted;
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_limits() {
        let translated =
            statement("SELECT a FROM t WHERE b LIKE ?1 ESCAPE '?2' AND c = ?1 LIMIT ?12 OFFSET ?3");
        assert_eq!(
            translated.sql,
            "SELECT a FROM t WHERE b LIKE $1 ESCAPE '?2' AND c = $1 LIMIT $12 OFFSET $3"
        );
        assert_eq!(translated.limits, [11]);
    }

    #[test]
    fn text_columns_are_compared_by_bytes() {
        assert_eq!(
            schema(
                "CREATE TABLE t ( -- TEXT\n a TEXT NOT NULL DEFAULT 'TEXT', TEXTUAL BIGINT);",
                true
            ),
            "CREATE TABLE t ( \n a TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT', TEXTUAL BIGINT);\n"
        );
        assert_eq!(schema("a TEXT", false), "a TEXT\n");
        assert_eq!(schema("--postgresql a\n--sqlite b", true), "a\n\n");
    }
}
