use super::is_on;
use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property};

/// True when an attribute of the user, or of a group the user is in, has a value.
#[derive(Debug)]
pub struct UserAttribute;

impl Condition for UserAttribute {
    fn about(&self) -> About {
        About {
            id: "conditional-user-attribute",
            name: "Condition - user attribute",
            help: "True if the user's attribute has the value",
            properties: &[
                Property {
                    name: "attribute_name",
                    label: "Attribute name",
                    help: "Name of the attribute",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "attribute_expected_value",
                    label: "Expected attribute value",
                    help: "The value that it has to have",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "include_group_attributes",
                    label: "Include group attributes",
                    help: "Look at the groups that the user is in, too",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "regex",
                    label: "regex",
                    help: "The expected value is a regular expression that the whole value has to match",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "not",
                    label: "Negate output",
                    help: "True if the attribute does not have the value",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
            ],
        }
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        _: &Flow,
        facts: &Facts<'_>,
        _: &mut Progress,
    ) -> bool {
        let name = condition.setting("attribute_name").unwrap_or_default();
        let expected = condition
            .setting("attribute_expected_value")
            .unwrap_or_default();
        let values = values(facts, name, is_on(condition, "include_group_attributes"));
        let has = if is_on(condition, "regex") {
            super::matches_any(condition, expected, &values)
        } else {
            values.iter().any(|value| value == expected)
        };
        has != is_on(condition, "not")
    }
}

fn values(facts: &Facts<'_>, name: &str, groups_too: bool) -> Vec<String> {
    let Some(subject) = &facts.subject else {
        return Vec::new();
    };
    let user = &subject.user;
    let mut values: Vec<String> = user
        .attributes
        .as_ref()
        .and_then(|a| a.get(name))
        .cloned()
        .unwrap_or_default();
    let own = match name {
        "username" => &user.username,
        "email" => &user.email,
        "firstName" => &user.first_name,
        "lastName" => &user.last_name,
        _ => &None,
    };
    values.extend(own.clone());
    if groups_too {
        for id in facts.realm.with_ancestors(&subject.groups) {
            let group = facts.realm.groups.get(&id);
            let attributes = group.and_then(|g| g.attributes.as_ref());
            values.extend(
                attributes
                    .and_then(|a| a.get(name))
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
        }
    }
    values
}
