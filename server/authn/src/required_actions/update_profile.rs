use std::collections::BTreeMap;

use realmkeep_events::EventType;
use realmkeep_model::user_profile::{
    Attributes, LoginSettings, ProfileContext, ProfileError, ProfilePlace, attributes_of,
    set_attributes,
};
use realmkeep_store::StoreError;

use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, ProfileField, Progress, RequiredAction,
    Shown, Submitted,
};

/// The user's details, by the realm's user profile.
#[derive(Debug)]
pub struct UpdateProfile;

/// The same, for details that the profile does not accept any more.
#[derive(Debug)]
pub struct VerifyProfile;

impl RequiredAction for UpdateProfile {
    fn about(&self) -> About {
        About {
            id: "UPDATE_PROFILE",
            name: "Update Profile",
            help: "The user changes the own details",
            properties: &[],
        }
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, shown: &Shown) -> Page {
        form(facts, shown)
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(change(login, form, EventType::UpdateProfile))
    }
}

impl RequiredAction for VerifyProfile {
    fn about(&self) -> About {
        About {
            id: "VERIFY_PROFILE",
            name: "Verify Profile",
            help: "The user completes the own details",
            properties: &[],
        }
    }

    fn on_request(&self) -> bool {
        false
    }

    /// What the user has does not meet the profile.
    fn triggered(&self, facts: &Facts<'_>, _: &Progress) -> bool {
        let Some(subject) = &facts.subject else {
            return false;
        };
        let scopes = scopes(facts);
        let profile = facts.services.accounts.profile(facts.realm);
        let current = attributes_of(&subject.user);
        profile.verify(&context(facts, &scopes), &current).is_err()
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, shown: &Shown) -> Page {
        form(facts, shown)
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(change(login, form, EventType::VerifyProfile))
    }
}

fn form(facts: &Facts<'_>, shown: &Shown) -> Page {
    let Some(subject) = &facts.subject else {
        return Page::Nothing;
    };
    let scopes = scopes(facts);
    let mut current = attributes_of(&subject.user);
    for (name, values) in &shown.fields {
        current.insert(name.clone(), values.clone());
    }
    let profile = facts.services.accounts.profile(facts.realm);
    let fields = profile
        .form_fields(&context(facts, &scopes), &current)
        .into_iter()
        .map(|field| ProfileField {
            error: shown.field_errors.get(&field.name).cloned(),
            field,
        });
    Page::UpdateProfile {
        fields: fields.collect(),
    }
}

async fn change(
    login: &mut Login<'_>,
    form: &Submitted,
    kind: EventType,
) -> Result<ActionOutcome, crate::LoginFailure> {
    let facts = &login.facts;
    let Some(subject) = facts.subject.clone() else {
        return Ok(ActionOutcome::Again(Shown::default()));
    };
    let scopes = scopes(facts);
    let context = context(facts, &scopes);
    let profile = facts.services.accounts.profile(facts.realm);
    let current = attributes_of(&subject.user);
    let mut submitted = Attributes::new();
    for field in profile.form_fields(&context, &current) {
        if !field.read_only {
            let values = form.values(&field.name).map(str::to_owned);
            submitted.insert(field.name.clone(), values.collect());
        }
    }
    let after = match profile.validate(&context, &submitted, &current) {
        Ok(after) => after,
        Err(errors) => return Ok(again(submitted, errors)),
    };
    let taken = taken(facts, &current, &after).await?;
    if !taken.is_empty() {
        return Ok(again(submitted, taken));
    }
    let first = |attributes: &Attributes, name: &str| {
        let values = attributes.get(name)?;
        values.first().map(|value| value.to_lowercase())
    };
    let new_address = first(&after, "email") != first(&current, "email");
    login.change_user(|user| {
        set_attributes(user, &after);
        if new_address {
            user.email_verified = Some(false);
        }
    });
    login.notice(kind, Vec::new());
    Ok(ActionOutcome::Done)
}

/// The page again, with what was typed.
fn again(submitted: Attributes, errors: Vec<ProfileError>) -> ActionOutcome {
    ActionOutcome::Again(Shown {
        fields: submitted.into_iter().collect(),
        field_errors: errors
            .into_iter()
            .map(|error| (error.attribute, error.message_key))
            .collect::<BTreeMap<String, String>>(),
        ..Shown::default()
    })
}

/// Names and addresses that somebody else has.
async fn taken(
    facts: &Facts<'_>,
    current: &Attributes,
    after: &Attributes,
) -> Result<Vec<ProfileError>, StoreError> {
    let store = &facts.services.store;
    let realm = facts.realm;
    let own = facts.subject.as_ref().and_then(|s| s.user.id.clone());
    let changed = |name: &str| {
        let new = after.get(name)?.first()?;
        (current.get(name).and_then(|c| c.first()) != Some(new)).then(|| new.clone())
    };
    let error = |attribute: &str, key: &str| ProfileError {
        attribute: attribute.to_owned(),
        message_key: key.to_owned(),
        params: Vec::new(),
    };
    let mut errors = Vec::new();
    if let Some(username) = changed("username") {
        let other = store.find_user_named(&realm.id, &username).await?;
        if other.is_some_and(|user| user.id != own) {
            errors.push(error("username", "usernameExistsMessage"));
        }
    }
    let once = realm.settings.duplicate_emails_allowed != Some(true);
    if let Some(email) = changed("email").filter(|_| once)
        && store
            .others_have_email(&realm.id, &email, own.as_deref().unwrap_or_default())
            .await?
    {
        errors.push(error("email", "emailExistsMessage"));
    }
    Ok(errors)
}

fn scopes(facts: &Facts<'_>) -> Vec<String> {
    let scopes = facts.request.scope.split(' ').filter(|s| !s.is_empty());
    scopes.map(str::to_owned).collect()
}

fn context<'a>(facts: &Facts<'_>, scopes: &'a [String]) -> ProfileContext<'a> {
    ProfileContext {
        place: ProfilePlace::UpdateProfile,
        scopes,
        login: LoginSettings::of(&facts.realm.settings).under(&facts.services.features),
        locale: "en",
    }
}
