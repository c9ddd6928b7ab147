//! Whether a live object has everything that is declared, so that nothing need be written.

use serde_json::Value;

/// Every field of `wanted` is in `live` with the same value. Objects may have more fields there,
/// which others or the API server's defaults set; lists have the same length.
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            match live.get(key) {
                Some(live) => covers(live, wanted),
                // An empty declaration is left out by the API server.
                None => is_empty(wanted),
            }
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| covers(l, w))
        }
        _ => live == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_of_the_api_server_are_no_difference() {
        let wanted = json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}});
        let live = json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "selector": {"a": "b"}, "type": "ClusterIP"}});
        assert!(covers(&live, &wanted));
    }

    #[test]
    fn a_changed_value_and_a_missing_or_added_item_are() {
        let wanted = json!({"env": [{"name": "A", "value": "1"}]});
        assert!(!covers(
            &json!({"env": [{"name": "A", "value": "2"}]}),
            &wanted
        ));
        assert!(!covers(&json!({"env": []}), &wanted));
        assert!(!covers(&json!({}), &wanted));
        let more = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]});
        assert!(!covers(&more, &wanted));
    }
}
