//! Dates as people write them.

/// Year, month and day in the order of the language, with what stands between them.
#[derive(Clone, Copy)]
struct Style {
    order: [Part; 3],
    separators: &'static [char],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
}

/// `2026-02-28` (ISO 8601 calendar date).
pub(super) fn is_iso(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let digits =
        |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    digits(year, 4)
        && digits(month, 2)
        && digits(day, 2)
        && exists(number(year), number(month), number(day))
}

/// The short date of the language: `28.02.2026`, `2/28/26`, …
pub(super) fn is_local(text: &str, locale: &str) -> bool {
    let style = style(locale);
    let parts: Vec<&str> = text.trim().split(style.separators).map(str::trim).collect();
    // Some languages end a date with its separator.
    let parts = match parts.as_slice() {
        [head @ .., ""] if head.len() == 3 => head,
        all => all,
    };
    if parts.len() != 3 {
        return false;
    }
    let part = |wanted: Part| {
        let at = style.order.iter().position(|p| *p == wanted)?;
        let text = parts.get(at)?;
        let longest = if wanted == Part::Year { 4 } else { 2 };
        let fine = (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fine.then(|| number(text)).flatten()
    };
    // Two digits of a year are of this or the last century; either has the day or leap year.
    let year = part(Part::Year).map(|y| if y < 100 { y + 2000 } else { y });
    exists(year, part(Part::Month), part(Part::Day))
}

fn style(locale: &str) -> Style {
    use Part::{Day, Month, Year};
    let (language, region) = locale.split_once(['-', '_']).unwrap_or((locale, ""));
    let (order, separators): ([Part; 3], &'static [char]) = match language {
        "en" if region.is_empty() || region.eq_ignore_ascii_case("US") => {
            ([Month, Day, Year], &['/'])
        }
        "de" | "cs" | "da" | "fi" | "no" | "pl" | "ru" | "sk" | "tr" | "uk" | "lv" | "ro"
        | "sl" => ([Day, Month, Year], &['.']),
        "nl" => ([Day, Month, Year], &['-']),
        "ja" | "zh" => ([Year, Month, Day], &['/', '-']),
        "ko" | "hu" => ([Year, Month, Day], &['.']),
        "sv" | "lt" | "fa" => ([Year, Month, Day], &['-', '/']),
        // Arabic puts marks of direction around the slashes.
        "ar" => ([Day, Month, Year], &['/', '\u{200f}']),
        _ => ([Day, Month, Year], &['/']),
    };
    Style { order, separators }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// Whether there is such a day in the Gregorian calendar.
fn exists(year: Option<u32>, month: Option<u32>, day: Option<u32>) -> bool {
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar() {
        for (text, fine) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2000-02-29", true),
            ("2026-13-01", false),
            ("2026-1-1", false),
            ("2026-01-01T00:00", false),
            ("", false),
        ] {
            assert_eq!(is_iso(text), fine, "{text}");
        }
        for (text, locale, fine) in [
            ("2/28/26", "en", true),
            ("28/2/26", "en", false),
            ("28/02/2026", "en-GB", true),
            ("28.02.2026", "de", true),
            ("28.2.26", "de-AT", true),
            ("02/28/2026", "de", false),
            ("2026/02/28", "ja", true),
            ("2026/2/28", "zh-CN", true),
            ("31/04/2026", "fr", false),
            ("1/2", "fr", false),
            ("a/b/c", "fr", false),
        ] {
            assert_eq!(is_local(text, locale), fine, "{text} {locale}");
        }
    }
}
