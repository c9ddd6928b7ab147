//! A login under way. Nothing of it is in the database before somebody submits a credential.
//!
//! The authorization request travels sealed in the form's address, so that any number of tabs can
//! be open; it counts only in the browser that it was given to, which a sealed cookie names.

use realmkeep_keys::KeysError;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Realm, Step, Store, StoreError};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::authorization_request::AuthorizationRequest;
use crate::flow::{Binding, Progress};
use crate::{Services, random};

/// Name of the cookie that names a browser.
pub const BROWSER_COOKIE: &str = "AUTH_SESSION";
/// Name of the cookie that names the session a browser is signed in to.
pub const IDENTITY_COOKIE: &str = "KEYCLOAK_IDENTITY";

/// Keycloak's defaults where a realm is silent, in seconds.
const LOGIN_LIFESPAN: i64 = 1_800;
const ACTION_LIFESPAN: i64 = 300;

/// One shown form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginState {
    #[serde(rename = "q")]
    pub request: AuthorizationRequest,
    /// What the flow is used for.
    #[serde(rename = "b", default)]
    pub binding: Binding,
    #[serde(rename = "p")]
    pub progress: Progress,
    /// Seconds since 1970.
    #[serde(rename = "i")]
    pub issued: i64,
}

/// The parts of the form's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormKeys {
    /// Counts once.
    pub session_code: String,
    pub execution: String,
    pub client_id: String,
    pub tab_id: String,
    /// The sealed [`LoginState`].
    pub client_data: String,
}

/// Why a submitted form is not one of ours.
#[derive(Debug, PartialEq, Eq)]
pub enum FormError {
    /// Changed, or of another realm, client or tab.
    NotOurs,
    /// Given to another browser, or this one has lost its cookie: only whom to tell is known.
    OtherBrowser(Box<AuthorizationRequest>),
    /// Shown too long ago; the request is still known.
    Expired(Box<AuthorizationRequest>),
}

/// The page that an answered form led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextPage {
    #[serde(rename = "s")]
    pub state: LoginState,
    /// What its form is sent to, below `login-actions/`.
    #[serde(rename = "a")]
    pub address: String,
    #[serde(rename = "x")]
    pub execution: String,
}

/// What is kept of a form that counted.
#[derive(Default, Serialize, Deserialize)]
struct Answered {
    /// The sealed [`NextPage`], while the login goes on.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What the browser cookie holds.
#[derive(Serialize, Deserialize)]
struct Browser {
    b: String,
}

/// A browser, by the random name in its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserId(String);

impl BrowserId {
    pub fn new() -> Self {
        Self(random::token(16))
    }

    /// From the cookie's value.
    pub fn open(services: &Services, realm: &Realm, cookie: &str) -> Option<Self> {
        let browser: Browser = services.cookies.open(&["browser", &realm.id], cookie)?;
        Some(Self(browser.b))
    }

    /// As the cookie's value.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn seal(&self, services: &Services, realm: &Realm) -> Result<String, KeysError> {
        let browser = Browser { b: self.0.clone() };
        services.cookies.seal(&["browser", &realm.id], &browser)
    }
}

impl Default for BrowserId {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the address of a fresh form.
///
/// # Errors
/// When the cryptographic library refuses.
pub fn new_form(
    services: &Services,
    realm: &Realm,
    browser: &BrowserId,
    state: &LoginState,
    execution: &str,
    tab_id: Option<String>,
) -> Result<FormKeys, KeysError> {
    let mut keys = FormKeys {
        session_code: random::token(32),
        execution: execution.to_owned(),
        client_id: state.request.client_id.clone(),
        tab_id: tab_id.unwrap_or_else(|| random::token(8)),
        client_data: String::new(),
    };
    let context = context(realm, &keys);
    keys.client_data = services.cookies.seal(&context, &(&browser.0, state))?;
    Ok(keys)
}

/// The step by which a form counts: in the batch of what it changes, it fails for every copy. `next`
/// is for who sends it again, see [`page_after`].
///
/// # Errors
/// When the step cannot be written.
pub fn use_form(
    services: &Services,
    realm: &Realm,
    keys: &FormKeys,
    next: Option<String>,
) -> Result<Step, StoreError> {
    let until = services.clock.now() + lifespan(realm) + 1;
    let answered = Answered { next };
    Store::put_single_use(Space::Login, &keys.session_code, until, &answered)
}

/// The page, sealed for [`use_form`].
///
/// # Errors
/// When the cryptographic library refuses.
pub fn seal_next(
    services: &Services,
    realm: &Realm,
    browser: &BrowserId,
    keys: &FormKeys,
    next: &NextPage,
) -> Result<String, KeysError> {
    let context = next_context(realm, browser, keys);
    services.cookies.seal(&context, next)
}

/// The page that the form led to, if it was answered before in this browser and its login goes on.
///
/// # Errors
/// When the database fails.
pub async fn page_after(
    services: &Services,
    realm: &Realm,
    browser: &BrowserId,
    keys: &FormKeys,
) -> Result<Option<NextPage>, StoreError> {
    let now = services.clock.now();
    let found = services
        .store
        .peek_single_use::<Answered>(Space::Login, &keys.session_code, now)
        .await?;
    let context = next_context(realm, browser, keys);
    let next = found.and_then(|answered| answered.next);
    let next: Option<NextPage> = next.and_then(|sealed| services.cookies.open(&context, &sealed));
    let Some(next) = next else {
        return Ok(None);
    };
    let over = services
        .store
        .peek_single_use::<()>(Space::Login, &end_of(&next.state.progress), now)
        .await?;
    Ok(Some(next).filter(|_| over.is_none()))
}

/// The step by which a login ends: none of its other forms, in whatever tab, ends it once more.
///
/// # Errors
/// When the step cannot be written.
pub fn use_login(
    services: &Services,
    realm: &Realm,
    progress: &Progress,
) -> Result<Step, StoreError> {
    // A proof is older than the form that it is asked for again with, by this at most.
    let until = services.clock.now() + 2 * lifespan(realm) + 1;
    Store::put_single_use(Space::Login, &end_of(progress), until, &())
}

fn end_of(progress: &Progress) -> String {
    format!("login {}", progress.login)
}

/// The state behind a form's address, for a browser that goes by these names: it may send cookies of
/// parent paths and domains as well.
///
/// # Errors
/// When the address was changed, belongs to another browser, or is too old.
pub fn open_form(
    services: &Services,
    realm: &Realm,
    browsers: &[BrowserId],
    keys: &FormKeys,
) -> Result<(BrowserId, LoginState), FormError> {
    let (browser, state): (String, LoginState) = services
        .cookies
        .open(&context(realm, keys), &keys.client_data)
        .ok_or(FormError::NotOurs)?;
    let is_own = |known: &&BrowserId| bool::from(known.0.as_bytes().ct_eq(browser.as_bytes()));
    let Some(browser) = browsers.iter().find(is_own) else {
        return Err(FormError::OtherBrowser(Box::new(state.request)));
    };
    let now = services.clock.now();
    let age = |since: i64| now.saturating_sub(since);
    let progress = &state.progress;
    // After the proofs there are pages of actions, on which nobody should be away for long.
    let on_page = match progress.authenticated {
        true => action_lifespan(realm),
        false => lifespan(realm),
    };
    // Whoever keeps asking for pages cannot keep a login, or a proof, fresh by it.
    let began = Some(progress.started).filter(|started| *started > 0);
    let whole = began.or(progress.first_proof).map_or(0, age);
    if age(state.issued) > on_page || whole > lifespan(realm) {
        return Err(FormError::Expired(Box::new(state.request)));
    }
    Ok((browser.clone(), state))
}

/// Seconds that a login may take from its first page on.
fn lifespan(realm: &Realm) -> i64 {
    let set = realm.settings.access_code_lifespan_login.map(i64::from);
    set.filter(|s| *s > 0).unwrap_or(LOGIN_LIFESPAN)
}

/// Seconds that the page of an action may be looked at before it is sent.
fn action_lifespan(realm: &Realm) -> i64 {
    let set = realm.settings.access_code_lifespan_user_action;
    set.map(i64::from)
        .filter(|s| *s > 0)
        .unwrap_or(ACTION_LIFESPAN)
}

fn context<'a>(realm: &'a Realm, keys: &'a FormKeys) -> [&'a str; 6] {
    [
        "login",
        &realm.id,
        &keys.session_code,
        &keys.execution,
        &keys.client_id,
        &keys.tab_id,
    ]
}

fn next_context<'a>(realm: &'a Realm, browser: &'a BrowserId, keys: &'a FormKeys) -> [&'a str; 4] {
    ["next", &realm.id, &browser.0, &keys.session_code]
}

/// What the identity cookie holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    #[serde(rename = "s")]
    pub session_id: String,
    #[serde(rename = "u")]
    pub user_id: String,
}

impl Identity {
    /// From the cookie's value; whether the session still lives is for the database to say.
    pub fn open(services: &Services, realm: &Realm, cookie: &str) -> Option<Self> {
        services.cookies.open(&["identity", &realm.id], cookie)
    }

    /// As the cookie's value.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn seal(&self, services: &Services, realm: &Realm) -> Result<String, KeysError> {
        services.cookies.seal(&["identity", &realm.id], self)
    }
}
