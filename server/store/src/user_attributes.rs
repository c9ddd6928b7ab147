//! Attributes of users as rows, to search by.

use realmkeep_representations::UserRepresentation;

use crate::db::{Step, statements};

statements! {
    INSERT = "INSERT INTO user_attribute (user_id, realm_id, name, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    DELETE = "DELETE FROM user_attribute WHERE user_id = ?1";
}

/// Longest value that is kept as it is, in characters: an index has a limit.
const LONGEST: usize = 255;

/// The steps that make the attributes of the user those of its document; `before` says whether it had
/// some already.
pub(crate) fn attributes(realm_id: &str, user: &UserRepresentation, before: bool) -> Vec<Step> {
    let id = user.id.as_deref().unwrap_or_default();
    let mut steps = Vec::new();
    if before {
        steps.push(Step::new(&DELETE, vec![id.into()]));
    }
    for (name, values) in user.attributes.iter().flatten() {
        for value in values {
            let params = vec![
                id.into(),
                realm_id.into(),
                name.as_str().into(),
                key(value).into(),
            ];
            steps.push(Step::new(&INSERT, params));
        }
    }
    steps
}

/// The value as it is compared: in any case, and of a long one the beginning.
pub(crate) fn key(value: &str) -> String {
    value
        .chars()
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}
