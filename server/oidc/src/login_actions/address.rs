//! The addresses that forms of a login are sent to, and the state sealed in them.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::flow::Binding;
use realmkeep_authn::login_state::{
    BROWSER_COOKIE, BrowserId, FormError, FormKeys, LoginState, open_form,
};
use url::form_urlencoded;

use crate::authorize::{Destination, Refused, alive_session, refuse, still_allowed};
use crate::browser::{Cookies, PageError};
use crate::context::Context;
use crate::form;

/// A form's address, opened.
pub(super) struct Opened {
    pub(super) state: LoginState,
    pub(super) form: Form,
    /// It was shown too long ago: only the request counts.
    pub(super) expired: bool,
}

/// A form of ours, and the browser that it was given to.
pub(super) struct Form {
    pub(super) keys: FormKeys,
    pub(super) browser: BrowserId,
}

/// Why a form's address leads nowhere.
pub(super) struct Lost {
    pub(super) error: PageError,
    /// Whom to tell that the login is over, where the address is one of ours at least.
    pub(super) request: Option<Box<AuthorizationRequest>>,
}

impl Opened {
    pub(super) fn of(
        context: &Context,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Lost> {
        let lost = || Lost {
            error: PageError::bad_request("page-state-lost", "invalid_code"),
            request: None,
        };
        let query = form::Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| lost())?;
        let part = |name: &str| query.value(name).unwrap_or_default().to_owned();
        let keys = FormKeys {
            session_code: part("session_code"),
            execution: part("execution"),
            client_id: part("client_id"),
            tab_id: part("tab_id"),
            client_data: part("client_data"),
        };
        let browsers = browsers(context, headers);
        let without_cookie = browsers.is_empty();
        let opened = open_form(&context.services, &context.realm, &browsers, &keys);
        let (browser, state, expired) = match opened {
            Ok((browser, state)) => (browser, state, false),
            Err(FormError::Expired(request)) => {
                let state = LoginState {
                    request: *request,
                    binding: Binding::Browser,
                    progress: realmkeep_authn::flow::Progress::default(),
                    issued: 0,
                };
                (BrowserId::new(), state, true)
            }
            Err(error) => {
                let mut lost = lost();
                if without_cookie {
                    let message = "page-cookies-missing";
                    lost.error = PageError::bad_request(message, "cookie_not_found");
                }
                if let FormError::OtherBrowser(request) = error {
                    lost.request = Some(request);
                }
                return Err(lost);
            }
        };
        Ok(Self {
            state,
            form: Form { keys, browser },
            expired,
        })
    }
}

impl Lost {
    /// The answer. Somebody who is signed in meanwhile, and whose login here cannot go on, is sent
    /// back: the application asks again, and the session answers.
    pub(super) async fn answer(
        self,
        context: &Context,
        headers: &HeaderMap,
    ) -> Result<Response, PageError> {
        let Some(request) = self.request else {
            return Err(self.error);
        };
        if request.device.is_some() || alive_session(context, headers).await?.is_none() {
            return Err(self.error);
        }
        let client = still_allowed(context, &request).await?;
        let to = Destination::of(&request);
        let refused = Refused::new("temporarily_unavailable", Some("authentication_expired"));
        refuse(context, &client, &to, refused, StatusCode::SEE_OTHER).await
    }
}

/// The browser that the request comes from, by its cookie: a browser may send one of a parent path
/// or domain as well, and only those that open are ours.
pub(super) fn browsers(context: &Context, headers: &HeaderMap) -> Vec<BrowserId> {
    Cookies::of(headers)
        .all(BROWSER_COOKIE)
        .filter_map(|value| BrowserId::open(&context.services, &context.realm, value))
        .collect()
}

/// The parts of a form's address, as its query has them.
pub(super) fn append<T: form_urlencoded::Target>(
    query: &mut form_urlencoded::Serializer<'_, T>,
    keys: &FormKeys,
    execution: Option<&str>,
) {
    query.append_pair("session_code", &keys.session_code);
    if let Some(execution) = execution {
        query.append_pair("execution", execution);
    }
    query
        .append_pair("client_id", &keys.client_id)
        .append_pair("tab_id", &keys.tab_id)
        .append_pair("client_data", &keys.client_data);
}

/// The address below `login-actions/` that a form with these keys is sent to.
pub(super) fn url(context: &Context, name: &str, keys: &FormKeys) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    append(&mut query, keys, Some(&keys.execution));
    let query = query.finish();
    context.keep_locale(format!(
        "{}/realms/{}/login-actions/{name}?{query}",
        context.services.base_url.path(),
        context.realm.name
    ))
}
