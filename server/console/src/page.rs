//! The page that starts an application: no inline script, the environment as data.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use serde_json::Value;

use crate::assets::{Entry, manifest};

const CSP: HeaderName = HeaderName::from_static("content-security-policy");
/// Styles are set by the component library at run time; scripts come from here alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
     img-src 'self' data: https:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'; object-src 'none'";

const NOT_BUILT: &str = "This build of the server carries no console: run `cargo xtask console` (it needs npm and mvn) and build the server \
     again, or use a container image, which has it. The Admin REST API is at /admin/realms.";

/// What a page of an application needs beside its environment.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    pub(crate) language: &'a str,
    pub(crate) entry: fn(&'static crate::assets::Manifest) -> &'static Entry,
    pub(crate) dark_mode: bool,
    /// Paths of the stylesheets of a theme.
    pub(crate) styles: Vec<String>,
}

/// Where the files of this build are, as a path; None when there are none.
pub(crate) fn resources(base_path: &str) -> Option<String> {
    Some(format!(
        "{base_path}/resources/{}/console",
        manifest()?.version
    ))
}

pub(crate) fn render(page: &Page<'_>, base_path: &str, environment: &Value) -> Response {
    let (Some(manifest), Some(at)) = (manifest(), resources(base_path)) else {
        return (StatusCode::NOT_FOUND, NOT_BUILT).into_response();
    };
    let entry = (page.entry)(manifest);
    let mut links = String::new();
    for style in &entry.styles {
        links.push_str(&format!(
            "<link rel=\"stylesheet\" href=\"{at}/{style}\">\n"
        ));
    }
    for style in &page.styles {
        links.push_str(&format!(
            "<link rel=\"stylesheet\" href=\"{}\">\n",
            escaped(style)
        ));
    }
    for script in &entry.preload {
        links.push_str(&format!(
            "<link rel=\"modulepreload\" href=\"{at}/{script}\">\n"
        ));
    }
    let direction = if page.language.split('-').next() == Some("ar") {
        "rtl"
    } else {
        "ltr"
    };
    let scheme = if page.dark_mode {
        "light dark"
    } else {
        "light"
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"{language}\" dir=\"{direction}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"{scheme}\">\n<title>{title}</title>\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{at}/favicon.svg\">\n{links}</head>\n<body>\n\
         <div id=\"app\"></div>\n<noscript>This console needs JavaScript.</noscript>\n\
         <script id=\"environment\" type=\"application/json\">{environment}</script>\n\
         <script type=\"module\" src=\"{at}/{script}\"></script>\n</body>\n</html>\n",
        language = escaped(page.language),
        title = escaped(page.title),
        environment = inside_script(environment),
        script = entry.script,
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CACHE_CONTROL,
            "no-cache, must-revalidate, no-transform, no-store",
        ),
        (CSP, POLICY),
    ];
    (headers, body).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// JSON in which nothing can end the script element.
fn inside_script(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_realm_cannot_end_the_environment() {
        let name = "</script><script>alert(1)</script>";
        let text = inside_script(&json!({ "realm": name }));
        assert!(!text.contains('<'));
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["realm"], name);
    }
}
