//! Mails to users: made in the realm's theme and the user's language, sent by its mail server.

use std::collections::BTreeMap;

use realmkeep_email::{EmailError, Message, SettingsError, SmtpSettings};
use realmkeep_keys::KeysError;
use realmkeep_keys::vault::{self, VaultError};
use realmkeep_pages::{
    LOCALE_ATTRIBUTE, Link, LocaleSources, Look, Mail, PagesError, RealmLocales,
};
use realmkeep_representations::UserRepresentation;
use realmkeep_store::Realm;

use crate::Services;
use crate::action_token::{ActionToken, Purpose, lifespan_by_admin};

/// A mail could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the user has no e-mail address")]
    NoAddress,
    /// The realm's settings lack something.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Email(#[from] EmailError),
    #[error("the mail could not be made")]
    Pages(#[from] PagesError),
    #[error("the link could not be made")]
    Keys(#[from] KeysError),
    #[error("smtpServer: {0}")]
    Vault(#[from] VaultError),
}

/// Sends the mail and waits until the mail server has taken it.
///
/// # Errors
/// When it was not taken.
pub async fn send(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    to: &str,
    mail: &Mail<'_>,
) -> Result<(), MailError> {
    let settings = settings(services, realm)?;
    let message = make(services, realm, user, to, mail)?;
    Ok(services.accounts.mail.send(&settings, &message).await?)
}

/// A mail that is ready to be sent.
pub struct Prepared {
    settings: SmtpSettings,
    message: Message,
}

/// Makes the mail.
///
/// # Errors
/// When it cannot be made.
pub fn prepare(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    to: &str,
    mail: &Mail<'_>,
) -> Result<Prepared, MailError> {
    Ok(Prepared {
        settings: settings(services, realm)?,
        message: make(services, realm, user, to, mail)?,
    })
}

impl Prepared {
    /// Puts it into the outbox: the time it takes tells nobody that it was sent.
    ///
    /// # Errors
    /// When too many wait.
    pub fn post(self, services: &Services) -> Result<(), MailError> {
        let Self { settings, message } = self;
        Ok(services.accounts.mail.post(settings, message)?)
    }
}

/// Sends the user a link to required actions that an administrator asks for. `lifespan` is in
/// seconds, the realm's own without.
///
/// # Errors
/// When the mail was not taken.
pub async fn execute_actions_email(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    actions: &[String],
    client_id: Option<&str>,
    redirect_uri: Option<&str>,
    lifespan: Option<i64>,
) -> Result<(), MailError> {
    let to = address(user)?;
    let purpose = Purpose::ExecuteActions;
    let lifespan = lifespan.unwrap_or_else(|| lifespan_by_admin(realm, purpose));
    let user_id = user.id.as_deref().unwrap_or_default();
    let mut token = ActionToken::new(services, purpose, user_id, to, lifespan);
    token.actions = actions.to_vec();
    token.client_id = client_id.map(str::to_owned);
    token.redirect_uri = redirect_uri.map(str::to_owned);
    let url = token.link(services, realm)?;
    let link = Link {
        url: &url,
        lifespan,
    };
    send(
        services,
        realm,
        user,
        to,
        &Mail::ExecuteActions { link, actions },
    )
    .await
}

/// Sends the user a link that confirms the e-mail address, as an administrator asks for it.
///
/// # Errors
/// When the mail was not taken.
pub async fn verify_email(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    client_id: Option<&str>,
    redirect_uri: Option<&str>,
    lifespan: Option<i64>,
) -> Result<(), MailError> {
    let to = address(user)?;
    let purpose = Purpose::VerifyEmail;
    let lifespan = lifespan.unwrap_or_else(|| lifespan_by_admin(realm, purpose));
    let user_id = user.id.as_deref().unwrap_or_default();
    let mut token = ActionToken::new(services, purpose, user_id, to, lifespan);
    token.client_id = client_id.map(str::to_owned);
    token.redirect_uri = redirect_uri.map(str::to_owned);
    let url = token.link(services, realm)?;
    let link = Link {
        url: &url,
        lifespan,
    };
    send(services, realm, user, to, &Mail::EmailVerification(link)).await
}

/// Sends a test mail to the user by these settings (`smtpServer`), which need not be the realm's.
///
/// # Errors
/// When the mail was not taken.
pub async fn test_connection(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    settings: &BTreeMap<String, String>,
) -> Result<(), MailError> {
    let to = address(user)?;
    let settings = with_secrets(services, realm, settings)?;
    let message = make(services, realm, user, to, &Mail::EmailTest)?;
    Ok(services.accounts.mail.send(&settings, &message).await?)
}

fn address(user: &UserRepresentation) -> Result<&str, MailError> {
    let email = user.email.as_deref().filter(|e| !e.is_empty());
    email.ok_or(MailError::NoAddress)
}

fn settings(services: &Services, realm: &Realm) -> Result<SmtpSettings, MailError> {
    let given = realm.settings.smtp_server.clone().unwrap_or_default();
    with_secrets(services, realm, &given)
}

/// The settings with the secrets that they refer to.
fn with_secrets(
    services: &Services,
    realm: &Realm,
    given: &BTreeMap<String, String>,
) -> Result<SmtpSettings, MailError> {
    let mut given = given.clone();
    for name in ["password", "authTokenClientSecret"] {
        if let Some(setting) = given.get_mut(name).filter(|s| vault::is_reference(s)) {
            let secret = services.keys.vault().resolve(&realm.name, setting)?;
            secret.expose().clone_into(setting);
        }
    }
    Ok(SmtpSettings::read(&given)?)
}

fn make(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    to: &str,
    mail: &Mail<'_>,
) -> Result<Message, PagesError> {
    let settings = &realm.settings;
    let locales = RealmLocales {
        enabled: settings.internationalization_enabled == Some(true),
        supported: settings.supported_locales.as_deref().unwrap_or_default(),
        default: settings.default_locale.as_deref(),
    };
    let own = user.attributes.as_ref();
    let own = own.and_then(|all| all.get(LOCALE_ATTRIBUTE)?.first());
    let look = Look {
        theme: settings.email_theme.as_deref().filter(|t| !t.is_empty()),
        locale: locales.select(&LocaleSources {
            user: own.map(String::as_str),
            ..LocaleSources::default()
        }),
        texts: settings.localization_texts.as_ref(),
        locale_links: Vec::new(),
    };
    let display = settings.display_name.as_deref();
    let display = display.filter(|name| !name.trim().is_empty());
    let made = services
        .pages
        .mail(&look, display.unwrap_or(&realm.name), mail)?;
    Ok(Message {
        to: to.to_owned(),
        subject: made.subject,
        text: made.text,
        html: made.html,
    })
}
