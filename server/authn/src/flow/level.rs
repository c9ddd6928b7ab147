//! Levels of authentication: what was asked for as `acr`, and what was reached.

use std::collections::BTreeMap;

use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Realm;
use realmkeep_store::sessions::UserSession;

use crate::authorization_request::AuthorizationRequest;

/// Names of levels that a map may have, at most.
const MAX_NAMES: usize = 100;
/// The realm's and client's attribute with the map.
const MAP: &str = "acr.loa.map";

/// Levels by name: the client's own map, or else the realm's.
pub fn names(realm: &Realm, client: &ClientRepresentation) -> BTreeMap<String, i64> {
    let parsed = |text: Option<&String>| -> Option<BTreeMap<String, i64>> {
        let map: BTreeMap<String, serde_json::Value> = serde_json::from_str(text?).ok()?;
        let levels: BTreeMap<String, i64> = map
            .into_iter()
            .take(MAX_NAMES)
            .filter_map(|(name, level)| {
                let number = level.as_i64();
                Some((name, number.or_else(|| level.as_str()?.parse().ok())?))
            })
            .collect();
        (!levels.is_empty()).then_some(levels)
    };
    let of_client = client.attributes.as_ref().and_then(|a| a.get(MAP));
    let of_realm = realm.settings.attributes.as_ref().and_then(|a| a.get(MAP));
    parsed(of_client)
        .or_else(|| parsed(of_realm))
        .unwrap_or_default()
}

/// Session note with the time at which each level was last reached.
pub const LEVELS_NOTE: &str = "loa-map";

/// When each level was last reached in the session.
pub fn of_session(session: &UserSession) -> BTreeMap<i64, i64> {
    let note = session.detail.notes.get(LEVELS_NOTE);
    note.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The level that a value of `acr` stands for; a number stands for itself.
pub fn of_value(names: &BTreeMap<String, i64>, value: &str) -> Option<i64> {
    names.get(value).copied().or_else(|| value.parse().ok())
}

/// The level that a request asks for, of its values the lowest; None when it asks for none that is
/// known.
pub fn requested(
    realm: &Realm,
    client: &ClientRepresentation,
    request: &AuthorizationRequest,
) -> Option<i64> {
    let names = names(realm, client);
    let known = request
        .acr_values
        .iter()
        .filter_map(|value| of_value(&names, value));
    known.min()
}

/// The value of `acr` for a level that was reached: of the values asked for, else of all that are
/// named, the one nearest below; else the number.
pub fn acr(names: &BTreeMap<String, i64>, request: &AuthorizationRequest, level: i64) -> String {
    let best = |values: &mut dyn Iterator<Item = (&String, i64)>| {
        values
            .filter(|(_, of)| *of <= level)
            .max_by_key(|(_, of)| *of)
            .map(|(name, _)| name.clone())
    };
    let asked = &mut request
        .acr_values
        .iter()
        .filter_map(|value| Some((value, of_value(names, value)?)));
    best(asked)
        .or_else(|| best(&mut names.iter().map(|(name, level)| (name, *level))))
        .unwrap_or_else(|| level.to_string())
}
