use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use realmkeep_pages::{
    Frame, LOCALE_ATTRIBUTE, LOCALE_COOKIE, LOCALE_PARAMETER, LocaleSources, Look, RealmLocales,
    locale_links,
};
use realmkeep_representations::{ClientRepresentation, UserRepresentation};

use crate::context::Context;
use crate::form::Form;

use super::{Cookies, realm_name, set_cookie};

/// How long a browser keeps the language last chosen: a year, in seconds.
const LOCALE_AGE: i64 = 31_536_000;

/// What a request says about languages.
#[derive(Clone, Debug, Default)]
pub struct Languages {
    /// Parameter `kc_locale`: somebody chose it on a page of this login.
    pub chosen: Option<String>,
    cookie: Option<String>,
    accept: Option<String>,
    ui_locales: Option<String>,
    /// Path and query of the request.
    url: String,
}

impl Languages {
    pub(crate) fn of(parts: &Parts) -> Self {
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes()).ok();
        let parameter = |name: &str| {
            let value = query.as_ref()?.value(name)?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let text = |name| {
            let value = parts.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let cookies = Cookies::of(&parts.headers);
        Self {
            chosen: parameter(LOCALE_PARAMETER),
            cookie: cookies.all(LOCALE_COOKIE).next().map(str::to_owned),
            accept: text(header::ACCEPT_LANGUAGE),
            ui_locales: parameter("ui_locales"),
            url: parts
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }
}

impl Context {
    /// The language and theme of pages: the client's theme before the realm's, the user's language
    /// once the user is known.
    pub(crate) fn look<'a>(
        &'a self,
        client: Option<&'a ClientRepresentation>,
        user: Option<&UserRepresentation>,
    ) -> Look<'a> {
        let settings = &self.realm.settings;
        let locales = self.locales();
        let attributes = user.and_then(|user| user.attributes.as_ref());
        let own = attributes.and_then(|all| all.get(LOCALE_ATTRIBUTE)?.first());
        let locale = locales.select(&LocaleSources {
            chosen: self.languages.chosen.as_deref(),
            user: own.map(String::as_str),
            ui_locales: self.languages.ui_locales.as_deref(),
            cookie: self.languages.cookie.as_deref(),
            accept_language: self.languages.accept.as_deref(),
        });
        let of_client = client.and_then(|client| client.attributes.as_ref()?.get("login_theme"));
        // Consoles send an empty name for none.
        let theme = of_client
            .filter(|name| !name.is_empty())
            .or(settings.login_theme.as_ref())
            .filter(|name| !name.is_empty())
            .map(String::as_str);
        Look {
            theme,
            locale,
            texts: settings.localization_texts.as_ref(),
            locale_links: locale_links(&locales, locale, &self.languages.url),
        }
    }

    /// The frame of a page whose form goes to `action`.
    pub(crate) fn frame<'a>(&'a self, look: Look<'a>, action: &'a str) -> Frame<'a> {
        Frame {
            look,
            realm: realm_name(self),
            action,
            ..Frame::default()
        }
    }

    /// The languages that the realm supports.
    pub(crate) fn locales(&self) -> RealmLocales<'_> {
        let settings = &self.realm.settings;
        RealmLocales {
            enabled: settings.internationalization_enabled == Some(true),
            supported: settings.supported_locales.as_deref().unwrap_or_default(),
            default: settings.default_locale.as_deref(),
        }
    }

    /// The language that somebody chose on a page of this login, as the realm names it.
    pub(crate) fn chosen_locale(&self) -> Option<&str> {
        let locales = self.locales();
        let chosen = self.languages.chosen.as_deref()?;
        locales.supports(chosen).filter(|_| locales.enabled)
    }

    /// Adds the language chosen to an address of the login's, so that the pages after it keep it.
    pub(crate) fn keep_locale(&self, url: String) -> String {
        match self.chosen_locale() {
            Some(locale) if url.contains('?') => format!("{url}&{LOCALE_PARAMETER}={locale}"),
            Some(locale) => format!("{url}?{LOCALE_PARAMETER}={locale}"),
            None => url,
        }
    }
}

/// The browser keeps the language that was chosen.
pub(crate) fn remember_locale(headers: &mut HeaderMap, context: &Context) {
    if let Some(locale) = context.chosen_locale()
        && HeaderValue::from_str(locale).is_ok()
    {
        set_cookie(headers, context, LOCALE_COOKIE, locale, Some(LOCALE_AGE));
    }
}
