//! The addresses that forms of a login are sent to, and the state sealed in them.

use http::HeaderMap;
use realmkeep_authn::flow::Binding;
use realmkeep_authn::login_state::{
    BROWSER_COOKIE, BrowserId, FormError, FormKeys, LoginState, open_form,
};
use url::form_urlencoded;

use crate::browser::{Cookies, PageError};
use crate::context::Context;
use crate::form::Form;

/// A form's address, opened.
pub(super) struct Opened {
    pub(super) state: LoginState,
    pub(super) keys: FormKeys,
    /// It was shown too long ago: only the request counts.
    pub(super) expired: bool,
}

impl Opened {
    pub(super) fn of(
        context: &Context,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, PageError> {
        let lost = || PageError::bad_request("page-state-lost", "invalid_code");
        let query = Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| lost())?;
        let part = |name: &str| query.value(name).unwrap_or_default().to_owned();
        let keys = FormKeys {
            session_code: part("session_code"),
            execution: part("execution"),
            client_id: part("client_id"),
            tab_id: part("tab_id"),
            client_data: part("client_data"),
        };
        let browsers = browsers(context, headers);
        if browsers.is_empty() {
            return Err(PageError::bad_request(
                "page-cookies-missing",
                "cookie_not_found",
            ));
        }
        for browser in browsers {
            let opened = open_form(&context.services, &context.realm, &browser, &keys);
            let (state, expired) = match opened {
                Ok(state) => (state, false),
                Err(FormError::Expired(request)) => {
                    let state = LoginState {
                        request: *request,
                        binding: Binding::Browser,
                        progress: realmkeep_authn::flow::Progress::default(),
                        issued: 0,
                    };
                    (state, true)
                }
                Err(FormError::NotOurs) => continue,
            };
            return Ok(Self {
                state,
                keys,
                expired,
            });
        }
        Err(lost())
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

/// The address below `login-actions/` that a form with these keys is sent to.
pub(super) fn url(context: &Context, name: &str, keys: &FormKeys) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("session_code", &keys.session_code)
        .append_pair("execution", &keys.execution)
        .append_pair("client_id", &keys.client_id)
        .append_pair("tab_id", &keys.tab_id)
        .append_pair("client_data", &keys.client_data)
        .finish();
    context.keep_locale(format!(
        "{}/realms/{}/login-actions/{name}?{query}",
        context.services.base_url.path(),
        context.realm.name
    ))
}
