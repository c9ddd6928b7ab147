//! `${NAME}` and `${NAME:default}` in the strings of a realm export, from the environment.
//!
//! Names of messages (`${role_offline-access}`), of a vault (`${vault.key}`) and of variables that are
//! not set stay as they are.

use serde_json::Value;

/// Puts values in the place of placeholders, everywhere in the document.
pub fn replace(document: &mut Value, variable: &dyn Fn(&str) -> Option<String>) {
    match document {
        Value::String(text) if text.contains("${") => *text = replaced(text, variable),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, variable)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace(value, variable)),
        _ => {}
    }
}

fn replaced(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            out.push_str("${");
            out.push_str(after);
            return out;
        };
        let (name, default) = match inside.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let value = match is_name(name) {
            true => variable(name).or_else(|| default.map(str::to_owned)),
            false => None,
        };
        match value {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("${");
                out.push_str(inside);
                out.push('}');
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// As environment variables are named.
fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_meant_is_replaced() {
        let variable = |name: &str| (name == "HOST").then(|| "h.example".to_owned());
        let mut document = json!({
            "a": "https://${HOST}/${PATH_:p}", "b": ["${HOST}"], "${HOST}": 1,
            "c": "${client_account} ${role_offline-access} ${vault.key} ${UNSET} ${", "d": "${HOST",
        });
        replace(&mut document, &variable);
        let expected = json!({
            "a": "https://h.example/p", "b": ["h.example"], "${HOST}": 1,
            "c": "${client_account} ${role_offline-access} ${vault.key} ${UNSET} ${", "d": "${HOST",
        });
        assert_eq!(document, expected);
    }
}
