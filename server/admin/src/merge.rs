//! An update: what is given replaces, what is not given stays.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ApiError, ApiResult};

/// `old` with the fields of `given` put over it. `null` counts as not given. Fields named in `maps`
/// are merged entry by entry, and an entry that is `null` (or an empty string) is removed.
///
/// # Errors
/// When the outcome is no `T`; `given` was read as a `T` before, so only a defect can cause it.
pub fn merged<T: Serialize + DeserializeOwned>(
    old: &T,
    given: &Value,
    maps: &[&str],
) -> ApiResult<T> {
    let mut all = serde_json::to_value(old).map_err(ApiError::internal)?;
    if let (Value::Object(all), Value::Object(given)) = (&mut all, given) {
        for (key, value) in given {
            match value {
                Value::Null => {}
                Value::Object(entries) if maps.contains(&key.as_str()) => {
                    let slot = all
                        .entry(key.clone())
                        .or_insert_with(|| Value::Object(serde_json::Map::new()));
                    if let Value::Object(slot) = slot {
                        for (name, entry) in entries {
                            match entry {
                                Value::Null => {
                                    slot.remove(name);
                                }
                                Value::String(s) if s.is_empty() => {
                                    slot.remove(name);
                                }
                                other => {
                                    slot.insert(name.clone(), other.clone());
                                }
                            }
                        }
                    }
                }
                other => {
                    all.insert(key.clone(), other.clone());
                }
            }
        }
    }
    serde_json::from_value(all).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use realmkeep_representations::ClientRepresentation;
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_stays_and_given_replaces() {
        let old: ClientRepresentation = serde_json::from_value(json!({
            "clientId": "c", "name": "old", "redirectUris": ["a", "b"], "attributes": {"x": "1", "y": "2"}
        }))
        .unwrap();
        let given = json!({"name": "new", "redirectUris": ["c"], "description": null, "attributes": {"x": null, "z": 3}});
        let new = merged(&old, &given, &["attributes"]).unwrap();
        assert_eq!(
            serde_json::to_value(new).unwrap(),
            json!({"attributes": {"y": "2", "z": "3"}, "clientId": "c", "name": "new", "redirectUris": ["c"]})
        );
    }
}
