use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, escape_formatter,
};
use serde::Serialize;

use crate::messages::Messages;
use crate::{SUBMIT_SCRIPT, Stylesheet};

/// All pages, parsed once.
pub struct Pages {
    environment: Environment<'static>,
    messages: Arc<Messages>,
}

/// A page could not be made; a mistake in a template or message file, never of a user.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    #[error("the message file cannot be read: {0}")]
    Messages(String),
    #[error("a page template is wrong")]
    Template(#[from] minijinja::Error),
}

/// What users call themselves in this realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameLabel {
    Username,
    UsernameOrEmail,
    Email,
}

/// The login form.
#[derive(Clone, Debug)]
pub struct LoginPage<'a> {
    /// Display name of the realm.
    pub realm: &'a str,
    /// Where the form goes to.
    pub action: &'a str,
    pub username: &'a str,
    pub label: UsernameLabel,
    /// The user is known and may not be changed: only the password is asked for.
    pub fixed_username: bool,
    /// None when the realm does not offer it.
    pub remember_me: Option<bool>,
    /// Message key of what went wrong.
    pub error: Option<&'static str>,
    /// Message key of what should be known.
    pub notice: Option<&'static str>,
}

/// A link to the application that the user came from.
#[derive(Clone, Debug, Serialize)]
pub struct BackLink {
    pub href: String,
    pub name: String,
}

/// Something went wrong and there is no application to tell it to.
#[derive(Clone, Debug)]
pub struct ErrorPage<'a> {
    pub realm: &'a str,
    /// Message key and what goes into it.
    pub message: &'a str,
    pub argument: Option<&'a str>,
    pub back: Option<BackLink>,
}

/// Something is done.
#[derive(Clone, Debug)]
pub struct InfoPage<'a> {
    pub realm: &'a str,
    /// Message keys.
    pub heading: &'a str,
    pub text: &'a str,
    pub back: Option<BackLink>,
}

/// Asks before signing out.
#[derive(Clone, Debug)]
pub struct LogoutConfirm<'a> {
    pub realm: &'a str,
    pub action: &'a str,
    /// Proves that the answer comes from this page.
    pub session_code: &'a str,
    pub back: Option<BackLink>,
}

/// Hands the answer over to the application as a form (OAuth 2.0 Form Post Response Mode).
#[derive(Clone, Debug)]
pub struct FormPost<'a> {
    pub realm: &'a str,
    pub action: &'a str,
    pub fields: &'a [FormField],
}

/// One hidden field.
#[derive(Clone, Debug, Serialize)]
pub struct FormField {
    pub name: String,
    pub value: String,
}

/// Work that one page may cost, in instructions of the template engine.
const FUEL: u64 = 20_000;

impl Pages {
    /// `base_path` is the path below which the server lies, empty or as `/id`.
    ///
    /// # Errors
    /// When a template or message file is wrong.
    pub fn new(base_path: &str) -> Result<Self, PagesError> {
        let messages = Arc::new(Messages::english()?);
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(write_escaped);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        for (name, source) in [
            ("layout.html", include_str!("../templates/layout.html")),
            ("login.html", include_str!("../templates/login.html")),
            ("error.html", include_str!("../templates/error.html")),
            ("info.html", include_str!("../templates/info.html")),
            (
                "logout-confirm.html",
                include_str!("../templates/logout-confirm.html"),
            ),
            (
                "form-post.html",
                include_str!("../templates/form-post.html"),
            ),
        ] {
            environment.add_template(name, source)?;
        }
        let texts = messages.clone();
        environment.add_function("msg", move |key: &str, argument: Option<&str>| {
            texts.text(key, argument)
        });
        environment.add_global("lang", "en");
        let stylesheet = format!("{base_path}{}", Stylesheet::path());
        environment.add_global("stylesheet", stylesheet);
        environment.add_global("script", SUBMIT_SCRIPT);
        Ok(Self {
            environment,
            messages,
        })
    }

    /// # Errors
    /// When the template is wrong.
    pub fn login(&self, page: &LoginPage<'_>) -> Result<String, PagesError> {
        #[derive(Serialize)]
        struct View<'a> {
            page: &'static str,
            realm: &'a str,
            action: &'a str,
            username: &'a str,
            username_label: &'static str,
            fixed_username: bool,
            remember_me: Option<bool>,
            error: Option<&'a str>,
            notice: Option<&'a str>,
        }
        let view = View {
            page: "login-login",
            realm: page.realm,
            action: page.action,
            username: page.username,
            username_label: page.label.message(),
            fixed_username: page.fixed_username,
            remember_me: page.remember_me,
            error: page.error,
            notice: page.notice,
        };
        self.render("login.html", &view)
    }

    /// # Errors
    /// When the template is wrong.
    pub fn error(&self, page: &ErrorPage<'_>) -> Result<String, PagesError> {
        #[derive(Serialize)]
        struct View<'a> {
            page: &'static str,
            realm: &'a str,
            message: String,
            back: &'a Option<BackLink>,
        }
        let view = View {
            page: "login-error",
            realm: page.realm,
            message: self.messages.text(page.message, page.argument),
            back: &page.back,
        };
        self.render("error.html", &view)
    }

    /// # Errors
    /// When the template is wrong.
    pub fn info(&self, page: &InfoPage<'_>) -> Result<String, PagesError> {
        #[derive(Serialize)]
        struct View<'a> {
            page: &'static str,
            realm: &'a str,
            heading: &'a str,
            text: &'a str,
            back: &'a Option<BackLink>,
        }
        let view = View {
            page: "login-info",
            realm: page.realm,
            heading: page.heading,
            text: page.text,
            back: &page.back,
        };
        self.render("info.html", &view)
    }

    /// # Errors
    /// When the template is wrong.
    pub fn logout_confirm(&self, page: &LogoutConfirm<'_>) -> Result<String, PagesError> {
        #[derive(Serialize)]
        struct View<'a> {
            page: &'static str,
            realm: &'a str,
            action: &'a str,
            session_code: &'a str,
            back: &'a Option<BackLink>,
        }
        let view = View {
            page: "login-logout-confirm",
            realm: page.realm,
            action: page.action,
            session_code: page.session_code,
            back: &page.back,
        };
        self.render("logout-confirm.html", &view)
    }

    /// # Errors
    /// When the template is wrong.
    pub fn form_post(&self, page: &FormPost<'_>) -> Result<String, PagesError> {
        #[derive(Serialize)]
        struct View<'a> {
            page: &'static str,
            realm: &'a str,
            action: &'a str,
            fields: &'a [FormField],
        }
        let view = View {
            page: "login-form-post",
            realm: page.realm,
            action: page.action,
            fields: page.fields,
        };
        self.render("form-post.html", &view)
    }

    fn render(&self, name: &str, view: &impl Serialize) -> Result<String, PagesError> {
        Ok(self.environment.get_template(name)?.render(Serde(view))?)
    }
}

/// As the engine escapes HTML, but leaves slashes as they are: there is no need to escape them in
/// text and quoted attributes, and scripts that read a form's address expect them.
fn write_escaped(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let text = match value.as_str() {
        Some(text) if !value.is_safe() => text,
        _ => return escape_formatter(output, state, value),
    };
    for c in text.chars() {
        match c {
            '&' => output.write_str("&amp;")?,
            '<' => output.write_str("&lt;")?,
            '>' => output.write_str("&gt;")?,
            '"' => output.write_str("&quot;")?,
            '\'' => output.write_str("&#x27;")?,
            other => output.write_char(other)?,
        }
    }
    Ok(())
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl UsernameLabel {
    fn message(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::UsernameOrEmail => "username-or-email",
            Self::Email => "email",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\"><script>alert('x')</script>&{{ 7*7 }}{0}";

    fn login(username: &str) -> LoginPage<'_> {
        LoginPage {
            realm: "Example",
            action: "/realms/example/login-actions/authenticate?a=1&b=2",
            username,
            label: UsernameLabel::UsernameOrEmail,
            fixed_username: false,
            remember_me: Some(false),
            error: Some("login-failed"),
            notice: None,
        }
    }

    #[test]
    fn the_login_page_has_the_ids_that_recorded_scripts_look_for() {
        let page = Pages::new("/id").unwrap().login(&login("alice")).unwrap();
        for part in [
            "id=\"kc-form-login\"",
            "id=\"username\" name=\"username\"",
            "id=\"password\" name=\"password\"",
            "id=\"kc-login\" name=\"login\"",
            "href=\"/id/resources/",
            "Sign in to Example",
            "The username or password is not right.",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("<script"));
        assert!(page.len() + Stylesheet::TEXT.len() < 30_000);
    }

    #[test]
    fn nothing_that_a_user_or_client_says_becomes_markup() {
        let pages = Pages::new("").unwrap();
        let back = Some(BackLink {
            href: HOSTILE.to_owned(),
            name: HOSTILE.to_owned(),
        });
        let mut form = login(HOSTILE);
        form.realm = HOSTILE;
        form.action = HOSTILE;
        let fields = [FormField {
            name: HOSTILE.to_owned(),
            value: HOSTILE.to_owned(),
        }];
        let rendered = [
            pages.login(&form).unwrap(),
            pages
                .error(&ErrorPage {
                    realm: HOSTILE,
                    message: "page-parameter-invalid",
                    argument: Some(HOSTILE),
                    back: back.clone(),
                })
                .unwrap(),
            pages
                .info(&InfoPage {
                    realm: HOSTILE,
                    heading: "logged-out-title",
                    text: "logged-out-text",
                    back: back.clone(),
                })
                .unwrap(),
            pages
                .logout_confirm(&LogoutConfirm {
                    realm: HOSTILE,
                    action: HOSTILE,
                    session_code: HOSTILE,
                    back,
                })
                .unwrap(),
            pages
                .form_post(&FormPost {
                    realm: HOSTILE,
                    action: HOSTILE,
                    fields: &fields,
                })
                .unwrap()
                .replacen(&format!("<script>{SUBMIT_SCRIPT}</script>"), "", 1),
        ];
        for page in rendered {
            assert!(!page.contains("<script"), "{page}");
            assert!(!page.contains("'x'"), "{page}");
            assert!(page.contains("{{ 7*7 }}"), "{page}");
        }
    }

    #[test]
    fn every_message_key_in_a_template_has_a_text() {
        let messages = Messages::english().unwrap();
        let templates = [
            include_str!("../templates/login.html"),
            include_str!("../templates/error.html"),
            include_str!("../templates/info.html"),
            include_str!("../templates/logout-confirm.html"),
            include_str!("../templates/form-post.html"),
        ];
        for template in templates {
            for call in template.split("msg(\"").skip(1) {
                let key = call.split('"').next().unwrap();
                assert_ne!(messages.text(key, None), key);
            }
        }
    }
}
