//! Notes of the user session.

use super::{Claims, Facts, Mapper};

pub(super) fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(note) = mapper.config("user.session.note")
        && let Some(value) = facts.notes.get(note)
    {
        mapper.put(claims, &[value.as_str()]);
    }
}
