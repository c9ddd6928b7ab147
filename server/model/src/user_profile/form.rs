use std::collections::BTreeMap;

use realmkeep_representations::{
    UPGroup, UserProfileAttributeGroupMetadata, UserProfileAttributeMetadata, UserProfileMetadata,
};
use serde_json::{Value, json};

use super::compile::{Attribute, Config};
use super::{Attributes, ProfileContext, ProfilePlace, USERNAME, UserProfile};

/// One attribute as a form shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FormField {
    pub name: String,
    /// The label, may be `${key}`; the name when there is none.
    pub label: String,
    /// Current values, else the default.
    pub values: Vec<String>,
    pub required: bool,
    pub read_only: bool,
    pub multivalued: bool,
    pub annotations: BTreeMap<String, Value>,
    /// By validator: its configuration.
    pub validators: BTreeMap<String, BTreeMap<String, Value>>,
    pub group: Option<FormGroup>,
}

/// The group of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct FormGroup {
    pub name: String,
    pub header: String,
    pub description: String,
    pub annotations: BTreeMap<String, Value>,
}

impl FormField {
    /// The choices of the field with their labels: those of the validator that the annotation
    /// `inputOptionsFromValidation` names, else of `options`.
    pub fn options(&self) -> Vec<(String, String)> {
        let text = |name: &str| self.annotations.get(name).and_then(Value::as_str);
        let validator = text("inputOptionsFromValidation").unwrap_or("options");
        let options = self
            .validators
            .get(validator)
            .and_then(|config| config.get("options")?.as_array());
        let labels = self.annotations.get("inputOptionLabels");
        let prefix = text("inputOptionLabelsI18nPrefix");
        let label = |value: &str| match (labels.and_then(|all| all.get(value)?.as_str()), prefix) {
            (Some(label), _) => label.to_owned(),
            (None, Some(prefix)) => format!("${{{prefix}.{value}}}"),
            (None, None) => value.to_owned(),
        };
        let values = options.into_iter().flatten().filter_map(Value::as_str);
        values
            .map(|value| (value.to_owned(), label(value)))
            .collect()
    }
}

impl UserProfile {
    /// The fields of a form, in the profile's order: what may be seen, read-only where it may not
    /// be changed.
    pub fn form_fields(
        &self,
        context: &ProfileContext<'_>,
        current: &Attributes,
    ) -> Vec<FormField> {
        let shown = self.attributes.iter().filter(|a| self.is_shown(a, context));
        shown.map(|a| self.field(a, context, current)).collect()
    }

    /// What the Admin API and the account console are told (`UserProfileMetadata`).
    pub fn metadata(&self, context: &ProfileContext<'_>) -> UserProfileMetadata {
        let none = Attributes::new();
        let attributes = self
            .attributes
            .iter()
            .filter(|a| a.can_view(context))
            .map(|a| {
                let field = self.field(a, context, &none);
                UserProfileAttributeMetadata {
                    name: Some(field.name),
                    display_name: a.config.display_name.clone(),
                    required: Some(field.required),
                    read_only: Some(field.read_only),
                    annotations: a.config.annotations.clone(),
                    validators: Some(field.validators),
                    group: a.config.group.clone(),
                    multivalued: Some(field.multivalued),
                    default_value: a.config.default_value.clone(),
                }
            })
            .collect();
        let groups =
            self.config
                .groups
                .iter()
                .flatten()
                .map(|group| UserProfileAttributeGroupMetadata {
                    name: group.name.clone(),
                    display_header: group.display_header.clone(),
                    display_description: group.display_description.clone(),
                    annotations: group.annotations.clone(),
                });
        UserProfileMetadata {
            attributes: Some(attributes),
            groups: Some(groups.collect()),
        }
    }

    /// Whether the user can see the attribute at all.
    pub fn is_visible(&self, name: &str, context: &ProfileContext<'_>) -> bool {
        match self.attribute(name) {
            Some(attribute) => attribute.is_enabled(context) && attribute.can_view(context),
            None => {
                use realmkeep_representations::UPConfigUnmanagedAttributePolicy as Unmanaged;
                match self.unmanaged() {
                    Some(Unmanaged::Enabled) => true,
                    Some(_) => context.place == ProfilePlace::Admin,
                    None => false,
                }
            }
        }
    }

    fn is_shown(&self, attribute: &Attribute, context: &ProfileContext<'_>) -> bool {
        if context.place == ProfilePlace::UpdateEmail {
            return attribute.name == super::EMAIL;
        }
        // The e-mail address is the username, and nothing exists yet to be shown read-only.
        if attribute.name == USERNAME && context.login.email_as_username {
            return false;
        }
        let blank = context.place == ProfilePlace::Registration;
        attribute.is_enabled(context)
            && attribute.can_view(context)
            && (!blank || attribute.can_edit(context))
    }

    fn field(
        &self,
        attribute: &Attribute,
        context: &ProfileContext<'_>,
        current: &Attributes,
    ) -> FormField {
        let config = &attribute.config;
        let name = &attribute.name;
        let default = || config.default_value.iter().cloned().collect::<Vec<_>>();
        let read_only = !attribute.can_edit(context);
        let group = config.group.as_deref().and_then(|wanted| {
            let all = self.config.groups.as_deref().unwrap_or_default();
            let group = all.iter().find(|g| g.name.as_deref() == Some(wanted))?;
            Some(form_group(wanted, group))
        });
        FormField {
            name: name.clone(),
            label: match config.display_name.as_deref().filter(|l| !l.is_empty()) {
                Some(label) => label.to_owned(),
                None => name.clone(),
            },
            values: match current.get(name) {
                Some(values) => values.clone(),
                None => default(),
            },
            required: attribute.is_required(context),
            read_only,
            multivalued: attribute.multivalued,
            annotations: config.annotations.clone().unwrap_or_default(),
            validators: validators(attribute),
            group,
        }
    }
}

fn form_group(name: &str, group: &UPGroup) -> FormGroup {
    FormGroup {
        name: name.to_owned(),
        header: group
            .display_header
            .clone()
            .unwrap_or_else(|| name.to_owned()),
        description: group.display_description.clone().unwrap_or_default(),
        annotations: group.annotations.clone().unwrap_or_default(),
    }
}

/// The validators with what holds for all: empty values are not looked at, and one value is all
/// that there may be where not said otherwise.
fn validators(attribute: &Attribute) -> BTreeMap<String, Config> {
    let mut all: BTreeMap<String, Config> =
        attribute.config.validations.clone().unwrap_or_default();
    for config in all.values_mut() {
        config
            .entry("ignore.empty.value".to_owned())
            .or_insert(json!(true));
    }
    if !attribute.multivalued {
        let one = [("max".to_owned(), json!("1"))].into_iter().collect();
        all.entry("multivalued".to_owned()).or_insert(one);
    }
    all
}
