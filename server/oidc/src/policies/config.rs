//! Settings of a condition or executor, as consoles and files write them: what is a switch or a number
//! may be a text.

use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Config<'a>(pub(super) Option<&'a Value>);

impl<'a> Config<'a> {
    fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// None when it is empty.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn is_on(self, name: &str) -> bool {
        self.switch(name) == Some(true)
    }

    /// None when it is not set.
    pub(super) fn switch(self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(on) => Some(*on),
            Value::String(text) => Some(text.eq_ignore_ascii_case("true")),
            _ => None,
        }
    }

    pub(super) fn number(self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The texts of a list; a single text counts as a list of one.
    pub(super) fn list(self, name: &str) -> Vec<&'a str> {
        match self.get(name) {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) if !one.is_empty() => vec![one.as_str()],
            _ => Vec::new(),
        }
    }
}
