//! Notes of the user session.

use super::mapper_type::{MapperType, Property};
use super::{Claims, EVERYWHERE_AND_RESPONSE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    named: true,
    own: &[Property::text(
        "user.session.note",
        "userSession.modelNote.label",
        "Name of the note of the user's session.",
    )
    .required()],
    ..MapperType::new(
        "oidc-usersessionmodel-note-mapper",
        "User Session Note",
        "Puts a note of the user's session into a claim.",
        EVERYWHERE_AND_RESPONSE,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(note) = mapper.config("user.session.note")
        && let Some(value) = facts.notes.get(note)
    {
        mapper.put(claims, &[value.as_str()]);
    }
}
