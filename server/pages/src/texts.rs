//! The texts of all languages, and who may replace them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use crate::PagesError;

/// Texts of a realm that replace ours: locale, key, text.
pub type RealmTexts = BTreeMap<String, BTreeMap<String, String>>;

/// Texts by locale, then key.
pub(crate) type Bundles = HashMap<String, HashMap<String, String>>;

/// How deep one text may refer to others by `${key}`.
const REFERENCE_DEPTH: usize = 4;

/// The language of last resort.
pub const FALLBACK_LOCALE: &str = "en";

macro_rules! bundles {
    ($($locale:literal),+ $(,)?) => {
        /// The languages that every text of ours exists in.
        pub const LOCALES: &[&str] = &[$($locale),+];

        pub(crate) fn built_in() -> Result<Bundles, PagesError> {
            let mut all = Bundles::new();
            $(all.insert(
                $locale.to_owned(),
                serde_json::from_str(include_str!(concat!("../messages/", $locale, ".json")))
                    .map_err(|e| PagesError::Messages(format!("{}: {e}", $locale)))?,
            );)+
            Ok(all)
        }
    };
}

bundles!["ar", "de", "en", "es", "fr", "ja", "zh-CN"];

/// Finds the texts of one page, in one language.
#[derive(Clone, Debug)]
pub struct Translator {
    /// The nearest theme first, ours last.
    bundles: Arc<Vec<Bundles>>,
    /// The realm's own texts of the language and of English.
    overrides: Arc<[BTreeMap<String, String>; 2]>,
    locale: String,
}

impl Translator {
    pub(crate) fn new(
        bundles: Arc<Vec<Bundles>>,
        realm: Option<&RealmTexts>,
        locale: &str,
    ) -> Self {
        let of = |locale: &str| {
            realm
                .and_then(|texts| texts.get(locale))
                .cloned()
                .unwrap_or_default()
        };
        let english = match locale == FALLBACK_LOCALE {
            true => BTreeMap::new(),
            false => of(FALLBACK_LOCALE),
        };
        Self {
            bundles,
            overrides: Arc::new([of(locale), english]),
            locale: locale.to_owned(),
        }
    }

    /// The realm's text, else the theme's, else ours; the same in the language without its region,
    /// and in English.
    fn raw(&self, key: &str) -> Option<&str> {
        let [own, english] = &*self.overrides;
        let language = self.locale.split('-').next().unwrap_or_default();
        own.get(key)
            .or_else(|| self.bundled(&self.locale, key))
            .or_else(|| self.bundled(language, key))
            .or_else(|| english.get(key))
            .or_else(|| self.bundled(FALLBACK_LOCALE, key))
            .map(String::as_str)
    }

    fn bundled(&self, locale: &str, key: &str) -> Option<&String> {
        self.bundles
            .iter()
            .find_map(|bundles| bundles.get(locale)?.get(key))
    }

    /// Whether there is a text under the key.
    pub fn knows(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The text with its places filled; a key without text is shown as it is.
    pub fn text<S: AsRef<str>>(&self, key: &str, args: &[S]) -> String {
        match self.raw(key) {
            Some(text) => fill(text, args),
            None => key.to_owned(),
        }
    }

    /// A label of the configuration: plain text, in which `${key}` stands for a text of ours.
    pub fn label(&self, label: &str) -> String {
        self.resolve(label, REFERENCE_DEPTH)
    }

    fn resolve(&self, label: &str, depth: usize) -> String {
        let mut out = String::with_capacity(label.len());
        let mut rest = label;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((key, after)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            match self.raw(key) {
                Some(text) if depth > 0 => {
                    out.push_str(&self.resolve(&fill::<&str>(text, &[]), depth - 1));
                }
                _ => out.push_str(key),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// `msg(key, argument, …)`, `msg(message)` and `msg.label(text)` in templates.
impl Object for Translator {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let Some((first, rest)) = args.split_first() else {
            return Err(Error::new(ErrorKind::MissingArgument, "msg needs a key"));
        };
        let text = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        if first.kind() == ValueKind::Map {
            let key = first.get_attr("key")?;
            let args = first.get_attr("args")?;
            let args: Vec<String> = match args.is_undefined() {
                true => Vec::new(),
                false => args.try_iter()?.map(|v| text(&v)).collect(),
            };
            return Ok(self.text(&text(&key), &args).into());
        }
        let args: Vec<String> = rest
            .iter()
            .filter(|v| !v.is_none() && !v.is_undefined() && !v.is_kwargs())
            .map(text)
            .collect();
        Ok(self.text(&text(first), &args).into())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let first = args.first().and_then(Value::as_str).unwrap_or_default();
        match method {
            "label" => Ok(self.label(first).into()),
            "knows" => Ok(self.knows(first).into()),
            _ => Err(ErrorKind::UnknownMethod.into()),
        }
    }
}

/// Fills `{0}`, `{1}`, … As in Java's MessageFormat, which texts for Keycloak are written in, a
/// doubled apostrophe is one apostrophe and a format after the number (`{0,number}`) is read over.
fn fill<S: AsRef<str>>(text: &str, args: &[S]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['{', '\'']) {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = special.strip_prefix("''") {
            out.push('\'');
            rest = after;
            continue;
        }
        let place = special.strip_prefix('{').and_then(|inner| {
            let (inner, after) = inner.split_once('}')?;
            let number = inner.split(',').next()?.trim().parse::<usize>().ok()?;
            Some((number, after))
        });
        match place {
            Some((number, after)) => {
                if let Some(argument) = args.get(number) {
                    out.push_str(argument.as_ref());
                } else {
                    let _ = write!(out, "{{{number}}}");
                }
                rest = after;
            }
            None => {
                let mut chars = special.chars();
                out.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translator(realm: &RealmTexts, locale: &str) -> Translator {
        let theme: Bundles = [(
            "de".to_owned(),
            [("doLogIn".to_owned(), "Los".to_owned())].into(),
        )]
        .into();
        Translator::new(
            Arc::new(vec![theme, built_in().unwrap()]),
            Some(realm),
            locale,
        )
    }

    #[test]
    fn places_are_filled_as_java_does() {
        assert_eq!(fill("{1} of {0,number}", &["a", "b"]), "b of a");
        assert_eq!(fill("it''s {0}", &["{1}", "x"]), "it's {1}");
        assert_eq!(fill("it's {x} {7} {", &["a"]), "it's {x} {7} {");
        assert_eq!(fill("é{0}ü", &["ß"]), "éßü");
    }

    /// spec: L10N-04, THEME-08
    #[test]
    fn a_realm_s_text_wins_over_the_theme_s_and_that_over_ours() {
        let mut realm = RealmTexts::new();
        let de = translator(&realm, "de");
        assert_eq!(de.text::<&str>("doLogIn", &[]), "Los");
        realm
            .entry("de".to_owned())
            .or_default()
            .insert("doLogIn".to_owned(), "Rein".to_owned());
        let de = translator(&realm, "de-AT");
        assert_eq!(
            de.text::<&str>("doLogIn", &[]),
            "Los",
            "the realm has no texts for de-AT"
        );
        let de = translator(&realm, "de");
        assert_eq!(de.text::<&str>("doLogIn", &[]), "Rein");
        let other = translator(&realm, "xx");
        assert_eq!(other.text::<&str>("doLogIn", &[]), "Sign in");
        assert_eq!(other.text::<&str>("no such key", &[]), "no such key");
    }

    /// spec: UPROF-58
    #[test]
    fn labels_refer_to_texts_and_to_nothing_without_end() {
        let mut realm = RealmTexts::new();
        let texts = realm.entry("en".to_owned()).or_default();
        texts.insert("loop".to_owned(), "${loop}".to_owned());
        texts.insert("job".to_owned(), "Job of ${who}".to_owned());
        texts.insert("who".to_owned(), "you".to_owned());
        let en = translator(&realm, "en");
        assert_eq!(en.label("${job}!"), "Job of you!");
        assert_eq!(en.label("plain ${unknown} ${open"), "plain unknown ${open");
        assert_eq!(en.label("${loop}"), "loop");
    }
}
