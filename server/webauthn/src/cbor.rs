//! CBOR items, within bounds.

use ciborium::Value;

/// Deepest nesting; attestation statements have three levels.
const MAX_DEPTH: usize = 12;

/// The item at the start, and the bytes after it.
pub(crate) fn first(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH).ok()?;
    Some((value, rest))
}

/// The item that is all there is.
pub(crate) fn only(bytes: &[u8]) -> Option<Value> {
    let (value, rest) = first(bytes)?;
    rest.is_empty().then_some(value)
}

/// A map whose keys are texts, each once.
pub(crate) struct Map(Vec<(String, Value)>);

impl Map {
    pub(crate) fn of(value: Value) -> Option<Self> {
        let mut map = Vec::new();
        for (key, value) in value.into_map().ok()? {
            let key = key.into_text().ok()?;
            if map.iter().any(|(known, _)| *known == key) {
                return None;
            }
            map.push((key, value));
        }
        Some(Self(map))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        let (_, value) = self.0.iter().find(|(known, _)| known == key)?;
        Some(value)
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.value(key)?.as_bytes().map(Vec::as_slice)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_text()
    }

    pub(crate) fn integer(&self, key: &str) -> Option<i64> {
        self.value(key)?.as_integer()?.try_into().ok()
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.swap_remove(at).1)
    }
}
