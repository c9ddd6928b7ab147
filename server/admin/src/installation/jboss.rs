//! The `keycloak` subsystem of WildFly and JBoss EAP: as a part of its configuration, and as commands.

use serde_json::Value;

use super::Installation;
use super::adapter::Adapter;
use crate::error::ApiResult;

/// To be replaced by the name of the deployed archive.
const DEPLOYMENT: &str = "WAR MODULE NAME.war";

/// The settings but the credentials; `resource` comes where the format has it.
fn settings(adapter: &Adapter) -> Vec<(&'static str, String)> {
    let on = [
        ("bearer-only", adapter.bearer_only),
        ("public-client", adapter.public),
        ("verify-token-audience", adapter.verify_audience),
        ("use-resource-role-mappings", adapter.own_roles),
    ];
    let switches = on.into_iter().filter(|(_, on)| *on);
    switches
        .map(|(name, _)| (name, "true".to_owned()))
        .collect()
}

/// A `secure-deployment` element.
pub(super) fn xml(installation: &Installation<'_>) -> ApiResult<String> {
    let adapter = &installation.adapter;
    let mut lines = vec![format!("<secure-deployment name=\"{DEPLOYMENT}\">")];
    let mut element = |indent: usize, name: &str, attribute: &str, text: &str| {
        let indent = "    ".repeat(indent);
        let text = escaped(text);
        lines.push(format!("{indent}<{name}{attribute}>{text}</{name}>"));
    };
    element(1, "realm", "", &adapter.realm);
    element(1, "auth-server-url", "", &adapter.server);
    for (name, value) in settings(adapter) {
        element(1, name, "", &value);
    }
    element(1, "ssl-required", "", &adapter.ssl_required.to_uppercase());
    element(1, "resource", "", &adapter.resource);
    for (name, value) in adapter.credentials.iter().flatten() {
        let attribute = format!(" name=\"{}\"", escaped(name));
        match value {
            Value::Object(settings) => {
                lines.push(format!("    <credential{attribute}>"));
                for (name, value) in settings {
                    let text = escaped(&plain(value));
                    lines.push(format!("        <{name}>{text}</{name}>"));
                }
                lines.push("    </credential>".to_owned());
            }
            value => {
                let text = escaped(&plain(value));
                lines.push(format!("    <credential{attribute}>{text}</credential>"));
            }
        }
    }
    lines.push("</secure-deployment>\n".to_owned());
    Ok(lines.join("\n"))
}

/// Commands for `jboss-cli`.
pub(super) fn cli(installation: &Installation<'_>) -> ApiResult<String> {
    let adapter = &installation.adapter;
    let path = format!("/subsystem=keycloak/secure-deployment=\"{DEPLOYMENT}\"/");
    let mut arguments = vec![
        format!("realm={}", quoted(&adapter.realm)),
        format!("resource={}", quoted(&adapter.resource)),
        format!("auth-server-url={}", adapter.server),
    ];
    let switches = settings(adapter).into_iter();
    arguments.extend(switches.map(|(name, value)| format!("{name}={value}")));
    arguments.push(format!(
        "ssl-required={}",
        adapter.ssl_required.to_uppercase()
    ));
    let mut text = format!("{path}:add( \\\n    {})\n\n", arguments.join(", \\\n    "));
    for (name, value) in adapter.credentials.iter().flatten() {
        let value = match value {
            Value::Object(settings) => {
                let pairs = settings.iter();
                let pairs = pairs.map(|(name, value)| format!("{name}={}", argument(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            value => argument(value),
        };
        text.push_str(&format!("{path}credential={name}:add(value={value})\n"));
    }
    Ok(text)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A value of a command: as it is where nothing in it means something to the shell.
fn argument(value: &Value) -> String {
    let text = plain(value);
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    if !text.is_empty() && text.chars().all(safe) {
        text
    } else {
        quoted(&text)
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
