use realmkeep_model::user_profile::{EMAIL, FIRST_NAME, FormField, LAST_NAME, USERNAME};
use serde::Serialize;
use serde_json::Value;

use crate::Message;

/// One attribute of the user profile as a form field. Its name is the attribute's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileField {
    pub name: String,
    /// The label, may be `${key}`.
    pub label: String,
    pub kind: ProfileFieldKind,
    /// `type` of an input.
    pub input_type: String,
    pub values: Vec<String>,
    pub options: Vec<ProfileOption>,
    pub required: bool,
    pub read_only: bool,
    /// Any number of values, each in an input of its own.
    pub multivalued: bool,
    pub autocomplete: Option<String>,
    /// Further HTML attributes with their values, from annotations.
    pub attributes: Vec<(String, String)>,
    /// Text above and below the field, may be `${key}`.
    pub help_before: Option<String>,
    pub help_after: Option<String>,
    /// The header that stands before this field, when it begins a group.
    pub begins: Option<ProfileGroup>,
    /// This field follows a group without belonging to one.
    pub ends_group: bool,
    pub error: Option<Message>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileFieldKind {
    #[default]
    Input,
    Textarea,
    Select,
    Multiselect,
    Radio,
    Checkboxes,
}

/// One choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileOption {
    pub value: String,
    /// May be `${key}`.
    pub label: String,
    pub selected: bool,
}

/// A group of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileGroup {
    pub name: String,
    /// May be `${key}`.
    pub header: String,
    /// May be `${key}`; empty when there is none.
    pub description: String,
}

/// Annotations that become HTML attributes.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("inputTypePlaceholder", "placeholder"),
    ("inputTypeSize", "size"),
    ("inputTypeCols", "cols"),
    ("inputTypeRows", "rows"),
    ("inputTypePattern", "pattern"),
    ("inputTypeMaxlength", "maxlength"),
    ("inputTypeMaxLength", "maxlength"),
    ("inputTypeMinlength", "minlength"),
    ("inputTypeMinLength", "minlength"),
    ("inputTypeMax", "max"),
    ("inputTypeMin", "min"),
    ("inputTypeStep", "step"),
];

impl ProfileField {
    /// The fields of a form from those of the profile; groups get their headers where they begin.
    pub fn list(fields: Vec<FormField>) -> Vec<Self> {
        let mut group: Option<String> = None;
        let mut list = Vec::new();
        for field in fields {
            let own = field.group.as_ref().map(|g| g.name.clone());
            let begins = field.group.clone().filter(|_| own != group);
            let ends_group = own.is_none() && group.is_some();
            group = own;
            let mut shown = Self::from(field);
            shown.begins = begins.map(|g| ProfileGroup {
                name: g.name,
                header: g.header,
                description: g.description,
            });
            shown.ends_group = ends_group;
            list.push(shown);
        }
        list
    }
}

impl From<FormField> for ProfileField {
    fn from(field: FormField) -> Self {
        let text = |name: &str| {
            let value = field.annotations.get(name)?;
            value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.as_i64().map(|n| n.to_string()))
        };
        let input_type = text("inputType").unwrap_or_default();
        let kind = match input_type.as_str() {
            "textarea" => ProfileFieldKind::Textarea,
            "select" => ProfileFieldKind::Select,
            "multiselect" => ProfileFieldKind::Multiselect,
            "select-radiobuttons" => ProfileFieldKind::Radio,
            "multiselect-checkboxes" => ProfileFieldKind::Checkboxes,
            _ => ProfileFieldKind::Input,
        };
        let html = match input_type.strip_prefix("html5-") {
            Some(
                html @ ("email" | "tel" | "url" | "number" | "range" | "datetime-local" | "date"
                | "month" | "week" | "time"),
            ) => html,
            _ if field.name == EMAIL => "email",
            _ => "text",
        };
        let mut attributes: Vec<(String, String)> = Vec::new();
        for (annotation, attribute) in ATTRIBUTES {
            if let Some(value) = text(annotation)
                && !attributes.iter().any(|(known, _)| known == attribute)
            {
                attributes.push(((*attribute).to_owned(), value));
            }
        }
        // For scripts of a theme.
        for (name, value) in &field.annotations {
            let safe = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if name.starts_with("kc")
                && safe
                && let Value::String(value) = value
            {
                attributes.push((format!("data-{name}"), value.clone()));
            }
        }
        let options = field
            .options()
            .into_iter()
            .map(|(value, label)| ProfileOption {
                selected: field.values.contains(&value),
                value,
                label,
            })
            .collect();
        let autocomplete = match field.name.as_str() {
            USERNAME => Some("username"),
            EMAIL => Some("email"),
            FIRST_NAME => Some("given-name"),
            LAST_NAME => Some("family-name"),
            _ => None,
        };
        Self {
            kind,
            input_type: html.to_owned(),
            options,
            attributes,
            help_before: text("inputHelperTextBefore"),
            help_after: text("inputHelperTextAfter"),
            autocomplete: autocomplete.map(str::to_owned),
            name: field.name,
            label: field.label,
            values: field.values,
            required: field.required,
            read_only: field.read_only,
            multivalued: field.multivalued,
            begins: None,
            ends_group: false,
            error: None,
        }
    }
}
