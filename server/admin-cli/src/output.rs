//! How answers are printed: JSON as kcadm lays it out, or CSV.

use std::fmt::Write as _;

use anyhow::bail;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// `--fields`: names with what is wanted of their objects, as `id,name,client(id,clientId)`;
/// `*` is every field.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Fields(Vec<(String, Fields)>);

impl Fields {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut rest = text;
        let fields = Self::list(&mut rest, 0)?;
        if !rest.is_empty() {
            bail!("--fields `{text}` has a closing bracket too many");
        }
        Ok(fields)
    }

    fn list(rest: &mut &str, depth: usize) -> anyhow::Result<Self> {
        if depth > 16 {
            bail!("--fields is nested too deep");
        }
        let mut fields = Vec::new();
        loop {
            let end = rest.find([',', '(', ')']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let name = name.trim().to_owned();
            *rest = after;
            let mut inner = Self::default();
            if let Some(after) = rest.strip_prefix('(') {
                *rest = after;
                inner = Self::list(rest, depth + 1)?;
                match rest.strip_prefix(')') {
                    Some(after) => *rest = after,
                    None => bail!("--fields has an open bracket"),
                }
            }
            if !name.is_empty() {
                fields.push((name, inner));
            }
            match rest.strip_prefix(',') {
                Some(after) => *rest = after,
                None => return Ok(Self(fields)),
            }
        }
    }

    pub(crate) fn select(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.select(item)).collect())
            }
            Value::Object(mut object) => {
                if self.0.is_empty() {
                    return Value::Object(object);
                }
                let mut selected = Map::new();
                for (name, inner) in &self.0 {
                    if name == "*" {
                        for (key, value) in std::mem::take(&mut object) {
                            selected.entry(key).or_insert(value);
                        }
                    } else if let Some(value) = object.shift_remove(name) {
                        selected.insert(name.clone(), inner.select(value));
                    }
                }
                Value::Object(selected)
            }
            other => other,
        }
    }
}

/// JSON with a space on both sides of a colon and short lists on one line.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(object) if object.is_empty() => text.push_str("{ }"),
        Value::Object(object) => {
            text.push('{');
            for (count, (key, value)) in object.iter().enumerate() {
                text.push_str(if count == 0 { "\n" } else { ",\n" });
                let _ = write!(
                    text,
                    "{:width$}{} : ",
                    "",
                    Value::String(key.clone()),
                    width = 2 * (depth + 1)
                );
                write_value(text, value, depth + 1);
            }
            let _ = write!(text, "\n{:width$}}}", "", width = 2 * depth);
        }
        Value::Array(items) if items.is_empty() => text.push_str("[ ]"),
        Value::Array(items) => {
            text.push_str("[ ");
            for (count, item) in items.iter().enumerate() {
                if count > 0 {
                    text.push_str(", ");
                }
                write_value(text, item, depth);
            }
            text.push_str(" ]");
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// A line for each object, its values in the order of the first one's fields.
pub(crate) fn csv(value: &Value, quotes: bool) -> String {
    let rows: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    let lines = rows.iter().map(|row| {
        let cells: Vec<String> = match row {
            Value::Object(object) => object
                .values()
                .map(|cell| self::cell(cell, quotes))
                .collect(),
            other => vec![cell(other, quotes)],
        };
        cells.join(",")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn cell(value: &Value, quotes: bool) -> String {
    match value {
        Value::String(text) if quotes => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other if quotes && (other.is_object() || other.is_array()) => {
            format!("\"{}\"", other.to_string().replace('"', "\"\""))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_laid_out_as_scripts_expect() {
        let value = json!([{"id": "1", "list": ["a", "b"], "empty": {}, "none": [], "inner": {"x": true}}, {"id": "2"}]);
        let expected = "[ {\n  \"id\" : \"1\",\n  \"list\" : [ \"a\", \"b\" ],\n  \"empty\" : { },\n  \"none\" : [ ],\n  \"inner\" : {\n    \"x\" : true\n  }\n}, {\n  \"id\" : \"2\"\n} ]";
        assert_eq!(pretty(&value), expected);
    }

    #[test]
    fn fields_select_and_nest() {
        let value = json!([{"id": "1", "name": "n", "client": {"id": "c", "x": 1}}]);
        let selected = Fields::parse("id,client(id)").unwrap().select(value);
        assert_eq!(selected, json!([{"id": "1", "client": {"id": "c"}}]));
        assert!(Fields::parse("a(b").is_err());
        assert!(Fields::parse("a)").is_err());
    }

    #[test]
    fn csv_has_a_line_for_each_object() {
        let value = json!([{"id": "1", "n": "a\"b"}, {"id": "2", "n": null}]);
        assert_eq!(csv(&value, true), "\"1\",\"a\"\"b\"\n\"2\",");
        assert_eq!(csv(&value, false), "1,a\"b\n2,");
    }
}
