//! Attributes of the user profile as fields of a page.

use realmkeep_authn::flow::ProfileField;
use realmkeep_pages::Message;
use realmkeep_pages::page::{ProfileField as Field, ProfileFieldKind, ProfileGroup, ProfileOption};

/// The fields in their order; each group has its header once.
pub(super) fn fields(attributes: Vec<ProfileField>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut group: Option<String> = None;
    for attribute in attributes {
        let mut field = field(attribute);
        let own = field.begins.as_ref().map(|begins| begins.name.clone());
        field.ends_group = group.is_some() && own.is_none();
        if own == group {
            field.begins = None;
        }
        group = own;
        fields.push(field);
    }
    fields
}

/// The field as the attribute's annotations describe it.
fn field(attribute: ProfileField) -> Field {
    let ProfileField { field, error } = attribute;
    let text = |name: &str| {
        let value = field.annotations.get(name)?;
        value.as_str().map(str::to_owned)
    };
    let input = text("inputType").unwrap_or_default();
    let kind = match input.as_str() {
        "textarea" => ProfileFieldKind::Textarea,
        "select" => ProfileFieldKind::Select,
        "multiselect" => ProfileFieldKind::Multiselect,
        "select-radiobuttons" => ProfileFieldKind::Radio,
        "multiselect-checkboxes" => ProfileFieldKind::Checkboxes,
        _ => ProfileFieldKind::Input,
    };
    let input_type = match input.strip_prefix("html5-") {
        Some(html) => html,
        None if field.name == "email" => "email",
        None => "text",
    };
    let options = field
        .options()
        .into_iter()
        .map(|(value, label)| ProfileOption {
            selected: field.values.contains(&value),
            value,
            label,
        });
    Field {
        kind,
        input_type: input_type.to_owned(),
        options: options.collect(),
        required: field.required,
        read_only: field.read_only,
        multivalued: field.multivalued,
        autocomplete: autocomplete(&field.name).map(str::to_owned),
        help_before: text("inputHelperTextBefore"),
        help_after: text("inputHelperTextAfter"),
        begins: field.group.as_ref().map(|group| ProfileGroup {
            name: group.name.clone(),
            header: group.header.clone(),
            description: group.description.clone(),
        }),
        error: error.map(Message::new),
        name: field.name,
        label: field.label,
        values: field.values,
        ..Field::default()
    }
}

fn autocomplete(name: &str) -> Option<&'static str> {
    Some(match name {
        "username" => "username",
        "email" => "email",
        "firstName" => "given-name",
        "lastName" => "family-name",
        _ => return None,
    })
}
