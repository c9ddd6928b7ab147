//! Patterns that administrators write for single settings, in Java's sense: the whole text has to match.

use fancy_regex::RegexBuilder;

/// Steps that one pattern may take on one text before it counts as not matched.
const BACKTRACK_LIMIT: usize = 100_000;

/// Why a setting is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

/// Whether the pattern matches the whole of one of the texts, line ends included.
///
/// # Errors
/// When it is no pattern.
pub fn matches_any<'a>(
    pattern: &str,
    mut texts: impl Iterator<Item = &'a str>,
) -> Result<bool, PatternError> {
    let whole = RegexBuilder::new(&format!("(?s)\\A(?:{pattern})\\z"))
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|error| PatternError(error.to_string()))?;
    Ok(texts.any(|text| whole.is_match(text).unwrap_or(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_matches() {
        let matches = |pattern: &str, text: &str| {
            let one = std::iter::once(text);
            matches_any(pattern, one).unwrap()
        };
        assert!(matches("a|ab", "ab") && matches("(?i)A.*", "a\nb"));
        assert!(!matches("a", "ab") && !matches("b", "ab"));
        assert!(matches_any("(", std::iter::once("(")).is_err());
    }
}
