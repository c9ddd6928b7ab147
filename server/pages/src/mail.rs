//! Mails: subject, text and HTML, from the same texts and themes as pages.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use crate::render::{Pages, PagesError};
use crate::{Look, Translator, locale};

/// One mail, by its purpose: names and parameters are Keycloak's, so that texts made for it serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail<'a> {
    /// The address is to be confirmed.
    EmailVerification(Link<'a>),
    /// A new address is to be confirmed.
    EmailUpdateConfirmation { link: Link<'a>, email: &'a str },
    /// Credentials are to be set anew.
    PasswordReset(Link<'a>),
    /// An administrator asks for these required actions, by alias.
    ExecuteActions {
        link: Link<'a>,
        actions: &'a [String],
    },
    /// The account is to be connected with an identity provider.
    IdentityProviderLink {
        link: Link<'a>,
        provider: &'a str,
        username: &'a str,
    },
    /// The connection to the mail server works.
    EmailTest,
    /// Something happened to the account.
    Event {
        /// Such as `eventLoginError`, `eventUpdatePassword`, `eventUpdateTotp`, `eventRemoveTotp`.
        name: &'a str,
        /// Type of the credential, for `eventUpdateCredential` and `eventRemoveCredential`.
        credential: Option<&'a str>,
        /// When, as text.
        time: &'a str,
        ip: &'a str,
    },
}

/// A link that counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    pub url: &'a str,
    /// Seconds that it is good for.
    pub lifespan: i64,
}

/// A mail as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeMail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A piece of the body.
#[derive(Serialize)]
struct Paragraph {
    text: String,
    /// It is the mail's link, shown as a button.
    link: bool,
}

impl Pages {
    /// Makes the mail. `look.theme` is the realm's e-mail theme, `realm` what the realm is called.
    ///
    /// # Errors
    /// When the template is wrong.
    pub fn mail(
        &self,
        look: &Look<'_>,
        realm: &str,
        mail: &Mail<'_>,
    ) -> Result<MadeMail, PagesError> {
        let texts = self.translator(look);
        let name = mail.name();
        let args = mail.args(&texts, realm);
        let subject = texts.text(&format!("{name}Subject"), &[realm]);
        let text = texts.text(&format!("{name}Body"), &args);
        let html_key = format!("{name}BodyHtml");
        // A theme's or realm's own HTML counts as it is, only what goes into it is escaped.
        let own_html = texts.knows(&html_key).then(|| {
            let args: Vec<String> = args.iter().map(|a| escaped(a)).collect();
            texts.text(&html_key, &args)
        });
        let url = mail.link().map(|link| link.url).unwrap_or_default();
        let paragraphs: Vec<Paragraph> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| Paragraph {
                link: !url.is_empty() && line == url,
                text: line.to_owned(),
            })
            .collect();
        let locale = if look.locale.is_empty() {
            "en"
        } else {
            look.locale
        };
        let html = self.mail_template(look.theme, name)?.render(context! {
            msg => Value::from_object(texts),
            lang => locale,
            dir => locale::direction(locale),
            realm,
            subject => subject.as_str(),
            paragraphs => Serde(paragraphs),
            body => own_html.map(Value::from_safe_string),
        })?;
        Ok(MadeMail {
            subject: subject.replace(['\r', '\n'], " "),
            text,
            html,
        })
    }
}

impl<'a> Mail<'a> {
    /// The beginning of its keys and the name of its template.
    fn name(&self) -> &str {
        match self {
            Self::EmailVerification(_) => "emailVerification",
            Self::EmailUpdateConfirmation { .. } => "emailUpdateConfirmation",
            Self::PasswordReset(_) => "passwordReset",
            Self::ExecuteActions { .. } => "executeActions",
            Self::IdentityProviderLink { .. } => "identityProviderLink",
            Self::EmailTest => "emailTest",
            Self::Event { name, .. } => name,
        }
    }

    fn link(&self) -> Option<Link<'a>> {
        match self {
            Self::EmailVerification(link)
            | Self::PasswordReset(link)
            | Self::EmailUpdateConfirmation { link, .. }
            | Self::ExecuteActions { link, .. }
            | Self::IdentityProviderLink { link, .. } => Some(*link),
            Self::EmailTest | Self::Event { .. } => None,
        }
    }

    fn args(&self, texts: &Translator, realm: &str) -> Vec<String> {
        let of_link = |link: &Link<'_>| {
            let minutes = (link.lifespan / 60).max(1).to_string();
            vec![
                link.url.to_owned(),
                minutes,
                realm.to_owned(),
                span(texts, link.lifespan),
            ]
        };
        match self {
            Self::EmailVerification(link) | Self::PasswordReset(link) => of_link(link),
            Self::EmailUpdateConfirmation { link, email } => {
                let mut args = of_link(link);
                args.push((*email).to_owned());
                args
            }
            Self::ExecuteActions { link, actions } => {
                let mut args = of_link(link);
                let names: Vec<String> = actions
                    .iter()
                    .map(|alias| texts.text::<&str>(&format!("requiredAction.{alias}"), &[]))
                    .collect();
                args.push(names.join(", "));
                args
            }
            Self::IdentityProviderLink {
                link,
                provider,
                username,
            } => vec![
                (*provider).to_owned(),
                realm.to_owned(),
                (*username).to_owned(),
                link.url.to_owned(),
                (link.lifespan / 60).max(1).to_string(),
                span(texts, link.lifespan),
            ],
            Self::EmailTest => vec![realm.to_owned()],
            Self::Event {
                credential,
                time,
                ip,
                ..
            } => credential
                .iter()
                .chain([time, ip])
                .map(|arg| (*arg).to_owned())
                .collect(),
        }
    }
}

/// The span in its largest whole unit.
fn span(texts: &Translator, seconds: i64) -> String {
    let (unit, count) = match seconds {
        s if s >= 86_400 && s % 86_400 == 0 => ("days", s / 86_400),
        s if s >= 3_600 && s % 3_600 == 0 => ("hours", s / 3_600),
        s => ("minutes", (s / 60).max(1)),
    };
    let one = if count == 1 { ".1" } else { "" };
    let key = format!("linkExpirationFormatter.timePeriodUnit.{unit}{one}");
    texts.text(&key, &[count.to_string()])
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealmTexts;

    const LINK: Link<'_> = Link {
        url: "https://id.example/realms/r/login-actions/action-token?key=a&b=c",
        lifespan: 300,
    };

    /// spec: EMAIL-13, LOGIN-02
    #[test]
    fn text_and_html_have_the_link_and_nothing_becomes_markup() {
        let pages = Pages::new("").unwrap();
        let mail = pages
            .mail(
                &Look::default(),
                "A <b>realm</b>",
                &Mail::PasswordReset(LINK),
            )
            .unwrap();
        assert!(
            mail.text.lines().any(|line| line == LINK.url),
            "{}",
            mail.text
        );
        assert!(mail.text.contains("5 minutes") && mail.text.contains("A <b>realm</b>"));
        assert!(
            mail.html.contains(
                "href=\"https://id.example/realms/r/login-actions/action-token?key=a&amp;b=c\""
            ),
            "{}",
            mail.html
        );
        assert!(!mail.html.contains("<b>realm"));
        assert!(!mail.subject.is_empty());
        let actions = ["UPDATE_PASSWORD".to_owned(), "VERIFY_EMAIL".to_owned()];
        let hour = Link {
            lifespan: 3_600,
            ..LINK
        };
        let mail = pages
            .mail(
                &Look::default(),
                "R",
                &Mail::ExecuteActions {
                    link: hour,
                    actions: &actions,
                },
            )
            .unwrap();
        assert!(
            mail.text
                .contains("Choose a new password, Confirm your email address")
        );
        assert!(mail.text.contains("1 hour"));
    }

    /// spec: L10N-04, EMAIL-13
    #[test]
    fn a_realm_s_own_texts_are_sent() {
        let pages = Pages::new("").unwrap();
        let mut texts = RealmTexts::new();
        let english = texts.entry("en".to_owned()).or_default();
        english.insert(
            "passwordResetSubject".to_owned(),
            "Reset for {0}\r\nBcc: x".to_owned(),
        );
        english.insert(
            "passwordResetBodyHtml".to_owned(),
            "<p>Go <a href=\"{0}\">here</a>, {2}</p>".to_owned(),
        );
        let look = Look {
            texts: Some(&texts),
            ..Look::default()
        };
        let mail = pages
            .mail(&look, "<R>", &Mail::PasswordReset(LINK))
            .unwrap();
        assert_eq!(mail.subject, "Reset for <R>  Bcc: x");
        assert!(
            mail.html
                .contains("key=a&amp;b=c\">here</a>, &lt;R&gt;</p>"),
            "{}",
            mail.html
        );
    }
}
