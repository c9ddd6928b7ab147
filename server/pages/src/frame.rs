//! What surrounds every page, whichever it is.

use serde::Serialize;

use crate::{LocaleLink, Message, RealmTexts};

/// In which language and theme a page is shown.
#[derive(Clone, Debug, Default)]
pub struct Look<'a> {
    /// Name of the login theme: the client's, else the realm's; ours when none or unknown.
    pub theme: Option<&'a str>,
    /// As [`RealmLocales::select`](crate::RealmLocales::select) found it; English when empty.
    pub locale: &'a str,
    /// The realm's own texts (`localizationTexts`).
    pub texts: Option<&'a RealmTexts>,
    /// The page in other languages; see [`locale_links`](crate::locale_links).
    pub locale_links: Vec<LocaleLink>,
}

/// What surrounds every page: whose it is, where its forms and links go, and what is to be told.
#[derive(Clone, Debug, Default)]
pub struct Frame<'a> {
    pub look: Look<'a>,
    /// What the realm is called.
    pub realm: &'a str,
    /// Where the page's form goes to.
    pub action: &'a str,
    pub links: Links,
    pub notice: Option<Notice>,
    /// The user is known already, under this name, and may start over as another.
    pub attempted_username: Option<&'a str>,
    /// There is another way to prove who one is: a button sends `tryAnotherWay=on` to `action`.
    pub try_another_way: bool,
    /// Where the page goes by itself once another tab has signed in.
    pub signed_in_elsewhere: Option<&'a str>,
    /// Where the page is to be had by itself, when it answers a form: to reload it must not send the
    /// form again.
    pub reload: Option<&'a str>,
    /// An application asked for this action: a button sends `cancel-aia=true` to `action`.
    pub app_initiated: bool,
}

/// Addresses that pages lead to; a link without address is not shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Links {
    /// Starts the login anew (`/login-actions/restart`).
    pub restart: Option<String>,
    /// Back to the login form.
    pub login: Option<String>,
    /// The registration form; set when the realm allows it.
    pub registration: Option<String>,
    /// The form for a forgotten password; set when the realm allows it.
    pub reset_credentials: Option<String>,
    /// The application's own page.
    pub application: Option<BackLink>,
}

/// A link to the application that the user came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackLink {
    pub href: String,
    pub name: String,
}

/// What a page says above its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    pub kind: NoticeKind,
    pub message: Message,
}

impl Notice {
    pub fn error(message: impl Into<Message>) -> Self {
        Self::of(NoticeKind::Error, message)
    }

    pub fn warning(message: impl Into<Message>) -> Self {
        Self::of(NoticeKind::Warning, message)
    }

    pub fn info(message: impl Into<Message>) -> Self {
        Self::of(NoticeKind::Info, message)
    }

    pub fn success(message: impl Into<Message>) -> Self {
        Self::of(NoticeKind::Success, message)
    }

    fn of(kind: NoticeKind, message: impl Into<Message>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    Error,
    Warning,
    Info,
    Success,
}
