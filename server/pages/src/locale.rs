//! Which language a page is in.

use serde::Serialize;

use crate::texts::{FALLBACK_LOCALE, LOCALES};

/// Name of the cookie that keeps the language last chosen.
pub const LOCALE_COOKIE: &str = "KEYCLOAK_LOCALE";
/// Name of the parameter by which somebody chooses a language on a page.
pub const LOCALE_PARAMETER: &str = "kc_locale";
/// Name of the user attribute that holds the user's language.
pub const LOCALE_ATTRIBUTE: &str = "locale";

/// Languages that an `Accept-Language` header or `ui_locales` may name; the rest is not read.
const MAX_RANGES: usize = 16;

/// Where a language may come from; the first that the realm supports is taken, in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocaleSources<'a> {
    /// `kc_locale`: somebody chose it just now, on this page or earlier in this login.
    pub chosen: Option<&'a str>,
    /// The attribute `locale` of the user, once the user is known.
    pub user: Option<&'a str>,
    /// `ui_locales` of the application's request: tags by preference, space separated.
    pub ui_locales: Option<&'a str>,
    /// The cookie [`LOCALE_COOKIE`].
    pub cookie: Option<&'a str>,
    pub accept_language: Option<&'a str>,
}

/// The languages of a realm.
#[derive(Clone, Copy, Debug)]
pub struct RealmLocales<'a> {
    /// `internationalizationEnabled`
    pub enabled: bool,
    /// `supportedLocales`
    pub supported: &'a [String],
    /// `defaultLocale`
    pub default: Option<&'a str>,
}

impl<'a> RealmLocales<'a> {
    /// The language of a page. English when the realm is not international.
    pub fn select(&self, sources: &LocaleSources<'_>) -> &'a str {
        let default = self.default.filter(|d| !d.is_empty());
        if !self.enabled {
            return FALLBACK_LOCALE;
        }
        let single = |tag: Option<&str>| self.supports(tag?);
        single(sources.chosen)
            .or_else(|| single(sources.user))
            .or_else(|| {
                let tags = sources.ui_locales?.split_whitespace();
                tags.take(MAX_RANGES).find_map(|tag| self.supports(tag))
            })
            .or_else(|| single(sources.cookie))
            .or_else(|| {
                let ranges = accepted(sources.accept_language?);
                ranges.iter().find_map(|tag| self.supports(tag))
            })
            .or(default)
            .unwrap_or(FALLBACK_LOCALE)
    }

    /// The supported language that serves the tag: the same, or with less at its end (RFC 4647
    /// section 3.4), or the first of the same language.
    pub fn supports(&self, tag: &str) -> Option<&'a str> {
        let wanted = normal(tag)?;
        let mut range = wanted.as_str();
        loop {
            let same = |s: &&&String| s.replace('_', "-").eq_ignore_ascii_case(range);
            if let Some(found) = self.supported.iter().collect::<Vec<_>>().iter().find(same) {
                return Some(found.as_str());
            }
            match range.rsplit_once('-') {
                Some((shorter, _)) => range = shorter,
                None => break,
            }
        }
        let found = self.supported.iter().find(|s| {
            let language = s.split(['-', '_']).next().unwrap_or_default();
            language.eq_ignore_ascii_case(range)
        });
        found.map(String::as_str)
    }
}

/// A language that somebody may switch a page to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocaleLink {
    pub tag: String,
    /// The language's name in itself.
    pub name: String,
    pub href: String,
    pub current: bool,
}

/// The links that show the page at `url` in the realm's other languages; empty when there is
/// nothing to choose.
pub fn locale_links(locales: &RealmLocales<'_>, current: &str, url: &str) -> Vec<LocaleLink> {
    if !locales.enabled || locales.supported.len() < 2 {
        return Vec::new();
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("kc_locale="))
        .collect();
    let link = |tag: &String| {
        let choice = format!("{LOCALE_PARAMETER}={tag}");
        let query = [kept.as_slice(), &[&choice]].concat().join("&");
        LocaleLink {
            tag: tag.clone(),
            name: native_name(tag).to_owned(),
            href: format!("{path}?{query}"),
            current: tag == current,
        }
    };
    let harmless = |tag: &&String| normal(tag).is_some();
    locales
        .supported
        .iter()
        .filter(harmless)
        .map(link)
        .collect()
}

/// `rtl` for languages written from right to left, else `ltr`.
pub fn direction(locale: &str) -> &'static str {
    match locale.split(['-', '_']).next().unwrap_or_default() {
        "ar" | "arc" | "ckb" | "dv" | "fa" | "ha" | "he" | "khw" | "ks" | "ps" | "sd" | "ug"
        | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// What speakers call the language; the tag itself for languages that we have no name of.
pub fn native_name(locale: &str) -> &str {
    let names: &[(&str, &str)] = &[
        ("ar", "العربية"),
        ("ca", "Català"),
        ("cs", "Čeština"),
        ("da", "Dansk"),
        ("de", "Deutsch"),
        ("el", "Ελληνικά"),
        ("en", "English"),
        ("es", "Español"),
        ("fa", "فارسی"),
        ("fi", "Suomi"),
        ("fr", "Français"),
        ("he", "עברית"),
        ("hu", "Magyar"),
        ("it", "Italiano"),
        ("ja", "日本語"),
        ("ko", "한국어"),
        ("lt", "Lietuvių"),
        ("lv", "Latviešu"),
        ("nl", "Nederlands"),
        ("no", "Norsk"),
        ("pl", "Polski"),
        ("pt", "Português"),
        ("pt-BR", "Português (Brasil)"),
        ("ro", "Română"),
        ("ru", "Русский"),
        ("sk", "Slovenčina"),
        ("sl", "Slovenščina"),
        ("sv", "Svenska"),
        ("th", "ไทย"),
        ("tr", "Türkçe"),
        ("uk", "Українська"),
        ("vi", "Tiếng Việt"),
        ("zh-CN", "简体中文"),
        ("zh-TW", "繁體中文"),
    ];
    names
        .iter()
        .find(|(tag, _)| tag.eq_ignore_ascii_case(locale))
        .map_or(locale, |(_, name)| name)
}

/// The languages that every text of ours exists in, as server info lists them.
pub fn built_in_locales() -> &'static [&'static str] {
    LOCALES
}

/// The tag with hyphens, when it is made like one (RFC 5646 section 2.1, roughly).
fn normal(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let made_well = tag.len() <= 35
        && tag
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    made_well.then_some(tag)
}

/// The tags of an `Accept-Language` header by weight (RFC 9110 section 12.5.4).
fn accepted(header: &str) -> Vec<&str> {
    let mut ranges: Vec<(&str, u32)> = header
        .split(',')
        .take(MAX_RANGES)
        .filter_map(|part| {
            let mut parts = part.split(';');
            let tag = parts.next()?.trim();
            let weight = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
            // Thousandths: weights have three digits at most.
            let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
            (weight > 0 && tag != "*" && !tag.is_empty()).then_some((tag, weight))
        })
        .collect();
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(tag, _)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported() -> Vec<String> {
        ["en", "de", "fr", "zh-CN", "ar"]
            .map(str::to_owned)
            .to_vec()
    }

    /// spec: L10N-06, L10N-07, L10N-08, L10N-09, L10N-10, L10N-11, L10N-12, L10N-13
    #[test]
    fn the_first_source_that_the_realm_supports_decides() {
        let supported = supported();
        let locales = RealmLocales {
            enabled: true,
            supported: &supported,
            default: Some("ar"),
        };
        let mut sources = LocaleSources {
            chosen: Some("de"),
            user: Some("fr"),
            ui_locales: Some("xx zh"),
            cookie: Some("en"),
            accept_language: Some("it, fr;q=0.5, de-AT;q=0.9"),
        };
        assert_eq!(locales.select(&sources), "de");
        sources.chosen = Some("tlh");
        assert_eq!(locales.select(&sources), "fr");
        sources.user = None;
        assert_eq!(locales.select(&sources), "zh-CN");
        sources.ui_locales = Some("xx");
        assert_eq!(locales.select(&sources), "en");
        sources.cookie = None;
        assert_eq!(locales.select(&sources), "de");
        sources.accept_language = Some("*, it;q=x, fr;q=0");
        assert_eq!(locales.select(&sources), "ar");
        let none = RealmLocales {
            default: None,
            ..locales
        };
        assert_eq!(none.select(&sources), "en");
        let off = RealmLocales {
            enabled: false,
            ..locales
        };
        sources.chosen = Some("de");
        assert_eq!(off.select(&sources), "en");
    }

    #[test]
    fn a_tag_finds_the_nearest_supported_language() {
        let supported = supported();
        let locales = RealmLocales {
            enabled: true,
            supported: &supported,
            default: None,
        };
        for (tag, found) in [
            ("DE", Some("de")),
            ("de_AT", Some("de")),
            ("zh-Hant-TW", Some("zh-CN")),
            ("zh_cn", Some("zh-CN")),
            ("pt", None),
            ("", None),
            ("de\r\nX: y", None),
            ("<script>", None),
        ] {
            assert_eq!(locales.supports(tag), found, "{tag}");
        }
    }

    #[test]
    fn links_change_only_the_language() {
        let supported = supported();
        let locales = RealmLocales {
            enabled: true,
            supported: &supported,
            default: None,
        };
        let links = locale_links(&locales, "de", "/x?a=1&kc_locale=fr&b=2");
        assert_eq!(links[0].href, "/x?a=1&b=2&kc_locale=en");
        assert!(links[1].current && links[1].name == "Deutsch");
        assert_eq!(
            locale_links(&locales, "de", "/x")[0].href,
            "/x?kc_locale=en"
        );
        let off = RealmLocales {
            enabled: false,
            ..locales
        };
        assert!(locale_links(&off, "en", "/x").is_empty());
        assert_eq!(direction("ar"), "rtl");
        assert_eq!(direction("de-AT"), "ltr");
    }
}
