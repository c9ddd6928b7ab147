//! The registration form. Its parts are executions of their own: the user, the password, the terms,
//! the proof of being human.

use realmkeep_events::EventType;
use realmkeep_model::user_profile::{
    Attributes, LoginSettings, ProfileContext, ProfileError, ProfilePlace,
};
use realmkeep_pages::Message;
use realmkeep_pages::page::{Captcha, ProfileField as ShownField};
use realmkeep_store::StoreError;
use serde::Deserialize;

use crate::LoginFailure;
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, NodeKind, Outcome, Page, Progress,
    Requirement, Shown, Submitted,
};
use crate::new_account::{NewAccount, new_user};
use crate::set_password::{SetPasswordError, set_password};

/// Creates an account.
#[derive(Debug)]
pub struct RegistrationForm;

const CREATION: &str = "registration-user-creation";
const PASSWORD: &str = "registration-password-action";
const TERMS: &str = "registration-terms-and-conditions";
const RECAPTCHA: &str = "registration-recaptcha-action";
const RECAPTCHA_ENTERPRISE: &str = "registration-recaptcha-enterprise";

/// The user's attribute with the time of acceptance, in seconds since 1970.
const TERMS_ACCEPTED: &str = "terms_and_conditions";

impl Authenticator for RegistrationForm {
    fn about(&self) -> About {
        About {
            id: "registration-page-form",
            name: "Registration Page",
            help: "Shows the registration form and creates the account",
            properties: &[],
        }
    }

    fn page(&self, step: &Node, facts: &Facts<'_>, _: &Progress, shown: &Shown) -> Page {
        let profile = facts.services.accounts.profile(facts.realm);
        let scopes = scopes(facts);
        let context = context(facts, &scopes);
        let typed: Attributes = shown.fields.clone();
        let mut fields = ShownField::list(profile.form_fields(&context, &typed));
        let wrong = match typed.is_empty() {
            true => Vec::new(),
            false => profile
                .validate(&context, &typed, &Attributes::new())
                .err()
                .unwrap_or_default(),
        };
        for field in &mut fields {
            let own = wrong.iter().find(|error| error.attribute == field.name);
            field.error = match (own, shown.field_errors.get(&field.name)) {
                (Some(error), _) => Some(message(error)),
                (None, Some(key)) => Some(Message::new(key)),
                (None, None) => None,
            };
        }
        Page::Register(Box::new(RegisterPage {
            fields,
            password: part(step, PASSWORD).is_some(),
            terms: part(step, TERMS).is_some(),
            captcha: captcha(step),
        }))
    }

    fn answer<'a>(
        &'a self,
        step: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(register(step, login, form))
    }
}

/// What the registration form shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterPage {
    pub fields: Vec<ShownField>,
    pub password: bool,
    pub terms: bool,
    pub captcha: Option<CaptchaPart>,
}

/// Google's widget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptchaPart {
    site_key: String,
    enterprise: bool,
    invisible: bool,
    action: String,
    recaptcha_net: bool,
}

impl CaptchaPart {
    pub fn widget(&self) -> Captcha {
        let host = match self.recaptcha_net {
            true => "https://www.recaptcha.net",
            false => "https://www.google.com",
        };
        let file = if self.enterprise {
            "enterprise.js"
        } else {
            "api.js"
        };
        Captcha {
            site_key: self.site_key.clone(),
            script: format!("{host}/recaptcha/{file}"),
            origins: vec![host.to_owned(), "https://www.gstatic.com".to_owned()],
            invisible: self.invisible,
            action: self.action.clone(),
        }
    }
}

async fn register(
    step: &Node,
    login: &mut Login<'_>,
    form: &Submitted,
) -> Result<Outcome, LoginFailure> {
    let (services, realm) = (login.facts.services, login.facts.realm);
    if realm.settings.registration_allowed != Some(true) || part(step, CREATION).is_none() {
        return Ok(Outcome::Denied {
            message: "registrationNotAllowedMessage".to_owned(),
            event: "registration_disabled",
        });
    }
    let scopes = scopes(&login.facts);
    let context = context(&login.facts, &scopes);
    let profile = services.accounts.profile(realm);
    let mut shown = Shown::default();
    for field in profile.form_fields(&context, &Attributes::new()) {
        let values: Vec<String> = form.values(&field.name).map(str::to_owned).collect();
        shown.fields.insert(field.name, values);
    }
    let mut say = |field: &str, key: &str| {
        shown.field_errors.insert(field.to_owned(), key.to_owned());
    };
    let with_password = part(step, PASSWORD).is_some();
    let password = form.value("password").unwrap_or_default();
    if with_password {
        if password.is_empty() {
            say("password", "missingPasswordMessage");
        } else if form.value("password-confirm") != Some(password) {
            say("password-confirm", "invalidPasswordConfirmMessage");
        }
    }
    if part(step, TERMS).is_some() && form.value("termsAccepted").is_none() {
        say("termsAccepted", "termsAcceptanceRequired");
    }
    let none = Attributes::new();
    let after = match profile.validate(&context, &shown.fields, &none) {
        Ok(after) => after,
        Err(errors) => {
            for error in errors {
                shown
                    .field_errors
                    .insert(error.attribute, error.message_key);
            }
            return Ok(Outcome::Again(shown));
        }
    };
    for (field, key) in taken(&login.facts, &after).await? {
        shown.field_errors.insert(field.to_owned(), key.to_owned());
    }
    if !shown.field_errors.is_empty() {
        return Ok(Outcome::Again(shown));
    }
    if let Some(node) = captcha_node(step)
        && let Err(key) = is_human(&login.facts, node, form).await
    {
        shown.error = Some(key.to_owned());
        return Ok(Outcome::Again(shown));
    }

    let mut user = new_user(realm, &after, services.clock.now_millis());
    if part(step, TERMS).is_some() {
        let now = login.facts.now.to_string();
        let attributes = user.attributes.get_or_insert_default();
        attributes.insert(TERMS_ACCEPTED.to_owned(), vec![now]);
    }
    let steps = match with_password {
        false => Vec::new(),
        true => match set_password(services, realm, &user, &[], password).await {
            Ok(steps) => steps,
            Err(SetPasswordError::Policy(error)) => {
                let key = error.message_key.to_owned();
                shown.arguments = error.params;
                shown.field_errors.insert("password".to_owned(), key);
                return Ok(Outcome::Again(shown));
            }
            Err(error) => return Err(error.into()),
        },
    };
    let known = [user.username.clone(), user.email.clone()];
    let account = NewAccount::of(&services.store, realm, user, steps)?;
    account.steps.into_iter().for_each(|step| login.push(step));
    let mut details = vec![("register_method", "form".to_owned())];
    let known = ["username", "email"].into_iter().zip(known);
    details.extend(known.filter_map(|(name, value)| Some((name, value?))));
    login.notice(EventType::Register, details);
    // The account is written with what comes out of this request; until then it is known here.
    login.progress.user.clone_from(&account.subject.user.id);
    login.facts.subject = Some(account.subject);
    Ok(Outcome::Success)
}

/// Names and addresses that somebody has already.
async fn taken(
    facts: &Facts<'_>,
    after: &Attributes,
) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
    let store = &facts.services.store;
    let realm = facts.realm;
    let first = |name: &str| after.get(name).and_then(|values| values.first());
    let mut taken = Vec::new();
    if let Some(email) = first("email")
        && realm.settings.duplicate_emails_allowed != Some(true)
        && store.others_have_email(&realm.id, email, "").await?
    {
        taken.push(("email", "emailExistsMessage"));
    }
    if let Some(username) = first("username")
        && store.find_user_named(&realm.id, username).await?.is_some()
    {
        let by_email = realm.settings.registration_email_as_username == Some(true);
        taken.push(match by_email {
            true => ("email", "emailExistsMessage"),
            false => ("username", "usernameExistsMessage"),
        });
    }
    Ok(taken)
}

/// The part of the form, when it is switched on.
fn part<'a>(step: &'a Node, id: &str) -> Option<&'a Node> {
    step.actions.iter().find(|node| {
        let is_it = matches!(&node.kind, NodeKind::Step(known) if known == id);
        is_it && node.requirement == Requirement::Required
    })
}

fn captcha_node(step: &Node) -> Option<&Node> {
    part(step, RECAPTCHA).or_else(|| part(step, RECAPTCHA_ENTERPRISE))
}

fn captcha(step: &Node) -> Option<CaptchaPart> {
    let node = captcha_node(step)?;
    let is_on = |name: &str| node.setting(name) == Some("true");
    Some(CaptchaPart {
        site_key: node.setting("site.key")?.to_owned(),
        enterprise: matches!(&node.kind, NodeKind::Step(id) if id == RECAPTCHA_ENTERPRISE),
        invisible: is_on("recaptcha.v3"),
        action: node.setting("action").unwrap_or("register").to_owned(),
        recaptcha_net: is_on("useRecaptchaNet"),
    })
}

/// Asks Google about the answer of its widget.
///
/// # Errors
/// The message key, when nobody says that it was a human.
async fn is_human(facts: &Facts<'_>, node: &Node, form: &Submitted) -> Result<(), &'static str> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Verified {
        success: bool,
        score: Option<f64>,
        action: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Assessment {
        token_properties: TokenProperties,
        risk_analysis: RiskAnalysis,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct TokenProperties {
        valid: bool,
        action: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct RiskAnalysis {
        score: f64,
    }
    const NOT_CONFIGURED: &str = "recaptchaNotConfigured";
    const FAILED: &str = "recaptchaFailed";
    let site_key = node.setting("site.key").ok_or(NOT_CONFIGURED)?;
    let answer = form.value("g-recaptcha-response").ok_or(FAILED)?;
    let http = facts.services.remote_keys.http();
    let lost = |error: &dyn std::fmt::Display| {
        tracing::error!(realm = facts.realm.name, %error, "Google could not be asked about a registration");
        FAILED
    };
    let wanted = node.setting("action").unwrap_or("register");
    let by_score = node.setting("recaptcha.v3") == Some("true");
    let least = node
        .setting("score.threshold")
        .and_then(|text| text.parse::<f64>().ok())
        .unwrap_or(0.7);
    if matches!(&node.kind, NodeKind::Step(id) if id == RECAPTCHA_ENTERPRISE) {
        let project = node.setting("project.id").ok_or(NOT_CONFIGURED)?;
        let key = node.setting("api.key").ok_or(NOT_CONFIGURED)?;
        let url = format!(
            "https://recaptchaenterprise.googleapis.com/v1/projects/{project}/assessments?key={key}"
        );
        let event = serde_json::json!({
            "event": {"token": answer, "siteKey": site_key, "expectedAction": wanted}
        });
        let answer = http
            .post_json(&url, None, &event)
            .await
            .map_err(|e| lost(&e))?;
        let found: Assessment = answer.json().map_err(|e| lost(&e))?;
        let action = found.token_properties.action.as_deref().unwrap_or_default();
        let fits = !by_score || (action == wanted && found.risk_analysis.score >= least);
        return if found.token_properties.valid && fits {
            Ok(())
        } else {
            Err(FAILED)
        };
    }
    let secret = node.setting("secret.key").ok_or(NOT_CONFIGURED)?;
    let host = match node.setting("useRecaptchaNet") {
        Some("true") => "www.recaptcha.net",
        _ => "www.google.com",
    };
    let url = format!("https://{host}/recaptcha/api/siteverify");
    let fields = [
        ("secret", secret),
        ("response", answer),
        ("remoteip", facts.browser.ip.as_str()),
    ];
    let answer = http.post_form(&url, &fields).await.map_err(|e| lost(&e))?;
    let found: Verified = answer.json().map_err(|e| lost(&e))?;
    let fits = !by_score
        || (found.action.as_deref() == Some(wanted) && found.score.unwrap_or(0.0) >= least);
    if found.success && fits {
        Ok(())
    } else {
        Err(FAILED)
    }
}

fn message(error: &ProfileError) -> Message {
    let mut message = Message::new(&error.message_key);
    message.args = error
        .params
        .iter()
        .map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        })
        .collect();
    message
}

fn scopes(facts: &Facts<'_>) -> Vec<String> {
    let scopes = facts.request.scope.split(' ').filter(|s| !s.is_empty());
    scopes.map(str::to_owned).collect()
}

fn context<'a>(facts: &'a Facts<'_>, scopes: &'a [String]) -> ProfileContext<'a> {
    let settings = &facts.realm.settings;
    ProfileContext {
        place: ProfilePlace::Registration,
        scopes,
        login: LoginSettings::of(settings).under(&facts.services.features),
        locale: settings.default_locale.as_deref().unwrap_or("en"),
    }
}
