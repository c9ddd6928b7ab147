//! A realm's own texts, by locale and key.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRequest;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{StatusCode, header};
use realmkeep_authn::Services;
use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::user_credentials::PlainText;

/// Texts of one locale, at most.
const MAX_TEXTS: usize = 10_000;
/// Locales of a realm, at most.
const MAX_LOCALES: usize = 200;
/// Characters of one text, at most.
const TEXT_LIMIT: usize = 20_000;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/localization", get(locales))
        .route(
            "/localization/{locale}",
            get(texts).post(add_texts).delete(delete_locale),
        )
        .route(
            "/localization/{locale}/{key}",
            get(text).put(set_text).delete(delete_text),
        )
}

async fn locales(cx: Cx) -> ApiResult<Json<Vec<String>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let texts = cx.realm.settings.localization_texts.iter().flatten();
    Ok(Json(texts.map(|(locale, _)| locale.clone()).collect()))
}

fn texts_of<'a>(cx: &'a Cx, locale: &str) -> Option<&'a BTreeMap<String, String>> {
    cx.realm.settings.localization_texts.as_ref()?.get(locale)
}

async fn texts(cx: Cx) -> ApiResult<Json<BTreeMap<String, String>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut found = BTreeMap::new();
    if cx.flag("useRealmDefaultLocaleFallback")
        && let Some(default) = cx.realm.settings.default_locale.as_deref()
    {
        found.extend(texts_of(&cx, default).cloned().unwrap_or_default());
    }
    found.extend(
        texts_of(&cx, cx.param("locale"))
            .cloned()
            .unwrap_or_default(),
    );
    Ok(Json(found))
}

/// A file of texts: JSON as it is, or as the only part of a form.
struct Texts(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequest<S> for Texts {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|e| ApiError::error(e.status(), e.body_text()))?;
        let json = if kind.starts_with("multipart/form-data") {
            crate::multipart::file(&kind, &body)?.to_vec()
        } else {
            body.to_vec()
        };
        let value: BTreeMap<String, Value> = serde_json::from_slice(&json)
            .map_err(|e| ApiError::bad_request(format!("the texts are no JSON object: {e}")))?;
        let mut texts = BTreeMap::new();
        for (key, text) in value {
            let Value::String(text) = text else {
                return Err(ApiError::bad_request(format!("{key}: a text was expected")));
            };
            texts.insert(key, text);
        }
        Ok(Self(texts))
    }
}

fn check(locale: &str, texts: &BTreeMap<String, String>) -> ApiResult<()> {
    let good = !locale.is_empty()
        && locale.len() <= 35
        && locale
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !good {
        return Err(ApiError::bad_request(format!(
            "'{locale}' is no locale such as en or pt-BR"
        )));
    }
    if texts.len() > MAX_TEXTS {
        return Err(ApiError::bad_request(format!(
            "a locale has at most {MAX_TEXTS} texts"
        )));
    }
    for (key, text) in texts {
        if key.is_empty() || key.len() > 255 || text.chars().count() > TEXT_LIMIT {
            return Err(ApiError::bad_request(format!(
                "{key}: a key has 1 to 255 characters, a text at most {TEXT_LIMIT}"
            )));
        }
    }
    Ok(())
}

async fn merge(cx: &Cx, given: BTreeMap<String, String>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let locale = cx.param("locale");
    cx.change_settings(
        |settings, _| {
            let all = settings.localization_texts.get_or_insert_default();
            let mut texts = all.get(locale).cloned().unwrap_or_default();
            texts.extend(given.clone());
            check(locale, &texts)?;
            all.insert(locale.to_owned(), texts);
            if all.len() > MAX_LOCALES {
                return Err(ApiError::bad_request(format!(
                    "a realm has texts for at most {MAX_LOCALES} locales"
                )));
            }
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_texts(cx: Cx, given: Texts) -> ApiResult<StatusCode> {
    merge(&cx, given.0).await
}

async fn delete_locale(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let texts = settings.localization_texts.get_or_insert_default();
            match texts.remove(cx.param("locale")) {
                Some(_) => Ok(()),
                None => Err(ApiError::not_found(
                    "No localization texts for this locale found",
                )),
            }
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn text(cx: Cx) -> ApiResult<String> {
    cx.require(&[Right::VIEW_REALM])?;
    texts_of(&cx, cx.param("locale"))
        .and_then(|t| t.get(cx.param("key")))
        .cloned()
        .ok_or_else(|| ApiError::not_found("Localization text not found"))
}

async fn set_text(cx: Cx, text: PlainText) -> ApiResult<StatusCode> {
    let key = cx.param("key").to_owned();
    merge(&cx, BTreeMap::from([(key, text.0)])).await
}

async fn delete_text(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let removed = settings
                .localization_texts
                .get_or_insert_default()
                .get_mut(cx.param("locale"))
                .and_then(|t| t.remove(cx.param("key")));
            match removed {
                Some(_) => Ok(()),
                None => Err(ApiError::not_found("Localization text not found")),
            }
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
