//! `/realms/{realm}/account/…` for a browser; the account REST API answers to the rest.

use std::sync::Arc;

use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, Method, Uri, header};
use realmkeep_authn::Services;
use realmkeep_oidc::transport::Transport;
use realmkeep_pages::{Console, LocaleSources, RealmLocales};
use realmkeep_store::Realm;
use serde_json::json;

use crate::admin::encoded;
use crate::page::{self, Page};

const CLIENT: &str = "account-console";

/// The page, when somebody opens an address of the account console in a browser; None when the
/// request is another one, as the API's under the same addresses.
pub async fn answer(
    services: &Arc<Services>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    transport: Transport,
) -> Option<Response> {
    if method != Method::GET || !wants_page(headers) {
        return None;
    }
    let rest = uri.path().strip_prefix("/realms/")?;
    let (name, below) = rest
        .split_once("/account")
        .filter(|(name, _)| !name.contains('/'))?;
    if !(below.is_empty() || below.starts_with('/')) {
        return None;
    }
    let name = percent_decoded(name)?;
    let realm = match crate::realm(services, &name, transport).await {
        Ok(realm) => realm,
        Err(answer) => return Some(answer),
    };
    if below.is_empty() {
        let path = services.base_url.path();
        let query = uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        return Some(
            Redirect::to(&format!(
                "{path}/realms/{}/account/{query}",
                encoded(&realm.name)
            ))
            .into_response(),
        );
    }
    Some(page(services, &realm, headers))
}

fn page(services: &Services, realm: &Realm, headers: &HeaderMap) -> Response {
    let base = services.base_url.as_str();
    let path = services.base_url.path();
    let at = page::resources(&path).unwrap_or_default();
    let settings = &realm.settings;
    let supported = settings.supported_locales.clone().unwrap_or_default();
    let locales = RealmLocales {
        enabled: settings.internationalization_enabled == Some(true),
        supported: &supported,
        default: settings.default_locale.as_deref(),
    };
    let cookie = cookie(headers, realmkeep_pages::LOCALE_COOKIE);
    let language = locales.select(&LocaleSources {
        cookie: cookie.as_deref(),
        accept_language: headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok()),
        ..LocaleSources::default()
    });
    let action_enabled =
        |alias: &str| {
            settings.required_actions.iter().flatten().any(|action| {
                action.alias.as_deref() == Some(alias) && action.enabled == Some(true)
            })
        };
    let environment = json!({
        "serverBaseUrl": base,
        "realm": realm.name,
        "clientId": CLIENT,
        "resourceUrl": at,
        "logo": "/logo.svg",
        "logoUrl": format!("{path}/realms/{}/account/", encoded(&realm.name)),
        "baseUrl": format!("{base}/realms/{}/account/", encoded(&realm.name)),
        "locale": language,
        "darkMode": true,
        "features": {
            "isRegistrationEmailAsUsername": settings.registration_email_as_username == Some(true),
            "isEditUserNameAllowed": settings.edit_username_allowed == Some(true),
            "isLinkedAccountsEnabled": false,
            "isMyResourcesEnabled": false,
            "isViewOrganizationsEnabled": false,
            "deleteAccountAllowed": action_enabled("delete_account"),
            "updateEmailFeatureEnabled": services.features.update_email && action_enabled("UPDATE_EMAIL"),
            "updateEmailActionEnabled": services.features.update_email && action_enabled("UPDATE_EMAIL"),
            "isViewApplicationsEnabled": true,
            "isViewGroupsEnabled": false,
            "isOid4VciEnabled": false,
        },
    });
    let title = settings
        .display_name
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(&realm.name);
    let page = Page {
        title,
        language,
        entry: |manifest| &manifest.account,
        dark_mode: true,
        styles: services
            .pages
            .console_styles(Console::Account, settings.account_theme.as_deref()),
    };
    page::render(&page, &path, &environment)
}

/// Whether the `Accept` header names HTML, as only browsers' navigations do.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|kind| kind.split(';').next().map(str::trim) == Some("text/html"))
        })
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn percent_decoded(segment: &str) -> Option<String> {
    let query = format!("n={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_navigation_is_told_from_a_call() {
        let accept = |value: &'static str| {
            HeaderMap::from_iter([(header::ACCEPT, http::HeaderValue::from_static(value))])
        };
        assert!(wants_page(&accept(
            "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
        )));
        assert!(!wants_page(&accept("application/json")));
        assert!(!wants_page(&accept("*/*")));
    }

    #[test]
    fn a_realm_of_any_name_comes_back_from_its_path() {
        for name in ["plain", "with space", "plus+plus", "ä/ö"] {
            assert_eq!(percent_decoded(&encoded(name)).as_deref(), Some(name));
        }
    }
}
