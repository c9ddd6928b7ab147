//! `-s NAME=VALUE`, `-s NAME+=VALUE` and `-d NAME`: changes to a JSON object.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// One change, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Assignment {
    Set(Vec<Step>, Value),
    /// To the end of a list.
    Append(Vec<Step>, Value),
    Remove(Vec<Step>),
}

/// One part of a path such as `config."a.b"[0].name`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// `NAME=VALUE` or `NAME+=VALUE`.
pub(crate) fn parse_set(text: &str) -> anyhow::Result<Assignment> {
    let at = outside_quotes(text, '=').with_context(|| format!("`{text}` is not NAME=VALUE"))?;
    let (name, rest) = text.split_at(at);
    let value = value(rest.get(1..).unwrap_or_default());
    Ok(match name.strip_suffix('+') {
        Some(name) => Assignment::Append(path(name)?, value),
        None => Assignment::Set(path(name)?, value),
    })
}

pub(crate) fn parse_remove(text: &str) -> anyhow::Result<Assignment> {
    Ok(Assignment::Remove(path(text)?))
}

pub(crate) fn apply(target: &mut Value, assignment: &Assignment) -> anyhow::Result<()> {
    match assignment {
        Assignment::Set(path, value) => *place(target, path)? = value.clone(),
        Assignment::Append(path, value) => {
            let list = place(target, path)?;
            if list.is_null() {
                *list = Value::Array(Vec::new());
            }
            match list {
                Value::Array(items) => items.push(value.clone()),
                _ => bail!("{} is not a list: += adds to lists", shown(path)),
            }
        }
        Assignment::Remove(path) => remove(target, path),
    }
    Ok(())
}

/// What is JSON is JSON; everything else is text.
fn value(text: &str) -> Value {
    let trimmed = text.trim();
    let looks_like_json = trimmed.starts_with(['{', '[', '"'])
        || matches!(trimmed, "true" | "false" | "null")
        || trimmed.parse::<f64>().is_ok_and(f64::is_finite);
    let parsed = looks_like_json
        .then(|| serde_json::from_str(trimmed).ok())
        .flatten();
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn path(text: &str) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => key.push(character),
            '.' => push(&mut steps, &mut key),
            '[' => {
                push(&mut steps, &mut key);
                let index: String = characters.by_ref().take_while(|c| *c != ']').collect();
                steps.push(Step::Index(index.parse().with_context(|| {
                    format!("`[{index}]` in `{text}` is not a place in a list")
                })?));
            }
            _ => key.push(character),
        }
    }
    if quoted {
        bail!("`{text}` has an open quote");
    }
    push(&mut steps, &mut key);
    if steps.is_empty() {
        bail!("an attribute's name is missing");
    }
    Ok(steps)
}

fn push(steps: &mut Vec<Step>, key: &mut String) {
    if !key.is_empty() {
        steps.push(Step::Key(std::mem::take(key)));
    }
}

/// The place of a path; objects on the way are made.
fn place<'a>(target: &'a mut Value, path: &[Step]) -> anyhow::Result<&'a mut Value> {
    let mut at = target;
    for (done, step) in path.iter().enumerate() {
        match step {
            Step::Key(key) => {
                if at.is_null() {
                    *at = Value::Object(Map::new());
                }
                let Value::Object(object) = at else {
                    bail!(
                        "{} is not an object",
                        shown(path.get(..done).unwrap_or_default())
                    );
                };
                at = object.entry(key.clone()).or_insert(Value::Null);
            }
            Step::Index(index) => {
                let length = at.as_array().map_or(0, Vec::len);
                if at.is_null() {
                    *at = Value::Array(Vec::new());
                }
                let Value::Array(items) = at else {
                    bail!(
                        "{} is not a list",
                        shown(path.get(..done).unwrap_or_default())
                    );
                };
                if *index == length {
                    items.push(Value::Null);
                }
                at = items.get_mut(*index).with_context(|| {
                    format!(
                        "{} has {length} entries",
                        shown(path.get(..done).unwrap_or_default())
                    )
                })?;
            }
        }
    }
    Ok(at)
}

fn remove(target: &mut Value, path: &[Step]) {
    let Some((last, before)) = path.split_last() else {
        return;
    };
    let mut at = target;
    for step in before {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
    match (last, at) {
        (Step::Key(key), Value::Object(object)) => {
            object.shift_remove(key);
        }
        (Step::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    if text.is_empty() {
        "the body".to_owned()
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(mut target: Value, sets: &[&str], removes: &[&str]) -> Value {
        for set in sets {
            apply(&mut target, &parse_set(set).unwrap()).unwrap();
        }
        for name in removes {
            apply(&mut target, &parse_remove(name).unwrap()).unwrap();
        }
        target
    }

    /// spec: CLI-04, CLI-05
    #[test]
    fn values_are_json_where_they_look_like_it() {
        let made = changed(
            json!({}),
            &[
                "enabled=true",
                "clientId=my_client",
                "redirectUris=[\"http://localhost:8980/myapp/*\"]",
                "max=5",
                "quoted=\"true\"",
                "empty=",
            ],
            &[],
        );
        assert_eq!(
            made,
            json!({
                "enabled": true, "clientId": "my_client", "redirectUris": ["http://localhost:8980/myapp/*"], "max": 5,
                "quoted": "true", "empty": ""
            })
        );
    }

    #[test]
    fn paths_reach_into_objects_and_lists() {
        let made = changed(
            json!({"list": ["a"], "gone": 1}),
            &[
                "attributes.\"a.b\"=x",
                "list+=b",
                "list[0]=c",
                "deep[0].name=n",
            ],
            &["gone", "list[5]"],
        );
        assert_eq!(
            made,
            json!({"list": ["c", "b"], "attributes": {"a.b": "x"}, "deep": [{"name": "n"}]})
        );
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert!(parse_set("name").is_err());
        assert!(parse_set("=x").is_err());
        assert!(parse_set("a[x]=1").is_err());
        let refused = apply(&mut json!({"a": "text"}), &parse_set("a.b=1").unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "`a` is not an object");
    }
}
