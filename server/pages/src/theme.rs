//! Themes: folders that replace templates, texts and styles of ours.
//!
//! ```text
//! {folder}/{name}/login/theme.properties         parent=, styles=, scripts=, locales=
//! {folder}/{name}/login/{template}.html          replaces the page of this name
//! {folder}/{name}/login/messages/messages_{locale}.properties
//! {folder}/{name}/login/resources/…              served below /resources/
//! ```
//!
//! All is read at start: a request names a theme, never a file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use crate::PagesError;
use crate::properties;
use crate::render::write_escaped;
use crate::resource::{BUILT_IN, MODULES, Resource, content_type};
use crate::skin::{self, Skins};
use crate::texts::{self, Bundles};

/// Name of our own theme.
pub const BUILT_IN_THEME: &str = "realmkeep";

/// Work that one page may cost, in instructions of the template engine.
const FUEL: u64 = 200_000;

/// Bytes that one file of a theme may have.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Files that one theme may have.
const MAX_FILES: usize = 1_000;
/// Themes of one folder.
const MAX_THEMES: usize = 200;
/// Themes that one theme may build upon.
const MAX_PARENTS: usize = 8;
/// Folders within folders.
const MAX_DEPTH: usize = 8;

pub(crate) struct Theme {
    pub(crate) name: String,
    pub(crate) environment: Environment<'static>,
    /// The nearest first.
    pub(crate) bundles: Arc<Vec<Bundles>>,
    /// Paths of stylesheets below `resources`, loaded after ours.
    pub(crate) styles: Vec<String>,
    pub(crate) scripts: Vec<String>,
    resources: BTreeMap<String, (&'static str, Vec<u8>)>,
    /// Templates by file name, with those of the parents.
    templates: BTreeMap<String, String>,
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        const TEMPLATES: &[(&str, &str)] = &[
            $((concat!($name, ".html"), include_str!(concat!("../templates/", $name, ".html"))),)+
        ];
    };
}

templates![
    "delete-account-confirm",
    "delete-credential",
    "error",
    "field",
    "form-post",
    "frontchannel-logout",
    "idp-review-user-profile",
    "info",
    "layout",
    "login",
    "login-config-totp",
    "login-idp-link-confirm",
    "login-idp-link-email",
    "login-oauth-grant",
    "login-oauth2-device-verify-user-code",
    "login-otp",
    "login-page-expired",
    "login-password",
    "login-recovery-authn-code-config",
    "login-recovery-authn-code-input",
    "login-reset-otp",
    "login-reset-password",
    "login-update-password",
    "login-update-profile",
    "login-username",
    "login-verify-email",
    "login-x509-info",
    "logout-confirm",
    "mail",
    "passkeys",
    "profile-fields",
    "register",
    "saml-post-form",
    "select-authenticator",
    "social",
    "terms",
    "update-email",
    "webauthn-authenticate",
    "webauthn-error",
    "webauthn-register",
    "welcome",
];

impl Theme {
    pub(crate) fn built_in() -> Result<Self, PagesError> {
        let templates = TEMPLATES
            .iter()
            .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))
            .collect();
        Ok(Self {
            name: BUILT_IN_THEME.to_owned(),
            environment: environment(&templates)?,
            bundles: Arc::new(vec![texts::built_in()?]),
            styles: Vec::new(),
            scripts: Vec::new(),
            resources: BTreeMap::new(),
            templates,
        })
    }

    pub(crate) fn resource(&self, path: &str) -> Option<Resource<'_>> {
        let own = self.resources.get(path);
        own.map(|(content_type, bytes)| Resource {
            content_type,
            bytes,
        })
        .or_else(|| Resource::module(path))
    }
}

/// The themes of the folder that have a part for the login.
pub(crate) fn read_all(
    folder: &Path,
    built_in: &Arc<Theme>,
) -> Result<HashMap<String, Arc<Theme>>, PagesError> {
    let mut themes: HashMap<String, Arc<Theme>> = HashMap::new();
    for name in names(folder, "login")? {
        let mut under_way = Vec::new();
        read(folder, &name, built_in, &mut themes, &mut under_way)?;
    }
    Ok(themes)
}

/// Names of the themes that have a folder for this part.
pub(crate) fn names(folder: &Path, part: &str) -> Result<Vec<String>, PagesError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let entry = entry.map_err(|e| unreadable(folder, &e))?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if is_name(&name) && entry.path().join(part).is_dir() {
            names.push(name);
        }
    }
    if names.len() > MAX_THEMES {
        let text = format!("{}: more than {MAX_THEMES} themes", folder.display());
        return Err(PagesError::Theme(text));
    }
    Ok(names)
}

/// What `theme.properties` says, if it is there.
pub(crate) fn properties_of(
    root: &Path,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<HashMap<String, String>, PagesError> {
    match files.get("theme.properties") {
        Some(bytes) => Ok(properties::parse(&text(
            &root.join("theme.properties"),
            bytes,
        )?)),
        None => Ok(HashMap::new()),
    }
}

fn read(
    folder: &Path,
    name: &str,
    built_in: &Arc<Theme>,
    themes: &mut HashMap<String, Arc<Theme>>,
    under_way: &mut Vec<String>,
) -> Result<Arc<Theme>, PagesError> {
    if let Some(known) = themes.get(name) {
        return Ok(known.clone());
    }
    if under_way.iter().any(|n| n == name) || under_way.len() >= MAX_PARENTS {
        let chain = under_way.join(" → ");
        let text = format!("the theme '{name}' is its own parent, or has too many: {chain}");
        return Err(PagesError::Theme(text));
    }
    under_way.push(name.to_owned());
    let root = folder.join(name).join("login");
    let files = files(&root)?;
    let settings = properties_of(&root, &files)?;
    let parent = match settings.get("parent").map(|p| p.trim()) {
        // Keycloak's own themes are what a theme made for it builds upon: ours stands for them.
        None | Some("" | "base" | "keycloak" | "keycloak.v2" | BUILT_IN_THEME) => built_in.clone(),
        Some(parent) if folder.join(parent).join("login").is_dir() && is_name(parent) => {
            read(folder, parent, built_in, themes, under_way)?
        }
        Some(parent) => {
            let text =
                format!("the theme '{name}' names the parent '{parent}', which is not there");
            return Err(PagesError::Theme(text));
        }
    };

    let mut templates = parent.templates.clone();
    let mut own = Bundles::new();
    let mut resources = parent.resources.clone();
    for (path, bytes) in &files {
        let whole = root.join(path);
        if let Some(path) = path.strip_prefix("resources/") {
            if let Some(kind) = content_type(path) {
                resources.insert(path.to_owned(), (kind, bytes.clone()));
            }
        } else if let Some(file) = path.strip_prefix("messages/messages_") {
            if let Some(locale) = file.strip_suffix(".properties") {
                let texts = properties::parse(&text(&whole, bytes)?);
                own.insert(locale.replace('_', "-"), texts);
            }
        } else if path.ends_with(".html") && !path.contains('/') {
            templates.insert(path.clone(), text(&whole, bytes)?);
        }
    }
    let list = |key: &str| -> Vec<String> {
        let words = settings.get(key).map(String::as_str).unwrap_or_default();
        words.split_whitespace().map(str::to_owned).collect()
    };
    let mut styles = parent.styles.clone();
    styles.extend(list("styles"));
    let mut scripts = parent.scripts.clone();
    scripts.extend(list("scripts"));
    let mut seen = HashSet::new();
    styles.retain(|s| seen.insert(s.clone()));
    if let Some(missing) = styles
        .iter()
        .chain(&scripts)
        .find(|path| !resources.contains_key(*path))
    {
        let text = format!("the theme '{name}' names '{missing}', which is not in its resources");
        return Err(PagesError::Theme(text));
    }
    let environment = environment(&templates)
        .map_err(|e| PagesError::Theme(format!("{}: {e:#}", root.display())))?;
    let bundles = std::iter::once(own)
        .chain(parent.bundles.iter().cloned())
        .collect();
    let theme = Arc::new(Theme {
        name: name.to_owned(),
        environment,
        bundles: Arc::new(bundles),
        styles,
        scripts,
        resources,
        templates,
    });
    under_way.pop();
    themes.insert(name.to_owned(), theme.clone());
    Ok(theme)
}

/// The files below the folder by their path in it; links are not followed.
pub(crate) fn files(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, PagesError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| unreadable(&folder, &e))? {
            let entry = entry.map_err(|e| unreadable(&folder, &e))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let kind = entry
                .file_type()
                .map_err(|e| unreadable(&entry.path(), &e))?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), format!("{path}/"), depth + 1));
            } else if kind.is_file() {
                let size = entry
                    .metadata()
                    .map_err(|e| unreadable(&entry.path(), &e))?
                    .len();
                if size > MAX_FILE || found.len() >= MAX_FILES {
                    let text = format!(
                        "{}: a theme has at most {MAX_FILES} files of {MAX_FILE} bytes",
                        entry.path().display()
                    );
                    return Err(PagesError::Theme(text));
                }
                let bytes = fs::read(entry.path()).map_err(|e| unreadable(&entry.path(), &e))?;
                found.insert(path, bytes);
            }
        }
    }
    Ok(found)
}

/// The templates under their names, and ours under `base/` too, so that one may extend the page
/// that it replaces.
fn environment(templates: &BTreeMap<String, String>) -> Result<Environment<'static>, PagesError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_escaped);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    // Text, not markup: it is escaped where it is put.
    environment.add_filter("json", |value: Value| serde_json::to_string(&value).ok());
    for (name, source) in templates {
        environment.add_template_owned(name.clone(), source.clone())?;
    }
    for (name, source) in TEMPLATES {
        environment.add_template_owned(format!("base/{name}"), *source)?;
    }
    Ok(environment)
}

/// Changes with every file that a page may load.
pub(crate) fn version<'a>(themes: impl Iterator<Item = &'a Arc<Theme>>, skins: &Skins) -> String {
    let mut hasher = DefaultHasher::new();
    (BUILT_IN, MODULES).hash(&mut hasher);
    for theme in themes {
        theme.name.hash(&mut hasher);
        theme.resources.hash(&mut hasher);
    }
    skin::hash(skins, &mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Whether a theme may be called so: it is a part of a path.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn text(path: &Path, bytes: &[u8]) -> Result<String, PagesError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| PagesError::Theme(format!("{} is not UTF-8", path.display())))
}

fn unreadable(path: &Path, error: &std::io::Error) -> PagesError {
    PagesError::Theme(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Login, Terms};
    use crate::{Frame, Look, Pages};

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn frame(theme: &'static str, locale: &'static str) -> Frame<'static> {
        Frame {
            look: Look {
                theme: Some(theme),
                locale,
                ..Look::default()
            },
            realm: "R",
            ..Frame::default()
        }
    }

    /// spec: CORE-26, THEME-01, THEME-02, THEME-06, THEME-07, THEME-08, THEME-09, L10N-05
    #[test]
    fn a_folder_replaces_what_it_holds_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            "corp/login/theme.properties",
            "parent=keycloak.v2\nstyles=css/corp.css\nscripts=js/corp.js\n",
        );
        write(
            root,
            "corp/login/resources/css/corp.css",
            "body { color: red }",
        );
        write(root, "corp/login/resources/js/corp.js", "export {}");
        write(root, "corp/login/resources/secret.key", "no");
        write(
            root,
            "corp/login/terms.html",
            "{% extends \"base/terms.html\" %}{% block heading %}Corp terms{% endblock %}",
        );
        write(
            root,
            "corp/login/messages/messages_en.properties",
            "doLogIn=Enter\n",
        );
        write(
            root,
            "corp/login/messages/messages_pt_BR.properties",
            "doLogIn=Entrar\n",
        );
        write(root, "child/login/theme.properties", "parent=corp\n");
        write(
            root,
            "child/login/messages/messages_en.properties",
            "loginAccountTitle=Child\n",
        );
        let pages = Pages::with_themes("/id", Some(root)).unwrap();
        assert_eq!(pages.theme_names(), ["child", "corp", BUILT_IN_THEME]);
        let login = |theme, locale| {
            pages
                .render(&frame(theme, locale), Login::default())
                .unwrap()
        };

        let corp = login("corp", "en");
        assert!(corp.text.contains(">Enter</button>"));
        assert!(corp.text.contains("Forgot") || corp.text.contains("kc-form-login"));
        let style = corp
            .text
            .split("href=\"")
            .find(|part| part.contains("corp.css"))
            .unwrap();
        let path = style
            .split('"')
            .next()
            .unwrap()
            .strip_prefix("/id/resources/")
            .unwrap();
        assert_eq!(pages.resource(path).unwrap().bytes, b"body { color: red }");
        assert!(
            corp.text.contains("js/corp.js")
                && corp.policy.header(None).contains("script-src 'self'")
        );
        assert!(login("corp", "pt-BR").text.contains(">Entrar</button>"));
        let terms = pages.render(&frame("corp", "en"), Terms {}).unwrap();
        assert!(terms.text.contains(">Corp terms</h1>") && terms.text.contains("kc-terms-text"));
        let child = login("child", "en");
        assert!(child.text.contains(">Child</h1>") && child.text.contains(">Enter</button>"));
        let ours = login("unknown", "en");
        assert!(ours.text.contains(">Sign in</button>") && !ours.text.contains("corp.css"));

        let version = path.split('/').next().unwrap();
        for outside in [
            "corp/../corp/theme.properties",
            "corp/secret.key",
            "corp/terms.html",
            "../../etc/passwd",
            "nobody/css/corp.css",
        ] {
            assert!(
                pages
                    .resource(&format!("{version}/login/{outside}"))
                    .is_none(),
                "{outside}"
            );
        }
    }

    #[test]
    fn a_theme_that_is_wrong_is_named_at_start() {
        for (file, text, reason) in [
            ("a/login/login.html", "{% if %}", "login"),
            ("a/login/theme.properties", "parent=a", "its own parent"),
            ("a/login/theme.properties", "parent=../b", "not there"),
            ("a/login/theme.properties", "styles=css/x.css", "css/x.css"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), file, text);
            let error = Pages::with_themes("", Some(folder.path())).unwrap_err();
            assert!(error.to_string().contains(reason), "{reason}: {error}");
        }
    }
}
