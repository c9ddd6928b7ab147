use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Serde, merge_maps};
use minijinja::{Output, State, Value, context, escape_formatter};

use crate::page::{AnyPage, Script};
use crate::policy::Policy;
use crate::resource::Resource;
use crate::skin::{self, Console, Skins};
use crate::texts::{FALLBACK_LOCALE, RealmTexts, Translator};
use crate::theme::{self, Theme};
use crate::{Frame, Look, locale};

/// All pages in all themes and languages, read once at start; cheap to clone.
#[derive(Clone)]
pub struct Pages {
    base_path: String,
    built_in: Arc<Theme>,
    themes: Arc<HashMap<String, Arc<Theme>>>,
    skins: Arc<Skins>,
    /// Changes with every template, style and script.
    version: String,
}

/// A page could not be made; a mistake in a template or message file, never of a user.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    #[error("the message file cannot be read: {0}")]
    Messages(String),
    #[error("a page template is wrong")]
    Template(#[from] minijinja::Error),
    #[error("the theme folder cannot be read: {0}")]
    Theme(String),
}

/// A page as it is sent.
#[derive(Clone, Debug)]
pub struct Html {
    pub text: String,
    /// Its language, for `Content-Language`.
    pub lang: String,
    /// What it may load.
    pub policy: Policy,
}

impl Pages {
    /// The pages in our own theme. `base_path` is the path below which the server lies, empty or
    /// as `/id`.
    ///
    /// # Errors
    /// When a template or message file is wrong.
    pub fn new(base_path: &str) -> Result<Self, PagesError> {
        Self::with_themes(base_path, None)
    }

    /// The same, with the themes of a folder: `{name}/login/…`, see docs/themes.md.
    ///
    /// # Errors
    /// When a template or message file is wrong, of ours or of a theme; it is named.
    pub fn with_themes(base_path: &str, folder: Option<&Path>) -> Result<Self, PagesError> {
        let built_in = Arc::new(Theme::built_in()?);
        let (themes, skins) = match folder {
            Some(folder) => (theme::read_all(folder, &built_in)?, skin::read_all(folder)?),
            None => (HashMap::new(), Skins::new()),
        };
        let mut names: Vec<&String> = themes.keys().collect();
        names.sort();
        let parts = std::iter::once(&built_in).chain(names.iter().filter_map(|n| themes.get(*n)));
        let version = theme::version(parts, &skins);
        Ok(Self {
            base_path: base_path.to_owned(),
            built_in,
            themes: Arc::new(themes),
            skins: Arc::new(skins),
            version,
        })
    }

    /// Draws the page.
    ///
    /// # Errors
    /// When its template is wrong.
    pub fn render(&self, frame: &Frame<'_>, page: impl Into<AnyPage>) -> Result<Html, PagesError> {
        let page = page.into();
        let theme = self.theme(frame.look.theme);
        let locale = locale_of(&frame.look);
        let mut policy = Policy::of(&page);
        let mut scripts: Vec<String> = Vec::new();
        scripts.extend(self.scripts(page.script, &page, &mut policy));
        if frame.signed_in_elsewhere.is_some() {
            policy.allow_own_scripts();
            scripts.push(self.resource_path("tabs.js"));
        }
        if frame.reload.is_some() {
            policy.allow_own_scripts();
            scripts.push(self.resource_path("reload.js"));
        }
        for path in &theme.scripts {
            policy.allow_own_scripts();
            scripts.push(self.theme_resource(theme, path));
        }
        let modules: Vec<String> = page
            .annotations()
            .into_iter()
            .map(|name| format!("js/{name}.js"))
            .filter(|path| theme.resource(path).is_some())
            .map(|path| self.theme_resource(theme, &path))
            .collect();
        if !modules.is_empty() {
            policy.allow_own_scripts();
        }
        let styles: Vec<String> = std::iter::once(self.resource_path("login.css"))
            .chain(theme.styles.iter().map(|p| self.theme_resource(theme, p)))
            .collect();
        let surroundings = context! {
            msg => Value::from_object(self.translator(&frame.look)),
            lang => locale,
            dir => locale::direction(locale),
            page_id => format!("login-{}", page.template),
            realm => frame.realm,
            action => frame.action,
            links => Serde(&frame.links),
            notice => Serde(&frame.notice),
            attempted_username => frame.attempted_username,
            try_another_way => frame.try_another_way,
            app_initiated => frame.app_initiated,
            signed_in_elsewhere => frame.signed_in_elsewhere,
            reload => frame.reload,
            locale_links => Serde(&frame.look.locale_links),
            styles => Serde(styles),
            scripts => Serde(scripts),
            modules => Serde(modules),
        };
        let name = format!("{}.html", page.template);
        let template = theme.environment.get_template(&name)?;
        let text = template.render(merge_maps([surroundings, page.data]))?;
        Ok(Html {
            text,
            lang: locale.to_owned(),
            policy,
        })
    }

    /// The texts that a page with this look has.
    pub fn translator(&self, look: &Look<'_>) -> Translator {
        let theme = self.theme(look.theme);
        Translator::new(theme.bundles.clone(), look.texts, locale_of(look))
    }

    /// The texts of our own theme in the language, with the realm's own.
    pub fn texts(&self, texts: Option<&RealmTexts>, locale: &str) -> Translator {
        Translator::new(self.built_in.bundles.clone(), texts, locale)
    }

    /// The template of the mail in the theme, else the one for all mails.
    pub(crate) fn mail_template(
        &self,
        theme: Option<&str>,
        name: &str,
    ) -> Result<minijinja::Template<'_, '_>, PagesError> {
        let environment = &self.theme(theme).environment;
        let own = environment.get_template(&format!("mail-{name}.html"));
        Ok(match own {
            Ok(template) => template,
            Err(_) => environment.get_template("mail.html")?,
        })
    }

    /// What pages load, by the path after `/resources/`: `{version}/login.css`,
    /// `{version}/login/{theme}/img/logo.svg`. None for unknown paths and older versions.
    pub fn resource(&self, path: &str) -> Option<Resource<'_>> {
        let path = path.strip_prefix(&self.version)?.strip_prefix('/')?;
        // Only what was read at start is known, so no path leads out of the folder.
        if let Some(path) = path.strip_prefix("consoles/") {
            let mut parts = path.splitn(3, '/');
            let console = match parts.next()? {
                "account" => Console::Account,
                "admin" => Console::Admin,
                _ => return None,
            };
            let skin = self.skins.get(&(console, parts.next()?.to_owned()))?;
            return skin.resource(parts.next()?);
        }
        match path.strip_prefix("login/") {
            Some(path) => {
                let (name, path) = path.split_once('/')?;
                let own = Some(&self.built_in).filter(|theme| theme.name == name);
                self.themes.get(name).or(own)?.resource(path)
            }
            None => Resource::built_in(path),
        }
    }

    /// Names of the login themes, our own (`realmkeep`) among them.
    pub fn theme_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.themes.keys().map(String::as_str).collect();
        names.push(&self.built_in.name);
        names.sort_unstable();
        names
    }

    /// Names of the themes that have a look for the console, our own (`realmkeep`) among them.
    pub fn console_theme_names(&self, console: Console) -> Vec<&str> {
        let own = self.skins.keys().filter(|(of, _)| *of == console);
        let mut names: Vec<&str> = own.map(|(_, name)| name.as_str()).collect();
        names.push(&self.built_in.name);
        names.sort_unstable();
        names
    }

    /// Paths of the stylesheets that the theme has for the console.
    pub fn console_styles(&self, console: Console, theme: Option<&str>) -> Vec<String> {
        let name = theme.unwrap_or_default();
        let skin = self.skins.get(&(console, name.to_owned()));
        let styles = skin.map_or(&[][..], |skin| &skin.styles);
        let console = console.name();
        styles
            .iter()
            .map(|path| self.resource_path(&format!("consoles/{console}/{name}/{path}")))
            .collect()
    }

    /// Path of a file of ours, as pages refer to it.
    pub fn resource_path(&self, file: &str) -> String {
        format!("{}/resources/{}/{file}", self.base_path, self.version)
    }

    fn theme_resource(&self, theme: &Theme, file: &str) -> String {
        self.resource_path(&format!("login/{}/{file}", theme.name))
    }

    fn theme(&self, name: Option<&str>) -> &Theme {
        name.and_then(|name| self.themes.get(name))
            .unwrap_or(&self.built_in)
    }

    /// Addresses of the page's scripts, and what they need to be let.
    fn scripts(&self, script: Script, page: &AnyPage, policy: &mut Policy) -> Vec<String> {
        let has = |name: &str| page.data.get_attr(name).is_ok_and(|v| v.is_true());
        let file = match script {
            Script::None => return Vec::new(),
            Script::Submit => "submit.js",
            Script::FrontchannelLogout => "logout.js",
            Script::Webauthn => "webauthn.js",
            Script::Passkeys if has("passkeys") => "webauthn.js",
            Script::Passkeys => return Vec::new(),
            Script::Recaptcha if has("captcha") => {
                policy.allow_own_scripts();
                let captcha = page.data.get_attr("captcha").unwrap_or_default();
                let source = captcha.get_attr("script").unwrap_or_default();
                let source = source.as_str().map(str::to_owned);
                // Ours first: it is what Google's calls.
                let own = self.resource_path("recaptcha.js");
                return std::iter::once(own).chain(source).collect();
            }
            Script::Recaptcha => return Vec::new(),
        };
        policy.allow_own_scripts();
        vec![self.resource_path(file)]
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages")
            .field("themes", &self.theme_names())
            .finish_non_exhaustive()
    }
}

fn locale_of<'a>(look: &Look<'a>) -> &'a str {
    match look.locale {
        "" => FALLBACK_LOCALE,
        locale => locale,
    }
}

/// As the engine escapes HTML, but leaves slashes as they are: there is no need to escape them in
/// text and quoted attributes, and scripts that read a form's address expect them.
pub(crate) fn write_escaped(
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
