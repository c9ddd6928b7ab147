//! What users have to do before a login ends, one file each.

pub mod configure_recovery_codes;
pub mod configure_totp;
pub mod delete_account;
pub mod delete_credential;
pub mod terms_and_conditions;
pub mod update_email;
pub mod update_password;
pub mod update_profile;
pub mod update_user_locale;
pub mod verify_email;
pub mod webauthn_register;

use realmkeep_representations::{RequiredActionProviderRepresentation, UserRepresentation};
use realmkeep_store::{Realm, StoreError};

use crate::flow::{Facts, Login, Progress, RequiredAction, Submitted, registry};
use crate::{Services, session_end};

/// The action that comes next.
pub enum Next {
    None,
    Do(Pending),
    /// The user has to do what this server cannot do; the alias.
    Unsupported(String),
}

/// An action to be done.
pub struct Pending {
    pub alias: String,
    pub action: &'static dyn RequiredAction,
    /// The application asked for it; it may be cancelled.
    pub requested: bool,
}

/// The name and the parameter of what the application asks for (`name:parameter`).
pub fn requested<'a>(facts: &Facts<'a>) -> Option<(&'a str, Option<&'a str>)> {
    let action = facts.request.action.as_deref()?;
    Some(match action.split_once(':') {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (action, None),
    })
}

/// Whether the server has the action, and the realm has it switched on. A realm that lists none has
/// them all.
pub fn is_enabled(services: &Services, realm: &Realm, alias: &str) -> bool {
    if registry::required_action(alias).is_some_and(|action| !action.is_available(services)) {
        return false;
    }
    match provider(realm, alias) {
        Some(provider) => provider.enabled != Some(false),
        None => realm.settings.required_actions.is_none(),
    }
}

/// The realm's settings of the action.
pub fn provider<'a>(
    realm: &'a Realm,
    alias: &str,
) -> Option<&'a RequiredActionProviderRepresentation> {
    let mut all = realm.settings.required_actions.iter().flatten();
    all.find(|p| p.alias.as_deref() == Some(alias))
}

/// What comes next, by the realm's order; what the application asks for comes last.
pub fn next(facts: &Facts<'_>, progress: &Progress) -> Next {
    let Some(user) = facts.subject.as_ref().map(|s| &s.user) else {
        return Next::None;
    };
    let (services, realm) = (facts.services, facts.realm);
    let wanted = requested(facts).map(|(name, _)| name);
    let mut aliases: Vec<String> = user.required_actions.iter().flatten().cloned().collect();
    aliases.extend(progress.actions.iter().cloned());
    for action in registry::required_actions() {
        if action.triggered(facts, progress) {
            aliases.push(action.about().id.to_owned());
        }
    }
    aliases.retain(|alias| {
        !progress.actions_done.contains(alias) && is_enabled(services, realm, alias)
    });
    aliases.sort_by_key(|alias| {
        let priority = provider(realm, alias).and_then(|p| p.priority);
        (priority.unwrap_or(i32::MAX), alias.clone())
    });
    if let Some(alias) = aliases.into_iter().next() {
        let requested = wanted == Some(alias.as_str()) && !is_set(user, progress, &alias);
        return match registry::required_action(&alias) {
            Some(action) => Next::Do(Pending {
                alias,
                action,
                requested,
            }),
            None => Next::Unsupported(alias),
        };
    }
    let Some(alias) = wanted.filter(|alias| !progress.actions_done.contains(*alias)) else {
        return Next::None;
    };
    match registry::required_action(alias) {
        Some(action) if action.on_request() && is_enabled(services, realm, alias) => {
            Next::Do(Pending {
                alias: alias.to_owned(),
                action,
                requested: true,
            })
        }
        // What the realm does not offer is passed over; the application is told so.
        _ => Next::None,
    }
}

fn is_set(user: &UserRepresentation, progress: &Progress, alias: &str) -> bool {
    let listed = user.required_actions.iter().flatten().any(|a| a == alias);
    listed || progress.actions.contains(alias)
}

/// The place of a new credential: after those that the user has.
fn next_priority(facts: &Facts<'_>) -> i32 {
    let highest = facts.credentials.iter().filter_map(|c| c.priority).max();
    highest.unwrap_or(10).saturating_add(10)
}

/// Ends the user's sessions in other browsers, where the person ticked the box for it.
async fn end_other_sessions(login: &mut Login<'_>, form: &Submitted) -> Result<(), StoreError> {
    if form.value("logout-sessions").is_none() {
        return Ok(());
    }
    let facts = &login.facts;
    let user_id = login.progress.user.as_deref().unwrap_or_default();
    let own = facts
        .browser
        .session
        .as_ref()
        .map(|known| &known.session.id);
    let store = &facts.services.store;
    let sessions = store.sessions_of_user(&facts.realm.id, user_id).await?;
    let mut steps = Vec::new();
    for session in sessions.iter().filter(|session| Some(&session.id) != own) {
        steps.extend(session_end::end(facts.services, facts.realm, session).await?);
    }
    steps.into_iter().for_each(|step| login.push(step));
    Ok(())
}
