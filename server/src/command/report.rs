//! How changes are shown.

use realmkeep_crds::ObjectName;
use realmkeep_plan::{Change, ObjectKey, Operation};

/// One line about a change that was made, with the fields of an update.
pub fn done(change: &Change) -> String {
    let word = match change.op {
        Operation::Create => "created",
        Operation::Update => "updated",
        Operation::Delete => "deleted",
    };
    let mut text = line(word, &change.object, &change.resource);
    if change.op == Operation::Update {
        for field in &change.fields {
            text.push_str(&format!("\n               {field}"));
        }
    }
    text
}

/// One line about an object.
pub fn line(word: &str, object: &ObjectKey, resource: &ObjectName) -> String {
    format!("  {word:<10} {object} ({resource})")
}
