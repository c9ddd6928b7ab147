use realmkeep_events::EventType;
use realmkeep_model::user_profile::is_email;
use realmkeep_pages::{Link, Mail};

use crate::action_token::{ActionToken, Purpose, lifespan_by_user};
use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};
use crate::{Services, mail};

/// A new e-mail address; where the realm verifies addresses, it counts once it is confirmed.
#[derive(Debug)]
pub struct UpdateEmail;

/// Longest address, in characters.
const MAX_ADDRESS: usize = 255;

impl RequiredAction for UpdateEmail {
    fn about(&self) -> About {
        About {
            id: "UPDATE_EMAIL",
            name: "Update Email",
            help: "The user changes the e-mail address",
            properties: &[],
        }
    }

    fn is_available(&self, services: &Services) -> bool {
        services.features.update_email
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, shown: &Shown) -> Page {
        let user = facts.subject.as_ref().map(|s| &s.user);
        let typed = shown.field("email").map(str::to_owned);
        Page::UpdateEmail {
            email: typed
                .or_else(|| user.and_then(|u| u.email.clone()))
                .unwrap_or_default(),
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            let typed = form.value("email").unwrap_or_default();
            let email = typed.trim().to_lowercase();
            let again = |error: &str| {
                let mut shown = Shown::default().with("email", typed);
                shown
                    .field_errors
                    .insert("email".to_owned(), error.to_owned());
                Ok(ActionOutcome::Again(shown))
            };
            if email.is_empty() {
                return again("missingEmailMessage");
            }
            if !is_email(&email) || email.chars().count() > MAX_ADDRESS {
                return again("invalidEmailMessage");
            }
            let Some(subject) = login.facts.subject.clone() else {
                return Ok(ActionOutcome::Again(Shown::default()));
            };
            let user = &subject.user;
            if user.email.as_deref() == Some(email.as_str()) {
                return Ok(ActionOutcome::Done);
            }
            let (services, realm) = (login.facts.services, login.facts.realm);
            if is_taken(services, realm, &email, user.id.as_deref()).await? {
                return again("emailExistsMessage");
            }
            if realm.settings.verify_email != Some(true) {
                login.change_user(|user| change(user, realm, &email, false));
                super::end_other_sessions(login, form).await?;
                let previous = user.email.clone().unwrap_or_default();
                let details = vec![("previous_email", previous), ("updated_email", email)];
                login.notice(EventType::UpdateEmail, details);
                return Ok(ActionOutcome::Done);
            }
            let lifespan = lifespan_by_user(realm, Purpose::UpdateEmail);
            let user_id = user.id.as_deref().unwrap_or_default();
            let mut token =
                ActionToken::new(services, Purpose::UpdateEmail, user_id, &email, lifespan);
            token.client_id = Some(login.facts.request.client_id.clone());
            let url = token.link(services, realm)?;
            let link = Link {
                url: &url,
                lifespan,
            };
            let confirmation = Mail::EmailUpdateConfirmation {
                link,
                email: &email,
            };
            if let Err(error) = mail::send(services, realm, user, &email, &confirmation).await {
                tracing::error!(realm = realm.name, %error, "a mail to confirm an address was not sent");
                return Ok(ActionOutcome::Again(Shown::error("emailSendErrorMessage")));
            }
            login.notice(EventType::SendVerifyEmail, vec![("email", email.clone())]);
            let shown = Shown::notice("emailUpdateConfirmationSentMessage").with("email", email);
            Ok(ActionOutcome::Again(shown))
        })
    }
}

/// Whether another user has the address, in a realm where an address is one user's.
///
/// # Errors
/// When the database fails.
pub async fn is_taken(
    services: &Services,
    realm: &realmkeep_store::Realm,
    email: &str,
    own_id: Option<&str>,
) -> Result<bool, realmkeep_store::StoreError> {
    if realm.settings.duplicate_emails_allowed == Some(true) {
        return Ok(false);
    }
    let own_id = own_id.unwrap_or_default();
    services
        .store
        .others_have_email(&realm.id, email, own_id)
        .await
}

/// Gives the user the address; where addresses are usernames, as username too.
pub fn change(
    user: &mut realmkeep_representations::UserRepresentation,
    realm: &realmkeep_store::Realm,
    email: &str,
    verified: bool,
) {
    user.email = Some(email.to_owned());
    user.email_verified = Some(verified);
    if realm.settings.registration_email_as_username == Some(true) {
        user.username = Some(email.to_owned());
    }
}
