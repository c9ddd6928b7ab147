//! Claim names with dots: `a.b` is claim `b` inside claim `a`; `a\.b` is one claim.

use serde_json::{Map, Value};

/// Deepest claim.
const MAX_DEPTH: usize = 8;

/// The parts of a name, each with the variables `${name}` replaced: a value with dots stays one part.
pub(super) fn parts(name: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in name.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '.' if !escaped && parts.len() < MAX_DEPTH => parts.push(String::new()),
            c => {
                if let Some(last) = parts.last_mut() {
                    if escaped && c != '.' && c != '\\' {
                        last.push('\\');
                    }
                    last.push(c);
                }
                escaped = false;
            }
        }
    }
    for part in &mut parts {
        for (variable, value) in variables {
            *part = part.replace(&format!("${{{variable}}}"), value);
        }
    }
    parts
}

/// Puts the value at the path; what stands in its way and is not an object is replaced.
pub(super) fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => match (object.get_mut(last), value) {
            // Two mappers may fill one object, or one list.
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
            (Some(Value::Array(there)), Value::Array(more)) => {
                for item in more {
                    if !there.contains(&item) {
                        there.push(item);
                    }
                }
            }
            (_, value) => {
                object.insert(last.clone(), value);
            }
        },
        [first, rest @ ..] => {
            let inner = object
                .entry(first.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dots_nest_unless_escaped_or_in_a_value() {
        let mut object = Map::new();
        let variables = [("client_id", "my.app")];
        put(
            &mut object,
            &parts("resource_access.${client_id}.roles", &variables),
            json!(["a"]),
        );
        put(&mut object, &parts(r"a\.b", &[]), json!(1));
        put(&mut object, &parts("resource_access.x", &[]), json!({}));
        put(
            &mut object,
            &parts("resource_access.${client_id}.roles", &variables),
            json!(["a", "b"]),
        );
        let expected = json!({
            "resource_access": {"my.app": {"roles": ["a", "b"]}, "x": {}},
            "a.b": 1,
        });
        assert_eq!(Value::Object(object), expected);
    }
}
