use fancy_regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use url::Url;

use super::compile::{Config, VALIDATORS};
use super::dates;

/// Longest value of an attribute without a length of its own, in characters.
pub const MAX_VALUE: usize = 2048;

/// Longest local part of an e-mail address (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// Steps that one pattern may take on one value before it counts as not matched.
const BACKTRACK_LIMIT: usize = 100_000;

/// Not in names of people: what scripts and templates are made of.
const PERSON_NAME: &str = "<>&\"$%!#?§;*~/\\|^=[]{}()";
/// Not in usernames.
const USERNAME: &str = "<>&\"'$%!#?§,;:*~/\\|^=[]{}()`";

/// A check on each value of an attribute.
#[derive(Clone, Debug)]
pub(super) enum Validator {
    Length {
        min: Option<i64>,
        max: Option<i64>,
        trim: bool,
    },
    Integer {
        min: Option<f64>,
        max: Option<f64>,
    },
    Double {
        min: Option<f64>,
        max: Option<f64>,
    },
    Uri {
        schemes: Vec<String>,
        fragment: bool,
        valid: bool,
    },
    Pattern {
        pattern: Box<Regex>,
        message: Option<String>,
    },
    Email {
        max_local: usize,
    },
    LocalDate,
    IsoDate,
    PersonName {
        message: Option<String>,
    },
    Username {
        message: Option<String>,
    },
    Options(Vec<String>),
    NotHomograph {
        pattern: Box<Regex>,
        message: Option<String>,
    },
    Multivalued {
        min: Option<i64>,
        max: Option<i64>,
    },
}

/// A message key with what goes into it after the attribute's name.
pub(super) type Complaint = (String, Vec<Value>);

impl Validator {
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub(super) fn new(kind: &str, config: &Config) -> Result<Self, String> {
        let Some((_, known)) = VALIDATORS.iter().find(|(id, _)| *id == kind) else {
            return Err("is unknown".to_owned());
        };
        // Settings of every validator; the rest would be a mistake nobody hears of.
        let common = ["ignore.empty.value", "message"];
        if let Some(extra) = config
            .keys()
            .find(|key| !known.contains(&key.as_str()) && !common.contains(&key.as_str()))
        {
            return Err(format!("has no setting '{extra}'"));
        }
        let number = |key: &str| -> Result<Option<f64>, String> {
            let value = match config.get(key) {
                None | Some(Value::Null) => return Ok(None),
                Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
                Some(Value::String(text)) => text.trim().parse().ok(),
                Some(value) => value.as_f64(),
            };
            match value.filter(|v: &f64| v.is_finite()) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("needs a number as '{key}'")),
            }
        };
        let range = || -> Result<(Option<f64>, Option<f64>), String> {
            let (min, max) = (number("min")?, number("max")?);
            if min.zip(max).is_some_and(|(min, max)| min > max) {
                return Err("has a 'min' above its 'max'".to_owned());
            }
            Ok((min, max))
        };
        let counts = || -> Result<(Option<i64>, Option<i64>), String> {
            let (min, max) = range()?;
            let whole = |n: Option<f64>| n.map(|n| n as i64);
            Ok((whole(min), whole(max)))
        };
        let flag = |key: &str, default: bool| match config.get(key) {
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
            _ => default,
        };
        let text = |key: &str| {
            let value = config.get(key).and_then(Value::as_str);
            value.filter(|v| !v.is_empty()).map(str::to_owned)
        };
        let list = |key: &str| -> Vec<String> {
            let values = config.get(key).and_then(Value::as_array);
            let texts = values.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let message = || text("error-message");
        Ok(match kind {
            "length" => {
                let (min, max) = counts()?;
                if min.is_none() && max.is_none() {
                    return Err("needs 'min' or 'max'".to_owned());
                }
                Self::Length {
                    min,
                    max,
                    trim: !flag("trim-disabled", false),
                }
            }
            "integer" => {
                let (min, max) = range()?;
                Self::Integer { min, max }
            }
            "double" => {
                let (min, max) = range()?;
                Self::Double { min, max }
            }
            "uri" => Self::Uri {
                schemes: match list("allowedSchemes") {
                    schemes if schemes.is_empty() => vec!["http".to_owned(), "https".to_owned()],
                    schemes => schemes,
                },
                fragment: flag("allowFragment", true),
                valid: flag("requireValidUrl", true),
            },
            "pattern" => {
                let written = text("pattern").ok_or("needs a 'pattern'")?;
                Self::Pattern {
                    pattern: Box::new(whole(&written)?),
                    message: message(),
                }
            }
            "email" => Self::Email {
                max_local: number("max-local-length")?.map_or(MAX_LOCAL, |n| n.max(0.0) as usize),
            },
            "local-date" => Self::LocalDate,
            "iso-date" => Self::IsoDate,
            "person-name-prohibited-characters" => Self::PersonName { message: message() },
            "username-prohibited-characters" => Self::Username { message: message() },
            "options" => match list("options") {
                options if options.is_empty() => return Err("needs a list 'options'".to_owned()),
                options => Self::Options(options),
            },
            "up-username-not-idn-homograph" => Self::NotHomograph {
                pattern: Box::new(whole(r"[\p{Latin}\p{Common}]+")?),
                message: message(),
            },
            "multivalued" => {
                let (min, max) = counts()?;
                Self::Multivalued { min, max }
            }
            _ => return Err("is unknown".to_owned()),
        })
    }

    /// What is wrong with the value, which is not empty. `locale` is the form's language.
    pub(super) fn check(&self, value: &str, locale: &str) -> Option<Complaint> {
        let say = |key: &str, params: Vec<Value>| Some((key.to_owned(), params));
        let or = |message: &Option<String>, key: &str| {
            Some((
                message.clone().unwrap_or_else(|| key.to_owned()),
                Vec::new(),
            ))
        };
        match self {
            Self::Length { min, max, trim } => {
                let value = if *trim { value.trim() } else { value };
                let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
                out_of_length(length, *min, *max)
            }
            Self::Integer { min, max } => match value.trim().parse::<i64>() {
                Ok(number) => out_of_range(number as f64, *min, *max),
                Err(_) => say("error-invalid-number", vec![json!(value)]),
            },
            Self::Double { min, max } => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => out_of_range(number, *min, *max),
                _ => say("error-invalid-number", vec![json!(value)]),
            },
            Self::Uri {
                schemes,
                fragment,
                valid,
            } => match Url::parse(value) {
                Ok(url) if !schemes.iter().any(|s| s.eq_ignore_ascii_case(url.scheme())) => say(
                    "error-invalid-uri-scheme",
                    vec![json!(value), json!(url.scheme())],
                ),
                Ok(url) if !fragment && url.fragment().is_some() => say(
                    "error-invalid-uri-fragment",
                    vec![json!(value), json!(url.fragment())],
                ),
                Ok(url) if *valid && !url.has_host() && is_web(url.scheme()) => {
                    say("error-invalid-uri", vec![json!(value)])
                }
                Ok(_) => None,
                Err(_) => say("error-invalid-uri", vec![json!(value)]),
            },
            Self::Pattern { pattern, message } => {
                let matches = pattern.is_match(value).unwrap_or(false);
                if matches {
                    None
                } else {
                    or(message, "error-pattern-no-match")
                }
            }
            Self::Email { max_local } => {
                let fine = is_email_within(value, *max_local);
                if fine {
                    None
                } else {
                    say("error-invalid-email", vec![json!(value)])
                }
            }
            Self::LocalDate => {
                let fine = dates::is_local(value, locale);
                if fine {
                    None
                } else {
                    say("error-invalid-date", vec![json!(value)])
                }
            }
            Self::IsoDate => {
                let fine = dates::is_iso(value);
                if fine {
                    None
                } else {
                    say("error-invalid-date", vec![json!(value)])
                }
            }
            Self::PersonName { message } => {
                let bad = |c: char| c.is_control() || PERSON_NAME.contains(c);
                let bad = value.chars().any(bad);
                if bad {
                    or(message, "error-person-name-invalid-character")
                } else {
                    None
                }
            }
            Self::Username { message } => {
                let bad = |c: char| c.is_whitespace() || c.is_control() || USERNAME.contains(c);
                let bad = value.chars().any(bad);
                if bad {
                    or(message, "error-username-invalid-character")
                } else {
                    None
                }
            }
            Self::Options(options) => {
                let known = options.iter().any(|option| option == value);
                if known {
                    None
                } else {
                    say("error-invalid-value", vec![json!(value)])
                }
            }
            Self::NotHomograph { pattern, message } => {
                let fine = pattern.is_match(value).unwrap_or(false);
                if fine {
                    None
                } else {
                    or(message, "error-username-invalid-character")
                }
            }
            Self::Multivalued { .. } => None,
        }
    }

    /// What is wrong with the number of values.
    pub(super) fn check_count(&self, count: usize) -> Option<Complaint> {
        let Self::Multivalued { min, max } = self else {
            return None;
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let wrong = min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max);
        let key = "error-invalid-multivalued-size".to_owned();
        wrong.then(|| (key, vec![json!(min.unwrap_or(0)), json!(max)]))
    }
}

/// Between `min` and `max` characters.
pub(super) fn out_of_length(length: i64, min: Option<i64>, max: Option<i64>) -> Option<Complaint> {
    let fine = min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max);
    if fine {
        return None;
    }
    let key = match (min, max) {
        (Some(_), Some(_)) => "error-invalid-length",
        (Some(_), None) => "error-invalid-length-too-short",
        _ => "error-invalid-length-too-long",
    };
    Some((key.to_owned(), vec![json!(min.unwrap_or(0)), json!(max)]))
}

fn out_of_range(number: f64, min: Option<f64>, max: Option<f64>) -> Option<Complaint> {
    let fine = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
    if fine {
        return None;
    }
    let key = match (min, max) {
        (Some(_), Some(_)) => "error-number-out-of-range",
        (Some(_), None) => "error-number-out-of-range-too-small",
        _ => "error-number-out-of-range-too-big",
    };
    // Whole numbers without a point.
    let shown = |n: Option<f64>| match n {
        Some(n) if n.fract() == 0.0 => json!(n as i64),
        other => json!(other),
    };
    Some((key.to_owned(), vec![shown(min), shown(max)]))
}

/// The pattern must match the whole value, as in Java.
fn whole(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("\\A(?:{pattern})\\z"))
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|cause| format!("has a 'pattern' that is not a regular expression: {cause}"))
}

fn is_web(scheme: &str) -> bool {
    matches!(scheme, "http" | "https" | "ftp")
}

/// One `@` between a local part and a domain that mail could go to (RFC 5321 section 4.1.2, without
/// quoted local parts and address literals; RFC 6531 for letters of all languages).
pub fn is_email(text: &str) -> bool {
    is_email_within(text, MAX_LOCAL)
}

fn is_email_within(text: &str, max_local: usize) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_ok = !local.is_empty()
        && local.chars().count() <= max_local
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"@<>()[],;:\\\"".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let domain_ok = domain.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    local_ok && domain_ok
}
