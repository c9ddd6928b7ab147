//! `/resources/{realm}/{admin|account}/{language}`: the texts of a console, as a list of keys and
//! values, with what the realm says instead (the realm's localization). `?only=realm` leaves the
//! console's own texts out, which are a file of the build ([`assets::file`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_oidc::content_coding;
use realmkeep_oidc::transport::Transport;
use serde_json::{Value, json};

use crate::assets;

pub(crate) async fn admin(
    services: State<Arc<Services>>,
    path: Path<(String, String)>,
    parts: Parts,
) -> Response {
    answer(&services, "admin", path, &parts).await
}

pub(crate) async fn account(
    services: State<Arc<Services>>,
    path: Path<(String, String)>,
    parts: Parts,
) -> Response {
    answer(&services, "account", path, &parts).await
}

async fn answer(
    services: &Services,
    console: &str,
    Path((name, language)): Path<(String, String)>,
    parts: &Parts,
) -> Response {
    let realm = match crate::realm(services, &name, Transport::of(&parts.extensions)).await {
        Ok(realm) => realm,
        Err(answer) => return answer,
    };
    if language.len() > 35
        || !language
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return (StatusCode::BAD_REQUEST, "That is not a language tag.").into_response();
    }
    let tag = language.replace('_', "-");
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    // From the general to the special: what a language lacks is said in English.
    let only_realm = parts.uri.query() == Some("only=realm");
    let own = ["en", tag.split('-').next().unwrap_or_default(), &tag];
    for one in own.into_iter().filter(|_| !only_realm) {
        let found = assets::text(&format!("messages/{console}/{one}.json"));
        let found: Option<BTreeMap<String, String>> =
            found.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        texts.extend(found.unwrap_or_default());
    }
    let overrides = realm.settings.localization_texts.iter().flatten();
    for (_, own) in overrides.filter(|(locale, _)| locale.replace('_', "-") == tag) {
        texts.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    let list: Vec<Value> = texts
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    let common = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
    ];
    if content_coding::takes(&parts.headers, "gzip")
        && let Ok(plain) = serde_json::to_vec(&list)
        && let Some(compressed) = content_coding::gzip(&plain)
    {
        let kind = [
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_ENCODING, "gzip"),
        ];
        return (common, kind, compressed).into_response();
    }
    (common, Json(list)).into_response()
}
