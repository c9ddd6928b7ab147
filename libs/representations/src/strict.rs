//! Two ways to read a representation: refuse unknown fields (apply), or report them (import).

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Why a document is not the representation it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    #[error("{path}: {reason}")]
    Invalid { path: String, reason: String },
    #[error("{}: unknown field; check its spelling, or leave it out", .0.join(", "))]
    UnknownFields(Vec<String>),
}

/// Reads `value`, refusing fields that the representation does not have.
///
/// # Errors
/// Names the JSON path of the first field of a wrong type, or all unknown fields.
pub fn refuse_unknown<T: DeserializeOwned>(value: &Value) -> Result<T, ReadError> {
    match collect_unknown(value)? {
        (read, unknown) if unknown.is_empty() => Ok(read),
        (_, unknown) => Err(ReadError::UnknownFields(unknown)),
    }
}

/// Reads `value` and returns the JSON paths of the fields that were left out as unknown.
///
/// # Errors
/// Names the JSON path of the first field of a wrong type.
pub fn collect_unknown<T: DeserializeOwned>(value: &Value) -> Result<(T, Vec<String>), ReadError> {
    // serde reads a list as the fields of a structure in their order: `[]` would be an empty one.
    if value.is_array() && T::deserialize(Value::Object(Map::new())).is_ok() {
        return Err(ReadError::Invalid {
            path: ".".to_owned(),
            reason: "invalid type: a list, expected an object".to_owned(),
        });
    }
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(path.to_string().replace(".?", ""));
    let read = serde_ignored::deserialize(tracked, &mut note);
    match read {
        Ok(read) => Ok((read, unknown)),
        Err(e) => Err(ReadError::Invalid {
            path: track.path().to_string(),
            reason: e.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientRepresentation, RealmRepresentation};

    #[test]
    fn unknown_fields_are_named_by_path() {
        let value = serde_json::json!({"realm": "r", "clients": [{"clientId": "c", "redirectUri": "x"}], "colour": 1});
        let error = refuse_unknown::<RealmRepresentation>(&value).unwrap_err();
        assert_eq!(
            error,
            ReadError::UnknownFields(vec!["clients.0.redirectUri".into(), "colour".into()])
        );
        let (realm, _) = collect_unknown::<RealmRepresentation>(&value).unwrap();
        assert_eq!(realm.realm.as_deref(), Some("r"));
    }

    #[test]
    fn a_wrong_type_is_named_by_path() {
        let value = serde_json::json!({"redirectUris": ["a", {"b": 1}]});
        let error = refuse_unknown::<ClientRepresentation>(&value)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("redirectUris[1]"), "{error}");
    }

    #[test]
    fn a_list_is_no_representation() {
        let list = serde_json::json!([]);
        assert!(refuse_unknown::<ClientRepresentation>(&list).is_err());
        assert!(refuse_unknown::<Vec<ClientRepresentation>>(&list).is_ok());
    }

    #[test]
    fn scalars_are_read_leniently() {
        let value = serde_json::json!({"enabled": "true", "attributes": {"a": 5, "b": null}});
        let client: ClientRepresentation = refuse_unknown(&value).unwrap();
        assert_eq!(client.enabled, Some(true));
        assert_eq!(client.attributes.unwrap().len(), 1);
    }
}
