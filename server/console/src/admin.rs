//! `/admin/{realm}/console/`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use realmkeep_authn::Services;
use realmkeep_oidc::transport::Transport;
use realmkeep_pages::Console;
use serde_json::json;

use crate::page::{self, Page};

/// The realm that administers the others.
const MASTER: &str = "master";
const CLIENT: &str = "security-admin-console";

pub(crate) async fn slash(
    State(services): State<Arc<Services>>,
    Path(name): Path<String>,
    parts: Parts,
) -> Response {
    match crate::realm(&services, &name, Transport::of(&parts.extensions)).await {
        Ok(realm) => Redirect::to(&format!(
            "{}/admin/{}/console/",
            services.base_url.path(),
            encoded(&realm.name)
        ))
        .into_response(),
        Err(answer) => answer,
    }
}

pub(crate) async fn page(
    State(services): State<Arc<Services>>,
    Path(name): Path<String>,
    parts: Parts,
) -> Response {
    let realm = match crate::realm(&services, &name, Transport::of(&parts.extensions)).await {
        Ok(realm) => realm,
        Err(answer) => return answer,
    };
    let base = services.base_url.as_str();
    let path = services.base_url.path();
    let at = page::resources(&path).unwrap_or_default();
    let environment = json!({
        "serverBaseUrl": base,
        "adminBaseUrl": base,
        "authUrl": base,
        "authServerUrl": base,
        "consoleBaseUrl": format!("{path}/admin/{}/console/", encoded(&realm.name)),
        "realm": realm.name,
        "loginRealm": realm.name,
        "masterRealm": MASTER,
        "clientId": CLIENT,
        "resourceUrl": at,
        "resourceVersion": at.split('/').rev().nth(1).unwrap_or_default(),
        "logo": "/logo.svg",
        "logoUrl": format!("{path}/admin/{}/console/", encoded(&realm.name)),
        "darkMode": true,
    });
    let page = Page {
        title: "Realmkeep",
        language: "en",
        entry: |manifest| &manifest.admin,
        dark_mode: true,
        styles: services
            .pages
            .console_styles(Console::Admin, realm.settings.admin_theme.as_deref()),
    };
    page::render(&page, &path, &environment)
}

/// A realm's name as one segment of a path.
pub(crate) fn encoded(name: &str) -> String {
    let mut url = url::Url::parse("http://localhost/").ok();
    if let Some(url) = url.as_mut()
        && let Ok(mut segments) = url.path_segments_mut()
    {
        segments.push(name);
    }
    url.map(|url| url.path().trim_start_matches('/').to_owned())
        .unwrap_or_default()
}
