use std::collections::{BTreeMap, BTreeSet};

use realmkeep_representations::{
    RealmRepresentation, UPAttribute, UPAttributePermissions, UPConfig,
};
use serde_json::Value;

use super::validators::Validator;
use super::{EMAIL, ProfileContext, ProfilePlace, USERNAME, UserProfile};

/// The user's language.
const LOCALE: &str = "locale";

/// Most attributes of a profile, and most groups.
const MAX_ATTRIBUTES: usize = 500;

/// What is wrong with a profile, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProfileConfigError(pub String);

/// Validators that a profile may name, with what each may be configured by.
pub const VALIDATORS: &[(&str, &[&str])] = &[
    ("double", &["min", "max"]),
    ("email", &["max-local-length"]),
    ("integer", &["min", "max"]),
    ("iso-date", &[]),
    ("length", &["min", "max", "trim-disabled"]),
    ("local-date", &[]),
    ("multivalued", &["min", "max"]),
    ("options", &["options"]),
    ("pattern", &["pattern", "error-message"]),
    ("person-name-prohibited-characters", &["error-message"]),
    ("up-username-not-idn-homograph", &["error-message"]),
    (
        "uri",
        &["allowedSchemes", "allowFragment", "requireValidUrl"],
    ),
    ("username-prohibited-characters", &["error-message"]),
];

/// One attribute, checked.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) multivalued: bool,
    pub(super) config: UPAttribute,
    /// Each with the name it stands under.
    pub(super) validators: Vec<(String, Validator)>,
    /// It is no field of the pages of a login.
    pub(super) off_pages: bool,
}

impl UserProfile {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(config: UPConfig) -> Result<Self, Vec<ProfileConfigError>> {
        let mut errors = Vec::new();
        let mut say = |text: String| errors.push(ProfileConfigError(text));
        let given = config.attributes.as_deref().unwrap_or_default();
        let groups = config.groups.as_deref().unwrap_or_default();
        if given.len() > MAX_ATTRIBUTES || groups.len() > MAX_ATTRIBUTES {
            say(format!(
                "a profile has at most {MAX_ATTRIBUTES} attributes and groups"
            ));
        }
        let mut group_names = BTreeSet::new();
        for group in groups {
            match group
                .name
                .as_deref()
                .map(str::trim)
                .filter(|n| !n.is_empty())
            {
                None => {
                    say("Attribute group configuration without 'name' is not allowed".to_owned())
                }
                Some(name) if !group_names.insert(name) => {
                    say(format!("the attribute group '{name}' is defined twice"));
                }
                Some(_) => {}
            }
        }
        let mut names = BTreeSet::new();
        let mut attributes = Vec::new();
        for attribute in given {
            let Some(name) = attribute
                .name
                .as_deref()
                .map(str::trim)
                .filter(|n| !n.is_empty())
            else {
                say("Attribute configuration without 'name' is not allowed".to_owned());
                continue;
            };
            if !names.insert(name.to_owned()) {
                say(format!("the attribute '{name}' is defined twice"));
            }
            let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-/".contains(c);
            if !name.chars().all(legal) || name.len() > 255 {
                say(format!("Invalid attribute name '{name}'"));
            }
            if let Some(group) = attribute.group.as_deref().filter(|g| !g.is_empty())
                && !group_names.contains(group)
            {
                say(format!(
                    "the attribute '{name}' references the unknown group '{group}'"
                ));
            }
            for role in roles(attribute) {
                if !matches!(role.as_str(), "admin" | "user") {
                    say(format!(
                        "the attribute '{name}' has the unknown role '{role}'"
                    ));
                }
            }
            let mut validators = Vec::new();
            for (kind, config) in attribute.validations.iter().flatten() {
                match Validator::new(kind, config) {
                    Ok(validator) => validators.push((kind.clone(), validator)),
                    Err(reason) => say(format!(
                        "the attribute '{name}': validator '{kind}' {reason}"
                    )),
                }
            }
            attributes.push(Attribute {
                name: name.to_owned(),
                multivalued: attribute.multivalued == Some(true),
                config: attribute.clone(),
                validators,
                off_pages: false,
            });
        }
        for name in [USERNAME, EMAIL] {
            if !names.contains(name) {
                say(format!("The attribute '{name}' can not be removed"));
            }
        }
        if errors.is_empty() {
            Ok(Self { attributes, config })
        } else {
            Err(errors)
        }
    }
}

impl UserProfile {
    /// With the user's language, where the realm has several and the profile does not define it
    /// itself: accounts and administrators see and set it, pages of a login have their own choice.
    #[must_use]
    pub fn with_locale(mut self, realm: &RealmRepresentation) -> Self {
        let international = realm.internationalization_enabled == Some(true);
        if international && self.attribute(LOCALE).is_none() {
            let both = || Some(vec!["admin".to_owned(), "user".to_owned()]);
            let config = UPAttribute {
                name: Some(LOCALE.to_owned()),
                display_name: Some(format!("${{{LOCALE}}}")),
                permissions: Some(UPAttributePermissions {
                    view: both(),
                    edit: both(),
                }),
                ..UPAttribute::default()
            };
            let locale = Attribute {
                name: LOCALE.to_owned(),
                multivalued: false,
                config,
                validators: Vec::new(),
                off_pages: true,
            };
            self.attributes.insert(0, locale);
        }
        self
    }
}

impl Attribute {
    /// Whether the attribute exists at all here: always, or when one of its scopes is asked for.
    pub(super) fn is_enabled(&self, context: &ProfileContext<'_>) -> bool {
        let selector = self.config.selector.as_ref();
        let scopes = selector
            .and_then(|s| s.scopes.as_deref())
            .unwrap_or_default();
        if self.off_pages && context.place.has_scopes() {
            return false;
        }
        scopes.is_empty() || !context.place.has_scopes() || asked(scopes, context)
    }

    pub(super) fn can_edit(&self, context: &ProfileContext<'_>) -> bool {
        let by_profile = self.permitted(context.place, false);
        let user = context.place != ProfilePlace::Admin;
        let login = &context.login;
        match self.name.as_str() {
            // The realm's login settings override the profile (UPROF-04).
            USERNAME if login.email_as_username => false,
            USERNAME if context.place == ProfilePlace::Registration => true,
            USERNAME if context.place == ProfilePlace::IdpReview => by_profile,
            USERNAME if user => by_profile && login.edit_username,
            EMAIL if context.place == ProfilePlace::UpdateEmail => true,
            EMAIL if login.update_email_action && updates(context.place) => false,
            EMAIL if login.email_as_username && context.place == ProfilePlace::Registration => true,
            EMAIL
                if login.email_as_username && user && context.place != ProfilePlace::IdpReview =>
            {
                by_profile && login.edit_username
            }
            _ => by_profile,
        }
    }

    /// Who may edit may see.
    pub(super) fn can_view(&self, context: &ProfileContext<'_>) -> bool {
        self.permitted(context.place, true) || self.can_edit(context)
    }

    pub(super) fn is_required(&self, context: &ProfileContext<'_>) -> bool {
        match self.name.as_str() {
            USERNAME if !context.login.email_as_username => return true,
            EMAIL
                if context.login.email_as_username
                    || context.place == ProfilePlace::UpdateEmail =>
            {
                return true;
            }
            _ => {}
        }
        let Some(required) = &self.config.required else {
            return false;
        };
        let roles = required.roles.as_deref().unwrap_or_default();
        let scopes = required.scopes.as_deref().unwrap_or_default();
        let by_role = roles.is_empty() || roles.iter().any(|r| r == context.place.role());
        let by_scope = scopes.is_empty() || (context.place.has_scopes() && asked(scopes, context));
        by_role && by_scope
    }

    fn permitted(&self, place: ProfilePlace, view: bool) -> bool {
        let Some(permissions) = &self.config.permissions else {
            // As a fresh attribute: administrators only.
            return place == ProfilePlace::Admin;
        };
        let lists: &[&Option<Vec<String>>] = if view {
            &[&permissions.view, &permissions.edit]
        } else {
            &[&permissions.edit]
        };
        let mut roles = lists.iter().flat_map(|list| list.iter().flatten());
        roles.any(|role| role == place.role())
    }
}

fn asked(scopes: &[String], context: &ProfileContext<'_>) -> bool {
    scopes.iter().any(|scope| context.scopes.contains(scope))
}

fn updates(place: ProfilePlace) -> bool {
    matches!(place, ProfilePlace::UpdateProfile | ProfilePlace::Account)
}

fn roles(attribute: &UPAttribute) -> impl Iterator<Item = &String> {
    let permissions = attribute.permissions.iter();
    let permitted = permissions.flat_map(|p| p.view.iter().chain(&p.edit).flatten());
    let required = attribute
        .required
        .iter()
        .flat_map(|r| r.roles.iter().flatten());
    permitted.chain(required)
}

/// Configuration of a validator or annotation.
pub(super) type Config = BTreeMap<String, Value>;
