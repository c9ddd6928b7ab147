//! Scalars as existing clients send them: `"true"` for a boolean, `5` for a string, `null` for an
//! absent value. Anything else of the wrong type is an error that names what was expected.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::SecretString;

fn text<E: Error>(value: Value) -> Result<Option<String>, E> {
    match value {
        Value::Null => Ok(None),
        Value::String(s) => Ok(Some(s)),
        Value::Bool(b) => Ok(Some(b.to_string())),
        Value::Number(n) => Ok(Some(n.to_string())),
        Value::Array(_) => Err(E::custom("expected a string, found a list")),
        Value::Object(_) => Err(E::custom("expected a string, found an object")),
    }
}

pub fn string<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    text(Value::deserialize(d)?)
}

pub fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SecretString>, D::Error> {
    Ok(string(d)?.map(SecretString::new))
}

pub fn boolean<'de, D: Deserializer<'de>>(d: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Ok(None),
        Value::Bool(b) => Ok(Some(b)),
        Value::String(s) if s.is_empty() => Ok(None),
        Value::String(s) if s.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(s) if s.eq_ignore_ascii_case("false") => Ok(Some(false)),
        other => Err(D::Error::custom(format!(
            "expected true or false, found {}",
            kind(&other)
        ))),
    }
}

pub fn long<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Ok(None),
        Value::String(s) if s.is_empty() => Ok(None),
        Value::String(s) => s
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| D::Error::custom("expected a whole number")),
        Value::Number(n) => match n.as_i64() {
            Some(i) => Ok(Some(i)),
            None => Err(D::Error::custom("expected a whole number")),
        },
        other => Err(D::Error::custom(format!(
            "expected a whole number, found {}",
            kind(&other)
        ))),
    }
}

pub fn integer<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i32>, D::Error> {
    match long(d)? {
        None => Ok(None),
        Some(i) => i32::try_from(i)
            .map(Some)
            .map_err(|_| D::Error::custom("the number is out of range")),
    }
}

/// A map of strings; entries with `null` are left out.
pub fn string_map<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let Some(entries) = Option::<BTreeMap<String, Value>>::deserialize(d)? else {
        return Ok(None);
    };
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        if let Some(value) = text(value)? {
            map.insert(key, value);
        }
    }
    Ok(Some(map))
}

/// A map of lists of strings; a lone string counts as a list of one.
pub fn multi_map<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<BTreeMap<String, Vec<String>>>, D::Error> {
    let Some(entries) = Option::<BTreeMap<String, Value>>::deserialize(d)? else {
        return Ok(None);
    };
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        let list = match value {
            Value::Null => continue,
            Value::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(text(item)?);
                }
                list
            }
            lone => text(lone)?.into_iter().collect(),
        };
        map.insert(key, list);
    }
    Ok(Some(map))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
