//! The declarative user profile: which attributes users have, who may see and change them, and
//! what their values must be like.
//!
//! One [`UserProfile`] serves every place where a user's attributes are written: registration,
//! update and review at login, the account console and the Admin API; see [`ProfileContext`].

mod compile;
mod dates;
mod form;
mod validate;
mod validators;

use std::collections::BTreeMap;

use realmkeep_representations::{
    RealmRepresentation, UPConfig, UPConfigUnmanagedAttributePolicy, UserRepresentation,
};

use crate::features::Features;

pub use compile::{ProfileConfigError, VALIDATORS};
pub use form::{FormField, FormGroup};
pub use validators::{MAX_VALUE, is_email};

use compile::Attribute;

/// Provider type of the component that holds a realm's own profile.
pub const PROVIDER_TYPE: &str = "org.keycloak.userprofile.UserProfileProvider";
/// Provider id, and name, of that component.
pub const PROVIDER_ID: &str = "declarative-user-profile";
/// Key of the component's configuration under which the profile stands as JSON.
pub const CONFIG_KEY: &str = "kc.user.profile.config";

/// The four attributes that are fields of the user.
pub const USERNAME: &str = "username";
pub const EMAIL: &str = "email";
pub const FIRST_NAME: &str = "firstName";
pub const LAST_NAME: &str = "lastName";

/// Values by attribute, `username`, `email`, `firstName` and `lastName` among them.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// The profile of a realm, ready to be used.
#[derive(Clone, Debug, Default)]
pub struct UserProfile {
    attributes: Vec<Attribute>,
    config: UPConfig,
}

/// Where attributes are read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilePlace {
    Registration,
    /// The action at login, or asked for by an application.
    UpdateProfile,
    /// Review of what another identity provider said.
    IdpReview,
    Account,
    UpdateEmail,
    /// The Admin API, which is not the user's own.
    Admin,
}

/// The place, with what decides there about attributes.
#[derive(Clone, Copy, Debug)]
pub struct ProfileContext<'a> {
    pub place: ProfilePlace,
    /// Client scopes that the application asked for; of no meaning in account and Admin API.
    pub scopes: &'a [String],
    pub login: LoginSettings,
    /// Language of the form, for dates.
    pub locale: &'a str,
}

/// The realm's settings that override the profile's about username and e-mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginSettings {
    /// `registrationEmailAsUsername`
    pub email_as_username: bool,
    /// `editUsernameAllowed`
    pub edit_username: bool,
    /// The e-mail address changes by the action `UPDATE_EMAIL` only.
    pub update_email_action: bool,
}

/// What is wrong with an attribute: a message key, with what goes into the message. The first
/// parameter is the attribute's name.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileError {
    pub attribute: String,
    pub message_key: String,
    pub params: Vec<serde_json::Value>,
}

impl LoginSettings {
    pub fn of(realm: &RealmRepresentation) -> Self {
        Self {
            email_as_username: realm.registration_email_as_username == Some(true),
            edit_username: realm.edit_username_allowed == Some(true),
            update_email_action: realm
                .required_actions
                .iter()
                .flatten()
                .any(|a| a.alias.as_deref() == Some("UPDATE_EMAIL") && a.enabled == Some(true)),
        }
    }

    /// On a server with these features.
    pub fn under(self, features: &Features) -> Self {
        Self {
            update_email_action: self.update_email_action && features.update_email,
            ..self
        }
    }
}

impl ProfilePlace {
    /// `admin` or `user`, as permissions and requirements name them.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            _ => "user",
        }
    }

    /// Whether an application's scopes decide about attributes here.
    pub(crate) fn has_scopes(self) -> bool {
        !matches!(self, Self::Account | Self::Admin)
    }
}

impl UserProfile {
    /// The profile of a fresh realm.
    pub fn default_config() -> UPConfig {
        serde_json::from_str(include_str!("default.json")).unwrap_or_default()
    }

    /// From what a realm's component holds; the default profile when there is none.
    ///
    /// # Errors
    /// When it is not a profile.
    pub fn of_component(text: Option<&str>) -> Result<Self, Vec<ProfileConfigError>> {
        match text {
            None => Self::new(Self::default_config()),
            Some(text) => match serde_json::from_str(text) {
                Ok(config) => Self::new(config),
                Err(error) => Err(vec![ProfileConfigError(error.to_string())]),
            },
        }
    }

    pub fn config(&self) -> &UPConfig {
        &self.config
    }

    /// What may be done with attributes that the profile does not define.
    pub fn unmanaged(&self) -> Option<UPConfigUnmanagedAttributePolicy> {
        self.config.unmanaged_attribute_policy
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }
}

/// The user's attributes with the four fields among them.
pub fn attributes_of(user: &UserRepresentation) -> Attributes {
    let mut all = user.attributes.clone().unwrap_or_default();
    for (name, value) in [
        (USERNAME, &user.username),
        (EMAIL, &user.email),
        (FIRST_NAME, &user.first_name),
        (LAST_NAME, &user.last_name),
    ] {
        match value.as_deref().filter(|v| !v.is_empty()) {
            Some(value) => all.insert(name.to_owned(), vec![value.to_owned()]),
            None => all.remove(name),
        };
    }
    all
}

/// Writes the attributes to the user, the four fields to where they belong.
pub fn set_attributes(user: &mut UserRepresentation, attributes: &Attributes) {
    let mut rest = attributes.clone();
    let mut field = |name: &str| rest.remove(name).and_then(|mut v| v.drain(..).next());
    user.username = field(USERNAME);
    user.email = field(EMAIL);
    user.first_name = field(FIRST_NAME);
    user.last_name = field(LAST_NAME);
    user.attributes = (!rest.is_empty()).then_some(rest);
}

#[cfg(test)]
mod tests;
