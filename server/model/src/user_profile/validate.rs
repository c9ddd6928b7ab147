use realmkeep_representations::UPConfigUnmanagedAttributePolicy as Unmanaged;
use serde_json::json;

use super::compile::Attribute;
use super::validators::{MAX_VALUE, Validator, out_of_length};
use super::{Attributes, EMAIL, ProfileContext, ProfileError, ProfilePlace, USERNAME, UserProfile};

/// Values that one attribute may have.
const MAX_VALUES: usize = 1_000;
/// Unmanaged attributes of one user.
const MAX_UNMANAGED: usize = 1_000;

impl UserProfile {
    /// What the user's attributes are after `submitted` was written over `current` (none for a new
    /// user). Attributes that are absent in `submitted` are taken as they are; in registration and
    /// the forms, send empty values for empty fields.
    ///
    /// Whether username and e-mail address are free is for who can look.
    ///
    /// # Errors
    /// Everything that is wrong, attribute by attribute.
    pub fn validate(
        &self,
        context: &ProfileContext<'_>,
        submitted: &Attributes,
        current: &Attributes,
    ) -> Result<Attributes, Vec<ProfileError>> {
        let mut errors = Vec::new();
        let mut after = Attributes::new();
        for attribute in &self.attributes {
            let old = current.get(&attribute.name);
            let keep = || old.cloned().unwrap_or_default();
            let values = if !attribute.is_enabled(context) {
                keep()
            } else if attribute.can_edit(context) {
                let values = match submitted.get(&attribute.name) {
                    Some(values) => cleaned(&attribute.name, values),
                    None => keep(),
                };
                check(attribute, context, &values, &mut errors);
                values
            } else {
                if let Some(values) = submitted.get(&attribute.name)
                    && attribute.can_view(context)
                    && !follows(attribute, context)
                    && cleaned(&attribute.name, values) != keep()
                {
                    errors.push(error(
                        &attribute.name,
                        "error-user-attribute-read-only",
                        vec![],
                    ));
                }
                keep()
            };
            if !values.is_empty() {
                after.insert(attribute.name.clone(), values);
            }
        }
        if context.login.email_as_username {
            self.email_becomes_username(context, &mut after, &mut errors);
        }
        self.unmanaged_attributes(context, submitted, current, &mut after, &mut errors);
        if errors.is_empty() {
            Ok(after)
        } else {
            Err(errors)
        }
    }

    /// Whether what the user has meets the profile, as the action VERIFY_PROFILE asks: only
    /// attributes count that the user can change.
    ///
    /// # Errors
    /// Everything that does not.
    pub fn verify(
        &self,
        context: &ProfileContext<'_>,
        current: &Attributes,
    ) -> Result<(), Vec<ProfileError>> {
        let mut errors = Vec::new();
        for attribute in &self.attributes {
            if attribute.is_enabled(context) && attribute.can_edit(context) {
                let values = current.get(&attribute.name).map(Vec::as_slice);
                check(attribute, context, values.unwrap_or_default(), &mut errors);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn email_becomes_username(
        &self,
        context: &ProfileContext<'_>,
        after: &mut Attributes,
        errors: &mut Vec<ProfileError>,
    ) {
        match after.get(EMAIL).filter(|values| !values.is_empty()) {
            Some(email) => {
                after.insert(USERNAME.to_owned(), email.clone());
            }
            // Service accounts and users from before the setting have no address.
            None if after.contains_key(USERNAME) && context.place == ProfilePlace::Admin => {}
            None if errors.iter().any(|e| e.attribute == EMAIL) => {}
            None => errors.push(error(EMAIL, "error-user-attribute-required", vec![])),
        }
    }

    fn unmanaged_attributes(
        &self,
        context: &ProfileContext<'_>,
        submitted: &Attributes,
        current: &Attributes,
        after: &mut Attributes,
        errors: &mut Vec<ProfileError>,
    ) {
        let admin = context.place == ProfilePlace::Admin;
        let writable = match self.unmanaged() {
            Some(Unmanaged::Enabled) => true,
            Some(Unmanaged::AdminEdit) => admin,
            Some(Unmanaged::AdminView) | None => false,
        };
        let unknown = |name: &&String| self.attribute(name).is_none();
        for name in current.keys().filter(unknown) {
            // An administrator sends the whole map, so what is absent in it is gone.
            let gone = writable && admin && !submitted.contains_key(name);
            if let Some(values) = current.get(name).filter(|_| !gone) {
                after.insert(name.clone(), values.clone());
            }
        }
        if !writable {
            return;
        }
        for (name, values) in submitted.iter().filter(|(name, _)| unknown(name)) {
            let values = cleaned(name, values);
            if let Some(problem) = too_much(&values) {
                errors.push(error(name, &problem.0, problem.1));
            }
            if values.is_empty() {
                after.remove(name);
            } else {
                after.insert(name.clone(), values);
            }
        }
        let unmanaged = after.keys().filter(unknown).count();
        if let Some(name) = after
            .keys()
            .find(|name| unmanaged > MAX_UNMANAGED && unknown(name))
        {
            errors.push(error(
                name,
                "error-invalid-multivalued-size",
                vec![json!(0), json!(MAX_UNMANAGED)],
            ));
        }
    }
}

/// Without empty values, and in lower case where case means nothing.
fn cleaned(name: &str, values: &[String]) -> Vec<String> {
    let full = values.iter().filter(|value| !value.trim().is_empty());
    if matches!(name, USERNAME | EMAIL) {
        full.map(|value| value.trim().to_lowercase()).collect()
    } else {
        full.cloned().collect()
    }
}

/// The username is no field of its own where the e-mail address is it.
fn follows(attribute: &Attribute, context: &ProfileContext<'_>) -> bool {
    attribute.name == USERNAME && context.login.email_as_username
}

fn check(
    attribute: &Attribute,
    context: &ProfileContext<'_>,
    values: &[String],
    errors: &mut Vec<ProfileError>,
) {
    let name = &attribute.name;
    if values.is_empty() && attribute.is_required(context) {
        errors.push(error(name, "error-user-attribute-required", vec![]));
        return;
    }
    if !attribute.multivalued && values.len() > 1 {
        let params = vec![json!(0), json!(1)];
        errors.push(error(name, "error-invalid-multivalued-size", params));
        return;
    }
    let own_length = attribute
        .validators
        .iter()
        .any(|(_, validator)| matches!(validator, Validator::Length { .. }));
    if !own_length && let Some((key, params)) = too_much(values) {
        errors.push(error(name, &key, params));
        return;
    }
    for (_, validator) in &attribute.validators {
        if matches!(validator, Validator::Username { .. }) && context.login.email_as_username {
            continue;
        }
        // An optional attribute may stay without values whatever number of them it should have.
        let count = if values.is_empty() {
            None
        } else {
            validator.check_count(values.len())
        };
        if let Some((key, params)) = count {
            errors.push(error(name, &key, params));
        }
        let wrong = values
            .iter()
            .find_map(|value| validator.check(value, context.locale));
        if let Some((key, params)) = wrong {
            errors.push(error(name, &key, params));
        }
    }
}

/// More than attributes without limits of their own may hold.
fn too_much(values: &[String]) -> Option<(String, Vec<serde_json::Value>)> {
    if values.len() > MAX_VALUES {
        let params = vec![json!(0), json!(MAX_VALUES)];
        return Some(("error-invalid-multivalued-size".to_owned(), params));
    }
    let max = i64::try_from(MAX_VALUE).ok();
    values.iter().find_map(|value| {
        let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
        out_of_length(length, None, max)
    })
}

fn error(name: &str, key: &str, rest: Vec<serde_json::Value>) -> ProfileError {
    let mut params = vec![json!(name)];
    params.extend(rest);
    ProfileError {
        attribute: name.to_owned(),
        message_key: key.to_owned(),
        params,
    }
}
