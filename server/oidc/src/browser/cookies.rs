use http::{HeaderMap, HeaderValue, header};

use crate::context::Context;

/// The cookies of a request.
pub(crate) struct Cookies<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Cookies<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let pairs = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect();
        Self(pairs)
    }

    /// All values under the name: a browser may send one of a parent path or domain as well, and
    /// only the one that opens is ours.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| *value)
    }
}

/// Sets a cookie of the realm; without `max_age` it goes with the browser's window.
pub(crate) fn set_cookie(
    headers: &mut HeaderMap,
    context: &Context,
    name: &str,
    value: &str,
    max_age: Option<i64>,
) {
    put_cookie(headers, context, name, value, max_age, "HttpOnly; ");
}

/// As [`set_cookie`], for what scripts of our own pages read; never a secret.
pub(crate) fn set_script_cookie(
    headers: &mut HeaderMap,
    context: &Context,
    name: &str,
    value: &str,
    max_age: Option<i64>,
) {
    put_cookie(headers, context, name, value, max_age, "");
}

fn put_cookie(
    headers: &mut HeaderMap,
    context: &Context,
    name: &str,
    value: &str,
    max_age: Option<i64>,
    http_only: &str,
) {
    let base = &context.services.base_url;
    let path = format!("{}/realms/{}/", base.path(), context.realm.name);
    // Other sites' forms and frames bring people here, so `Lax` will not do where `None` is possible.
    let site = if base.is_secure() {
        "Secure; SameSite=None"
    } else {
        "SameSite=Lax"
    };
    let age = max_age
        .map(|s| format!("; Max-Age={s}"))
        .unwrap_or_default();
    let cookie = format!("{name}={value}; Path={path}; {http_only}{site}{age}");
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => {
            headers.append(header::SET_COOKIE, cookie);
        }
        Err(_) => tracing::error!(
            realm = context.realm.name,
            "a cookie cannot be set for a realm of this name"
        ),
    }
}

pub(crate) fn clear_cookie(headers: &mut HeaderMap, context: &Context, name: &str) {
    set_cookie(headers, context, name, "", Some(0));
}
