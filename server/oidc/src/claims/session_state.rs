//! `session_state`: the session's id, for clients that look for it under this older name.

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{Claims, EVERYWHERE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType::new(
    "oidc-session-state-mapper",
    "Session State (session_state)",
    "Puts the id of the user's session into the claim 'session_state'.",
    EVERYWHERE,
    apply,
);

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(id) = facts.session_id {
        claims
            .values
            .insert("session_state".to_owned(), Value::from(id));
    }
}
