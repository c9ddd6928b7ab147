//! Passkeys on the forms for username and password, offered by the browser while the form waits.

use realmkeep_store::Realm;

use super::Kind;
use crate::LoginFailure;
use crate::flow::{Facts, KeyRequest, Login, Outcome, Progress, Submitted};

/// Note that a passkey was used on a form.
const USED: &str = "passkeys.used";
/// How a browser may offer passkeys by itself.
pub const MEDIATIONS: [&str; 4] = ["conditional", "optional", "required", "silent"];

/// Whether the realm's forms offer passkeys.
pub fn are_offered(realm: &Realm) -> bool {
    realm
        .settings
        .web_authn_policy_passwordless_passkeys_enabled
        == Some(true)
}

/// Whether the form was sent for a passkey rather than for its fields.
pub fn is_answered(realm: &Realm, form: &Submitted) -> bool {
    let sent = |name| form.value(name).is_some();
    are_offered(realm) && (sent("clientDataJSON") || sent("userHandle") || sent("error"))
}

/// Whether a passkey was used on a form of this login: nothing is asked for that it proves as well.
pub fn was_used(progress: &Progress) -> bool {
    progress.notes.contains_key(USED)
}

/// Notes a fresh challenge, where passkeys are offered.
pub fn prepare(facts: &Facts<'_>, progress: &mut Progress) {
    if are_offered(facts.realm) {
        super::prepare(progress);
    }
}

/// What the browser is asked for beside the form, where passkeys are offered.
pub fn request(facts: &Facts<'_>, progress: &Progress) -> Option<KeyRequest> {
    let realm = facts.realm;
    let settings = &realm.settings;
    let wanted = settings.web_authn_policy_passwordless_mediation.as_deref();
    let mediation = MEDIATIONS.into_iter().find(|m| Some(*m) == wanted);
    are_offered(realm).then(|| KeyRequest {
        mediation: mediation.unwrap_or("conditional"),
        ..super::request(facts, progress, Kind::Passwordless)
    })
}

/// Takes a passkey instead of the form's fields.
///
/// # Errors
/// When nothing can be said about it.
pub async fn verify(login: &mut Login<'_>, form: &Submitted) -> Result<Outcome, LoginFailure> {
    let outcome = super::verify(login, Kind::Passwordless, form).await?;
    if matches!(outcome, Outcome::Proven(_)) {
        let notes = &mut login.progress.notes;
        notes.insert(USED.to_owned(), String::new());
    }
    Ok(outcome)
}
